//! OK means complete: a list ends where Tencent's pages end. A total is a hint, and a cursor that is empty or 0 is the end.

use std::sync::{Arc, Mutex};

use axum::routing::{MethodRouter, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::support::{Gateway, dynamic, servers};

/// Totals that a reply may have beside 350 items: behind the truth, ahead of it, exact, none at all.
fn totals() -> [Value; 7] {
    [json!(150), json!(0), Value::Null, json!(350), json!(351), json!(400), json!("150")]
}

/// What the upstream of a running test answers.
type Answer = Arc<Mutex<Value>>;

/// Serves as many items as `answer` says, as Offset and Limit ask for them, beside its total, which need not be right.
fn by_count(list: &'static str, key: &'static str, total_key: &'static str, answer: Answer) -> MethodRouter {
    post(move |Json(body): Json<Value>| async move {
        let answer = answer.lock().unwrap().clone();
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let end = number(&answer["items"]).min(number(&body["Offset"]) + number(&body["Limit"]));
        let odd = answer["odd"].as_u64().map(|odd| odd as usize);
        let item =
            |number| if Some(number) == odd { json!({key: {"odd": 1}}) } else { json!({key: format!("u{number}")}) };
        let page: Vec<Value> = (number(&body["Offset"])..end).map(item).collect();
        let mut reply = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "", list: page});
        if !answer["total"].is_null() {
            reply[total_key] = answer["total"].clone();
        }
        Json(reply)
    })
}

async fn gateway(command: &str, handler: MethodRouter) -> Gateway {
    let app = Router::new().route(&format!("/v4/group_open_http_svc/{command}"), handler);
    Gateway::start(&servers::serve(app).await, &[]).await
}

async fn call(channel: &Channel, rpc: &str, request: &Value) -> Value {
    let method = dynamic::method(&dynamic::pool(), &format!("tencentim.group.v1.{rpc}"));
    let request = dynamic::message(&method.input(), request);
    let reply =
        dynamic::call(channel.clone(), &method, request).await.unwrap_or_else(|status| panic!("{rpc}: {status:?}"));
    serde_json::from_str(&dynamic::json(&reply)).unwrap()
}

/// All items of a list that is followed by its tokens.
async fn listed(channel: &Channel, rpc: &str, mut request: Value, list: &str) -> Vec<Value> {
    let mut items = Vec::new();
    for _ in 0..100 {
        let page = call(channel, rpc, &request).await;
        items.extend(page[list].as_array().into_iter().flatten().cloned());
        if page["next_page_token"].is_null() {
            return items;
        }
        request["page_token"] = page["next_page_token"].clone();
    }
    panic!("{rpc}: {} items and no end", items.len());
}

/// All items of a stream that ends with OK; its last message must have no token.
async fn streamed(channel: &Channel, rpc: &str, request: &Value, list: &str) -> Vec<Value> {
    let method = dynamic::method(&dynamic::pool(), &format!("tencentim.group.v1.{rpc}"));
    let request = dynamic::message(&method.input(), request);
    let mut messages = dynamic::stream(channel.clone(), &method, request).await.unwrap();
    let (mut items, mut token) = (Vec::new(), Value::Null);
    while let Some(message) = messages.next().await.unwrap_or_else(|status| panic!("{rpc}: {status:?}")) {
        let message: Value = serde_json::from_str(&dynamic::json(&message)).unwrap();
        items.extend(message[list].as_array().into_iter().flatten().cloned());
        token = message["next_page_token"].clone();
    }
    assert!(token.is_null(), "{rpc}: the end has a token");
    items
}

fn ids(items: &[Value], pointer: &str) -> Vec<String> {
    items.iter().map(|item| item.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()).collect()
}

/// Follows a list that counts, as a stream and by pages of these sizes, beside every total.
async fn follow(
    fake: (&str, MethodRouter),
    answer: Answer,
    request: Value,
    rpcs: [&str; 2],
    list: &str,
    id: &str,
    sizes: &[i32],
) {
    let gateway = gateway(fake.0, fake.1).await;
    let channel = gateway.channel().await;
    for count in [350, 400] {
        let expected: Vec<String> = (0..count).map(|number| format!("u{number}")).collect();
        for total in totals() {
            *answer.lock().unwrap() = json!({"items": count, "total": total});
            let seen = streamed(&channel, rpcs[0], &request, list).await;
            assert!(ids(&seen, id) == expected, "streamed beside {total}: {} of {count}", seen.len());
            for size in sizes {
                let mut request = request.clone();
                request["page_size"] = json!(size);
                let seen = listed(&channel, rpcs[1], request, list).await;
                assert!(ids(&seen, id) == expected, "by {size} beside {total}: {} of {count}", seen.len());
            }
        }
    }
}

#[tokio::test]
async fn a_full_page_of_members_is_not_the_last_whatever_the_total_says() {
    let answer = Answer::default();
    let fake = by_count("MemberList", "Member_Account", "MemberNum", answer.clone());
    let rpcs = ["MemberService/StreamMembers", "MemberService/ListMembers"];
    let request = json!({"group_id": "g"});
    follow(("get_group_member_info", fake), answer, request, rpcs, "members", "/user_id", &[0, 70, 200, 1000]).await;
}

#[tokio::test]
async fn a_full_page_of_joined_groups_is_not_the_last_whatever_the_total_says() {
    let answer = Answer::default();
    let fake = by_count("GroupIdList", "GroupId", "TotalCount", answer.clone());
    let rpcs = ["GroupService/StreamJoinedGroups", "GroupService/ListJoinedGroups"];
    let request = json!({"user_id": "alice"});
    follow(("get_joined_group_list", fake), answer, request, rpcs, "groups", "/group/group_id", &[0, 50]).await;
}

/// An item that cannot be read costs itself alone, and not the end of its list.
#[tokio::test]
async fn an_odd_item_does_not_end_a_list() {
    let answer = Answer::default();
    let fake = by_count("MemberList", "Member_Account", "MemberNum", answer.clone());
    let gateway = gateway("get_group_member_info", fake).await;
    let channel = gateway.channel().await;
    let request = json!({"group_id": "g"});
    for odd in [0, 3, 195, 199, 200, 349] {
        for total in totals() {
            *answer.lock().unwrap() = json!({"items": 350, "total": total, "odd": odd});
            let expected: Vec<String> =
                (0..350).filter(|number| *number != odd).map(|number| format!("u{number}")).collect();
            for seen in [
                streamed(&channel, "MemberService/StreamMembers", &request, "members").await,
                listed(&channel, "MemberService/ListMembers", request.clone(), "members").await,
            ] {
                assert!(ids(&seen, "/user_id") == expected, "{odd} beside {total}: {} of 349", seen.len());
            }
        }
    }
}

#[tokio::test]
async fn a_history_goes_on_below_a_message_without_its_number() {
    let handler = post(|Json(body): Json<Value>| async move {
        let top = body["ReqMsgSeq"].as_u64().unwrap_or(45);
        let message = |seq: u64| match seq {
            30 => json!({"From_Account": "odd", "MsgBody": []}),
            _ => json!({"MsgSeq": seq, "From_Account": "a", "MsgTimeStamp": 1_700_000_000, "MsgBody": []}),
        };
        let page: Vec<Value> = (1..=top).rev().take(20).map(message).collect();
        Json(json!({"ActionStatus": "OK", "ErrorCode": 0, "GroupId": "g", "IsFinished": 1, "RspMsgList": page}))
    });
    let gateway = gateway("group_msg_get_simple", handler).await;
    let channel = gateway.channel().await;
    for rpc in ["ListMessages", "StreamMessages"] {
        let (request, rpc) = (json!({"group_id": "g"}), format!("MessageService/{rpc}"));
        let seen = match rpc.contains("/Stream") {
            true => streamed(&channel, &rpc, &request, "messages").await,
            false => listed(&channel, &rpc, request, "messages").await,
        };
        assert_eq!(seen.len(), 45, "{rpc}");
    }
    let request = json!({"group_id": "g", "min_seq": 10});
    assert_eq!(streamed(&channel, "MessageService/StreamMessages", &request, "messages").await.len(), 36);
}

/// A list that a cursor of the reply leads through.
struct ByCursor {
    command: &'static str,
    cursor: &'static str,
    request: Value,
    /// The items of a page in Tencent's JSON.
    items: Value,
    rpcs: &'static [(&'static str, &'static str)],
}

#[tokio::test]
async fn a_cursor_that_is_empty_or_zero_ends_the_list() {
    let lists = [
        ByCursor {
            command: "get_group_member_info",
            cursor: "Next",
            request: json!({"group_id": "@TGS#_c"}),
            items: json!({"MemberNum": 9000, "MemberList": [{"Member_Account": "a"}]}),
            rpcs: &[("MemberService/ListMembers", "members"), ("MemberService/StreamMembers", "members")],
        },
        ByCursor {
            command: "get_permission_group",
            cursor: "Next",
            request: json!({"group_id": "@TGS#_c"}),
            items: json!({"PermissionGroupInfoList": [{"PermissionGroupId": "@PMG#_1"}]}),
            rpcs: &[
                ("PermissionGroupService/ListPermissionGroups", "permission_groups"),
                ("PermissionGroupService/StreamPermissionGroups", "permission_groups"),
            ],
        },
        ByCursor {
            command: "get_permission_group_member_list",
            cursor: "Next",
            request: json!({"group_id": "@TGS#_c", "permission_group_id": "@PMG#_1"}),
            items: json!({"MemberList": [{"Member_Account": "a"}]}),
            rpcs: &[
                ("PermissionGroupService/ListPermissionGroupMembers", "members"),
                ("PermissionGroupService/StreamPermissionGroupMembers", "members"),
            ],
        },
        ByCursor {
            command: "get_group_msg_receipt_detail",
            cursor: "Cursor",
            request: json!({"group_id": "g", "seq": 1, "state": "READ_STATE_READ"}),
            items: json!({"ReadList": [{"Read_Account": "a"}]}),
            rpcs: &[("ReceiptService/ListReadReceiptMembers", "read_user_ids")],
        },
        ByCursor {
            command: "get_appid_group_list",
            cursor: "Next",
            request: json!({}),
            items: json!({"TotalCount": 9000, "GroupIdList": [{"GroupId": "g"}]}),
            rpcs: &[("GroupService/ListGroupIds", "group_ids")],
        },
        ByCursor {
            command: "get_group_ban_member",
            cursor: "NextOffset",
            request: json!({"group_id": "g"}),
            items: json!({"BannedAccountList": [{"Member_Account": "a"}]}),
            rpcs: &[
                ("BanService/ListBannedMembers", "banned_members"),
                ("BanService/StreamBannedMembers", "banned_members"),
            ],
        },
    ];
    for list in lists {
        let answer = Answer::default();
        let (items, served) = (list.items, answer.clone());
        let handler = post(move |Json(_): Json<Value>| async move {
            let mut reply = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""});
            for part in [&items, &*served.lock().unwrap()] {
                reply.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            }
            Json(reply)
        });
        let gateway = gateway(list.command, handler).await;
        let channel = gateway.channel().await;
        for end in [json!(""), json!("0"), json!(0), Value::Null] {
            for end in [json!({list.cursor: end}), json!({})] {
                *answer.lock().unwrap() = end.clone();
                for (rpc, items) in list.rpcs {
                    let page = match rpc.contains("/Stream") {
                        true => json!({*items: streamed(&channel, rpc, &list.request, items).await}),
                        false => call(&channel, rpc, &list.request).await,
                    };
                    assert!(page["next_page_token"].is_null(), "{rpc} at {end}: {page}");
                    assert_eq!(page[*items].as_array().map(Vec::len), Some(1), "{rpc} at {end}: {page}");
                }
            }
        }
    }
}
