//! Changing, hiding and streaming messages: the statements of the reference in their order.

use sandbox::{Limits, Settings};
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, text, unpaced};

fn edit(group: &str, seq: u64, words: &str) -> Value {
    json!({"GroupId": group, "MsgSeq": seq, "MsgBody": text(words)})
}

async fn modify(sandbox: &Sandbox, body: Value) -> Value {
    sandbox.call_at("openim", "modify_group_msg", body).await
}

/// modify_group_msg: "Only the fields present are overwritten; the old content is gone for good."
#[tokio::test]
async fn only_the_fields_present_are_overwritten() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let mut first = message("g", "bob", 1);
    first["CloudCustomData"] = json!("old");
    sandbox.ok("send_group_msg", first).await;
    assert_eq!(modify(&sandbox, edit("g", 1, "edited")).await["ErrorCode"], 0);
    let shown = sandbox.history("g").await[0].clone();
    assert_eq!((&shown["MsgBody"], &shown["CloudCustomData"]), (&text("edited"), &json!("old")));
    modify(&sandbox, json!({"GroupId": "g", "MsgSeq": 1, "CloudCustomData": "new"})).await;
    let shown = sandbox.history("g").await[0].clone();
    assert_eq!((&shown["MsgBody"], &shown["CloudCustomData"]), (&text("edited"), &json!("new")));
    let snapshot = sandbox.look("snapshot").await.to_string();
    assert!(!snapshot.contains("hello") && !snapshot.contains("\"old\""), "the old content is gone");
    let told = sandbox.look("apps/1400000001/deliveries?group=g&kind=edit").await;
    assert_eq!(told["deliveries"][0]["content"], json!({"MsgSeq": 1, "MsgBody": text("edited")}));
}

/// modify_group_msg: "At least one of MsgBody and CloudCustomData should be given."
#[tokio::test]
async fn at_least_one_of_msg_body_and_cloud_custom_data_should_be_given() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    assert_eq!(modify(&sandbox, json!({"GroupId": "g", "MsgSeq": 1})).await["ErrorCode"], 90010);
}

/// modify_group_msg: "AVChatRoom has no history, so it is not supported."
#[tokio::test]
async fn av_chat_room_has_no_history_so_it_is_not_supported() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    let seq = sandbox.send("live", "bob", 1).await["MsgSeq"].as_u64().unwrap();
    assert_eq!(modify(&sandbox, edit("live", seq, "x")).await["ErrorCode"], 20001);
    for (group, kind) in [("w", "Private"), ("m", "ChatRoom"), ("@TGS#_c", "Community")] {
        sandbox.group(group, kind).await;
        sandbox.send(group, "bob", 1).await;
        assert_eq!(modify(&sandbox, edit(group, 1, "x")).await["ErrorCode"], 0, "{kind}");
    }
}

/// modify_group_msg: "Success text is observed as ErrorInfo "succeed" here, not empty."
#[tokio::test]
async fn success_text_is_succeed() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    assert_eq!(modify(&sandbox, edit("g", 1, "x")).await["ErrorInfo"], "succeed");
}

/// modify_group_msg: "Codes are of the openim family (20xxx/90xxx), not 10xxx."; what an unknown MsgSeq gets is a choice.
#[tokio::test]
async fn codes_are_of_the_openim_family() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    sandbox.ok("add_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "dave"}]})).await;
    let recalled = sandbox.send("g", "bob", 2).await["MsgSeq"].as_u64().unwrap();
    sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": recalled}]})).await;
    let mut in_topic = edit("g", 1, "x");
    in_topic["TopicId"] = json!("g@TOPIC#_none");
    for (body, code) in [
        (edit("gone", 1, "x"), 20001),
        (edit("g", 99, "x"), 20001),
        (edit("g", 2, "a system notice"), 20001),
        (edit("g", recalled, "recalled"), 20001),
        (in_topic, 20001),
        (json!({"GroupId": "g", "MsgSeq": 1, "MsgBody": "x"}), 90007),
        (json!({"GroupId": "g", "MsgSeq": 1, "MsgBody": [{"MsgType": "None", "MsgContent": {}}]}), 90002),
        (json!({"GroupId": "g", "MsgBody": text("x")}), 90010),
        (json!({"GroupId": "g", "MsgSeq": 1, "MsgBody": text("x"), "Extra": 1}), 90010),
    ] {
        assert_eq!(modify(&sandbox, body.clone()).await["ErrorCode"], code, "{body}");
    }
    let reply = sandbox.post(&sandbox.url("openim", "modify_group_msg"), "no json").await;
    assert_eq!(reply["ErrorCode"], 90001);
    sandbox.advance(91 * 86_400).await;
    assert_eq!(modify(&sandbox, edit("g", 1, "too old")).await["ErrorCode"], 20001);
}

/// modify_group_msg: "MsgSeq stays the same; no webhook is documented."
#[tokio::test]
async fn msg_seq_stays_the_same_and_no_webhook_is_fired() {
    let (sandbox, receiver) = crate::control::webhooks::hooked().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    sandbox.send("g", "bob", 2).await;
    sandbox.advance(5).await;
    modify(&sandbox, edit("g", 1, "edited")).await;
    let history = sandbox.history("g").await;
    assert_eq!((&history[1]["MsgSeq"], &history[1]["MsgTimeStamp"]), (&json!(1), &json!(NOW)));
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 3);
    // What comes next is told, the change before it was not.
    sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 2}]})).await;
    receiver.first("CallbackAfterRecallMsg").await;
    let told = receiver.commands();
    let last_send = told.iter().rposition(|command| command == "Group.CallbackAfterSendMsg").unwrap();
    assert_eq!(told[last_send + 1..], ["Group.CallbackAfterRecallMsg"]);
}

/// clear_group_msg: "Sets a marker only: SDKs cannot pull the messages any more, group_msg_get_simple by the admin still can."
#[tokio::test]
async fn clearing_sets_a_marker_only() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    for random in 1..=3 {
        sandbox.send("g", "bob", random).await;
    }
    let marker = async |sandbox: &Sandbox| {
        let snapshot = sandbox.look("snapshot").await;
        let groups = snapshot["apps"][0]["groups"].as_array().unwrap().clone();
        groups.into_iter().find(|group| group["id"] == "g").unwrap()["hidden_until"].clone()
    };
    sandbox.ok("clear_group_msg", json!({"GroupId": "g", "MsgSeq": 2})).await;
    assert_eq!(marker(&sandbox).await, 2);
    let told = sandbox.look("apps/1400000001/deliveries?group=g&kind=tip").await;
    let told = told["deliveries"].as_array().unwrap().last().unwrap();
    assert_eq!(told["content"], json!({"Event": "HistoryCleared", "MsgSeq": 2}));
    sandbox.ok("clear_group_msg", json!({"GroupId": "g", "MsgSeq": 1})).await;
    assert_eq!(marker(&sandbox).await, 2, "it never moves back");
    sandbox.ok("clear_group_msg", json!({"GroupId": "g"})).await;
    assert_eq!(marker(&sandbox).await, 3, "all messages by default");
    let history = sandbox.history("g").await;
    assert_eq!(history.len(), 3);
    assert!(history.iter().all(|message| message["IsPlaceMsg"] == 0 && message["MsgBody"] == text("hello")));

    sandbox.group("live", "AVChatRoom").await;
    sandbox.ok("clear_group_msg", json!({"GroupId": "live"})).await;
    sandbox.group("@TGS#_c", "Community").await;
    sandbox.fails("clear_group_msg", json!({"GroupId": "@TGS#_c"}), 10007).await;
    sandbox.fails("clear_group_msg", json!({"GroupId": "gone"}), 10010).await;
    sandbox.fails("clear_group_msg", json!({"GroupId": "\u{e4}"}), 10015).await;
}

/// One chunk of a stream; without an id its first.
fn chunk(id: Option<&str>, index: u64, words: &str, is_last: bool) -> Value {
    let chunk = json!({"EventType": "data", "Index": index, "Markdown": words, "IsLast": is_last});
    let mut content = json!({"CompatibleText": "please upgrade", "Chunks": [chunk]});
    if let Some(id) = id {
        content["StreamMsgID"] = json!(id);
    }
    let body = json!([{"MsgType": "TIMStreamElem", "MsgContent": content}]);
    json!({"GroupId": "g", "From_Account": "bob", "MsgRandom": index, "MsgBody": body})
}

async fn stream(sandbox: &Sandbox, body: Value) -> Value {
    sandbox.call_at("stream_msg", "send_group_stream_msg", body).await
}

/// The id of a new stream.
async fn begin(sandbox: &Sandbox) -> String {
    let reply = stream(sandbox, chunk(None, 1, "Hello", false)).await;
    assert_eq!(reply["ErrorCode"], 0, "{reply}");
    reply["StreamMsgID"].as_str().unwrap().to_owned()
}

/// What the chunks of the newest message say.
async fn words(sandbox: &Sandbox) -> String {
    let newest = sandbox.history("g").await[0].clone();
    let chunks = newest["MsgBody"][0]["MsgContent"]["Chunks"].as_array().unwrap().clone();
    chunks.iter().map(|chunk| chunk["Markdown"].as_str().unwrap()).collect()
}

/// send_group_stream_msg: "First call creates the message, later ones append; Index grows, IsLast true ends it."
#[tokio::test]
async fn first_call_creates_the_message_later_ones_append() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let id = begin(&sandbox).await;
    assert_eq!((words(&sandbox).await.as_str(), sandbox.unread("carol").await), ("Hello", json!(1)));
    // A choice: a call that is repeated, because its answer was lost, adds nothing; the plugin's spelling of Random.
    let mut again = chunk(None, 1, "Hello", false);
    again["Random"] = again.as_object_mut().unwrap().remove("MsgRandom").unwrap();
    assert_eq!(stream(&sandbox, again).await["StreamMsgID"], id);
    for _ in 0..2 {
        assert_eq!(stream(&sandbox, chunk(Some(&id), 2, " world", false)).await["StreamMsgID"], id);
    }
    assert_eq!(words(&sandbox).await, "Hello world");
    let mut stale = chunk(Some(&id), 2, "!", false);
    stale["MsgRandom"] = json!(77);
    assert_eq!(stream(&sandbox, stale).await["ErrorCode"], 10004);
    assert_eq!(stream(&sandbox, chunk(Some(&id), 3, "!", true)).await["ErrorCode"], 0);
    assert_eq!(words(&sandbox).await, "Hello world!");
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 2);
    assert_eq!(stream(&sandbox, chunk(Some("stream-99"), 2, "x", false)).await["ErrorCode"], 10004);
}

/// send_group_stream_msg: "More than 15 s between chunks ends the stream; a finished stream refuses more chunks."
#[tokio::test]
async fn more_than_15_s_between_chunks_ends_the_stream() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let id = begin(&sandbox).await;
    sandbox.advance(15).await;
    assert_eq!(stream(&sandbox, chunk(Some(&id), 2, "in time", false)).await["ErrorCode"], 0);
    sandbox.advance(16).await;
    assert_eq!(stream(&sandbox, chunk(Some(&id), 3, "too late", false)).await["ErrorCode"], 10004);

    let mut second = chunk(None, 1, "whole", true);
    second["MsgRandom"] = json!(9);
    let id = stream(&sandbox, second).await["StreamMsgID"].as_str().unwrap().to_owned();
    assert_eq!(stream(&sandbox, chunk(Some(&id), 2, "more", false)).await["ErrorCode"], 10004);
}

/// send_group_stream_msg: "Total under 128 KB; follow-up chunks at most 5/s; trial and development editions 1,000 per day."
#[tokio::test]
async fn total_under_128_kb_follow_up_chunks_at_most_5_a_second_editions_have_a_number_per_day() {
    let limits = Limits { stream_messages: 2, ..Limits::default() };
    let sandbox = Sandbox::start_with(Settings { limits, auto_import: true, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    sandbox.group("g", "Public").await;
    let id = begin(&sandbox).await;
    let rest = 131_072 - "Hello".len();
    assert_eq!(stream(&sandbox, chunk(Some(&id), 2, &"x".repeat(rest), false)).await["ErrorCode"], 80002);
    assert_eq!(stream(&sandbox, chunk(Some(&id), 2, &"x".repeat(rest - 1), false)).await["ErrorCode"], 0);

    let second = chunk(None, 2, "two", false);
    let id = stream(&sandbox, second).await["StreamMsgID"].as_str().unwrap().to_owned();
    assert_eq!(stream(&sandbox, chunk(None, 3, "three", false)).await["ErrorCode"], 60028);
    sandbox.control("rates", json!({"scale": 1})).await;
    let mut codes = Vec::new();
    for index in 3..13 {
        codes.push(stream(&sandbox, chunk(Some(&id), index, "x", false)).await["ErrorCode"].as_i64().unwrap());
    }
    assert_eq!(&codes[..5], [0; 5]);
    assert!(codes.contains(&60007), "{codes:?}");
    sandbox.advance(86_400).await;
    assert_eq!(stream(&sandbox, chunk(None, 3, "tomorrow", false)).await["ErrorCode"], 0);
}

/// send_group_stream_msg: "Friend relations, blocklists and mutes are not checked."
#[tokio::test]
async fn mutes_are_not_checked() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["bob"], "MuteTime": 60})).await;
    sandbox.fails("send_group_msg", message("g", "bob", 1), 10017).await;
    begin(&sandbox).await;
    let mut two = chunk(None, 2, "x", false);
    two["MsgBody"] = json!([two["MsgBody"][0], two["MsgBody"][0]]);
    assert_eq!(stream(&sandbox, two).await["ErrorCode"], 10004);
}
