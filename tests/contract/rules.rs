//! Requests that the contract says cannot be sent: each is refused before anything is sent, and the violation names the field
//! and says what is allowed.

use serde_json::{Value, json};
use tonic_types::StatusExt;

use crate::support::{Gateway, dynamic, servers};

const LARGEST: u64 = u32::MAX as u64;

fn send(more: Value) -> Value {
    let mut request = json!({"group_id": "g", "elements": [{"text": {"text": "x"}}]});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn create(kind: &str, id: &str) -> Value {
    json!({"type": format!("GROUP_TYPE_{kind}"), "name": "n", "group_id": id})
}

fn unknown(content: Value) -> Value {
    json!({"group_id": "g", "elements": [{"unknown": {"type": "TIMNewElem", "content": content}}]})
}

fn topic(id: &str) -> Value {
    json!({"group_id": "@TGS#_c", "name": "n", "topic_id": id})
}

fn extensions(operation: &str, extensions: Value) -> Value {
    json!({"group_id": "g", "seq": 1, "operation": format!("EXTENSION_OPERATION_{operation}"), "extensions": extensions})
}

/// The method, the request, the field of the violation and words of it.
fn refused() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let custom = json!({"custom": {"data": "x"}});
    let pushed = |value| send(json!({"offline_push": {"harmony": {"A": [value]}}}));
    vec![
        // Values that only replies hold; the allowed ones are named.
        (
            "MessageService/SendMessage",
            send(json!({"priority": "MESSAGE_PRIORITY_LOWEST"})),
            "priority",
            "allowed: MESSAGE_PRIORITY_HIGH (1), MESSAGE_PRIORITY_NORMAL (2), MESSAGE_PRIORITY_LOW (3)",
        ),
        ("GroupService/CreateGroup", create("B_CHAT_ROOM", ""), "type", "allowed: GROUP_TYPE_P"),
        ("ImportService/ImportGroup", create("AV_CHAT_ROOM", ""), "type", "allowed: GROUP_TYPE_P"),
        (
            "TopicService/ImportTopic",
            json!({"group_id": "@TGS#_c", "name": "n", "group_type": "GROUP_TYPE_PUBLIC"}),
            "group_type",
            "allowed: GROUP_TYPE_COMMUNITY",
        ),
        (
            "ImportService/ImportMembers",
            json!({"group_id": "g", "members": [{"user_id": "u", "role": "MEMBER_ROLE_OWNER"}]}),
            "members[0].role",
            "allowed: MEMBER_ROLE_ADMIN",
        ),
        // "None" beside rights.
        (
            "GroupService/UpdateGroup",
            json!({"group_id": "@TGS#_c", "default_permissions": ["COMMUNITY_PERMISSION_NONE", "COMMUNITY_PERMISSION_MANAGE_GROUP_INFO"]}),
            "default_permissions",
            "COMMUNITY_PERMISSION_NONE, which must stand alone",
        ),
        (
            "PermissionGroupService/AddTopicPermissions",
            json!({"group_id": "@TGS#_c", "permission_group_id": "@PMG#_p", "topics": [{
                "topic_id": "t", "permissions": ["TOPIC_PERMISSION_NONE", "TOPIC_PERMISSION_MANAGE_TOPIC_INFO"]}]}),
            "topics[0].permissions",
            "TOPIC_PERMISSION_NONE, which must stand alone",
        ),
        // To clear with keys would delete what was not named.
        (
            "ExtensionService/SetExtensions",
            extensions("CLEAR", json!([{"key": "k"}])),
            "extensions",
            "must not be set while",
        ),
        ("ExtensionService/SetExtensions", extensions("SET", json!([])), "extensions", "is required unless"),
        // Ids that are made.
        ("GroupService/CreateGroup", create("PUBLIC", "gr\u{fc}n"), "group_id", "printable ASCII"),
        ("GroupService/CreateGroup", create("PUBLIC", "@TGS#1"), "group_id", "must not start with \"@TGS#\""),
        ("GroupService/CreateGroup", create("COMMUNITY", "club"), "group_id", "must start with \"@TGS#_\""),
        ("ImportService/ImportGroup", create("COMMUNITY", "@TGS#c"), "group_id", "must start with \"@TGS#_\""),
        (
            "TopicService/CreateTopic",
            topic("@TGS#_c@TOPIC#_"),
            "topic_id",
            "then \"@TOPIC#_\", then a part of your own",
        ),
        ("TopicService/CreateTopic", topic("@TGS#_d@TOPIC#_t"), "topic_id", "must be group_id"),
        ("TopicService/ImportTopic", topic("@TGS#_c@TOPIC#_@TGS#_"), "topic_id", "must not contain \"@TGS#_\""),
        (
            "PermissionGroupService/CreatePermissionGroup",
            json!({"group_id": "@TGS#_c", "name": "n", "permission_group_id": "@PMG#_@PMG#x"}),
            "permission_group_id",
            "must not start with",
        ),
        ("RobotService/CreateRobot", json!({"user_id": "helper"}), "user_id", "must start with \"@RBT#\""),
        // Numbers that have 32 bits in Tencent's JSON, and numbers of messages, which count from 1.
        ("MessageService/ListMessages", json!({"group_id": "g", "max_seq": 0}), "max_seq", "is 0; 1 to 4294967295"),
        ("MessageService/ListMessages", json!({"group_id": "g", "max_seq": LARGEST + 1}), "max_seq", "1 to 4294967295"),
        ("MessageService/StreamMessages", json!({"group_id": "g", "max_seq": 0}), "max_seq", "1 to 4294967295"),
        ("MessageService/ClearHistory", json!({"group_id": "g", "seq": 0}), "seq", "1 to 4294967295"),
        (
            "MessageService/RecallMessages",
            json!({"group_id": "g", "seqs": [1, LARGEST + 1]}),
            "seqs[1]",
            "1 to 4294967295",
        ),
        ("ReceiptService/GetReadReceipts", json!({"group_id": "g", "seqs": [0]}), "seqs[0]", "1 to 4294967295"),
        (
            "LiveRoomService/ListOnlineMembers",
            json!({"group_id": "g", "mark": 0}),
            "mark",
            "at least 1000 is allowed, and 500, and 600",
        ),
        (
            "MemberService/MuteMembers",
            json!({"group_id": "g", "user_ids": ["u"], "duration": format!("{}s", LARGEST + 1)}),
            "duration",
            "at most 4294967295 s",
        ),
        // Structs hold doubles: what may be rounded is not sent.
        (
            "MessageService/SendMessage",
            unknown(json!({"N": 9_007_199_254_740_993_u64})),
            r#"elements[0].unknown.content["N"]"#,
            "2^53 - 1",
        ),
        ("MessageService/SendMessage", pushed(json!(1e300)), r#"offline_push.harmony["A"][0]"#, "2^53 - 1"),
        (
            "LiveRoomService/SendBroadcast",
            json!({"elements": unknown(json!({"a": {"b": -1e16}}))["elements"]}),
            r#"elements[0].unknown.content["a"]["b"]"#,
            "2^53 - 1",
        ),
        // A change that changes nothing.
        (
            "GroupService/UpdateGroup",
            json!({"group_id": "g", "operator_user_id": "u"}),
            "",
            "changes nothing: set at least one of name",
        ),
        ("MemberService/UpdateMember", json!({"group_id": "g", "user_id": "u"}), "", "changes nothing"),
        ("TopicService/UpdateTopic", json!({"group_id": "g", "topic_id": "t"}), "", "changes nothing"),
        ("MessageService/UpdateMessage", json!({"group_id": "g", "seq": 1, "topic_id": "t"}), "", "changes nothing"),
        // What does not go together.
        (
            "MessageService/SendMessage",
            send(json!({"elements": [custom, custom]})),
            "elements",
            "2 elements of the kind custom; at most 1",
        ),
        (
            "MessageService/SendMessage",
            send(json!({"request_id": "a", "random": 1})),
            "random",
            "must not be set while request_id is set",
        ),
        (
            "MessageService/SendMessage",
            send(json!({"mentions": [{"all": false}]})),
            "mentions[0].user_id",
            "is required unless all is true",
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_it_is_sent() {
    // Nothing listens there: a request that was sent would fail in another way.
    let gateway = Gateway::start("http://127.0.0.1:1", &[]).await;
    let (pool, channel) = (dynamic::pool(), gateway.channel().await);
    let mut faults = Vec::new();
    for (rpc, request, field, words) in refused() {
        let method = dynamic::method(&pool, &format!("tencentim.group.v1.{rpc}"));
        let message = dynamic::message(&method.input(), &request);
        let outcome = if method.is_server_streaming() {
            dynamic::stream(channel.clone(), &method, message).await.map(drop)
        } else {
            dynamic::call(channel.clone(), &method, message).await.map(drop)
        };
        let Err(status) = outcome else { panic!("{rpc}: {request} was not refused") };
        let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        if !violations.iter().any(|found| found.field == field && found.description.contains(words)) {
            faults.push(format!(
                "{rpc} {request}: no violation of {field:?} with {words:?}: {violations:?} {}",
                status.message()
            ));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Elsewhere only the length of an id is checked, for there are ids that break today's rules.
#[tokio::test]
async fn ids_of_old_are_taken_where_none_is_made() {
    let gateway =
        Gateway::start(&servers::always(r#"{"ActionStatus":"OK","ErrorCode":0}"#.to_owned()).await, &[]).await;
    let (pool, channel) = (dynamic::pool(), gateway.channel().await);
    for (rpc, request) in [
        ("GroupService/DestroyGroup", json!({"group_id": "gr\u{fc}n"})),
        ("MessageService/ClearHistory", json!({"group_id": "@TGS#1", "seq": LARGEST})),
        ("TopicService/UpdateTopic", json!({"group_id": "g", "topic_id": "old", "name": "n"})),
        ("RobotService/DeleteRobot", json!({"user_id": "helper"})),
    ] {
        let method = dynamic::method(&pool, &format!("tencentim.group.v1.{rpc}"));
        let message = dynamic::message(&method.input(), &request);
        dynamic::call(channel.clone(), &method, message).await.unwrap_or_else(|status| panic!("{rpc}: {status:?}"));
    }
}
