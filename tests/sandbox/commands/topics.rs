//! Topics of communities: the statements of the reference in their order.

use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, text};

pub const CLUB: &str = "@TGS#_club";
pub const GENERAL: &str = "@TGS#_club@TOPIC#_general";
const SERVICE: &str = "million_group_open_http_svc";

/// A topic community of alice with bob and carol.
pub async fn club() -> Sandbox {
    let sandbox = Sandbox::start().await;
    let body = json!({
        "Owner_Account": "alice", "Type": "Community", "GroupId": CLUB, "Name": "Club", "SupportTopic": 1,
        "MemberList": [{"Member_Account": "bob"}, {"Member_Account": "carol"}],
    });
    sandbox.ok("create_group", body).await;
    sandbox
}

impl Sandbox {
    pub async fn topic(&self, id: &str) {
        let body = json!({"GroupId": CLUB, "TopicId": id, "TopicName": "n"});
        self.ok_at(SERVICE, "create_topic", body).await;
    }

    async fn topic_fails(&self, command: &str, body: Value, code: i64) {
        let reply = self.call_at(SERVICE, command, body).await;
        assert_eq!(reply["ErrorCode"], code, "{command}: {reply}");
    }

    /// What get_topic says of a topic to a user.
    async fn seen(&self, topic: &str, user: &str) -> Value {
        let body = json!({"GroupId": CLUB, "From_Account": user, "TopicIdList": [topic]});
        self.ok_at(SERVICE, "get_topic", body).await["TopicAndSelfInfo"][0].clone()
    }

    async fn read_topic(&self, topic: &str) -> Vec<Value> {
        let body = json!({"GroupId": CLUB, "TopicId": topic, "ReqMsgNumber": 20, "WithRecalledMsg": 1});
        self.ok("group_msg_get_simple", body).await["RspMsgList"].as_array().unwrap().clone()
    }
}

/// A message of a user to a topic.
pub fn post(topic: &str, from: &str, random: u32) -> Value {
    let mut body = message(CLUB, from, random);
    body["TopicId"] = json!(topic);
    body
}

/// create_topic: "The community must exist and support topics."
#[tokio::test]
async fn the_community_must_exist_and_support_topics() {
    let sandbox = Sandbox::start().await;
    let body = json!({"GroupId": CLUB, "TopicName": "n"});
    sandbox.topic_fails("create_topic", body.clone(), 10010).await;
    sandbox.group(CLUB, "Community").await;
    sandbox.topic_fails("create_topic", body, 10007).await;
    sandbox.group("g", "Public").await;
    for command in ["create_topic", "modify_topic"] {
        let body = json!({"GroupId": "g", "TopicId": "g@TOPIC#_a", "TopicName": "n"});
        sandbox.topic_fails(command, body, 10007).await;
    }
    let mut body = message("g", "bob", 1);
    body["TopicId"] = json!("g@TOPIC#_a");
    sandbox.fails("send_group_msg", body, 10007).await;
    sandbox.topic_fails("create_topic", json!({"GroupId": "\n", "TopicName": "n"}), 10015).await;
}

/// create_topic, TopicId: "GroupId + \"@TOPIC#_\" + own part; own part printable ASCII, without \"@TGS#_\" and
/// \"@TOPIC#_@TOPIC#\"", at most 96 bytes; "server makes GroupId@TOPIC#_@TOPIC#c..."; 10025 and 10021 for a taken one.
#[tokio::test]
async fn topic_ids_have_a_form() {
    let sandbox = club().await;
    let with = |id: &str| json!({"GroupId": CLUB, "TopicId": id, "TopicName": "n"});
    for bad in [
        "general",
        "@TGS#_club@TOPIC#_",
        "@TGS#_club@TOPIC#_@TOPIC#cX",
        "@TGS#_club@TOPIC#_a@TGS#_b",
        "@TGS#_club@TOPIC#_ä",
    ] {
        sandbox.topic_fails("create_topic", with(bad), 10015).await;
    }
    sandbox.topic_fails("create_topic", with(&format!("{CLUB}@TOPIC#_{}", "x".repeat(80))), 10004).await;
    sandbox.topic_fails("create_topic", json!({"GroupId": CLUB, "TopicName": "x".repeat(31)}), 10004).await;
    sandbox.topic_fails("create_topic", json!({"GroupId": CLUB}), 10004).await;
    sandbox.topic_fails("create_topic", json!({"GroupId": CLUB, "TopicName": "n", "Name": "n"}), 10004).await;
    sandbox.topic(GENERAL).await;
    sandbox.topic_fails("create_topic", with(GENERAL), 10025).await;
    sandbox.fails("import_topic", with(GENERAL), 10021).await;
    let made = sandbox.ok_at(SERVICE, "create_topic", json!({"GroupId": CLUB, "TopicName": "n"})).await;
    assert!(made["TopicId"].as_str().unwrap().starts_with("@TGS#_club@TOPIC#_@TOPIC#c"), "{made}");
}

/// create_topic: "Send messages to it with send_group_msg plus TopicId; each topic has its own seq."
#[tokio::test]
async fn each_topic_has_its_own_seq_and_history() {
    let sandbox = club().await;
    let other = "@TGS#_club@TOPIC#_other";
    sandbox.topic(GENERAL).await;
    sandbox.topic(other).await;
    assert_eq!(sandbox.ok("send_group_msg", post(GENERAL, "bob", 1)).await["MsgSeq"], 1);
    assert_eq!(sandbox.ok("send_group_msg", post(GENERAL, "carol", 2)).await["MsgSeq"], 2);
    assert_eq!(sandbox.ok("send_group_msg", post(other, "bob", 1)).await["MsgSeq"], 1, "Random counts per topic");
    assert_eq!(sandbox.ok("send_group_msg", post(GENERAL, "carol", 2)).await["MsgSeq"], 2, "a repetition");
    assert_eq!(sandbox.read_topic(GENERAL).await.len(), 2);
    assert_eq!(sandbox.read_topic(other).await.len(), 1);
    assert_eq!(sandbox.history(CLUB).await.len(), 0);
    let general = sandbox.seen(GENERAL, "alice").await;
    assert_eq!(general["TopicInfo"]["NextMsgSeq"], 3);
    assert_eq!(general["TopicInfo"]["LastMsgTime"], NOW);

    let recall = json!({"GroupId": CLUB, "TopicId": GENERAL, "MsgSeqList": [{"MsgSeq": 1}]});
    sandbox.ok("group_msg_recall", recall).await;
    assert_eq!(sandbox.read_topic(GENERAL).await[1]["IsPlaceMsg"], 2);
    assert_eq!(sandbox.read_topic(other).await[0]["IsPlaceMsg"], 0);
    let nowhere = post("@TGS#_club@TOPIC#_nowhere", "bob", 3);
    sandbox.fails("send_group_msg", nowhere, 10010).await;
}

/// get_topic, SelfInfo: what one user has read, and for how long the user is muted in the topic.
#[tokio::test]
async fn each_member_stands_somewhere_in_each_topic() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 1)).await;
    assert_eq!(sandbox.seen(GENERAL, "bob").await["SelfInfo"]["MsgSeq"], 1, "one's own message is read");
    assert_eq!(sandbox.seen(GENERAL, "carol").await["SelfInfo"]["MsgSeq"], 0);
    sandbox.ok("add_group_member", json!({"GroupId": CLUB, "MemberList": [{"Member_Account": "dave"}]})).await;
    assert_eq!(sandbox.seen(GENERAL, "dave").await["SelfInfo"]["MsgSeq"], 1, "nothing is unread on joining");

    let mute = json!({"GroupId": CLUB, "TopicId": GENERAL, "Members_Account": ["bob"], "MuteTime": 60});
    sandbox.ok("forbid_send_msg", mute).await;
    sandbox.advance(10).await;
    assert_eq!(sandbox.seen(GENERAL, "bob").await["SelfInfo"]["ShutUpTime"], 50);
    sandbox.fails("send_group_msg", post(GENERAL, "bob", 2), 10017).await;
    sandbox.send(CLUB, "bob", 2).await;
    sandbox.advance(50).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 3)).await;
}

/// get_topic: "Top-level ErrorCode 0 says nothing about single topics; check each item."
#[tokio::test]
async fn a_missing_topic_fails_in_its_item() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    let gone = "@TGS#_club@TOPIC#_gone";
    let body = json!({"GroupId": CLUB, "From_Account": "bob", "TopicIdList": [gone, GENERAL]});
    let items = sandbox.ok_at(SERVICE, "get_topic", body).await["TopicAndSelfInfo"].clone();
    assert_eq!(items[0]["ErrorCode"], 110003);
    assert_eq!(items[0]["TopicInfo"]["TopicId"], gone);
    assert_eq!(items[1]["ErrorCode"], 0);
    let all = sandbox.ok_at(SERVICE, "get_topic", json!({"GroupId": CLUB, "From_Account": "bob"})).await;
    assert_eq!(all["TopicAndSelfInfo"].as_array().unwrap().len(), 1, "all topics of the community");
    sandbox.topic_fails("get_topic", json!({"GroupId": CLUB}), 10004).await;
}

/// get_topic: "With a filter only TopicId, GroupID and the named fields are returned."
#[tokio::test]
async fn a_filter_leaves_the_ids_and_what_it_names() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    let body = json!({"GroupId": CLUB, "From_Account": "bob", "ResponseFilter": ["TopicName"]});
    let items = sandbox.ok_at(SERVICE, "get_topic", body).await["TopicAndSelfInfo"].clone();
    assert_eq!(items[0]["TopicInfo"], json!({"GroupID": CLUB, "TopicId": GENERAL, "TopicName": "n"}));
}

/// modify_topic: "Only given fields change."; MuteAllMember: "Mute everybody but owner, admins and App admins."
#[tokio::test]
async fn only_given_fields_change() {
    let sandbox = club().await;
    let body = json!({"GroupId": CLUB, "TopicId": GENERAL, "TopicName": "n", "Introduction": "i", "CustomString": "c"});
    sandbox.ok_at(SERVICE, "create_topic", body).await;
    let body = json!({"GroupId": CLUB, "TopicId": GENERAL, "Introduction": "", "MuteAllMember": "On"});
    sandbox.ok_at(SERVICE, "modify_topic", body).await;
    let info = sandbox.seen(GENERAL, "bob").await["TopicInfo"].clone();
    assert_eq!(
        (&info["TopicName"], &info["Introduction"], &info["CustomString"]),
        (&json!("n"), &json!(""), &json!("c"))
    );
    assert_eq!((&info["MuteAllMember"], &info["ShutUpAllFlag"]), (&json!("On"), &json!(1)));
    sandbox.fails("send_group_msg", post(GENERAL, "bob", 1), 10017).await;
    sandbox.ok("send_group_msg", post(GENERAL, "alice", 2)).await;
    sandbox.ok("send_group_msg", post(GENERAL, "administrator", 3)).await;
    sandbox.send(CLUB, "bob", 4).await;

    let body = json!({"GroupId": CLUB, "TopicId": "@TGS#_club@TOPIC#_gone", "TopicName": "n"});
    sandbox.topic_fails("modify_topic", body, 10010).await;
    let body = json!({"GroupId": CLUB, "TopicId": "@TGS#_other@TOPIC#_a", "TopicName": "n"});
    sandbox.topic_fails("modify_topic", body, 10015).await;
}

/// destroy_topic: "Cannot be undone."; "Per-topic failures (110002, 110003) sit in the items."
#[tokio::test]
async fn a_disbanded_topic_is_gone_for_good() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 1)).await;
    let body = json!({"GroupId": CLUB, "TopicIdList": [GENERAL, GENERAL]});
    let items = sandbox.ok_at(SERVICE, "destroy_topic", body).await["DestroyResultItem"].clone();
    assert_eq!((&items[0]["ErrorCode"], &items[1]["ErrorCode"]), (&json!(0), &json!(110003)));
    sandbox.fails("send_group_msg", post(GENERAL, "bob", 2), 10010).await;
    sandbox.topic(GENERAL).await;
    assert!(sandbox.read_topic(GENERAL).await.is_empty(), "a new topic of the id starts afresh");
    sandbox.topic_fails("destroy_topic", json!({"GroupId": CLUB, "TopicIdList": []}), 10004).await;
}

/// import_topic: "Service is group_open_http_svc, unlike the other topic commands."; "No webhook, no notification."
#[tokio::test]
async fn an_imported_topic_is_not_told_and_takes_old_messages() {
    let sandbox = Sandbox::start().await;
    let body = json!({
        "Type": "Community", "GroupId": CLUB, "Name": "Club", "SupportTopic": 1, "CreateTime": 1_400_000_000,
        "Owner_Account": "alice",
    });
    sandbox.ok("import_group", body).await;
    let body = json!({"GroupId": CLUB, "TopicId": GENERAL, "TopicName": "n", "CreateTime": 1_500_000_000, "Type": "Community"});
    sandbox.topic_fails("import_topic", body.clone(), 10003).await;
    sandbox.ok("import_topic", body.clone()).await;
    let told = sandbox.look("apps/1400000001/deliveries").await;
    assert!(!told.to_string().contains("TopicCreated"), "{told}");
    let mut late = body;
    late["CreateTime"] = json!(NOW + 1);
    late["TopicId"] = json!("@TGS#_club@TOPIC#_late");
    sandbox.fails("import_topic", late, 10004).await;

    let old = |time: i64| json!([{"From_Account": "alice", "SendTime": time, "MsgBody": text("old")}]);
    let body = json!({"GroupId": CLUB, "TopicId": GENERAL, "MsgList": old(1_500_000_000)});
    assert_eq!(
        sandbox.ok("import_group_msg", body).await["ImportMsgResult"][0]["Result"],
        10004,
        "as old as the topic"
    );
    let mut list = old(1_500_000_001);
    list[0]["TopicId"] = json!(GENERAL);
    let body = json!({"GroupId": CLUB, "MsgList": list});
    assert_eq!(
        sandbox.ok("import_group_msg", body).await["ImportMsgResult"][0]["MsgSeq"],
        1,
        "the older place of TopicId"
    );
    let seen = sandbox.seen(GENERAL, "alice").await;
    assert_eq!(seen["TopicInfo"]["CreateTime"], 1_500_000_000);
    assert_eq!(seen["SelfInfo"]["MsgSeq"], 1, "an import leaves nothing unread");
}

/// Topics, their histories and their members' positions are in snapshots.
#[tokio::test]
async fn snapshots_hold_topics() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 1)).await;
    let before = sandbox.seen(GENERAL, "bob").await;
    let snapshot = sandbox.look("snapshot").await;
    sandbox.ok_at(SERVICE, "destroy_topic", json!({"GroupId": CLUB, "TopicIdList": [GENERAL]})).await;
    sandbox.control("restore", snapshot).await;
    assert_eq!(sandbox.seen(GENERAL, "bob").await, before);
    assert_eq!(sandbox.read_topic(GENERAL).await.len(), 1);
}
