//! Streams and batches under change: nothing lost, nothing twice, one result per item.

use std::collections::BTreeSet;

use contract::pb;
use tonic::Code;

use crate::support::sandboxed::Sandboxed;

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:04}")).collect()
}

#[tokio::test]
async fn who_stays_is_delivered_once_while_others_leave_and_join() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.members_of("g", users(1_000)).await;
    let request = pb::StreamMembersRequest { group_id: "g".into(), ..Default::default() };
    let mut stream = s.members().stream_members(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    let mut left = BTreeSet::new();
    let mut round = 0;
    while let Some(chunk) = stream.message().await.unwrap() {
        seen.extend(chunk.members.into_iter().map(|member| member.user_id));
        // The last one delivered, two before it, and one still to come leave; another one joins.
        let leaving: Vec<String> = [round * 200 + 150, round * 200 + 100, seen.len() - 2, seen.len() + 250]
            .into_iter()
            .map(|number| format!("u{number:04}"))
            .collect();
        let request = pb::RemoveMembersRequest {
            group_id: "g".into(),
            user_ids: leaving.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            silent: true,
            ..Default::default()
        };
        s.members().remove_members(request).await.unwrap();
        left.extend(leaving);
        s.members_of("g", vec![format!("late{round}")]).await;
        round += 1;
    }
    assert!(round >= 4, "{round} pages");
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "a user was delivered twice");
    let lost: Vec<_> = users(1_000).into_iter().filter(|user| !left.contains(user) && !once.contains(user)).collect();
    assert_eq!(lost, Vec::<String>::new(), "stayed and were not delivered");
}

#[tokio::test]
async fn a_broken_stream_continues_from_its_token() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.members_of("g", users(500)).await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::StreamMembersRequest { group_id: "g".into(), page_token, ..Default::default() };
        let mut stream = s.members().stream_members(request).await.unwrap().into_inner();
        // Only the first message of each stream is taken; then it is dropped.
        let chunk = stream.message().await.unwrap().unwrap();
        seen.extend(chunk.members.into_iter().map(|member| member.user_id));
        page_token = chunk.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.sort();
    let expected: Vec<String> = std::iter::once("alice".to_owned()).chain(users(500)).collect();
    assert!(seen == expected, "{} of {} members, or not once", seen.len(), expected.len());
}

#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let request = pb::StreamMembersRequest { group_id: "g".into(), page_token: "s17".into(), ..Default::default() };
    let status = s.members().stream_members(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("page_token"), "{}", status.message());
}

#[tokio::test]
async fn ten_thousand_members_have_ten_thousand_results_in_order() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    // The group takes 6,000: the batch fails in its middle, and what was added stands.
    let user_ids = users(10_000);
    let request = pb::BatchAddMembersRequest { group_id: "g".into(), user_ids: user_ids.clone(), silent: true };
    let results = s.members().batch_add_members(request).await.unwrap().into_inner().results;
    let order: Vec<&String> = results.iter().map(|result| &result.user_id).collect();
    assert_eq!(order, user_ids.iter().collect::<Vec<_>>());
    let done = results.iter().filter(|result| result.status.as_ref().unwrap().state() == pb::BatchState::Done).count();
    let failed: Vec<_> = results
        .iter()
        .filter_map(|result| result.status.clone())
        .filter(|status| status.state() == pb::BatchState::Failed)
        .collect();
    assert_eq!(done, 5_999, "all places beside the owner's");
    assert_eq!(failed.len(), 10_000 - 5_999);
    assert!(failed.iter().all(|status| status.reason() != pb::ErrorReason::Unspecified));
}

#[tokio::test]
async fn imported_messages_keep_their_order_and_a_failure_marks_its_item_alone() {
    let s = Sandboxed::start().await;
    let created = prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 };
    let request = pb::ImportGroupRequest {
        r#type: pb::GroupType::Public.into(),
        group_id: "old".into(),
        name: "Old".into(),
        create_time: Some(created),
        ..Default::default()
    };
    s.imports().import_group(request).await.unwrap();
    let message = |number: i64, seconds: i64| pb::MessageToImport {
        sender_user_id: "bob".into(),
        send_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        elements: vec![pb::MessageElement {
            element: Some(pb::message_element::Element::Text(pb::TextElement { text: number.to_string() })),
        }],
        ..Default::default()
    };
    let mut messages: Vec<_> = (0..50).map(|number| message(number, 1_600_000_100 + number)).collect();
    messages[20] = message(20, 1_500_000_000); // before the group was created
    let request = pb::BatchImportMessagesRequest { group_id: "old".into(), messages, ..Default::default() };
    let results = s.imports().batch_import_messages(request).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 50);
    let failed: Vec<usize> = (0..50).filter(|index| results[*index].seq == 0).collect();
    assert_eq!(failed, [20]);
    assert_eq!(results[20].status.as_ref().unwrap().error_code, 10004);
    let seqs: Vec<u64> = results.iter().map(|result| result.seq).filter(|seq| *seq > 0).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
}

#[tokio::test]
async fn every_group_is_streamed_once() {
    let s = Sandboxed::start().await;
    for number in 0..280 {
        s.group(&format!("g{number:03}")).await;
    }
    let mut stream = s.groups().stream_groups(pb::StreamGroupsRequest::default()).await.unwrap().into_inner();
    let mut seen = Vec::new();
    let mut chunks = 0;
    while let Some(chunk) = stream.message().await.unwrap() {
        chunks += 1;
        seen.extend(chunk.results.into_iter().map(|result| result.group.unwrap().group_id));
    }
    seen.sort();
    assert!(seen == (0..280).map(|number| format!("g{number:03}")).collect::<Vec<_>>(), "{} of 280", seen.len());
    assert!(chunks > 1, "the list was meant to have pages");
}

#[tokio::test]
async fn every_joined_group_is_streamed_once() {
    let s = Sandboxed::start().await;
    for number in 0..30 {
        s.group(&format!("g{number:02}")).await;
    }
    let filter = pb::JoinedGroupFilter {
        group_fields: vec![pb::GroupField::Name.into()],
        self_fields: vec![pb::SelfField::Role.into()],
    };
    let request = pb::StreamJoinedGroupsRequest { user_id: "alice".into(), filter: Some(filter), ..Default::default() };
    let mut stream = s.groups().stream_joined_groups(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        seen.extend(chunk.groups);
    }
    assert_eq!(seen.len(), 30);
    assert!(seen.iter().all(|group| group.group.as_ref().unwrap().name == "Demo"));
    assert!(seen.iter().all(|group| group.self_info.as_ref().unwrap().role() == pb::MemberRole::Owner));
}

#[tokio::test]
async fn one_message_is_recalled_or_says_why_not() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let seq = s.send("g", "oops").await;
    let recall = |seq| pb::RecallMessageRequest { group_id: "g".into(), seq: Some(seq), ..Default::default() };
    s.messages().recall_message(recall(seq)).await.unwrap();
    let status = s.messages().recall_message(recall(999)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}
