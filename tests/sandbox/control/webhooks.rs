//! Webhooks: each statement of the reference about when they are called, and the log of deliveries.

use sandbox::Settings;
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::client::{NOW, Sandbox, message, text, unpaced};

pub async fn hooked() -> (Sandbox, Receiver) {
    let (receiver, url) = Receiver::start().await;
    let sandbox = Sandbox::start().await;
    put(&sandbox, json!({"url": url, "token": "xxxxyyyy"})).await;
    (sandbox, receiver)
}

async fn put(sandbox: &Sandbox, webhook: Value) {
    let url = sandbox.control_url("apps/1400000001/webhook");
    let response = sandbox.http.put(url).json(&webhook).send().await.unwrap();
    assert!(response.status().is_success());
}

/// create_group: "Fires the before-create callback (can refuse) and the after-create callback".
#[tokio::test]
async fn creating_fires_the_before_create_callback_and_the_after_create_callback() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    let members = json!([{"Member_Account": "bob"}, {"Member_Account": "carol"}]);
    let before = receiver.first("CallbackBeforeCreateGroup").await;
    let expected = json!({
        "CallbackCommand": "Group.CallbackBeforeCreateGroup", "Operator_Account": "administrator",
        "Owner_Account": "alice", "Type": "Public", "Name": "Name", "MemberList": members,
        "EventTime": (NOW * 1000).to_string(),
    });
    assert_eq!(before, expected);
    let after = receiver.first("CallbackAfterCreateGroup").await;
    assert_eq!(after["GroupId"], "g");
    assert_eq!(after["MemberList"], members);

    receiver.answer("CallbackBeforeCreateGroup", json!({"ActionStatus": "OK", "ErrorCode": 1, "ErrorInfo": ""}));
    let body = json!({"Type": "Public", "Name": "n", "GroupId": "h"});
    sandbox.fails("create_group", body.clone(), 10016).await;
    receiver
        .answer("CallbackBeforeCreateGroup", json!({"ActionStatus": "OK", "ErrorCode": 10101, "ErrorInfo": "not now"}));
    assert_eq!(sandbox.fails("create_group", body, 10101).await, "not now");
    assert_eq!(sandbox.info("h").await["ErrorCode"], 10010, "nothing was created");
}

/// The signature of the reference's vector: hex(sha256(Token + RequestTime)).
#[tokio::test]
async fn requests_are_signed() {
    let (sandbox, receiver) = hooked().await;
    sandbox.freeze(1_669_872_112).await;
    sandbox.group("g", "Public").await;
    let (query, _) = receiver.first_with_query("CallbackAfterCreateGroup").await;
    assert_eq!(query["SdkAppid"], "1400000001");
    assert_eq!(query["CallbackCommand"], "Group.CallbackAfterCreateGroup");
    assert_eq!(query["contenttype"], "json");
    assert_eq!(query["OptPlatform"], "RESTAPI");
    assert_eq!(query["RequestTime"], "1669872112");
    assert_eq!(query["Sign"], "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061");
}

/// add_group_member: "Fires the before-invite callback (which may refuse all or single users), then the after-join callback
/// with JoinType Invited, then the group-full callback when the cap is reached".
#[tokio::test]
async fn adding_fires_the_before_invite_the_after_join_and_the_group_full_callback() {
    let (sandbox, receiver) = hooked().await;
    let body = json!({"Type": "Public", "Name": "n", "GroupId": "g", "Owner_Account": "alice", "MaxMemberCount": 2});
    sandbox.ok("create_group", body).await;
    let add = json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}, {"Member_Account": "carol"}]});
    let refuse = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "", "RefusedMembers_Account": ["bob"]});
    receiver.answer("CallbackBeforeInviteJoinGroup", refuse);
    let reply = sandbox.ok("add_group_member", add.clone()).await;
    let results = json!([{"Member_Account": "bob", "Result": 0}, {"Member_Account": "carol", "Result": 1}]);
    assert_eq!(reply["MemberList"], results);
    let asked = receiver.first("CallbackBeforeInviteJoinGroup").await;
    assert_eq!(asked["DestinationMembers"], add["MemberList"]);
    let joined = receiver.first("CallbackAfterNewMemberJoin").await;
    assert_eq!(joined["JoinType"], "Invited");
    assert_eq!(joined["NewMemberList"], json!([{"Member_Account": "carol"}]));
    assert_eq!(receiver.first("CallbackAfterGroupFull").await["GroupId"], "g");

    receiver.answer("CallbackBeforeInviteJoinGroup", json!({"ActionStatus": "OK", "ErrorCode": 1, "ErrorInfo": ""}));
    sandbox.fails("add_group_member", add, 10016).await;
}

/// send_group_msg: "Callback order is before-send (may refuse with 10016 or its own code, may replace MsgBody), storage,
/// after-send".
#[tokio::test]
async fn sending_asks_then_stores_then_tells() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    receiver
        .answer("CallbackBeforeSendMsg", json!({"ErrorCode": 0, "MsgBody": text("replaced"), "CloudCustomData": "c"}));
    sandbox.send("g", "bob", 1).await;
    let asked = receiver.first("CallbackBeforeSendMsg").await;
    assert_eq!(asked["MsgBody"], text("hello"));
    assert_eq!(asked["MsgSeq"], Value::Null);
    let stored = sandbox.history("g").await[0].clone();
    assert_eq!((&stored["MsgBody"], &stored["CloudCustomData"]), (&text("replaced"), &json!("c")));
    let told = receiver.first("CallbackAfterSendMsg").await;
    assert_eq!((&told["MsgBody"], &told["MsgSeq"]), (&text("replaced"), &stored["MsgSeq"]));

    receiver.answer("CallbackBeforeSendMsg", json!({"ErrorCode": 1}));
    sandbox.fails("send_group_msg", message("g", "bob", 2), 10016).await;
    receiver.answer("CallbackBeforeSendMsg", json!({"ErrorCode": 10_150, "ErrorInfo": "mind your words"}));
    assert_eq!(sandbox.fails("send_group_msg", message("g", "bob", 3), 10_150).await, "mind your words");
    receiver.answer("CallbackBeforeSendMsg", json!({"ErrorCode": 2}));
    sandbox.send("g", "bob", 4).await;
    assert_eq!(sandbox.history("g").await.len(), 1, "a dropped message reaches no member, but its call succeeds");
}

/// ForbidCallbackControl "switches the named callback off for this message only". group_msg_recall: "Fires the after-recall callback
/// Group.CallbackAfterRecallMsg with the operator and the numbers."
#[tokio::test]
async fn forbid_callback_control_switches_callbacks_off_for_one_message() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    let mut quiet = message("g", "bob", 1);
    quiet["ForbidCallbackControl"] = json!(["ForbidBeforeSendMsgCallback", "ForbidAfterSendMsgCallback"]);
    sandbox.ok("send_group_msg", quiet).await;
    sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]})).await;
    // Webhooks come in order, so those of the message would have come by now.
    let recalled = receiver.first("CallbackAfterRecallMsg").await;
    assert_eq!(recalled["MsgSeqList"][0]["MsgSeq"], 1);
    assert_eq!(recalled["Operator_Account"], "administrator");
    assert!(!receiver.was_told("CallbackBeforeSendMsg"));
    assert!(!receiver.was_told("CallbackAfterSendMsg"));
}

/// CallbackSendMsgException: "After a group message could not be delivered".
#[tokio::test]
async fn a_message_that_fails_fires_the_exception_callback() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["bob"], "MuteTime": 60})).await;
    sandbox.fails("send_group_msg", message("g", "bob", 77), 10017).await;
    let told = receiver.first("CallbackSendMsgException").await;
    assert_eq!(
        (&told["ErrorCode"], &told["Random"], &told["From_Account"]),
        (&json!(10017), &json!(77), &json!("bob"))
    );
    assert!(!receiver.was_told("CallbackBeforeSendMsg"), "a muted sender is not asked about");
}

/// modify_group_base_info: "Fires the after-profile-change callback, which carries the changed fields and the operator";
/// change_group_owner, modify_group_member_info, delete_group_member: "Fires the after-leave callback with ExitType Kicked";
/// destroy_group: "Fires the after-destroy callback with type, owner, name and the member list".
#[tokio::test]
async fn changes_of_a_group_are_told() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("modify_group_base_info", json!({"GroupId": "g", "Notification": "Friday", "MaxMemberNum": 50})).await;
    let told = receiver.first("CallbackAfterGroupInfoChanged").await;
    let expected = json!({
        "CallbackCommand": "Group.CallbackAfterGroupInfoChanged", "GroupId": "g", "Type": "Public",
        "Operator_Account": "administrator", "Notification": "Friday", "EventTime": (NOW * 1000).to_string(),
    });
    assert_eq!(told, expected);

    sandbox.ok("modify_group_member_info", json!({"GroupId": "g", "Member_Account": "bob", "Role": "Admin"})).await;
    let told = receiver.first("CallbackAfterMemberFieldChanged").await;
    assert_eq!(
        (&told["Member_Account"], &told["Role"], &told["NameCard"]),
        (&json!("bob"), &json!("Admin"), &Value::Null)
    );

    sandbox.ok("change_group_owner", json!({"GroupId": "g", "NewOwner_Account": "bob"})).await;
    let told = receiver.first("CallbackAfterChangeGroupOwner").await;
    assert_eq!((&told["OldOwner_Account"], &told["NewOwner_Account"]), (&json!("alice"), &json!("bob")));

    sandbox.ok("delete_group_member", json!({"GroupId": "g", "MemberToDel_Account": ["carol", "zoe"]})).await;
    let told = receiver.first("CallbackAfterMemberExit").await;
    assert_eq!((&told["ExitType"], &told["ExitMemberList"]), (&json!("Kicked"), &json!([{"Member_Account": "carol"}])));

    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    let told = receiver.first("CallbackAfterGroupDestroyed").await;
    assert_eq!(
        (&told["Type"], &told["Owner_Account"], &told["Name"]),
        (&json!("Public"), &json!("bob"), &json!("Name"))
    );
    assert_eq!(told["MemberList"], json!([{"Member_Account": "bob"}, {"Member_Account": "alice"}]));
    assert_eq!(told["Operator_Account"], Value::Null);
}

/// Imports: "Nothing is notified and no callback fires".
#[tokio::test]
async fn imports_fire_nothing() {
    let (sandbox, receiver) = hooked().await;
    sandbox.ok("import_group", json!({"Type": "Public", "Name": "n", "GroupId": "g", "CreateTime": NOW - 100})).await;
    sandbox.ok("import_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}]})).await;
    let old = json!({"From_Account": "bob", "SendTime": NOW - 50, "MsgBody": text("old")});
    sandbox.ok("import_group_msg", json!({"GroupId": "g", "MsgList": [old]})).await;
    sandbox.ok("set_unread_msg_num", json!({"GroupId": "g", "Member_Account": "bob", "UnreadMsgNum": 1})).await;
    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    receiver.first("CallbackAfterGroupDestroyed").await;
    assert_eq!(receiver.told.lock().unwrap().len(), 1);
}

/// CallbackOnMemberStateChange: Online with Join, Offline with Quit; its URL has neither ClientIP nor OptPlatform.
#[tokio::test]
async fn presence_in_a_live_room_is_told() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": ["bob"]})).await;
    let (query, told) = receiver.first_with_query("CallbackOnMemberStateChange").await;
    assert_eq!((&told["EventType"], &told["EventCause"]), (&json!("Online"), &json!("Join")));
    assert_eq!(told["MemberList"], json!([{"Member_Account": "bob"}]));
    assert!(!query.contains_key("OptPlatform"));
}

/// "On timeout the default is to deliver; with the other console policy the sender gets 80003"; sent webhooks are logged and
/// can be replayed.
#[tokio::test]
async fn a_failing_webhook_lets_pass_unless_told_otherwise_and_is_logged() {
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let before = ["Group.CallbackBeforeSendMsg"];
    put(&sandbox, json!({"url": format!("http://{closed}/"), "commands": before})).await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    put(&sandbox, json!({"url": format!("http://{closed}/"), "commands": before, "refuse_on_failure": true})).await;
    sandbox.fails("send_group_msg", message("g", "bob", 2), 80003).await;
    let log = sandbox.look("webhooks?sdkappid=1400000001").await["webhooks"].clone();
    assert_eq!(log.as_array().unwrap().len(), 2, "only the named command is sent");
    assert_eq!((&log[0]["status"], &log[0]["body"]["Random"]), (&Value::Null, &json!(1)));
    assert!(log[0]["error"].is_string());

    let (receiver, url) = Receiver::start().await;
    put(&sandbox, json!({"url": url})).await;
    let number = log[0]["number"].as_u64().unwrap();
    let replayed = sandbox.control(&format!("webhooks/{number}/replay"), json!({})).await;
    assert_eq!(replayed["status"], 200);
    assert_eq!(receiver.first("CallbackBeforeSendMsg").await["Random"], 1);
}

/// What clients would receive: notices unless Silence is 1, targeted and online-only messages, notifications and recalls.
#[tokio::test]
async fn deliveries_show_who_receives_what() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let add =
        |user: &str, silence: u8| json!({"GroupId": "g", "Silence": silence, "MemberList": [{"Member_Account": user}]});
    sandbox.ok("add_group_member", add("dave", 1)).await;
    sandbox.ok("add_group_member", add("zoe", 0)).await;
    let mut targeted = message("g", "bob", 1);
    targeted["To_Account"] = json!(["carol", "stranger"]);
    sandbox.ok("send_group_msg", targeted).await;
    let mut online = message("g", "bob", 2);
    online["OnlineOnlyFlag"] = json!(1);
    sandbox.ok("send_group_msg", online).await;
    let notify = json!({"GroupId": "g", "ToMembers_Account": ["bob", "stranger"], "Content": "noon"});
    sandbox.ok("send_group_system_notification", notify).await;

    let shown = sandbox.look("apps/1400000001/deliveries?group=g").await["deliveries"].clone();
    let seen: Vec<(Value, Value)> =
        shown.as_array().unwrap().iter().map(|one| (one["kind"].clone(), one["to"].clone())).collect();
    let expected = [
        (json!("tip"), json!("members")),
        (json!("tip"), json!("members")),
        (json!("message"), json!({"users": ["carol"]})),
        (json!("online_message"), json!("online")),
        (json!("notification"), json!({"users": ["bob"]})),
    ];
    assert_eq!(seen, expected);
    assert_eq!(shown[1]["content"]["MemberList"], json!([{"Member_Account": "zoe"}]), "dave came in silence");
    let only = sandbox.look("apps/1400000001/deliveries?kind=notification&after=4").await;
    assert_eq!(only["deliveries"][0]["content"]["Content"], "noon");
}

/// send_group_system_notification: "Reaches members who are online at that moment"; "Only the server side can send it; there is
/// no client call and no before or after callback."
#[tokio::test]
async fn a_notification_reaches_who_is_online_and_fires_no_callback() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    receiver.first("CallbackAfterCreateGroup").await;
    let before = receiver.commands();
    sandbox.ok("send_group_system_notification", json!({"GroupId": "g", "Content": "noon"})).await;
    let shown = sandbox.look("apps/1400000001/deliveries?group=g&kind=notification").await["deliveries"].clone();
    assert_eq!(shown[0]["to"], "online");
    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    receiver.first("CallbackAfterGroupDestroyed").await;
    // Webhooks come in order, so those of the notification would have come by now.
    assert_eq!(receiver.commands()[before.len()..], ["Group.CallbackAfterGroupDestroyed"]);
}

/// create_topic: "Fires BeforeCreateTopic (may give 10016) and AfterCreateTopic."; modify_topic: "Fires
/// AfterTopicInfoChanged for name, introduction, notification and face URL."; destroy_topic: "Fires AfterTopicDestroyed.";
/// import_topic: "No webhook, no notification."
#[tokio::test]
async fn topics_fire_their_callbacks() {
    const CLUB: &str = "@TGS#_club";
    const GENERAL: &str = "@TGS#_club@TOPIC#_general";
    const SERVICE: &str = "million_group_open_http_svc";
    let (sandbox, receiver) = hooked().await;
    let body = json!({
        "Owner_Account": "alice", "Type": "Community", "GroupId": CLUB, "Name": "Club", "SupportTopic": 1,
    });
    sandbox.ok("create_group", body).await;
    sandbox.ok("import_topic", json!({"GroupId": CLUB, "TopicName": "imported"})).await;
    let create = json!({"GroupId": CLUB, "TopicId": GENERAL, "TopicName": "general"});
    receiver.answer("CallbackBeforeCreateTopic", json!({"ActionStatus": "OK", "ErrorCode": 1, "ErrorInfo": ""}));
    assert_eq!(sandbox.call_at(SERVICE, "create_topic", create.clone()).await["ErrorCode"], 10016);
    let before = receiver.first("CallbackBeforeCreateTopic").await;
    assert_eq!((&before["Type"], &before["Name"]), (&json!("Community"), &json!("general")));
    assert_eq!(before["Operator_Account"], "administrator");

    receiver.answer("CallbackBeforeCreateTopic", json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}));
    sandbox.ok_at(SERVICE, "create_topic", create).await;
    let after = receiver.first("CallbackAfterCreateTopic").await;
    assert_eq!((&after["TopicId"], &after["Owner_Account"]), (&json!(GENERAL), &json!("alice")));
    assert_eq!((&after["GroupId"], &after["Name"]), (&json!(CLUB), &json!("general")));

    let quiet = json!({"GroupId": CLUB, "TopicId": GENERAL, "MuteAllMember": "Off", "CustomString": "c"});
    sandbox.ok_at(SERVICE, "modify_topic", quiet).await;
    let rename = json!({"GroupId": CLUB, "TopicId": GENERAL, "TopicName": "general-2", "From_Account": "alice"});
    sandbox.ok_at(SERVICE, "modify_topic", rename).await;
    let changed = receiver.first("CallbackAfterTopicInfoChanged").await;
    assert_eq!((&changed["Name"], &changed["Operator_Account"]), (&json!("general-2"), &json!("alice")));
    assert_eq!(changed.get("TopicId"), None, "the documented packet has none");
    for (key, value) in [("Introduction", "in"), ("Notification", "no"), ("FaceUrl", "https://x/f.png")] {
        let mut change = json!({"GroupId": CLUB, "TopicId": GENERAL});
        change[key] = json!(value);
        sandbox.ok_at(SERVICE, "modify_topic", change).await;
    }

    sandbox.ok_at(SERVICE, "destroy_topic", json!({"GroupId": CLUB, "TopicIdList": [GENERAL]})).await;
    assert_eq!(receiver.first("CallbackAfterTopicDestroyed").await["TopicIdList"], json!([GENERAL]));
    let told = receiver.told.lock().unwrap().clone();
    let changes = told
        .iter()
        .map(|(_, body)| body)
        .filter(|body| body["CallbackCommand"] == "Group.CallbackAfterTopicInfoChanged" && body.get("Name").is_none());
    let changes: Vec<Value> =
        changes.map(|body| json!([body["Introduction"], body["Notification"], body["FaceUrl"]])).collect();
    let expected = json!([["in", null, null], [null, "no", null], [null, null, "https://x/f.png"]]);
    assert_eq!(json!(changes), expected);
    let created = receiver.commands().iter().filter(|command| command.ends_with("AfterCreateTopic")).count();
    assert_eq!(created, 1, "the import fires no webhook");
}

/// modify_group_attr, set_group_attr, delete_group_attr and clear_group_attr: "Fires Group.CallbackAfterGroupAttrChanged with
/// OptionType …"; update_group_counter: "No webhook exists for counters."
#[tokio::test]
async fn attributes_are_told_with_the_kind_of_write_and_counters_are_not() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    let written = json!([{"key": "seat1", "value": "bo"}]);
    sandbox.ok("modify_group_attr", json!({"GroupId": "g", "GroupAttr": written})).await;
    sandbox.ok("set_group_attr", json!({"GroupId": "g", "GroupAttr": written})).await;
    sandbox.ok("delete_group_attr", json!({"GroupId": "g", "GroupAttr": [{"key": "seat1"}]})).await;
    sandbox.ok("clear_group_attr", json!({"GroupId": "g"})).await;
    sandbox.fails("delete_group_attr", json!({"GroupId": "g", "GroupAttr": [{"key": "seat1"}]}), 10050).await;
    sandbox.ok("update_group_counter", json!({"GroupId": "g", "GroupCounter": [{"Key": "likes", "Value": 1}]})).await;
    sandbox.ok("delete_group_counter", json!({"GroupId": "g"})).await;
    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    receiver.first("CallbackAfterGroupDestroyed").await;

    let first = receiver.first("CallbackAfterGroupAttrChanged").await;
    let expected = json!({
        "CallbackCommand": "Group.CallbackAfterGroupAttrChanged", "GroupId": "g", "Type": "Public",
        "Operator_Account": "administrator", "OptionType": "modify", "GroupAttr": written,
        "EventTime": (NOW * 1000).to_string(),
    });
    assert_eq!(first, expected);
    let told = receiver.told.lock().unwrap().clone();
    let options: Vec<&Value> =
        told.iter().map(|(_, body)| &body["OptionType"]).filter(|kind| kind.is_string()).collect();
    assert_eq!(json!(options), json!(["modify", "set", "delete", "clear"]));
    assert!(!receiver.commands().iter().any(|command| command.contains("Counter")));
}
