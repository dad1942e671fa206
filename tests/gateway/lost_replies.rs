//! Replies that are lost after Tencent has executed the call: the gateway asks again, and reports only what is certain then.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::command::Safety;
use contract::command::methods::METHODS;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::callers::reason;
use crate::support::sandboxed::Sandboxed;

const CLUB: &str = "@TGS#_club";
const TOPIC: &str = "@TGS#_club@TOPIC#_general";

fn assert_unknown(status: &tonic::Status) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"), "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "unknown", "{status:?}");
}

impl Sandboxed {
    /// The next reply to a command is lost after it was executed.
    async fn lose_reply(&self, command: &str) {
        self.fault(json!({"command": command, "times": 1, "action": {"type": "lose_reply"}})).await;
    }

    /// The next call of a command is lost before it is executed.
    async fn lose_call(&self, command: &str) {
        self.fault(json!({"command": command, "times": 1, "action": {"type": "reset"}})).await;
    }

    /// The reply to a command is lost after it was executed, and `meanwhile` comes before the gateway asks again.
    async fn lose_reply_and_meanwhile(
        &self,
        (command, rpc, request): (&str, &str, Value),
        meanwhile: impl Future<Output = ()>,
    ) -> tonic::Status {
        self.lose_reply(command).await;
        let pause = json!({"type": "reply", "status": 503, "headers": {"Retry-After": "2"}, "body": ""});
        self.fault(json!({"command": command, "times": 1, "action": pause})).await;
        let before = self.count(command).await;
        let call = self.call(rpc, request);
        let meanwhile = async {
            while self.count(command).await < before + 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            meanwhile.await;
        };
        let (result, ()) = futures::join!(call, meanwhile);
        result.expect_err("nobody can know")
    }

    async fn texts(&self) -> usize {
        let page = self.ok("MessageService/ListMessages", json!({"group_id": "g"})).await;
        page["messages"].as_array().map_or(0, Vec::len)
    }
}

fn group(more: Value) -> Value {
    let mut request = json!({"type": "GROUP_TYPE_PUBLIC", "name": "Demo"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

/// Whoever has the id, somebody else may have made it alike, and this call's own may have been changed since.
#[tokio::test]
async fn whose_a_group_or_topic_is_that_has_the_id_is_not_known() {
    let s = Sandboxed::start().await;
    let create = |id: &str, introduction: &str| {
        group(json!({"group_id": id, "owner_user_id": "alice", "introduction": introduction}))
    };
    // Somebody else's.
    s.ok("GroupService/CreateGroup", create("theirs", "another one")).await;
    s.lose_call("create_group").await;
    let status = s.call("GroupService/CreateGroup", create("theirs", "mine")).await.unwrap_err();
    assert_unknown(&status);
    assert!(status.message().contains("GroupService/ListGroups shows it"), "{}", status.message());
    // The call's own.
    s.lose_reply("create_group").await;
    assert_unknown(&s.call("GroupService/CreateGroup", create("mine", "mine")).await.unwrap_err());
    assert_eq!(s.count("create_group").await, 5);
    // The call's own, which somebody renamed.
    let rename = async {
        s.ok("GroupService/UpdateGroup", json!({"group_id": "renamed", "name": "Another"})).await;
    };
    let call = ("create_group", "GroupService/CreateGroup", create("renamed", "mine"));
    assert_unknown(&s.lose_reply_and_meanwhile(call, rename).await);

    let club = json!({"group_id": CLUB, "type": "GROUP_TYPE_COMMUNITY", "support_topic": true, "name": "Club"});
    s.ok("GroupService/CreateGroup", club).await;
    s.lose_reply("create_topic").await;
    let topic = json!({"group_id": CLUB, "topic_id": TOPIC, "name": "general"});
    let status = s.call("TopicService/CreateTopic", topic).await.unwrap_err();
    assert_unknown(&status);
    assert!(status.message().contains("TopicService/GetTopics shows it"), "{}", status.message());
}

/// A chunk that was executed is refused as a bad argument once a later one has overtaken it.
#[tokio::test]
async fn a_chunk_that_was_overtaken_is_not_said_to_be_refused() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let stream = |id: &str, index: u64| {
        let chunk = json!({"event_type": "STREAM_EVENT_TEXT", "index": index, "markdown": "x"});
        let element = json!({"stream": {"stream_message_id": id, "chunks": [chunk]}});
        json!({"group_id": "g", "sender_user_id": "alice", "elements": [element], "request_id": format!("{id}{index}")})
    };
    let begun = s.ok("MessageService/SendStreamMessage", stream("", 0)).await;
    let id = begun["stream_message_id"].as_str().unwrap();
    let overtake = async {
        s.ok("MessageService/SendStreamMessage", stream(id, 2)).await;
    };
    let call = ("send_group_stream_msg", "MessageService/SendStreamMessage", stream(id, 1));
    assert_unknown(&s.lose_reply_and_meanwhile(call, overtake).await);
}

/// Whether a group without an id of the caller's own was created is not known, and a second one would be wrong.
#[tokio::test]
async fn a_call_that_must_not_be_repeated_is_of_unknown_outcome() {
    let s = Sandboxed::start().await;
    s.lose_reply("create_group").await;
    let status = s.call("GroupService/CreateGroup", group(json!({}))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"));
    assert_eq!(s.count("create_group").await, 1);
    assert_eq!(s.ok("GroupService/ListGroupIds", json!({})).await["group_ids"].as_array().unwrap().len(), 1);
}

/// To set a counter twice is to set it once; to add twice is not.
#[tokio::test]
async fn counters_are_set_again_but_not_counted_again() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let update = |operation: &str, likes: &str| json!({"group_id": "g", "operation": format!("COUNTER_OPERATION_{operation}"), "counters": {"likes": likes}});
    for (n, likes) in ["5", "7"].into_iter().enumerate() {
        if n == 0 {
            s.lose_reply("update_group_counter").await
        } else {
            s.lose_call("update_group_counter").await
        }
        let reply = s.ok("CounterService/UpdateCounters", update("SET", likes)).await;
        assert_eq!(reply["counters"]["likes"], likes);
    }
    assert_eq!(s.count("update_group_counter").await, 4);
    for operation in ["INCREASE", "DECREASE"] {
        s.lose_reply("update_group_counter").await;
        let status = s.call("CounterService/UpdateCounters", update(operation, "2")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"), "{operation}");
    }
    assert_eq!(s.count("update_group_counter").await, 6);
    let counters = s.ok("CounterService/GetCounters", json!({"group_id": "g"})).await;
    assert_eq!(counters["counters"]["likes"], "7");
}

/// Nine faults outlast all attempts; what to do then depends on the call.
#[tokio::test]
async fn an_error_says_whether_the_call_may_be_repeated() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let text = json!([{"text": {"text": "x"}}]);
    let message = json!({"group_id": "g", "sender_user_id": "bob", "request_id": "r", "elements": text});
    for (command, rpc, request, advice) in [
        ("send_group_msg", "MessageService/SendMessage", message, "repeat it with the same request_id"),
        ("destroy_group", "GroupService/DestroyGroup", json!({"group_id": "g"}), "it is safe to repeat"),
        ("create_group", "GroupService/CreateGroup", group(json!({})), "look before repeating it"),
    ] {
        s.fault(json!({"command": command, "times": 9, "action": {"type": "lose_reply"}})).await;
        let status = s.call(rpc, request).await.unwrap_err();
        assert!(status.code() == Code::Unknown && status.message().contains(advice), "{rpc}: {}", status.message());
    }
}

#[tokio::test]
async fn a_message_is_sent_once() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let message = |request_id: &str| json!({"group_id": "g", "request_id": request_id, "sender_user_id": "bob", "elements": [{"text": {"text": "x"}}]});
    for (n, request_id) in ["", "order-17"].into_iter().enumerate() {
        s.lose_reply("send_group_msg").await;
        s.ok("MessageService/SendMessage", message(request_id)).await;
        assert_eq!(s.texts().await, n + 1, "{request_id:?}");
    }
    assert_eq!(s.count("send_group_msg").await, 4);
    // Within five minutes the caller itself may repeat it too.
    s.control("clock", json!({"op": "advance", "seconds": 290})).await;
    s.ok("MessageService/SendMessage", message("order-17")).await;
    assert_eq!(s.texts().await, 2);
}

/// Tencent refuses to recall twice, and also what never can be recalled.
#[tokio::test]
async fn whether_a_message_is_recalled_is_not_guessed() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let seqs = json!([s.send("g", "x").await, 99]);
    let outcomes = |reply: Value, of: fn(&Value) -> Value| -> Vec<Value> {
        reply["results"].as_array().unwrap().iter().map(of).collect()
    };
    s.lose_reply("group_msg_recall").await;
    let reply = s.ok("MessageService/RecallMessages", json!({"group_id": "g", "seqs": seqs})).await;
    assert_eq!(outcomes(reply, |item| item["reason"].clone()), ["ERROR_REASON_OUTCOME_UNKNOWN"; 2]);
    s.lose_reply("group_msg_recall").await;
    let reply = s.ok("MessageService/BatchRecallMessages", json!({"group_id": "g", "seqs": seqs})).await;
    assert_eq!(outcomes(reply, |item| item["status"]["state"].clone()), ["BATCH_STATE_UNKNOWN"; 2]);
    let seq = s.send("g", "y").await;
    s.lose_reply("group_msg_recall").await;
    assert_unknown(&s.call("MessageService/RecallMessage", json!({"group_id": "g", "seq": seq})).await.unwrap_err());
    // Nothing was lost here.
    let status = s.call("MessageService/RecallMessage", json!({"group_id": "g", "seq": 99})).await.unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_NOT_FOUND");
}

/// One missing attribute refuses the whole, so that of several nobody knows which are there.
#[tokio::test]
async fn one_attribute_is_deleted_and_of_several_nobody_knows() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let set = json!({"group_id": "g", "attributes": {"a": "1", "b": "2", "c": "3"}});
    s.ok("AttributeService/ReplaceAttributes", set).await;
    s.lose_reply("delete_group_attr").await;
    s.ok("AttributeService/DeleteAttributes", json!({"group_id": "g", "keys": ["a"]})).await;
    s.lose_reply("delete_group_attr").await;
    let several = json!({"group_id": "g", "keys": ["b", "c"]});
    assert_unknown(&s.call("AttributeService/DeleteAttributes", several).await.unwrap_err());
}

/// Nobody knows that a code which no document lists stands for a refusal before anything was done.
#[tokio::test]
async fn an_unknown_code_promises_nothing() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    for (command, rpc, request, outcome) in [
        ("create_group", "GroupService/CreateGroup", group(json!({})), "unknown"),
        ("modify_group_base_info", "GroupService/UpdateGroup", json!({"group_id": "g", "name": "New"}), "unknown"),
        ("get_group_info", "GroupService/GetGroup", json!({"group_id": "g"}), "not_executed"),
    ] {
        let before = s.count(command).await;
        s.fault(json!({"command": command, "times": 1, "action": {"type": "error", "code": 19999}})).await;
        let status = s.call(rpc, request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "UNKNOWN_UPSTREAM_CODE"), "{rpc}");
        assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], outcome, "{rpc}");
        assert_eq!(s.count(command).await, before + 1, "{rpc} was not repeated");
    }
}

/// Who is a member is a fact, whoever made it so.
#[tokio::test]
async fn members_are_said_to_be_there_already() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.lose_reply("add_group_member").await;
    let add = json!({"group_id": "g", "members": [{"user_id": "bob"}]});
    let reply = s.ok("MemberService/AddMembers", add.clone()).await;
    assert_eq!(reply["results"][0]["outcome"], "ADD_MEMBER_OUTCOME_ALREADY_MEMBER");
    // Tencent may refuse a single member as a whole.
    s.lose_reply("add_group_member").await;
    let refused = json!({"type": "error", "code": 10013});
    s.fault(json!({"command": "add_group_member", "times": 1, "action": refused})).await;
    let status = s.call("MemberService/AddMembers", add).await.unwrap_err();
    assert_unknown(&status);
    assert!(status.message().contains("MemberService/GetMembers shows it"), "{}", status.message());
}

/// One call for each command, in an order in which each is possible.
fn calls() -> Vec<(&'static str, Value)> {
    const EDITORS: &str = "@PMG#_editors";
    let editors = |more: Value| {
        let mut request = json!({"group_id": CLUB, "permission_group_id": EDITORS});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let topics = |permission: &str| json!({"topics": [{"topic_id": TOPIC, "permissions": [permission]}]});
    vec![
        ("MemberService/AddMembers", json!({"group_id": "g", "members": [{"user_id": "bob"}, {"user_id": "dora"}]})),
        ("MemberService/UpdateMember", json!({"group_id": "g", "user_id": "bob", "name_card": "Bobby"})),
        ("MemberService/MuteMembers", json!({"group_id": "g", "user_ids": ["bob"], "duration": "600s"})),
        ("MemberService/RemoveMembers", json!({"group_id": "g", "user_ids": ["dora"]})),
        ("ImportService/SetUnreadCount", json!({"group_id": "g", "user_id": "bob", "unread_count": 3})),
        ("GroupService/UpdateGroup", json!({"group_id": "g", "introduction": "new"})),
        ("GroupService/ChangeGroupOwner", json!({"group_id": "g", "new_owner_user_id": "bob"})),
        ("AttributeService/UpdateAttributes", json!({"group_id": "g", "attributes": {"a": "1"}})),
        ("AttributeService/ReplaceAttributes", json!({"group_id": "g", "attributes": {"a": "2"}})),
        ("AttributeService/DeleteAttributes", json!({"group_id": "g", "keys": ["a"]})),
        ("AttributeService/ClearAttributes", json!({"group_id": "g"})),
        ("CounterService/DeleteCounters", json!({"group_id": "g"})),
        ("ReceiptService/ReportRead", json!({"group_id": "g", "user_id": "carol", "seqs": ["SEQ"]})),
        (
            "ExtensionService/SetExtensions",
            json!({"group_id": "g", "seq": "SEQ", "operation": "EXTENSION_OPERATION_SET",
                "extensions": [{"key": "vote", "value": "yes"}]}),
        ),
        (
            "MessageService/UpdateMessage",
            json!({"group_id": "g", "seq": "SEQ", "elements": [{"text": {"text": "edited"}}]}),
        ),
        ("MessageService/RecallMessages", json!({"group_id": "g", "seqs": ["SEQ"]})),
        ("MessageService/RecallMessagesBySender", json!({"group_id": "g", "sender_user_id": "alice"})),
        ("BanService/BanMembers", json!({"group_id": "g", "user_ids": ["carol"], "duration": "3600s"})),
        ("BanService/UnbanMembers", json!({"group_id": "g", "user_ids": ["carol"]})),
        ("ImportService/ImportMembers", json!({"group_id": "imported", "members": [{"user_id": "bob"}]})),
        ("RobotService/CreateRobot", json!({"user_id": "@RBT#one"})),
        ("RobotService/DeleteRobot", json!({"user_id": "@RBT#one"})),
        (
            "LiveRoomService/UpdateMarks",
            json!({"group_id": "room", "operation": "MARK_OPERATION_SET", "members": [{"user_id": "bob", "marks": [1000]}]}),
        ),
        (
            "LiveRoomService/UpdateAdmins",
            json!({"group_id": "room", "operation": "ADMIN_OPERATION_APPOINT", "user_ids": ["dave"]}),
        ),
        ("LiveRoomService/AddRobots", json!({"group_id": "room", "user_ids": ["bot1"]})),
        ("LiveRoomService/RemoveRobots", json!({"group_id": "room", "user_ids": ["bot1"]})),
        ("TopicService/UpdateTopic", json!({"group_id": CLUB, "topic_id": TOPIC, "notification": "rules"})),
        ("PermissionGroupService/UpdatePermissionGroup", editors(json!({"name": "writers"}))),
        ("PermissionGroupService/AddPermissionGroupMembers", editors(json!({"user_ids": ["bob"]}))),
        ("PermissionGroupService/RemovePermissionGroupMembers", editors(json!({"user_ids": ["bob"]}))),
        ("PermissionGroupService/AddTopicPermissions", editors(topics("TOPIC_PERMISSION_SEND_MESSAGES"))),
        ("PermissionGroupService/SetTopicPermissions", editors(topics("TOPIC_PERMISSION_READ_HISTORY"))),
        ("PermissionGroupService/DeleteTopicPermissions", editors(json!({"topic_ids": [TOPIC]}))),
        (
            "PermissionGroupService/DestroyPermissionGroups",
            json!({"group_id": CLUB, "permission_group_ids": [EDITORS]}),
        ),
        ("TopicService/DestroyTopics", json!({"group_id": CLUB, "topic_ids": [TOPIC]})),
        ("GroupService/DestroyGroup", json!({"group_id": "g"})),
    ]
}

/// What the calls need.
async fn prepared() -> (Sandboxed, Value) {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.members_of("g", vec!["carol".to_owned(), "erin".to_owned()]).await;
    let message = json!({
        "group_id": "g", "sender_user_id": "alice", "elements": [{"text": {"text": "hello"}}],
        "need_read_receipt": true, "support_extensions": true,
    });
    let seq = s.ok("MessageService/SendMessage", message).await["seq"].clone();
    s.ok("ImportService/ImportGroup", json!({"type": "GROUP_TYPE_PUBLIC", "name": "Old", "group_id": "imported"}))
        .await;
    s.ok("GroupService/CreateGroup", json!({"type": "GROUP_TYPE_AV_CHAT_ROOM", "group_id": "room", "name": "Room"}))
        .await;
    s.control("apps/1400000001/presence", json!({"group": "room", "join": ["bob"]})).await;
    let club = json!({
        "type": "GROUP_TYPE_COMMUNITY", "group_id": "@TGS#_club", "name": "Club", "owner_user_id": "alice",
        "support_topic": true, "enable_permission": true, "members": [{"user_id": "bob"}],
    });
    s.ok("GroupService/CreateGroup", club).await;
    let topic = json!({"group_id": "@TGS#_club", "topic_id": "@TGS#_club@TOPIC#_general", "name": "general"});
    s.ok("TopicService/CreateTopic", topic).await;
    let editors = json!({
        "group_id": "@TGS#_club", "permission_group_id": "@PMG#_editors", "name": "editors",
        "permissions": ["COMMUNITY_PERMISSION_SEND_MESSAGES"],
    });
    s.ok("PermissionGroupService/CreatePermissionGroup", editors).await;
    (s, seq)
}

/// The codes of items that failed.
fn failed(reply: &Value) -> Vec<Value> {
    let results = reply["results"].as_array().into_iter().flatten();
    let failed = |result: &Value| {
        let code = result.get("error_code").cloned();
        code.or_else(|| result.get("outcome").filter(|outcome| outcome.to_string().contains("FAILED")).cloned())
    };
    results.filter_map(failed).collect()
}

#[tokio::test]
async fn every_idempotent_write_outlasts_a_lost_reply() {
    let (s, seq) = prepared().await;
    let calls = calls();
    let done: BTreeSet<String> = calls.iter().map(|(rpc, _)| format!("tencentim.group.v1.{rpc}")).collect();
    let idempotent = METHODS.iter().filter(|method| method.safety == Safety::Idempotent && method.command.is_some());
    let expected: BTreeSet<String> = idempotent.clone().map(|method| method.path.to_owned()).collect();
    assert_eq!(done, expected);

    let mut wrong = Vec::new();
    for (rpc, request) in calls {
        let method = idempotent.clone().find(|method| method.path.ends_with(rpc)).unwrap();
        let command = method.command.unwrap().name;
        let before = s.count(command).await;
        s.lose_reply(command).await;
        let request = request.to_string().replace("\"SEQ\"", &seq.to_string());
        match s.call(rpc, serde_json::from_str(&request).unwrap()).await {
            // A permission that is there already may be another one.
            Ok(reply) if rpc.ends_with("AddTopicPermissions") => {
                assert_eq!(reply["results"][0]["reason"], "ERROR_REASON_OUTCOME_UNKNOWN", "{reply}");
            }
            // A message that is recalled already is refused like one that never can be.
            Ok(reply) if rpc.ends_with("RecallMessages") => {
                assert_eq!(reply["results"][0]["reason"], "ERROR_REASON_OUTCOME_UNKNOWN", "{reply}");
            }
            Ok(reply) if failed(&reply).is_empty() => {}
            Ok(reply) => wrong.push(format!("{rpc}: {reply}")),
            Err(status) => wrong.push(format!("{rpc}: {:?} {}", status.code(), status.message())),
        }
        assert_eq!(s.count(command).await, before + 2, "{rpc} was asked twice");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
