//! The commands of bans, single members, receipts, extensions, changed messages and robots.

use serde_json::{Value, json};

use super::{Examples, MESSAGES, THEN};
use crate::client::{Sandbox, message};

/// Sends a message of ann's that takes receipts and extensions; returns its number.
async fn send(sandbox: &Sandbox, group: &str, random: u32) -> Value {
    let mut body = message(group, "ann", random);
    body["NeedReadReceipt"] = json!(1);
    body["SupportMessageExtension"] = json!(1);
    sandbox.ok("send_group_msg", body).await["MsgSeq"].clone()
}

async fn add(sandbox: &Sandbox, group: &str, user: &str) {
    let body = json!({"GroupId": group, "Silence": 1, "MemberList": [{"Member_Account": user}]});
    sandbox.ok("add_group_member", body).await;
}

#[tokio::test]
async fn every_example_request_about_messages_answers_like_its_example_response() {
    let sandbox = Sandbox::start().await;
    sandbox.freeze(THEN).await;
    let users = json!({"Accounts": ["ann", "bo", "cy", "di"]});
    sandbox.ok_at("im_open_login_svc", "multiaccount_import", users).await;
    let mut examples = Examples::new(sandbox, MESSAGES);
    let group = examples.create("@TGS#1EXAMPLE", "Public").await;
    examples.create("@TGS#aEXAMPLE", "AVChatRoom").await;

    send(&examples.sandbox, &group, 1).await;
    add(&examples.sandbox, &group, "bo").await;
    examples.check("get_specified_group_member_info").await;
    add(&examples.sandbox, &group, "cy").await;
    add(&examples.sandbox, &group, "di").await;
    for random in 2..9 {
        send(&examples.sandbox, &group, random).await;
    }
    assert_eq!(send(&examples.sandbox, &group, 9).await, 9);
    examples.check("group_msg_receipt").await;
    examples.check("get_group_msg_receipt").await;
    let bo = json!({"GroupId": group, "From_Account": "bo", "MsgSeqList": [{"MsgSeq": 9}]});
    examples.sandbox.ok("group_msg_receipt", bo).await;
    examples.check("get_group_msg_receipt_detail").await;
    examples.check("group_set_key_values").await;
    examples.check("group_get_key_values").await;
    examples.check("modify_group_msg").await;
    examples.check("send_group_stream_msg").await;
    examples.check("clear_group_msg").await;

    examples.check("ban_group_member").await;
    examples.check("get_group_ban_member").await;
    examples.check("unban_group_member").await;

    examples.check("create_robot").await;
    examples.check("get_all_robots").await;
    examples.check("delete_robot").await;
    examples.all_were_checked();
}
