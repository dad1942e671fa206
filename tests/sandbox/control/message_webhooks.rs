//! Webhooks about single messages: their ids, their edits and their extensions, and when they say it happened.

use serde_json::{Value, json};

use super::webhooks::hooked;
use crate::client::{NOW, message, text};

const MILLIS: i64 = NOW * 1_000;

/// Group.CallbackAfterSendMsg, MsgId: "three numbers joined by hyphens (internal sender number, Unix seconds, random)"; the table
/// of EventTime says Integer. send_group_msg and group_msg_get_simple show the same id.
#[tokio::test]
async fn the_reply_the_history_and_the_webhooks_of_a_message_have_one_id() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    let reply = sandbox.send("g", "bob", 77).await;
    let id = reply["MsgId"].as_str().unwrap();
    let parts: Vec<u64> = id.split('-').map(|part| part.parse().unwrap()).collect();
    assert_eq!(parts[1..], [NOW as u64, 77]);
    let told = receiver.first("CallbackAfterSendMsg").await;
    assert_eq!((&told["MsgId"], &told["EventTime"]), (&json!(id), &json!(MILLIS)));
    let stored = sandbox.history("g").await[0].clone();
    assert_eq!((&stored["MsgId"], &stored["MsgKey"]), (&json!(id), &json!(format!("1_77_{NOW}"))));
    assert_eq!(sandbox.send("g", "bob", 77).await["MsgId"], id, "a repetition is the same message");
    assert_ne!(sandbox.send("g", "carol", 77).await["MsgId"], id, "the sender is part of it");

    sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]})).await;
    let told = receiver.first("CallbackAfterRecallMsg").await;
    assert_eq!(told["MsgSeqList"], json!([{"MsgSeq": 1, "MsgId": id}]));
    assert_eq!(told["EventTime"], json!(MILLIS.to_string()), "a text in the sample of this one");
}

/// Group.CallbackAfterModifyMsg: "After a stored group message was edited"; TopicId is "an empty string outside topics"; MsgBody
/// "Elements after the edit"; EventTime "a number in the sample"; no Type.
#[tokio::test]
async fn an_edit_fires_the_after_modify_callback() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    let edit = json!({"GroupId": "g", "MsgSeq": 1, "MsgBody": text("edited")});
    sandbox.ok_at("openim", "modify_group_msg", edit).await;
    let expected = json!({
        "CallbackCommand": "Group.CallbackAfterModifyMsg", "Operator_Account": "administrator", "GroupId": "g",
        "TopicId": "", "MsgSeq": 1, "MsgBody": text("edited"), "EventTime": MILLIS,
    });
    assert_eq!(receiver.first("CallbackAfterModifyMsg").await, expected);
}

/// An edit of the custom data alone shows the elements as they are; one that fails fires nothing.
#[tokio::test]
async fn an_edit_of_the_custom_data_shows_the_elements_as_they_are() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    let edit = |seq: u64| json!({"GroupId": "g", "MsgSeq": seq, "CloudCustomData": "c"});
    sandbox.call_at("openim", "modify_group_msg", edit(9)).await;
    sandbox.ok_at("openim", "modify_group_msg", edit(1)).await;
    let told = receiver.first("CallbackAfterModifyMsg").await;
    assert_eq!((&told["MsgSeq"], &told["MsgBody"]), (&json!(1), &text("hello")));
}

/// Group.CallbackAfterGroupMsgExtension: "1 set, 2 delete, 3 clear all"; ExtensionList "Value is an empty string for delete; empty
/// array for clear"; Seq "+1 per operation in the samples"; "No Type, Operator_Account or TopicId in the documented packet".
#[tokio::test]
async fn setting_deleting_and_clearing_extensions_fires_a_callback_each() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    let mut body = message("g", "bob", 1);
    body["SupportMessageExtension"] = json!(1);
    sandbox.ok("send_group_msg", body).await;
    let steps = [
        (1, json!([{"Key": "k", "Value": "v"}]), json!([{"Key": "k", "Value": "v", "Seq": 1}])),
        (2, json!([{"Key": "k"}]), json!([{"Key": "k", "Value": "", "Seq": 2}])),
        (3, json!([]), json!([])),
    ];
    for (operation, pairs, _) in &steps {
        let body = json!({"GroupId": "g", "MsgSeq": 1, "OperateType": operation, "ExtensionList": pairs});
        sandbox.ok_at("openim_msg_ext_http_svc", "group_set_key_values", body).await;
    }
    let told = receiver.wait_for("CallbackAfterGroupMsgExtension", steps.len()).await;
    for ((operation, _, shown), told) in steps.into_iter().zip(told) {
        let expected = json!({
            "CallbackCommand": "Group.CallbackAfterGroupMsgExtension", "GroupId": "g", "MsgSeq": 1,
            "OperateType": operation, "ExtensionList": shown, "Seq": operation, "EventTime": MILLIS,
        });
        assert_eq!(told, expected);
    }
}

/// event_time: "Absent: the three after-hooks of topics, BeforeCreateTopic".
#[tokio::test]
async fn webhooks_about_topics_do_not_say_when() {
    let (sandbox, receiver) = hooked().await;
    let body =
        json!({"Type": "Community", "GroupId": "@TGS#_c", "Name": "n", "Owner_Account": "alice", "SupportTopic": 1});
    sandbox.ok("create_group", body).await;
    let topic = "@TGS#_c@TOPIC#_t";
    let call = async |command: &str, body: Value| {
        sandbox.ok_at("million_group_open_http_svc", command, body).await;
    };
    call("create_topic", json!({"GroupId": "@TGS#_c", "TopicId": topic, "TopicName": "t"})).await;
    call("modify_topic", json!({"GroupId": "@TGS#_c", "TopicId": topic, "TopicName": "u"})).await;
    call("destroy_topic", json!({"GroupId": "@TGS#_c", "TopicIdList": [topic]})).await;
    for hook in ["BeforeCreateTopic", "AfterCreateTopic", "AfterTopicInfoChanged", "AfterTopicDestroyed"] {
        assert_eq!(receiver.first(&format!("Callback{hook}")).await.get("EventTime"), None, "{hook}");
    }
}
