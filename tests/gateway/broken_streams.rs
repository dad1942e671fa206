//! Streams in bad times: pages that fail, callers that go away, lists that change.

use std::collections::BTreeSet;

use axum::routing::post;
use axum::{Json, Router};
use contract::pb;
use serde_json::{Value, json};
use tonic::Streaming;

use crate::support::sandboxed::Sandboxed;
use crate::support::{Gateway, servers};

const MEMBERS: &str = "get_group_member_info";

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:04}")).collect()
}

async fn open(s: &Sandboxed, page_token: &str) -> Streaming<pb::StreamMembersResponse> {
    let request =
        pb::StreamMembersRequest { group_id: "g".into(), page_token: page_token.to_owned(), ..Default::default() };
    s.members().stream_members(request).await.unwrap().into_inner()
}

fn ids(chunk: pb::StreamMembersResponse) -> impl Iterator<Item = String> {
    chunk.members.into_iter().map(|member| member.user_id)
}

async fn with_members(count: usize) -> Sandboxed {
    let s = Sandboxed::start_with(&[("batch.caps", "BatchAddMembers=300")]).await;
    s.group("g").await;
    s.members_of("g", users(count)).await;
    s
}

/// Everybody, and the owner, each once.
fn assert_complete(mut seen: Vec<String>, count: usize) {
    seen.sort();
    let expected: Vec<String> = std::iter::once("alice".to_owned()).chain(users(count)).collect();
    assert!(seen == expected, "{} of {} members, or not once", seen.len(), expected.len());
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again() {
    let s = with_members(3_000).await;
    for (seed, action) in [
        (1, json!({"type": "error", "code": 10002})),
        (2, json!({"type": "reset"})),
        (3, json!({"type": "http", "status": 502})),
        (4, json!({"type": "garbage"})),
    ] {
        s.fault(json!({"command": MEMBERS, "probability": 0.1, "seed": seed, "action": action})).await;
    }
    let mut stream = open(&s, "").await;
    let mut seen = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        seen.extend(ids(chunk));
    }
    assert_complete(seen, 3_000);
}

#[tokio::test]
async fn a_page_outlasts_more_failures_than_one_call_has_attempts() {
    let s = with_members(10).await;
    s.fault(json!({"command": MEMBERS, "times": 6, "action": {"type": "http", "status": 503}})).await;
    let mut stream = open(&s, "").await;
    let chunk = stream.message().await.unwrap().unwrap();
    assert_complete(ids(chunk).collect(), 10);
    assert_eq!(s.count(MEMBERS).await, 7);
}

#[tokio::test]
async fn an_incomplete_stream_ends_with_an_error_and_continues_from_its_token() {
    let s = with_members(5_000).await;
    // A refusal, which is not repeated, for one page in four.
    s.fault(json!({"command": MEMBERS, "probability": 0.25, "seed": 5, "action": {"type": "error", "code": 10007}}))
        .await;
    let (mut seen, mut token, mut broken) = (Vec::new(), String::new(), 0);
    'streams: loop {
        let mut stream = open(&s, &token).await;
        loop {
            match stream.message().await {
                Ok(Some(chunk)) => {
                    token.clone_from(&chunk.next_page_token);
                    seen.extend(ids(chunk));
                }
                Ok(None) => break 'streams,
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::PermissionDenied);
                    broken += 1;
                    continue 'streams;
                }
            }
        }
    }
    assert!(token.is_empty() && broken > 1, "{broken} broken streams");
    assert_complete(seen, 5_000);
}

#[tokio::test]
async fn a_list_that_leads_in_a_circle_is_an_error() {
    for cycle in [1, 2, 5] {
        let answer = move |Json(body): Json<Value>| async move {
            let page: usize = body["Next"].as_str().unwrap_or_default().parse().unwrap_or(0);
            let members = json!([{"Member_Account": format!("u{page}")}]);
            Json(
                json!({"ErrorCode": 0, "MemberNum": 9, "MemberList": members, "Next": format!("{}", page % cycle + 1)}),
            )
        };
        let fake = Router::new().route("/v4/group_open_http_svc/get_group_member_info", post(answer));
        let gateway = Gateway::start(&servers::serve(fake).await, &[]).await;
        let mut client = pb::member_service_client::MemberServiceClient::new(gateway.channel().await);
        let request = pb::StreamMembersRequest { group_id: "@TGS#_c".into(), ..Default::default() };
        let mut stream = client.stream_members(request).await.unwrap().into_inner();
        let mut messages = 0;
        let status = loop {
            match stream.message().await {
                Ok(Some(_)) => messages += 1,
                Ok(None) => panic!("ended OK"),
                Err(status) => break status,
            }
        };
        assert_eq!(status.code(), tonic::Code::Internal);
        assert!(messages < 20, "{messages} messages of a circle of {cycle}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_caller() {
    let s = with_members(5_900).await;
    s.fault(json!({"command": "*", "action": {"type": "latency", "ms": 50}})).await;
    let mut stream = open(&s, "").await;
    stream.message().await.unwrap().unwrap();
    drop(stream);
    s.gateway().wait_for_metric("tim_upstream_in_flight", 0.0).await;
    // A page that is under way may still come to its end; these two take as long.
    s.send("g", "one").await;
    s.send("g", "two").await;
    let after = s.count(MEMBERS).await;
    for _ in 0..5 {
        s.send("g", "more").await;
    }
    assert_eq!(s.count(MEMBERS).await, after, "no page is fetched for a caller that is gone");
    assert!(after < 25, "{after} of 30 pages");
}

#[tokio::test]
async fn who_leaves_and_comes_back_hides_nobody() {
    let s = with_members(1_000).await;
    let mut stream = open(&s, "").await;
    let mut seen = Vec::new();
    let mut moved = BTreeSet::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        let page: Vec<String> = ids(chunk).collect();
        let last = page.last().cloned().unwrap_or_default();
        seen.extend(page);
        // The last one delivered is the place where the list goes on.
        if last.starts_with('u') && moved.len() < 4 && moved.insert(last.clone()) {
            let request =
                pb::RemoveMembersRequest { group_id: "g".into(), user_ids: vec![last.clone()], ..Default::default() };
            s.members().remove_members(request).await.unwrap();
            s.members_of("g", vec![last]).await;
        }
    }
    assert_eq!(moved.len(), 4);
    seen.retain(|id| !moved.contains(id));
    seen.extend(moved);
    assert_complete(seen, 1_000);
}

#[tokio::test]
async fn groups_continue_from_their_token_while_groups_come_and_go() {
    let s = Sandboxed::start().await;
    for number in 0..600 {
        s.group(&format!("g{number:03}")).await;
    }
    let mut seen: Vec<String> = Vec::new();
    let mut page_token = String::new();
    let mut gone = BTreeSet::new();
    loop {
        let request = pb::StreamGroupsRequest { page_token, ..Default::default() };
        let mut stream = s.groups().stream_groups(request).await.unwrap().into_inner();
        let chunk = stream.message().await.unwrap().unwrap();
        seen.extend(chunk.results.into_iter().map(|result| result.group.unwrap().group_id));
        page_token = chunk.next_page_token;
        if page_token.is_empty() {
            break;
        }
        drop(stream);
        // The last one delivered goes, and one that is to come.
        for number in [seen.len() - 1, seen.len() + 20] {
            let group_id = format!("g{number:03}");
            gone.insert(group_id.clone());
            s.groups().destroy_group(pb::DestroyGroupRequest { group_id }).await.unwrap();
        }
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "a group was delivered twice");
    let lost: Vec<_> =
        (0..600).map(|number| format!("g{number:03}")).filter(|id| !gone.contains(id) && !once.contains(id)).collect();
    assert_eq!(lost, Vec::<String>::new());
    assert_eq!(gone.len(), 4);
}
