//! Messages and history: the statements of the reference in their order.

use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, text};

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

/// send_group_msg: "Dedupe: the same content with the same Random inside five minutes keeps the first message and drops the later
/// ones; the 2022 sample comment speaks of Random alone.": by sender, group and Random, the content ignored; "a dropped duplicate answers OK" with the first message's MsgSeq and MsgTime.
#[tokio::test]
async fn a_repeated_random_is_the_same_message_for_five_minutes() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let first = sandbox.send("g", "bob", 7).await;
    assert_eq!((&first["MsgSeq"], &first["MsgTime"]), (&json!(1), &json!(NOW)));
    sandbox.advance(299).await;
    assert_eq!(sandbox.send("g", "bob", 7).await, first);
    assert_eq!(sandbox.ok("send_group_msg", with(message("g", "bob", 7), "MsgBody", text("other"))).await, first);
    assert_eq!(sandbox.send("g", "carol", 7).await["MsgSeq"], 2, "another sender");
    sandbox.advance(1).await;
    assert_eq!(sandbox.send("g", "bob", 7).await["MsgSeq"], 3);
    assert_eq!(sandbox.history("g").await.len(), 3);
}

/// send_group_msg: "A stored message takes NextMsgSeq, then NextMsgSeq grows by one and LastMsgTime is set";
/// "OnlineOnlyFlag messages are neither stored nor numbered nor counted unread"; "MsgSeq in the answer to an online-only
/// message is 0".
#[tokio::test]
async fn only_stored_messages_take_a_number() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    assert_eq!(sandbox.info("g").await["LastMsgTime"], 0);
    let online = sandbox.ok("send_group_msg", with(message("g", "bob", 1), "OnlineOnlyFlag", json!(1))).await;
    assert_eq!(online["MsgSeq"], 0);
    assert_eq!(sandbox.unread("carol").await, 0);
    sandbox.advance(5).await;
    assert_eq!(sandbox.send("g", "bob", 2).await["MsgSeq"], 1);
    let info = sandbox.info("g").await;
    assert_eq!((&info["NextMsgSeq"], &info["LastMsgTime"]), (&json!(2), &json!(NOW + 5)));
    assert_eq!(sandbox.member("g", "bob").await["LastSendMsgTime"], NOW + 5);
}

/// send_group_msg: "AVChatRoom messages are ... never stored; group_msg_get_simple cannot read them"; "AVChatRoom answers
/// still carry a growing MsgSeq". group_msg_recall: AVChatRoom "within one hour of sending".
#[tokio::test]
async fn an_avchatroom_numbers_its_messages_and_stores_none() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    assert_eq!(sandbox.send("live", "bob", 1).await["MsgSeq"], 1);
    assert_eq!(sandbox.send("live", "bob", 2).await["MsgSeq"], 2);
    sandbox.fails("group_msg_get_simple", json!({"GroupId": "live", "ReqMsgNumber": 1}), 10044).await;
    let recall = async |seq: u64| {
        let reply = sandbox.ok("group_msg_recall", json!({"GroupId": "live", "MsgSeqList": [{"MsgSeq": seq}]})).await;
        reply["RecallRetList"][0]["RetCode"].clone()
    };
    assert_eq!(recall(1).await, 0);
    assert_eq!(recall(3).await, 10030);
    sandbox.advance(3_601).await;
    assert_eq!(recall(2).await, 10031);
    sandbox.ok("delete_group_msg_by_sender", json!({"GroupId": "live", "Sender_Account": "bob"})).await;
    sandbox.fails("send_group_msg", with(message("live", "bob", 3), "OnlineOnlyFlag", json!(1)), 10007).await;
    sandbox
        .fails("send_group_msg", with(message("live", "bob", 3), "SendMsgControl", json!(["NoUnread"])), 10007)
        .await;
}

/// send_group_msg: "with MuteAllMember On only owner, admins and app administrators pass"; "The default sender (the app
/// administrator) can write in every group without being a member"; "the account must exist; it need not be a member".
#[tokio::test]
async fn who_may_speak() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "dave", 1).await;
    sandbox.fails("send_group_msg", message("g", "nobody", 1), 10019).await;
    sandbox.ok("modify_group_member_info", json!({"GroupId": "g", "Member_Account": "bob", "Role": "Admin"})).await;
    sandbox.ok("modify_group_base_info", json!({"GroupId": "g", "MuteAllMember": "On"})).await;
    sandbox.fails("send_group_msg", message("g", "carol", 2), 10017).await;
    sandbox.send("g", "bob", 3).await;
    sandbox.send("g", "alice", 4).await;
    sandbox.ok("send_group_msg", json!({"GroupId": "g", "Random": 5, "MsgBody": text("x")})).await;
    assert_eq!(sandbox.history("g").await[0]["From_Account"], "administrator");
}

/// send_group_msg: "the sender's own unread count does not grow"; NoUnread "keeps the unread count"; a targeted message
/// "counts in nobody's unread number"; ChatRoom "counts no unread by default".
#[tokio::test]
async fn unread_counts_skip_what_does_not_count() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    sandbox.send("g", "carol", 2).await;
    sandbox.send("g", "carol", 3).await;
    assert_eq!(sandbox.unread("alice").await, 3);
    assert_eq!(sandbox.unread("bob").await, 2);
    assert_eq!(sandbox.unread("carol").await, 1);
    sandbox.ok("send_group_msg", with(message("g", "carol", 4), "SendMsgControl", json!(["NoUnread"]))).await;
    sandbox.ok("send_group_msg", with(message("g", "carol", 5), "To_Account", json!(["bob"]))).await;
    assert_eq!(sandbox.unread("bob").await, 2);
    assert_eq!(sandbox.unread("carol").await, 1);
    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    sandbox.group("room", "ChatRoom").await;
    sandbox.send("room", "carol", 6).await;
    assert_eq!(sandbox.unread("bob").await, 0);
}

/// send_group_msg: options that exclude one another or that the type lacks; limits of mentions, recipients, elements and
/// bytes.
#[tokio::test]
async fn options_and_limits_of_a_message() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.group("room", "ChatRoom").await;
    sandbox.group("@TGS#_c", "Community").await;
    let both = with(with(message("g", "bob", 1), "OnlineOnlyFlag", json!(1)), "SendMsgControl", json!(["NoUnread"]));
    sandbox.fails("send_group_msg", both, 10004).await;
    sandbox
        .fails("send_group_msg", with(message("room", "bob", 1), "SendMsgControl", json!(["NoUnread"])), 10007)
        .await;
    sandbox.fails("send_group_msg", with(message("@TGS#_c", "bob", 1), "To_Account", json!(["carol"])), 10007).await;
    let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    sandbox.fails("send_group_msg", with(message("g", "bob", 1), "To_Account", json!(many)), 10004).await;
    let at: Vec<Value> = (0..31).map(|_| json!({"GroupAtAllFlag": 1})).collect();
    sandbox.fails("send_group_msg", with(message("g", "bob", 1), "GroupAtInfo", json!(at)), 10053).await;
    sandbox
        .fails("send_group_msg", with(message("g", "bob", 1), "GroupAtInfo", json!([{"GroupAtAllFlag": 0}])), 10004)
        .await;
    sandbox.fails("send_group_msg", with(message("g", "bob", 1), "TopicId", json!("t")), 10007).await;
    let long = with(message("g", "bob", 1), "MsgBody", text(&"x".repeat(12_288)));
    sandbox.fails("send_group_msg", long, 80002).await;
    // "12 KB (12,288 bytes)", of what a text says and not of how JSON writes it.
    for (random, character) in (100..).zip(["\"", "\\", "\n", "\u{1}", "\u{e9}"]) {
        let fits = with(message("g", "bob", random), "MsgBody", text(&character.repeat(12_200 / character.len())));
        sandbox.ok("send_group_msg", fits).await;
        let long = with(message("g", "bob", 1), "MsgBody", text(&character.repeat(12_288 / character.len())));
        sandbox.fails("send_group_msg", long, 80002).await;
    }
    let custom = json!({"MsgType": "TIMCustomElem", "MsgContent": {"Data": "d"}});
    sandbox.ok("send_group_msg", with(message("g", "bob", 1), "MsgBody", json!([custom]))).await;
    let wrong = [
        json!([custom, custom]),
        json!([]),
        json!([{"MsgType": "TIMNoElem", "MsgContent": {}}]),
        json!([{"MsgType": "TIMTextElem", "MsgContent": {}}]),
        json!([{"MsgType": "TIMTextElem", "MsgContent": {"text": "x"}}]),
        json!([{"MsgType": "TIMFaceElem", "MsgContent": {"Index": "1", "Data": ""}}]),
    ];
    for body in wrong {
        let info = sandbox.fails("send_group_msg", with(message("g", "bob", 2), "MsgBody", body), 10004).await;
        assert!(info.contains("MsgBody"), "{info}");
    }
    sandbox.ok("send_group_msg", json!({"GroupId": "g", "MsgRandom": 9, "MsgBody": text("older spelling")})).await;
}

/// send_group_msg: group messages 40/s per group, 10023; in AVChatRoom low-priority messages are dropped first.
#[tokio::test]
async fn messages_are_paced_for_each_group() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.control("rates", json!({"scale": 0.025})).await;
    sandbox.send("g", "bob", 1).await;
    sandbox.fails("send_group_msg", message("g", "carol", 2), 10023).await;
    sandbox.send("live", "bob", 1).await;
    let low = sandbox.ok("send_group_msg", with(message("live", "bob", 2), "MsgPriority", json!("Low"))).await;
    assert_eq!(low["MsgDropReason"], "MsgFreqCtrl");
}

/// send_group_system_notification: "nothing is stored, no number is used, no unread count moves"; too many recipients 10004;
/// "chosen recipients in an AVChatRoom" 10007.
#[tokio::test]
async fn notifications_leave_no_trace() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox
        .ok("send_group_system_notification", json!({"GroupId": "g", "Content": "c", "ToMembers_Account": ["dave"]}))
        .await;
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 1);
    assert_eq!(sandbox.unread("bob").await, 0);
    sandbox.ok("send_group_system_notification", json!({"GroupId": "live", "Content": "c"})).await;
    let chosen = json!({"GroupId": "live", "Content": "c", "ToMembers_Account": ["bob"]});
    sandbox.fails("send_group_system_notification", chosen, 10007).await;
    let many: Vec<String> = (0..501).map(|n| n.to_string()).collect();
    let many = json!({"GroupId": "g", "Content": "c", "ToMembers_Account": many});
    sandbox.fails("send_group_system_notification", many, 10004).await;
}

/// group_msg_recall: "The list has one entry per requested number, in request order"; "The number stays occupied
/// in the history; see group_msg_get_simple for how it is shown (IsPlaceMsg 2 with WithRecalledMsg 1)."; "recalling twice gives 10030 or 10032"; "sequence numbers are not reused and NextMsgSeq does not move".
/// group_msg_get_simple: "with WithRecalledMsg 0 a recalled number comes back as IsPlaceMsg 1 with empty MsgBody"; MsgBody is an
/// "empty array for placeholders". Against "with WithRecalledMsg 1 the recalled entry keeps its MsgBody", which is unverified, stands
/// the example response of the command: its recalled entry is empty, and so is the sandbox's.
#[tokio::test]
async fn a_recalled_message_keeps_its_place() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    for random in 1..=3 {
        sandbox.send("g", "bob", random).await;
    }
    let list = json!([{"MsgSeq": 2}, {"MsgSeq": 99}, {"MsgSeq": 2}]);
    let reply = sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": list})).await;
    let codes: Vec<&Value> = reply["RecallRetList"].as_array().unwrap().iter().map(|item| &item["RetCode"]).collect();
    assert_eq!(codes, [&json!(0), &json!(10030), &json!(10032)]);
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 4);
    let recalled = &sandbox.history("g").await[1];
    assert_eq!((&recalled["IsPlaceMsg"], &recalled["MsgBody"]), (&json!(2), &json!([])));
    let without = sandbox.ok("group_msg_get_simple", json!({"GroupId": "g", "ReqMsgNumber": 3})).await;
    let placeholder = &without["RspMsgList"][1];
    assert_eq!((&placeholder["IsPlaceMsg"], &placeholder["MsgBody"]), (&json!(1), &json!([])));
    let many: Vec<Value> = (0..11).map(|seq| json!({"MsgSeq": seq})).collect();
    sandbox.fails("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": many}), 10004).await;
    sandbox.fails("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [1]}), 10004).await;
}

/// delete_group_msg_by_sender: "Despite its name it recalls; the messages leave placeholders"; "only the newest 1000 messages
/// of the group are looked at"; "A sender without messages is no error".
#[tokio::test]
async fn messages_of_one_sender_are_recalled() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 0).await;
    for random in 1..=1_000 {
        sandbox.send("g", if random % 2 == 0 { "bob" } else { "carol" }, random).await;
    }
    sandbox.ok("delete_group_msg_by_sender", json!({"GroupId": "g", "Sender_Account": "bob"})).await;
    sandbox.ok("delete_group_msg_by_sender", json!({"GroupId": "g", "Sender_Account": "dave"})).await;
    let newest = sandbox.history("g").await;
    assert_eq!((&newest[0]["IsPlaceMsg"], &newest[1]["IsPlaceMsg"]), (&json!(2), &json!(0)));
    let oldest = json!({"GroupId": "g", "ReqMsgNumber": 3, "ReqMsgSeq": 3, "WithRecalledMsg": 1});
    let oldest = sandbox.ok("group_msg_get_simple", oldest).await;
    let places: Vec<&Value> = oldest["RspMsgList"].as_array().unwrap().iter().map(|item| &item["IsPlaceMsg"]).collect();
    assert_eq!(places, [&json!(2), &json!(0), &json!(0)], "number 1 is older than the newest 1000");
}

/// group_msg_get_simple: "Page back by asking for the smallest returned MsgSeq minus 1"; "Numbers follow the order of
/// arrival, so a later message has the larger number (the English page states the reverse, which its own paging rule
/// contradicts)."; "IsFinished is 1 when the history ends inside the asked range as well"; "An empty group returns an empty
/// RspMsgList and IsFinished 1". send_group_msg: "MsgPriority comes back from history as an integer."
#[tokio::test]
async fn history_is_paged_backwards() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let empty = sandbox.ok("group_msg_get_simple", json!({"GroupId": "g", "ReqMsgNumber": 5})).await;
    assert_eq!((&empty["RspMsgList"], &empty["IsFinished"]), (&json!([]), &json!(1)));
    for (random, priority) in (1..=25).zip(["High", "Normal", "Low", ""].into_iter().cycle()) {
        sandbox.ok("send_group_msg", with(message("g", "bob", random), "MsgPriority", json!(priority))).await;
    }
    let first = sandbox.ok("group_msg_get_simple", json!({"GroupId": "g", "ReqMsgNumber": 25})).await;
    assert_eq!(first["IsFinished"], 0, "wider than 20");
    let mut seqs: Vec<u64> = Vec::new();
    let mut next = json!({"GroupId": "g", "ReqMsgNumber": 10});
    loop {
        let page = sandbox.ok("group_msg_get_simple", next.clone()).await;
        assert_eq!(page["IsFinished"], 1);
        seqs.extend(page["RspMsgList"].as_array().unwrap().iter().map(|item| item["MsgSeq"].as_u64().unwrap()));
        if seqs.last() == Some(&1) {
            assert_eq!(page["RspMsgList"][4]["MsgPriority"], 1);
            assert_eq!(page["RspMsgList"][2]["MsgPriority"], 3);
            assert_eq!(page["RspMsgList"][1]["MsgPriority"], 2, "an empty word is none");
            break;
        }
        next["ReqMsgSeq"] = json!(seqs.last().unwrap() - 1);
    }
    assert_eq!(seqs, (1..=25).rev().collect::<Vec<u64>>());
}

/// group_msg_get_simple: "Deleted and expired numbers stay visible as placeholders with IsPlaceMsg 1, so the sequence has no
/// gaps"; IsFinished "1: the whole asked range is in the answer; 0: it is not, because it was too long or wider than 20; 2: it is
/// not, and everything of it has expired". group_msg_recall: "No time limit for stored groups other
/// than the roaming period; client-side limits do not bind this command."
#[tokio::test]
async fn history_expires_into_placeholders() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    sandbox.advance(89 * 86_400).await;
    sandbox.send("g", "bob", 3).await;
    let recall = sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]})).await;
    assert_eq!(recall["RecallRetList"][0]["RetCode"], 0, "long after any client-side limit");
    sandbox.advance(90 * 86_400 + 1).await;
    let expired = sandbox.ok("group_msg_get_simple", json!({"GroupId": "g", "ReqMsgNumber": 5})).await;
    assert_eq!(expired["IsFinished"], 1, "placeholders complete the range");
    assert_eq!(expired["RspMsgList"][0]["IsPlaceMsg"], 1);
    let recall = sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]})).await;
    assert_eq!(recall["RecallRetList"][0]["RetCode"], 10031);
    sandbox.send("g", "bob", 2).await;
    let history = sandbox.history("g").await;
    assert_eq!((&history[0]["IsPlaceMsg"], &history[1]["IsPlaceMsg"]), (&json!(0), &json!(1)));
}

/// group_msg_get_simple: IsFinished "0: it is not, because it was too long or wider than 20; 2: it is not, and everything of it has
/// expired".
#[tokio::test]
async fn a_range_too_wide_that_has_expired_is_told_from_one_that_has_not() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    for random in 1..=21 {
        sandbox.send("g", "bob", random).await;
    }
    let wide = json!({"GroupId": "g", "ReqMsgNumber": 21});
    assert_eq!(sandbox.ok("group_msg_get_simple", wide.clone()).await["IsFinished"], 0);
    sandbox.advance(90 * 86_400 + 1).await;
    assert_eq!(sandbox.ok("group_msg_get_simple", wide).await["IsFinished"], 2);
    let narrow = json!({"GroupId": "g", "ReqMsgNumber": 20});
    assert_eq!(sandbox.ok("group_msg_get_simple", narrow).await["IsFinished"], 1);
}

/// docs/sandbox.md: numbers that clients write as 0 when they were not set; ReqMsgSeq, "default: newest".
#[tokio::test]
async fn reading_from_number_0_reads_from_the_newest() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    sandbox.send("g", "bob", 2).await;
    let page = sandbox.ok("group_msg_get_simple", json!({"GroupId": "g", "ReqMsgNumber": 1, "ReqMsgSeq": 0})).await;
    assert_eq!(page["RspMsgList"][0]["MsgSeq"], 2);
    assert_eq!(page["RspMsgList"].as_array().unwrap().len(), 1);
}

/// get_online_member_num: any type but AVChatRoom 10007.
#[tokio::test]
async fn presence_is_counted_in_avchatrooms_only() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.fails("get_online_member_num", json!({"GroupId": "g"}), 10007).await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": ["bob", "carol"]})).await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "leave": ["bob"]})).await;
    assert_eq!(sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await["OnlineMemberNum"], 1);
}

/// What clients would have received in a group.
async fn deliveries(sandbox: &Sandbox, group: &str) -> Vec<(Value, Value)> {
    let shown = sandbox.look(&format!("apps/1400000001/deliveries?group={group}")).await;
    let pair = |one: &Value| (one["kind"].clone(), one["to"].clone());
    shown["deliveries"].as_array().unwrap().iter().map(pair).collect()
}

/// send_group_msg: "AVChatRoom messages are delivered to present users but never stored".
#[tokio::test]
async fn avchatroom_messages_are_delivered_to_present_users() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.send("live", "bob", 1).await;
    assert_eq!(deliveries(&sandbox, "live").await.last().unwrap(), &(json!("message"), json!("online")));
}

/// send_group_msg: "MsgPriority matters under load only, where Low is dropped first"; "An unknown From_Account is an error,
/// presumably 10004 or 10019 (unverified)."
#[tokio::test]
async fn msg_priority_matters_under_load_only() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    let low = |random: u32| with(message("live", "bob", random), "MsgPriority", json!("Low"));
    assert_eq!(sandbox.ok("send_group_msg", low(1)).await["MsgSeq"], 1);
    sandbox.fails("send_group_msg", message("live", "nobody", 2), 10019).await;
    sandbox.control("rates", json!({"scale": 0.025})).await;
    sandbox.send("live", "bob", 3).await;
    assert_eq!(sandbox.ok("send_group_msg", low(4)).await["MsgSeq"], 0);
    sandbox.fails("send_group_msg", message("live", "bob", 5), 10023).await;
}

/// group_msg_recall: "The envelope is OK as long as the request is well formed; failures of single messages sit in RetCode.";
/// "The local caches of clients lose the message as well."
#[tokio::test]
async fn clients_are_told_of_a_recall_and_single_failures_sit_in_ret_code() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    let recall = |seq: u64| json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": seq}], "Reason": "typo"});
    let reply = sandbox.ok("group_msg_recall", recall(2)).await;
    assert_eq!(reply["RecallRetList"], json!([{"MsgSeq": 2, "RetCode": 10030}]));
    sandbox.ok("group_msg_recall", recall(1)).await;
    let told = sandbox.look("apps/1400000001/deliveries?group=g&kind=recall").await["deliveries"].clone();
    assert_eq!(told.as_array().unwrap().len(), 1);
    assert_eq!(told[0]["to"], "members");
    assert_eq!(told[0]["content"], json!({"MsgSeqList": [{"MsgSeq": 1}], "Reason": "typo"}));
}

/// delete_group_msg_by_sender: "Clients get no notice; the effect shows with the next roaming read."; "the placeholder flag is
/// 2, as after group_msg_recall"; "AVChatRoom answers OK and nothing happens."
#[tokio::test]
async fn clients_get_no_notice_of_a_deletion_by_sender() {
    let sandbox = Sandbox::start().await;
    for (group, kind) in [("g", "Public"), ("live", "AVChatRoom")] {
        sandbox.group(group, kind).await;
        sandbox.send(group, "bob", 1).await;
        let before = deliveries(&sandbox, group).await;
        sandbox.ok("delete_group_msg_by_sender", json!({"GroupId": group, "Sender_Account": "bob"})).await;
        assert_eq!(deliveries(&sandbox, group).await, before);
    }
    assert_eq!(sandbox.history("g").await[0]["IsPlaceMsg"], 2);
    let recall = json!({"GroupId": "live", "MsgSeqList": [{"MsgSeq": 1}]});
    let reply = sandbox.ok("group_msg_recall", recall).await;
    assert_eq!(reply["RecallRetList"][0]["RetCode"], 0, "it was not recalled before");
}

/// group_msg_get_simple: "system tips such as joins and profile changes are the messages marked IsSystemMsg 1": a choice, only
/// joins and removals are stored; a profile change is sent to clients and takes no number.
#[tokio::test]
async fn stored_tips_are_marked_is_system_msg_1() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    sandbox.ok("add_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "dave"}]})).await;
    sandbox.ok("modify_group_base_info", json!({"GroupId": "g", "Notification": "Friday"})).await;
    let history = sandbox.history("g").await;
    let marks: Vec<(&Value, &Value)> = history.iter().map(|item| (&item["MsgSeq"], &item["IsSystemMsg"])).collect();
    assert_eq!(marks, [(&json!(2), &json!(1)), (&json!(1), &Value::Null)]);
    assert_eq!(history[0]["From_Account"], "@TIM#SYSTEM");
    let told = deliveries(&sandbox, "g").await;
    assert_eq!(told.last().unwrap(), &(json!("tip"), json!("members")), "of the profile");
}

/// get_online_member_num: "The number is refreshed every 10 seconds."; "From 300 users on, or when web users are present, changes
/// may show 10 to 20 seconds late; smaller rooms without web users are exact at once.": a choice, all rooms are.
#[tokio::test]
async fn every_room_is_counted_exactly_at_once() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    let users: Vec<String> = (0..400).map(|n| format!("viewer-{n}")).collect();
    sandbox.control("apps/1400000001/accounts", json!({"users": users})).await;
    for users in users.chunks(200) {
        sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": users})).await;
    }
    assert_eq!(sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await["OnlineMemberNum"], 400);
}
