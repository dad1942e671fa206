//! Lists that change in ways that are easily mistaken for the place where they go on, and groups too large for one reply.

use std::collections::BTreeSet;

use axum::routing::post;
use axum::{Json, Router};
use contract::pb;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::support::sandboxed::Sandboxed;
use crate::support::{Gateway, servers};

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:03}")).collect()
}

fn ids(message: &Value, list: &str) -> Vec<String> {
    let items = message[list].as_array().into_iter().flatten();
    items.map(|item| item["user_id"].as_str().unwrap().to_owned()).collect()
}

/// The first message of a stream, and everything from its token on after something has changed.
async fn around<F: Future<Output = ()>>(
    s: &Sandboxed,
    rpc: &str,
    list: &str,
    change: F,
) -> Result<Vec<String>, Status> {
    let first = s.stream(rpc, json!({"group_id": "g"})).await.unwrap().next().await.unwrap().unwrap();
    let mut seen = ids(&first, list);
    change.await;
    let request = json!({"group_id": "g", "page_token": first["next_page_token"]});
    let mut rest = s.stream(rpc, request).await.unwrap();
    while let Some(message) = rest.next().await? {
        seen.extend(ids(&message, list));
    }
    Ok(seen)
}

async fn with_members(count: usize) -> Sandboxed {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.members_of("g", users(count)).await;
    s
}

#[tokio::test]
async fn who_comes_back_to_the_place_of_the_next_page_is_not_taken_for_it() {
    for back in [&["u198"][..], &["u100"], &["u197", "u198"]] {
        let s = with_members(200).await;
        let change = async {
            let leaving: Vec<&str> = back.iter().copied().chain(["u005"]).collect();
            s.ok("MemberService/RemoveMembers", json!({"group_id": "g", "user_ids": leaving, "silent": true})).await;
            for user in back {
                s.members_of("g", vec![(*user).to_owned()]).await;
            }
        };
        let seen = around(&s, "MemberService/StreamMembers", "members", change).await.unwrap();
        let once: BTreeSet<&String> = seen.iter().collect();
        assert!(users(200).iter().all(|user| once.contains(user)), "{back:?}: {} of 201", once.len());
    }
}

#[tokio::test]
async fn nobody_who_is_put_in_front_is_passed_over() {
    let s = with_members(250).await;
    let change = async {
        s.ok("GroupService/ChangeGroupOwner", json!({"group_id": "g", "new_owner_user_id": "u240"})).await;
    };
    match around(&s, "MemberService/StreamMembers", "members", change).await {
        Ok(seen) => assert!(seen.contains(&"u240".to_owned()), "the new owner is missing"),
        Err(status) => assert_eq!(status.code(), Code::Aborted, "{status:?}"),
    }
}

#[tokio::test]
async fn bans_that_are_lifted_and_made_hide_no_others() {
    for change in ["UnbanMembers", "BanMembers"] {
        let s = Sandboxed::start().await;
        s.group("g").await;
        let banned: Vec<String> = users(210);
        s.ok("BanService/BatchBanMembers", json!({"group_id": "g", "user_ids": banned, "duration": "3600s"})).await;
        let changed = async {
            let request = match change {
                "UnbanMembers" => json!({"group_id": "g", "user_ids": users(3)}),
                _ => json!({"group_id": "g", "user_ids": ["a", "b", "u050x"], "duration": "3600s"}),
            };
            s.ok(&format!("BanService/{change}"), request).await;
        };
        let seen = around(&s, "BanService/StreamBannedMembers", "banned_members", changed).await.unwrap();
        let once: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "{change}: a user came twice");
        assert!(banned.iter().all(|user| once.contains(user)), "{change}: {} of 210", once.len());
    }
}

/// Five groups, of which one is too large to be read at all and another only together with more than one.
async fn large_groups() -> Gateway {
    let list = || async {
        let ids: Vec<Value> = (0..5).map(|number| json!({"GroupId": format!("g{number}")})).collect();
        Json(json!({"ActionStatus": "OK", "ErrorCode": 0, "TotalCount": 5, "GroupIdList": ids, "Next": 0}))
    };
    let info = |Json(body): Json<Value>| async move {
        let ids: Vec<&str> = body["GroupIdList"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        if ids.contains(&"g2") || (ids.contains(&"g3") && ids.len() > 2) {
            return Json(json!({"ActionStatus": "FAIL", "ErrorCode": 10018, "ErrorInfo": "reply would exceed 1 MB"}));
        }
        let groups: Vec<Value> = ids.iter().map(|id| json!({"GroupId": id, "ErrorCode": 0, "Name": "n"})).collect();
        Json(json!({"ActionStatus": "OK", "ErrorCode": 0, "GroupInfo": groups}))
    };
    let app = Router::new()
        .route("/v4/group_open_http_svc/get_appid_group_list", post(list))
        .route("/v4/group_open_http_svc/get_group_info", post(info));
    Gateway::start(&servers::serve(app).await, &[]).await
}

#[tokio::test]
async fn one_large_group_hides_no_others() {
    let gateway = large_groups().await;
    let mut client = pb::group_service_client::GroupServiceClient::new(gateway.channel().await);
    let mut stream = client.stream_groups(pb::StreamGroupsRequest::default()).await.unwrap().into_inner();
    let results = stream.message().await.unwrap().unwrap().results;
    let told: Vec<(String, pb::ErrorReason)> =
        results.iter().map(|result| (result.group.as_ref().unwrap().group_id.clone(), result.reason())).collect();
    let expected: Vec<(String, pb::ErrorReason)> = (0..5)
        .map(|number| match number {
            2 => ("g2".to_owned(), pb::ErrorReason::ResponseTooLarge),
            _ => (format!("g{number}"), pb::ErrorReason::Unspecified),
        })
        .collect();
    assert_eq!(told, expected);
    assert!(stream.message().await.unwrap().is_none());

    let request =
        pb::BatchGetGroupsRequest { group_ids: (0..5).map(|number| format!("g{number}")).collect(), filter: None };
    let results = client.batch_get_groups(request).await.unwrap().into_inner().results;
    let states: Vec<_> =
        results.iter().map(|result| (result.group_id.as_str(), result.status.clone().unwrap())).collect();
    for (id, status) in states {
        let expected = if id == "g2" { pb::BatchState::Failed } else { pb::BatchState::Done };
        assert_eq!(status.state(), expected, "{id}: {status:?}");
        assert_eq!(status.error_code == 10018, id == "g2");
    }
}
