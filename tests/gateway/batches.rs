//! Batches: where they are split, what becomes of the items when a part fails or time runs out, and who goes first.

use contract::batches::Batch;
use contract::pb;
use serde_json::json;

use crate::support::sandboxed::Sandboxed;
use crate::support::settings;

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:05}")).collect()
}

fn roles(count: usize) -> pb::BatchGetRolesRequest {
    pb::BatchGetRolesRequest { group_id: "g".into(), user_ids: users(count) }
}

fn states<'a>(statuses: impl Iterator<Item = &'a Option<pb::BatchItemStatus>>) -> Vec<pb::BatchState> {
    statuses.map(|status| status.as_ref().unwrap().state()).collect()
}

#[tokio::test]
async fn failed_parts_in_the_middle_mark_their_items_and_the_others_stand() {
    let s = Sandboxed::start_with(&[("batch.caps", "BatchMuteMembers=100")]).await;
    s.group("g").await;
    s.fault(json!({"command": "forbid_send_msg", "probability": 0.2, "seed": 4, "action": {"type": "error", "code": 10007}}))
        .await;
    let request = pb::BatchMuteMembersRequest {
        group_id: "g".into(),
        user_ids: users(10_000),
        duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    let results = s.members().batch_mute_members(request).await.unwrap().into_inner().results;
    assert!(results.iter().map(|result| &result.user_id).eq(&users(10_000)), "not the caller's order");
    let states = states(results.iter().map(|result| &result.status));
    let parts: Vec<pb::BatchState> = states.chunks(100).map(|part| part[0]).collect();
    assert!(states.chunks(100).all(|part| part.iter().all(|state| *state == part[0])), "a part has one fate");
    let failed = parts.iter().filter(|state| **state == pb::BatchState::Failed).count();
    let done = parts.iter().filter(|state| **state == pb::BatchState::Done).count();
    assert!(failed > 5 && done > 50 && failed + done == 100, "{failed} failed, {done} done");
    let first = parts.iter().position(|state| *state == pb::BatchState::Failed).unwrap();
    let status = results[first * 100].status.as_ref().unwrap();
    assert_eq!((status.error_code, status.reason()), (10007, pb::ErrorReason::NotAllowed));
    assert!(parts[first..].contains(&pb::BatchState::Done), "a failed part does not end the batch");
    assert_eq!(s.count("forbid_send_msg").await, 100);
}

/// Nobody waits, or spends the quota, for what is refused all over.
#[tokio::test]
async fn a_batch_for_a_group_that_is_not_there_ends_soon() {
    let s = Sandboxed::start().await;
    let request = pb::BatchAddMembersRequest { group_id: "typo".into(), user_ids: users(10_000), silent: true };
    let results = s.members().batch_add_members(request).await.unwrap().into_inner().results;
    let states = states(results.iter().map(|result| &result.status));
    assert_eq!((states.len(), states[0]), (10_000, pb::BatchState::Failed));
    let last = results[9_999].status.as_ref().unwrap();
    assert_eq!((last.state(), last.reason()), (pb::BatchState::NotAttempted, pb::ErrorReason::GroupNotFound));
    assert!(s.count("add_group_member").await < 50);
    let request = pb::BatchImportMembersRequest {
        group_id: "typo".into(),
        members: users(1_000).into_iter().map(|user_id| pb::MemberToImport { user_id, ..Default::default() }).collect(),
    };
    let results = s.imports().batch_import_members(request).await.unwrap().into_inner().results;
    assert_eq!(results[999].status.as_ref().unwrap().state(), pb::BatchState::NotAttempted);
    assert_eq!(s.count("import_group_member").await, 1);
}

/// What does not fit into a message is not read, and nothing that was read is thrown away.
#[tokio::test]
async fn a_batch_reads_as_far_as_its_reply_has_room() {
    let s =
        Sandboxed::start_with(&[("batch.caps", "BatchGetGroups=10"), ("limits.max_response_bytes", "128KiB")]).await;
    let group_ids: Vec<String> = (0..1_000).map(|number| format!("g{number:03}")).collect();
    for group_id in &group_ids[..300] {
        s.group(group_id).await;
        s.ok("GroupService/UpdateGroup", json!({"group_id": group_id, "introduction": "x".repeat(240)})).await;
    }
    let request = pb::BatchGetGroupsRequest { group_ids: group_ids.clone(), filter: None };
    let results = s.groups().batch_get_groups(request).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 1_000);
    let states = states(results.iter().map(|result| &result.status));
    let read = states.iter().take_while(|state| **state == pb::BatchState::Done).count();
    assert!((10..290).contains(&read), "{read} were read");
    assert!(results[..read].iter().all(|result| result.group.as_ref().unwrap().introduction.len() == 240));
    let rest = results[read].status.as_ref().unwrap();
    assert_eq!((rest.state(), rest.reason()), (pb::BatchState::NotAttempted, pb::ErrorReason::ResponseTooLarge));
    assert!(rest.error_message.contains("fewer at once"), "{rest:?}");
    assert!(s.count("get_group_info").await < 50);
    // The rest can be asked for next.
    let request = pb::BatchGetGroupsRequest { group_ids: group_ids[read..read + 10].to_vec(), filter: None };
    let next = s.groups().batch_get_groups(request).await.unwrap().into_inner().results;
    assert_eq!(next[0].status.as_ref().unwrap().state(), pb::BatchState::Done);
}

#[tokio::test]
async fn caps_are_settings_and_their_defaults_are_the_documented_ones() {
    let s = Sandboxed::start_with(&[("batch.caps", "BatchRecallMessages=3")]).await;
    s.group("g").await;
    let mut seqs = Vec::new();
    for number in 0..7 {
        seqs.push(s.send("g", &number.to_string()).await);
    }
    let request = pb::BatchRecallMessagesRequest { group_id: "g".into(), seqs: seqs.clone(), ..Default::default() };
    let results = s.messages().batch_recall_messages(request).await.unwrap().into_inner().results;
    assert_eq!(results.iter().map(|result| result.seq).collect::<Vec<_>>(), seqs);
    assert_eq!(s.count("group_msg_recall").await, 3);

    let documented = [
        ("BatchAddMembers", 20),
        ("BatchRemoveMembers", 100),
        ("BatchMuteMembers", 500),
        ("BatchGetRoles", 500),
        ("BatchGetMembers", 50),
        ("BatchGetGroups", 50),
        ("BatchRecallMessages", 10),
        ("BatchBanMembers", 20),
        ("BatchUnbanMembers", 20),
        ("BatchImportMembers", 20),
        ("BatchImportMessages", 7),
    ];
    let by_default = settings(&[("base_urls", "http://127.0.0.1:1")]).batch;
    assert_eq!(Batch::ALL.map(|batch| (batch.method(), by_default.cap(batch))), documented);
}

#[tokio::test]
async fn a_deadline_that_is_too_short_tells_what_was_done_and_what_was_not() {
    // The server's own deadline: a client with one would often be the first to end the call.
    let s = Sandboxed::start_with(&[("batch.caps", "BatchGetRoles=10"), ("deadline.default", "5s")]).await;
    s.group("g").await;
    s.fault(json!({"command": "get_role_in_group", "action": {"type": "latency", "ms": 500}})).await;
    let results = s.members().batch_get_roles(roles(3_000)).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 3_000);
    let states = states(results.iter().map(|result| &result.status));
    assert_eq!(states[0], pb::BatchState::Done);
    assert_eq!(states[2_999], pb::BatchState::NotAttempted);
    let reason = results[2_999].status.as_ref().unwrap().reason();
    assert_eq!(reason, pb::ErrorReason::DeadlineExceeded);
    let begun = s.count("get_role_in_group").await as usize * 10;
    let not_begun = states.iter().filter(|state| **state == pb::BatchState::NotAttempted).count();
    assert!(begun + not_begun <= 3_000, "{begun} begun, {not_begun} said not to be");
}

#[tokio::test]
async fn a_batch_at_full_speed_lets_interactive_calls_go_first() {
    // Two calls a second, and a hundred of the batch waiting in the queue.
    let more = [
        ("upstream.pacing", "true"),
        ("upstream.rate_factor", "0.01"),
        ("batch.caps", "BatchGetRoles=1"),
        ("batch.concurrency", "100"),
        ("deadline.default", "1h"),
        ("deadline.max", "1h"),
    ];
    let s = Sandboxed::start_with(&more).await;
    s.group("g").await;
    let mut client = s.members();
    let batch = tokio::spawn(async move { client.batch_get_roles(roles(400)).await });
    while s.count("get_role_in_group").await < 3 {
        tokio::task::yield_now().await;
    }
    let before = s.count("get_role_in_group").await;
    for _ in 0..3 {
        let request = pb::GetRolesRequest { group_id: "g".into(), user_ids: users(1) };
        s.members().get_roles(request).await.unwrap();
    }
    let meanwhile = s.count("get_role_in_group").await - before;
    assert!(!batch.is_finished());
    batch.abort();
    assert!(meanwhile < 100, "three interactive calls waited for {meanwhile} calls, most of the batch's");
}

#[tokio::test]
async fn a_batch_ends_with_its_caller() {
    let s = Sandboxed::start_with(&[("batch.caps", "BatchGetRoles=1")]).await;
    s.group("g").await;
    s.fault(json!({"command": "*", "action": {"type": "latency", "ms": 20}})).await;
    let mut client = s.members();
    let batch = tokio::spawn(async move { client.batch_get_roles(roles(2_000)).await });
    while s.count("get_role_in_group").await < 10 {
        tokio::task::yield_now().await;
    }
    batch.abort();
    s.gateway().wait_for_metric("tim_upstream_in_flight", 0.0).await;
    // The calls that it had under way may still come to their ends; these two take as long.
    s.send("g", "one").await;
    s.send("g", "two").await;
    let after = s.count("get_role_in_group").await;
    for _ in 0..5 {
        s.send("g", "more").await;
    }
    assert_eq!(s.count("get_role_in_group").await, after, "no call is made for a caller that is gone");
}

#[tokio::test]
async fn imports_of_any_number_keep_their_order() {
    let s = Sandboxed::start().await;
    let request = pb::ImportGroupRequest {
        r#type: pb::GroupType::Public.into(),
        group_id: "old".into(),
        name: "Old".into(),
        create_time: Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 }),
        ..Default::default()
    };
    s.imports().import_group(request).await.unwrap();
    let member = |user_id| pb::MemberToImport { user_id, ..Default::default() };
    // The first of the parts fails.
    s.fault(json!({"command": "import_group_member", "times": 1, "action": {"type": "error", "code": 10007}})).await;
    let members: Vec<_> = users(700).into_iter().map(member).collect();
    let request = pb::BatchImportMembersRequest { group_id: "old".into(), members };
    let results = s.imports().batch_import_members(request).await.unwrap().into_inner().results;
    assert!(results.iter().map(|result| &result.user_id).eq(&users(700)));
    let states = states(results.iter().map(|result| &result.status));
    assert!(states[..20].iter().all(|state| *state == pb::BatchState::Failed), "the first part was refused");
    assert!(states[20..].iter().all(|state| *state == pb::BatchState::Done), "the others stand");
}

#[tokio::test]
async fn the_results_of_the_largest_batch_fit_into_a_message() {
    let s = Sandboxed::start_with(&[("deadline.default", "1h"), ("deadline.max", "1h")]).await;
    s.group("g").await;
    s.fault(json!({"command": "forbid_send_msg", "action": {"type": "error", "code": 10007}})).await;
    let names = |count: usize| (0..count).map(|number| format!("{number:032}")).collect::<Vec<_>>();
    let request = |count| pb::BatchMuteMembersRequest {
        group_id: "g".into(),
        user_ids: names(count),
        duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    let status = s.members().batch_mute_members(request(50_001)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
    assert_eq!(s.count("forbid_send_msg").await, 0);

    let results = s.members().batch_mute_members(request(50_000)).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 50_000);
    let statuses = || results.iter().map(|result| result.status.as_ref().unwrap());
    assert!(statuses().all(|status| status.reason() == pb::ErrorReason::NotAllowed && status.error_code == 10007));
    let explained = statuses().filter(|status| !status.error_message.is_empty()).count();
    assert_eq!(explained, 1_000);
    assert!(statuses().next().unwrap().error_message.contains("10007"));
}

/// Messages for the group `old`, a second apart.
fn batch(numbers: std::ops::Range<i64>) -> pb::BatchImportMessagesRequest {
    let message = |number: i64| pb::MessageToImport {
        sender_user_id: "bob".into(),
        send_time: Some(prost_types::Timestamp { seconds: 1_600_000_000 + number, nanos: 0 }),
        elements: vec![pb::MessageElement {
            element: Some(pb::message_element::Element::Text(pb::TextElement { text: number.to_string() })),
        }],
        ..Default::default()
    };
    pb::BatchImportMessagesRequest {
        group_id: "old".into(),
        messages: numbers.map(message).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn batches_of_messages_for_one_group_take_turns() {
    let s = Sandboxed::start().await;
    let old =
        json!({"type": "GROUP_TYPE_PUBLIC", "group_id": "old", "name": "n", "create_time": "2019-01-01T00:00:00Z"});
    s.ok("ImportService/ImportGroup", old).await;
    s.fault(json!({"command": "import_group_msg", "action": {"type": "latency", "ms": 5}})).await;
    let (mut first, mut second) = (s.imports(), s.imports());
    let (earlier, later) = (batch(0..140), batch(140..280));
    let earlier = tokio::spawn(async move { first.batch_import_messages(earlier).await });
    while s.count("import_group_msg").await == 0 {
        tokio::task::yield_now().await;
    }
    let later = second.batch_import_messages(later).await.unwrap().into_inner().results;
    let earlier = earlier.await.unwrap().unwrap().into_inner().results;
    let seqs: Vec<u64> = earlier.iter().chain(&later).map(|result| result.seq).collect();
    assert_eq!(seqs, (1..=280).collect::<Vec<u64>>());
}

/// What waits for its turn until the deadline is near is not sent after all: it would overtake what is under way.
#[tokio::test]
async fn a_batch_that_does_not_get_its_turn_sends_nothing() {
    let s = Sandboxed::start().await;
    let old =
        json!({"type": "GROUP_TYPE_PUBLIC", "group_id": "old", "name": "n", "create_time": "2019-01-01T00:00:00Z"});
    s.ok("ImportService/ImportGroup", old).await;
    s.fault(json!({"command": "import_group_msg", "action": {"type": "latency", "ms": 2_500}})).await;
    let (mut first, mut second) = (s.imports(), s.imports());
    let (earlier, mut later) = (batch(0..8), tonic::Request::new(batch(8..9)));
    let earlier = tokio::spawn(async move { first.batch_import_messages(earlier).await });
    // The first of its two parts is done, the second takes its time.
    while s.count("import_group_msg").await == 0 {
        tokio::task::yield_now().await;
    }
    later.set_timeout(std::time::Duration::from_millis(1_000));
    let later = second.batch_import_messages(later).await.unwrap().into_inner().results;
    let status = later[0].status.as_ref().unwrap();
    assert_eq!((status.state(), status.reason()), (pb::BatchState::NotAttempted, pb::ErrorReason::DeadlineExceeded));
    assert!(status.error_message.contains("another import"), "{status:?}");
    earlier.await.unwrap().unwrap();
    assert_eq!(s.count("import_group_msg").await, 2);
}
