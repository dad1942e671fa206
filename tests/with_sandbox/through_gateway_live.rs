//! Attributes, counters, live rooms and broadcasts, called through the gateway.

use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::sandboxed::Sandboxed;

async fn room() -> Sandboxed {
    let sandboxed = Sandboxed::start().await;
    let request =
        json!({"type": "GROUP_TYPE_AV_CHAT_ROOM", "group_id": "room", "name": "Room", "owner_user_id": "alice"});
    sandboxed.ok("GroupService/CreateGroup", request).await;
    sandboxed.control("apps/1400000001/presence", json!({"group": "room", "join": ["bob", "carol"]})).await;
    sandboxed
}

fn users(reply: &Value) -> Vec<&str> {
    reply["members"].as_array().into_iter().flatten().map(|member| member["user_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn attributes_are_written_read_and_deleted() {
    let sandboxed = Sandboxed::start().await;
    sandboxed.group("g").await;
    let group = |more: Value| {
        let mut request = json!({"group_id": "g"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    sandboxed.ok("AttributeService/UpdateAttributes", group(json!({"attributes": {"a": "1", "b": ""}}))).await;
    let read = sandboxed.ok("AttributeService/GetAttributes", group(json!({}))).await;
    assert_eq!(read, json!({"attributes": {"a": "1", "b": ""}}));
    sandboxed.ok("AttributeService/ReplaceAttributes", group(json!({"attributes": {"host": "ann"}}))).await;
    let status = sandboxed.call("AttributeService/DeleteAttributes", group(json!({"keys": ["a"]}))).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.get_details_error_info().unwrap().reason, "ATTRIBUTE_NOT_FOUND");
    sandboxed.ok("AttributeService/DeleteAttributes", group(json!({"keys": ["host"]}))).await;
    sandboxed.ok("AttributeService/ClearAttributes", group(json!({}))).await;
    assert_eq!(sandboxed.ok("AttributeService/GetAttributes", group(json!({}))).await, json!({}));
}

#[tokio::test]
async fn counters_count_in_64_bits() {
    let sandboxed = Sandboxed::start().await;
    sandboxed.group("g").await;
    let update = |operation: &str, value: i64| json!({"group_id": "g", "operation": operation, "counters": {"likes": value.to_string()}});
    sandboxed.ok("CounterService/UpdateCounters", update("COUNTER_OPERATION_SET", i64::MAX - 1)).await;
    let reply = sandboxed.ok("CounterService/UpdateCounters", update("COUNTER_OPERATION_INCREASE", 1)).await;
    assert_eq!(reply, json!({"counters": {"likes": i64::MAX.to_string()}}));
    let read = sandboxed.ok("CounterService/GetCounters", json!({"group_id": "g", "keys": ["likes", "nothing"]})).await;
    assert_eq!(read, reply);
    sandboxed.ok("CounterService/DeleteCounters", json!({"group_id": "g"})).await;
    assert_eq!(sandboxed.ok("CounterService/GetCounters", json!({"group_id": "g"})).await, json!({}));
}

#[tokio::test]
async fn the_online_list_is_paged_checked_and_counted() {
    let sandboxed = room().await;
    let more: Vec<String> = (0..600).map(|n| format!("u{n}")).collect();
    sandboxed.control("apps/1400000001/presence", json!({"group": "room", "join": more})).await;
    let first = sandboxed.ok("LiveRoomService/ListOnlineMembers", json!({"group_id": "room"})).await;
    assert_eq!(users(&first).len(), 500);
    let rest = json!({"group_id": "room", "page_token": first["next_page_token"]});
    let rest = sandboxed.ok("LiveRoomService/ListOnlineMembers", rest).await;
    assert_eq!((users(&rest).len(), &rest["next_page_token"]), (102, &Value::Null));
    let check = json!({"group_id": "room", "user_ids": ["zoe", "bob"]});
    assert_eq!(sandboxed.ok("LiveRoomService/CheckMembers", check).await, json!({"user_ids": ["bob"]}));
    let count = sandboxed.ok("LiveRoomService/GetOnlineMemberCount", json!({"group_id": "room"})).await;
    assert_eq!(count["online_member_count"], 602);
}

#[tokio::test]
async fn marks_admins_and_robots_change_who_is_listed() {
    let sandboxed = room().await;
    let marks = json!({"group_id": "room", "operation": "MARK_OPERATION_SET", "members": [
        {"user_id": "bob", "marks": [1000]}, {"user_id": "nobody", "marks": [1000]}]});
    let reply = sandboxed.ok("LiveRoomService/UpdateMarks", marks).await;
    assert_eq!(users(&reply), ["bob"]);
    let marked = sandboxed.ok("LiveRoomService/ListOnlineMembers", json!({"group_id": "room", "mark": 1000})).await;
    assert_eq!(users(&marked), ["bob"]);

    let appoint = json!({"group_id": "room", "operation": "ADMIN_OPERATION_APPOINT", "user_ids": ["dave"]});
    sandboxed.ok("LiveRoomService/UpdateAdmins", appoint).await;
    let admins = sandboxed.ok("LiveRoomService/ListAdmins", json!({"group_id": "room"})).await;
    assert_eq!(admins["admins"][0]["user_id"], "dave");

    let robots = json!({"group_id": "room", "user_ids": ["bot1"]});
    sandboxed.ok("LiveRoomService/AddRobots", robots.clone()).await;
    let listed = sandboxed.ok("LiveRoomService/ListOnlineMembers", json!({"group_id": "room"})).await;
    assert_eq!(users(&listed), ["bot1", "carol", "bob"]);
    sandboxed.ok("LiveRoomService/RemoveRobots", robots).await;
    let listed = sandboxed.ok("LiveRoomService/ListOnlineMembers", json!({"group_id": "room"})).await;
    assert_eq!(users(&listed), ["carol", "bob"]);
}

#[tokio::test]
async fn a_repeated_broadcast_is_one_broadcast() {
    let sandboxed = room().await;
    let send = json!({"request_id": "gift-1", "elements": [{"text": {"text": "hello"}}]});
    let first = sandboxed.ok("LiveRoomService/SendBroadcast", send.clone()).await;
    assert_eq!(first["seq"], "1");
    assert_eq!(sandboxed.ok("LiveRoomService/SendBroadcast", send).await, first);
    let other = json!({"request_id": "gift-2", "elements": [{"text": {"text": "hello"}}]});
    assert_eq!(sandboxed.ok("LiveRoomService/SendBroadcast", other).await["seq"], "2");
}
