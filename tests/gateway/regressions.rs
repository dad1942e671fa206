//! Faults that other SDKs of this API are known for, and what happens here instead.

use contract::pb;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::sandboxed::Sandboxed;

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:04}")).collect()
}

#[tokio::test]
async fn history_comes_back_with_its_content() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let seq = s.send("g", "hello").await;
    let request = pb::ListMessagesRequest { group_id: "g".into(), ..Default::default() };
    let page = s.messages().list_messages(request).await.unwrap().into_inner();
    let message = page.messages.iter().find(|message| message.seq == seq).unwrap();
    let text = pb::message_element::Element::Text(pb::TextElement { text: "hello".into() });
    assert_eq!(message.elements, [pb::MessageElement { element: Some(text) }]);
    assert_eq!(message.sender_user_id, "bob");
}

#[tokio::test]
async fn failed_items_stay_in_a_batch() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let request = pb::GetGroupsRequest { group_ids: vec!["gone".into(), "g".into()], filter: None };
    let results = s.groups().get_groups(request).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 2);
    assert_eq!((results[0].error_code, results[0].reason()), (10010, pb::ErrorReason::GroupNotFound));
    assert_eq!((results[1].error_code, results[1].reason()), (0, pb::ErrorReason::Unspecified));

    let seq = s.send("g", "x").await;
    let request = pb::RecallMessagesRequest { group_id: "g".into(), seqs: vec![999, seq], ..Default::default() };
    let results = s.messages().recall_messages(request).await.unwrap().into_inner().results;
    let codes: Vec<_> = results.iter().map(|result| (result.seq, result.error_code)).collect();
    assert_eq!(codes, [(999, 10030), (seq, 0)]);
}

#[tokio::test]
async fn lists_do_not_end_at_the_first_page() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let everybody = users(450);
    s.members_of("g", everybody.clone()).await;
    let request = pb::StreamMembersRequest { group_id: "g".into(), ..Default::default() };
    let mut stream = s.members().stream_members(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        seen.extend(chunk.members.into_iter().map(|member| member.user_id));
    }
    // A batch adds in parts, so who joined first is not the caller's first.
    seen.sort();
    let expected: Vec<String> = std::iter::once("alice".to_owned()).chain(everybody).collect();
    assert!(seen == expected, "{} of {} members, or not once", seen.len(), expected.len());
}

#[tokio::test]
async fn history_reaches_message_one_and_stops_there() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    for number in 0..45 {
        s.send("g", &number.to_string()).await;
    }
    let request = pb::StreamMessagesRequest { group_id: "g".into(), ..Default::default() };
    let mut stream = s.messages().stream_messages(request).await.unwrap().into_inner();
    let mut seqs = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        seqs.extend(chunk.messages.into_iter().map(|message| message.seq));
    }
    assert_eq!(seqs, (1..=seqs[0]).rev().collect::<Vec<_>>(), "every number once, newest first, down to 1");
    assert!(seqs.len() >= 45);
}

#[tokio::test]
async fn a_missing_group_is_an_error_that_names_it() {
    let s = Sandboxed::start().await;
    let request = pb::GetGroupRequest { group_id: "gone".into(), filter: None };
    let status = s.groups().get_group(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "GROUP_NOT_FOUND");
    assert_eq!(details.error_info().unwrap().metadata["upstream_code"], "10010");
    assert_eq!(details.resource_info().unwrap().resource_name, "gone");
}

#[tokio::test]
async fn introduction_and_notice_are_read_back_and_can_be_cleared_without_a_name() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let read = || async {
        let request = pb::GetGroupRequest { group_id: "g".into(), filter: None };
        s.groups().get_group(request).await.unwrap().into_inner().group.unwrap()
    };
    let before = read().await;
    assert_eq!((before.introduction.as_str(), before.notification.as_str()), ("who we are", "read the rules"));

    let request =
        pb::UpdateGroupRequest { group_id: "g".into(), introduction: Some(String::new()), ..Default::default() };
    s.groups().update_group(request).await.unwrap();
    let after = read().await;
    assert_eq!((after.introduction.as_str(), after.notification.as_str()), ("", "read the rules"));
    assert_eq!(after.name, "Demo");
}

#[tokio::test]
async fn a_mute_can_be_lifted() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.members_of("g", vec!["bob".into()]).await;
    let request = pb::MuteMembersRequest {
        group_id: "g".into(),
        user_ids: vec!["bob".into()],
        duration: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..Default::default()
    };
    s.members().mute_members(request).await.unwrap();
    let muted = || async {
        let request = pb::ListMutedMembersRequest { group_id: "g".into(), ..Default::default() };
        s.members().list_muted_members(request).await.unwrap().into_inner().muted_members
    };
    assert_eq!(muted().await.len(), 1);

    let request = pb::UnmuteMembersRequest { group_id: "g".into(), user_ids: vec!["bob".into()], ..Default::default() };
    s.members().unmute_members(request).await.unwrap();
    assert_eq!(muted().await, []);
}

#[tokio::test]
async fn more_than_fifty_groups_come_in_one_listing() {
    let s = Sandboxed::start().await;
    for number in 0..70 {
        s.group(&format!("g{number:02}")).await;
    }
    let request = pb::ListGroupsRequest { page_size: 100, ..Default::default() };
    let page = s.groups().list_groups(request).await.unwrap().into_inner();
    assert_eq!((page.results.len(), page.total_count), (70, 70));
    assert!(page.results.iter().all(|result| result.group.as_ref().unwrap().name == "Demo"));
}

#[tokio::test]
async fn a_repeated_request_id_makes_one_message() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let element = pb::message_element::Element::Text(pb::TextElement { text: "once".into() });
    let request = pb::SendMessageRequest {
        group_id: "g".into(),
        request_id: "order-17".into(),
        sender_user_id: "bob".into(),
        elements: vec![pb::MessageElement { element: Some(element) }],
        ..Default::default()
    };
    let first = s.messages().send_message(request.clone()).await.unwrap().into_inner().seq;
    let second = s.messages().send_message(request.clone()).await.unwrap().into_inner().seq;
    assert_eq!(first, second);
    // A number beside it could make a second one.
    let both = pb::SendMessageRequest { random: Some(7), ..request.clone() };
    let status = s.messages().send_message(both).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "random");
    let alone = pb::SendMessageRequest { random: Some(7), request_id: String::new(), ..request };
    let third = s.messages().send_message(alone).await.unwrap().into_inner().seq;
    assert_ne!(first, third);
}
