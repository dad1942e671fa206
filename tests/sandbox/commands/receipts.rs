//! Read receipts: the statements of the reference in their order.

use serde_json::{Value, json};

use crate::client::{Sandbox, message};
use crate::control::webhooks::hooked;

async fn send(sandbox: &Sandbox, random: u32) -> u64 {
    let mut body = message("g", "alice", random);
    body["NeedReadReceipt"] = json!(1);
    sandbox.ok("send_group_msg", body).await["MsgSeq"].as_u64().unwrap()
}

fn seqs(seqs: &[u64]) -> Vec<Value> {
    seqs.iter().map(|seq| json!({"MsgSeq": seq})).collect()
}

fn report(user: &str, numbers: &[u64]) -> Value {
    json!({"GroupId": "g", "From_Account": user, "MsgSeqList": seqs(numbers)})
}

fn item(seq: u64, code: i64, read: u64, unread: u64) -> Value {
    json!({"MsgSeq": seq, "Code": code, "ReadNum": read, "UnreadNum": unread})
}

async fn receipts(sandbox: &Sandbox, numbers: &[u64]) -> Value {
    let body = json!({"GroupId": "g", "MsgSeqList": seqs(numbers)});
    sandbox.ok("get_group_msg_receipt", body).await["GroupMsgReceiptList"].clone()
}

fn detail(seq: u64, filter: u64, cursor: &str, count: u64) -> Value {
    json!({"GroupId": "g", "MsgSeq": seq, "Filter": filter, "Cursor": cursor, "Count": count})
}

/// group_msg_receipt: "Groups with more than 200 members cannot use receipts (10060)."
#[tokio::test]
async fn groups_with_more_than_200_members_cannot_use_receipts() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    let users: Vec<String> = (0..198).map(|n| format!("user-{n}")).collect();
    sandbox.control("apps/1400000001/accounts", json!({"users": users})).await;
    let members: Vec<Value> = users.iter().map(|user| json!({"Member_Account": user})).collect();
    sandbox.ok("add_group_member", json!({"GroupId": "g", "MemberList": &members[..197]})).await;
    sandbox.ok("group_msg_receipt", report("bob", &[seq])).await;
    sandbox.ok("add_group_member", json!({"GroupId": "g", "MemberList": &members[197..]})).await;
    sandbox.fails("group_msg_receipt", report("carol", &[seq]), 10060).await;
}

/// group_msg_receipt: "Online-only messages have none (10061); messages sent without IsNeedReadReceipt have none (10062)."
#[tokio::test]
async fn online_only_messages_have_none_and_messages_sent_without_is_need_read_receipt_have_none() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let mut online = message("g", "alice", 1);
    online["OnlineOnlyFlag"] = json!(1);
    online["NeedReadReceipt"] = json!(1);
    let online = sandbox.ok("send_group_msg", online).await["MsgSeq"].as_u64().unwrap();
    sandbox.fails("group_msg_receipt", report("bob", &[online]), 10061).await;
    let without = sandbox.send("g", "alice", 2).await["MsgSeq"].as_u64().unwrap();
    sandbox.fails("group_msg_receipt", report("bob", &[without]), 10062).await;
    sandbox.fails("group_msg_receipt", report("bob", &[99]), 10062).await;
    // The other spelling of the switch; and one message without a receipt fails the call as a whole.
    let mut with = message("g", "alice", 3);
    with["IsNeedReadReceipt"] = json!(1);
    let with = sandbox.ok("send_group_msg", with).await["MsgSeq"].as_u64().unwrap();
    sandbox.fails("group_msg_receipt", report("bob", &[with, without]), 10062).await;
    assert_eq!(receipts(&sandbox, &[with]).await, json!([item(with, 0, 0, 2)]));
}

/// group_msg_receipt: "Reading twice changes nothing (unverified)."
#[tokio::test]
async fn reading_twice_changes_nothing() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    for _ in 0..2 {
        sandbox.ok("group_msg_receipt", report("bob", &[seq])).await;
        assert_eq!(receipts(&sandbox, &[seq]).await, json!([item(seq, 0, 1, 1)]));
    }
}

/// group_msg_receipt: "Fires Group.CallbackAfterReadReceipt."
#[tokio::test]
async fn reporting_fires_the_after_read_receipt_callback() {
    let (sandbox, receiver) = hooked().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    sandbox.ok("group_msg_receipt", report("bob", &[seq])).await;
    let told = receiver.first("CallbackAfterReadReceipt").await;
    assert_eq!((&told["GroupId"], &told["Type"]), (&json!("g"), &json!("Public")));
    let expected = json!([{
        "MsgSeq": seq, "ReadNum": 1, "UnreadNum": 1, "ReadReceiptMembers": [{"Member_Account": "bob"}],
    }]);
    assert_eq!(told["GroupMsgReceiptList"], expected);
    assert!(told["EventTime"].is_string());
}

/// Which members may report, how many messages, and in which groups.
#[tokio::test]
async fn only_members_report_up_to_50_messages_in_groups_that_have_receipts() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.fails("group_msg_receipt", report("dave", &[1]), 10007).await;
    let many: Vec<u64> = (1..=51).collect();
    sandbox.fails("group_msg_receipt", report("bob", &many), 10004).await;
    sandbox.fails("group_msg_receipt", report("bob", &[]), 10004).await;
    for random in 1..=50 {
        send(&sandbox, random).await;
    }
    sandbox.ok("group_msg_receipt", report("bob", &many[..50])).await;
    sandbox.group("@TGS#_c", "Community").await;
    sandbox.group("live", "AVChatRoom").await;
    for group in ["@TGS#_c", "live"] {
        let list = seqs(&[1]);
        let body = json!({"GroupId": group, "From_Account": "bob", "MsgSeqList": list});
        sandbox.fails("group_msg_receipt", body, 10007).await;
        sandbox.fails("get_group_msg_receipt", json!({"GroupId": group, "MsgSeqList": list}), 10007).await;
        let mut body = detail(1, 0, "", 1);
        body["GroupId"] = json!(group);
        sandbox.fails("get_group_msg_receipt_detail", body, 10007).await;
    }
    sandbox.fails("get_group_msg_receipt", json!({"GroupId": "gone", "MsgSeqList": seqs(&[1])}), 10010).await;
}

/// get_group_msg_receipt: "Per-item failures do not fail the call."
#[tokio::test]
async fn per_item_failures_do_not_fail_the_call() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    sandbox.send("g", "alice", 2).await;
    let expected = json!([item(seq, 0, 0, 2), item(2, 10062, 0, 0), item(99, 10062, 0, 0)]);
    assert_eq!(receipts(&sandbox, &[seq, 2, 99]).await, expected);
}

/// get_group_msg_receipt: "The sender is not counted (unverified)."; a choice: the members at the time of sending are.
#[tokio::test]
async fn the_sender_is_not_counted() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    sandbox.ok("group_msg_receipt", report("alice", &[seq])).await;
    assert_eq!(receipts(&sandbox, &[seq]).await, json!([item(seq, 0, 0, 2)]));
    sandbox.ok("add_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "dave"}]})).await;
    sandbox.ok("group_msg_receipt", report("dave", &[seq])).await;
    assert_eq!(receipts(&sandbox, &[seq]).await, json!([item(seq, 0, 0, 2)]));
    let mut targeted = message("g", "alice", 2);
    targeted["NeedReadReceipt"] = json!(1);
    targeted["To_Account"] = json!(["bob"]);
    let targeted = sandbox.ok("send_group_msg", targeted).await["MsgSeq"].as_u64().unwrap();
    assert_eq!(receipts(&sandbox, &[targeted]).await, json!([item(targeted, 0, 0, 1)]));
}

/// get_group_msg_receipt: "Per-call maximum not found.": a choice, there is none.
#[tokio::test]
async fn any_number_of_messages_is_counted_in_one_call() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    send(&sandbox, 1).await;
    let many: Vec<u64> = (1..=500).collect();
    assert_eq!(receipts(&sandbox, &many).await.as_array().unwrap().len(), 500);
    sandbox.fails("get_group_msg_receipt", json!({"GroupId": "g", "MsgSeqList": []}), 10004).await;
}

/// get_group_msg_receipt_detail: "Count above 200 is treated as 200 (stated by an SDK)."
#[tokio::test]
async fn a_count_above_200_is_treated_as_200() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    let reply = sandbox.ok("get_group_msg_receipt_detail", detail(seq, 1, "", 5_000)).await;
    assert_eq!(reply["UnreadList"], json!([{"Unread_Account": "bob"}, {"Unread_Account": "carol"}]));
    assert_eq!(reply["IsFinish"], 1);
    sandbox.fails("get_group_msg_receipt_detail", detail(seq, 1, "", 0), 10004).await;
}

/// get_group_msg_receipt_detail: "Cursor is an opaque decimal string; the last page of a sample carries "0"."
#[tokio::test]
async fn the_cursor_is_an_opaque_decimal_string_and_the_last_page_carries_0() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let seq = send(&sandbox, 1).await;
    let first = sandbox.ok("get_group_msg_receipt_detail", detail(seq, 1, "", 1)).await;
    assert_eq!((&first["UnreadList"], &first["IsFinish"]), (&json!([{"Unread_Account": "bob"}]), &json!(0)));
    let cursor = first["Cursor"].as_str().unwrap();
    assert!(cursor.parse::<u64>().unwrap() > 0);
    // A member who reads in between moves no other one off a page.
    sandbox.ok("group_msg_receipt", report("bob", &[seq])).await;
    let last = sandbox.ok("get_group_msg_receipt_detail", detail(seq, 1, cursor, 1)).await;
    assert_eq!(last["UnreadList"], json!([{"Unread_Account": "carol"}]));
    assert_eq!((&last["Cursor"], &last["IsFinish"]), (&json!("0"), &json!(1)));
    let readers = sandbox.ok("get_group_msg_receipt_detail", detail(seq, 0, "", 200)).await;
    assert_eq!((&readers["MsgSeq"], &readers["ReadList"]), (&json!(seq), &json!([{"Read_Account": "bob"}])));
    assert_eq!(readers.get("UnreadList"), None);
    sandbox.fails("get_group_msg_receipt_detail", detail(seq, 0, "x", 1), 10004).await;
    sandbox.fails("get_group_msg_receipt_detail", detail(seq, 2, "", 1), 10004).await;
    sandbox.fails("get_group_msg_receipt_detail", detail(99, 0, "", 1), 10062).await;
}
