//! A page token belongs to the list whose page it came with.

use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::sandboxed::Sandboxed;

/// A gateway with two groups of thirty members.
async fn with_members() -> Sandboxed {
    let sandboxed = Sandboxed::start().await;
    for group in ["g", "h"] {
        sandboxed.group(group).await;
        sandboxed.members_of(group, (1..30).map(|n| format!("u{n}")).collect()).await;
    }
    sandboxed
}

async fn refuses(sandboxed: &Sandboxed, rpc: &str, request: Value) {
    let status = match rpc.contains("/Stream") {
        true => match sandboxed.stream(rpc, request.clone()).await {
            Ok(mut messages) => messages.next().await.unwrap_err(),
            Err(status) => status,
        },
        false => sandboxed.call(rpc, request.clone()).await.unwrap_err(),
    };
    assert_eq!(status.code(), Code::InvalidArgument, "{rpc} {request}: {status:?}");
    let violations = status.get_error_details().bad_request().unwrap().field_violations.clone();
    assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["page_token"], "{rpc} {request}");
}

#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let sandboxed = with_members().await;
    let page = sandboxed.ok("MemberService/ListMembers", json!({"group_id": "g", "page_size": 10})).await;
    let token = page["next_page_token"].as_str().unwrap();
    let rest = |rpc, request| refuses(&sandboxed, rpc, request);

    rest("MemberService/ListMembers", json!({"group_id": "h", "page_token": token})).await;
    rest("MemberService/ListMembers", json!({"group_id": "g", "roles": ["MEMBER_ROLE_OWNER"], "page_token": token}))
        .await;
    rest("GroupService/ListJoinedGroups", json!({"user_id": "u1", "page_token": token})).await;
    rest("MemberService/StreamMembers", json!({"group_id": "g", "page_token": token})).await;
    for made_up in ["o10", "x", "…", &token[1..], &format!("{token}A"), &format!("{token}\n")] {
        rest("MemberService/ListMembers", json!({"group_id": "g", "page_token": made_up})).await;
    }
}

#[tokio::test]
async fn a_token_goes_on_with_pages_of_another_size() {
    let sandboxed = with_members().await;
    let page = sandboxed.ok("MemberService/ListMembers", json!({"group_id": "g", "page_size": 10})).await;
    let request = json!({"group_id": "g", "page_size": 5, "page_token": page["next_page_token"]});
    let next = sandboxed.ok("MemberService/ListMembers", request).await;
    assert_eq!(next["members"].as_array().unwrap().len(), 5);
    assert_eq!(next["members"][0]["user_id"], "u10");
}

#[tokio::test]
async fn a_token_of_another_stream_is_refused() {
    let sandboxed = with_members().await;
    sandboxed.members_of("g", (30..450).map(|n| format!("u{n}")).collect()).await;
    let mut messages = sandboxed.stream("MemberService/StreamMembers", json!({"group_id": "g"})).await.unwrap();
    let token = messages.next().await.unwrap().unwrap()["next_page_token"].clone();
    refuses(&sandboxed, "MemberService/StreamMembers", json!({"group_id": "h", "page_token": token})).await;
    refuses(&sandboxed, "GroupService/StreamJoinedGroups", json!({"user_id": "u1", "page_token": token})).await;
    refuses(&sandboxed, "BanService/StreamBannedMembers", json!({"group_id": "g", "page_token": token})).await;
}
