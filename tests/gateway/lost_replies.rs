//! Replies that are lost after Tencent has executed the call: the gateway asks again, and its caller is told what is true,
//! not what Tencent says to somebody who asks twice.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::command::Safety;
use contract::command::methods::METHODS;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::callers::reason;
use crate::support::sandboxed::Sandboxed;

const CLUB: &str = "@TGS#_club";
const TOPIC: &str = "@TGS#_club@TOPIC#_general";
const LOOK_AT_MEMBERS: &str = "get_specified_group_member_info";
/// How often the gateway asks, unless it is told otherwise.
const ATTEMPTS: u64 = 4;

/// Faults after which a read is repeated.
fn passing_faults() -> [Value; 3] {
    [json!({"type": "error", "code": 10002}), json!({"type": "error", "code": 60008}), json!({"type": "reset"})]
}

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

    /// What Tencent's clock shows, wherever the gateway's is.
    async fn freeze_at(&self, at: u64) {
        self.control("clock", json!({"op": "freeze", "at": at})).await;
    }

    async fn advance(&self, seconds: u64) {
        self.control("clock", json!({"op": "advance", "seconds": seconds})).await;
    }

    async fn owner_of(&self, group_id: &str) -> Value {
        self.ok("GroupService/GetGroup", json!({"group_id": group_id})).await["group"]["owner_user_id"].clone()
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

#[tokio::test]
async fn a_group_with_an_id_of_its_own_is_created_once() {
    let s = Sandboxed::start().await;
    for (id, owner) in [("owned", json!({"owner_user_id": "alice"})), ("ownerless", json!({}))] {
        s.lose_reply("create_group").await;
        let mut request = group(owner);
        request["group_id"] = id.into();
        let reply = s.ok("GroupService/CreateGroup", request).await;
        assert_eq!(reply["group_id"], id);
    }
    assert_eq!(s.count("create_group").await, 4);
    assert_eq!(s.ok("GroupService/ListGroupIds", json!({})).await["group_ids"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_group_of_somebody_else_is_not_taken_for_a_new_one() {
    let s = Sandboxed::start().await;
    for (id, owner, wanted) in [
        ("a", json!({"owner_user_id": "bob"}), json!({"owner_user_id": "alice"})),
        ("b", json!({"owner_user_id": "bob"}), json!({})),
        ("c", json!({}), json!({"owner_user_id": "alice"})),
        ("d", json!({"name": "Another"}), json!({})),
    ] {
        let request = |more: &Value| {
            let mut request = group(more.clone());
            request["group_id"] = id.into();
            request
        };
        s.ok("GroupService/CreateGroup", request(&owner)).await;
        s.lose_call("create_group").await;
        let status = s.call("GroupService/CreateGroup", request(&wanted)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "GROUP_ALREADY_EXISTS"), "{id}");
        assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed", "{id}");
        assert_eq!(s.owner_of(id).await, owner["owner_user_id"], "{id}");
    }
    // Alike in everything, but much older than the call.
    let old = group(json!({"group_id": "e", "create_time": "2017-07-14T02:40:00Z"}));
    s.ok("ImportService/ImportGroup", old).await;
    s.lose_call("create_group").await;
    let status = s.call("GroupService/CreateGroup", group(json!({"group_id": "e"}))).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
}

/// The owner's own, but another one: success would be a lie.
#[tokio::test]
async fn an_older_group_or_topic_of_the_same_owner_is_not_taken_for_a_new_one() {
    let s = Sandboxed::start().await;
    let mine = |more: Value| {
        let mut request = group(json!({"group_id": "dup", "owner_user_id": "alice"}));
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    s.ok("GroupService/CreateGroup", mine(json!({"name": "Original"}))).await;
    for other in [json!({"name": "Other"}), json!({"name": "Original", "type": "GROUP_TYPE_CHAT_ROOM"})] {
        s.lose_call("create_group").await;
        let status = s.call("GroupService/CreateGroup", mine(other)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "GROUP_ALREADY_OWNED"));
        assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
    }

    let club = json!({"group_id": "@TGS#_club", "owner_user_id": "alice", "type": "GROUP_TYPE_COMMUNITY", "support_topic": true});
    s.ok("GroupService/CreateGroup", mine(club)).await;
    let topic = |name: &str| json!({"group_id": "@TGS#_club", "topic_id": "@TGS#_club@TOPIC#_a", "name": name});
    s.ok("TopicService/CreateTopic", topic("Original")).await;
    s.lose_call("create_topic").await;
    let status = s.call("TopicService/CreateTopic", topic("Other")).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
}

/// Hours before the gateway's time, and hours after it.
fn far_off() -> [u64; 2] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    [now - 7 * 3600, now + 7 * 3600]
}

/// Somebody else was two minutes faster, by Tencent's clock, and wanted the very same.
#[tokio::test]
async fn what_somebody_else_has_just_created_alike_is_not_taken_for_a_new_one() {
    for now in far_off() {
        let s = Sandboxed::start().await;
        s.freeze_at(now).await;
        let club = json!({"group_id": CLUB, "type": "GROUP_TYPE_COMMUNITY", "support_topic": true, "name": "Club"});
        s.ok("GroupService/CreateGroup", club).await;
        for (command, rpc, request) in [
            ("create_group", "GroupService/CreateGroup", group(json!({"group_id": "g", "owner_user_id": "alice"}))),
            (
                "create_topic",
                "TopicService/CreateTopic",
                json!({"group_id": CLUB, "topic_id": TOPIC, "name": "general"}),
            ),
        ] {
            s.lose_reply(command).await;
            s.ok(rpc, request.clone()).await;
            s.advance(120).await;
            s.lose_call(command).await;
            let status = s.call(rpc, request).await.unwrap_err();
            assert_eq!(status.code(), Code::AlreadyExists, "{rpc}: {status:?}");
            assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed", "{rpc}");
        }
    }
}

/// So little older than the call that the clocks may be to blame: neither answer would be sure to be true.
#[tokio::test]
async fn whose_a_group_is_that_is_seconds_older_is_not_known() {
    let s = Sandboxed::start().await;
    s.freeze_at(far_off()[0]).await;
    let request = group(json!({"group_id": "g", "owner_user_id": "alice"}));
    s.ok("GroupService/CreateGroup", request.clone()).await;
    s.advance(20).await;
    s.lose_call("create_group").await;
    let status = s.call("GroupService/CreateGroup", request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"), "{status:?}");
}

/// Nothing but the lost call itself tells the gateway how far off the clocks are.
#[tokio::test]
async fn the_first_call_of_all_may_lose_its_reply() {
    for now in far_off() {
        let s = Sandboxed::start().await;
        s.freeze_at(now).await;
        for (id, lost) in [("executed", true), ("not-executed", false)] {
            if lost {
                s.lose_reply("create_group").await
            } else {
                s.lose_call("create_group").await
            }
            s.ok("GroupService/CreateGroup", group(json!({"group_id": id}))).await;
            assert_eq!(s.owner_of(id).await, json!(null));
        }
        assert_eq!(s.count("create_group").await, 4);
    }
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

/// Tencent refuses to recall twice, and also what never can be recalled: success is for what is recalled by now.
#[tokio::test]
async fn a_message_that_cannot_be_recalled_is_told_all_the_same() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    s.ok("MemberService/AddMembers", json!({"group_id": "g", "members": [{"user_id": "carol"}]})).await;
    let seq = s.send("g", "x").await;
    for lost in [false, true] {
        if lost {
            s.lose_reply("group_msg_recall").await;
        } else {
            s.lose_call("group_msg_recall").await;
        }
        let seqs = if lost { json!([s.send("g", "y").await, 1, 99]) } else { json!([seq, 1, 99]) };
        let reply = s.ok("MessageService/RecallMessages", json!({"group_id": "g", "seqs": seqs})).await;
        let codes: Vec<_> =
            reply["results"].as_array().unwrap().iter().map(|item| item["error_code"].clone()).collect();
        // The first message is the system's own, which says that somebody joined; the last one is not there.
        assert_eq!(codes, [json!(null), json!(10032), json!(10030)], "{reply}");
    }
}

/// What cannot be looked at is neither recalled nor "not recallable".
#[tokio::test]
async fn whether_a_message_is_recalled_is_looked_at_again_but_not_guessed() {
    const LOOK: &str = "group_msg_get_simple";
    let s = Sandboxed::start().await;
    s.group("g").await;
    for action in passing_faults() {
        for (times, told) in [(1, true), (ATTEMPTS, false)] {
            let seq = s.send("g", "x").await;
            s.lose_reply("group_msg_recall").await;
            s.fault(json!({"command": LOOK, "times": times, "action": action})).await;
            let recall = json!({"group_id": "g", "seqs": [seq]});
            match s.call("MessageService/RecallMessages", recall).await {
                Ok(reply) => assert!(told && failed(&reply).is_empty(), "{action}: {reply}"),
                Err(status) => {
                    assert!(!told, "{action}: {status:?}");
                    assert_unknown(&status);
                }
            }
        }
    }
}

/// One missing attribute refuses the whole, so that the second attempt only tells that they are not all there.
#[tokio::test]
async fn attributes_of_which_none_is_left_are_deleted() {
    let s = Sandboxed::start().await;
    s.group("g").await;
    let delete = json!({"group_id": "g", "keys": ["a", "b"]});
    let set = |attributes: Value| json!({"group_id": "g", "attributes": attributes});
    s.ok("AttributeService/ReplaceAttributes", set(json!({"a": "1", "b": "2", "c": "3"}))).await;
    s.lose_reply("delete_group_attr").await;
    s.ok("AttributeService/DeleteAttributes", delete.clone()).await;
    let left = s.ok("AttributeService/GetAttributes", json!({"group_id": "g"})).await;
    assert_eq!(left["attributes"], json!({"c": "3"}));

    s.ok("AttributeService/ReplaceAttributes", set(json!({"a": "1"}))).await;
    s.lose_call("delete_group_attr").await;
    let status = s.call("AttributeService/DeleteAttributes", delete).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"), "{status:?}");
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

/// Who was a member before the call is told from whom the call's own attempt has added.
#[tokio::test]
async fn members_are_told_what_the_call_made_of_them() {
    const ADDED: &str = "ADD_MEMBER_OUTCOME_ADDED";
    const ALREADY: &str = "ADD_MEMBER_OUTCOME_ALREADY_MEMBER";
    for now in far_off() {
        let s = Sandboxed::start().await;
        s.freeze_at(now).await;
        s.group("g").await;
        s.members_of("g", vec!["carol".to_owned()]).await;
        s.advance(120).await;
        let add = |users: &[&str]| {
            let members: Vec<_> = users.iter().map(|user| json!({"user_id": user})).collect();
            json!({"group_id": "g", "members": members})
        };
        let outcomes = |reply: Value| -> Vec<Value> {
            reply["results"].as_array().unwrap().iter().map(|result| result["outcome"].clone()).collect()
        };
        for (lost, bob, dora) in [(true, "bob", "dora"), (false, "ben", "dan")] {
            for (users, expected) in [
                (&[bob][..], &[ADDED][..]),
                (&["carol"], &[ALREADY]),
                (&[dora, "carol", bob], &[ADDED, ALREADY, ALREADY]),
            ] {
                // Far enough from what was added before, however fast the clock of the machine runs meanwhile.
                s.advance(120).await;
                if lost {
                    s.lose_reply("add_group_member").await
                } else {
                    s.lose_call("add_group_member").await
                }
                let reply = s.ok("MemberService/AddMembers", add(users)).await;
                assert_eq!(outcomes(reply), expected, "{users:?}");
            }
        }

        // More than one look shows, and a batch of several calls.
        let many = |name: &str| -> Vec<String> { (0..60).map(|n| format!("{name}{n}")).collect() };
        s.advance(120).await;
        s.lose_reply("add_group_member").await;
        let (users, batch) = (many("u"), many("v"));
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let reply = s.ok("MemberService/AddMembers", add(&users)).await;
        assert_eq!(outcomes(reply), [ADDED; 60]);
        s.lose_reply("add_group_member").await;
        let reply = s.ok("MemberService/BatchAddMembers", json!({"group_id": "g", "user_ids": batch})).await;
        assert_eq!(outcomes(reply), [ADDED; 60]);

        // Tencent may refuse a single member as a whole.
        for (user, expected) in [("erin", ADDED), ("carol", ALREADY)] {
            s.lose_reply("add_group_member").await;
            let refused = json!({"type": "error", "code": 10013});
            s.fault(json!({"command": "add_group_member", "times": 1, "action": refused})).await;
            assert_eq!(outcomes(s.ok("MemberService/AddMembers", add(&[user])).await), [expected]);
        }
        // To look is a read, and is repeated like one.
        for (n, action) in passing_faults().into_iter().enumerate() {
            s.lose_reply("add_group_member").await;
            s.fault(json!({"command": LOOK_AT_MEMBERS, "times": 1, "action": action})).await;
            let user = format!("fay{n}");
            assert_eq!(outcomes(s.ok("MemberService/AddMembers", add(&[&user])).await), [ADDED], "{action}");
        }
        // What cannot be looked at is not made up.
        let lasting = passing_faults().into_iter().map(|action| (ATTEMPTS, action));
        for (n, (times, action)) in lasting.chain([(1, json!({"type": "error", "code": 10007}))]).enumerate() {
            let looks = s.count(LOOK_AT_MEMBERS).await;
            s.lose_reply("add_group_member").await;
            s.fault(json!({"command": LOOK_AT_MEMBERS, "times": times, "action": action})).await;
            let user = format!("gil{n}");
            let status = s.call("MemberService/AddMembers", add(&[&user])).await.unwrap_err();
            assert_unknown(&status);
            assert_eq!(s.count(LOOK_AT_MEMBERS).await, looks + times, "{action}");
        }
    }
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
            Ok(reply) if failed(&reply).is_empty() => {}
            Ok(reply) => wrong.push(format!("{rpc}: {reply}")),
            Err(status) => wrong.push(format!("{rpc}: {:?} {}", status.code(), status.message())),
        }
        assert_eq!(s.count(command).await, before + 2, "{rpc} was asked twice");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
