//! Message extensions: the statements of the reference in their order.

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, unpaced};

const SERVICE: &str = "openim_msg_ext_http_svc";

async fn send(sandbox: &Sandbox, group: &str, random: u32, extensible: u8) -> u64 {
    let mut body = message(group, "alice", random);
    body["SupportMessageExtension"] = json!(extensible);
    sandbox.ok("send_group_msg", body).await["MsgSeq"].as_u64().unwrap()
}

/// A group whose message 1 takes extensions.
async fn start() -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    assert_eq!(send(&sandbox, "g", 1, 1).await, 1);
    sandbox
}

fn operate(operation: u64, pairs: Value) -> Value {
    json!({"GroupId": "g", "MsgSeq": 1, "OperateType": operation, "ExtensionList": pairs})
}

fn set(key: &str, value: &str) -> Value {
    operate(1, json!([{"Key": key, "Value": value}]))
}

fn result(key: &str, value: &str, seq: u64) -> Value {
    json!([{"ErrorCode": 0, "Extension": {"Key": key, "Value": value, "Seq": seq}}])
}

async fn write(sandbox: &Sandbox, body: Value) -> Value {
    sandbox.ok_at(SERVICE, "group_set_key_values", body).await["ExtensionList"].clone()
}

async fn write_fails(sandbox: &Sandbox, body: Value, code: i64) {
    let reply = sandbox.call_at(SERVICE, "group_set_key_values", body).await;
    assert_eq!(reply["ErrorCode"], code, "{reply}");
}

async fn get(sandbox: &Sandbox, start: Value) -> Value {
    let body = json!({"GroupId": "g", "MsgSeq": 1, "StartSeq": start});
    sandbox.ok_at(SERVICE, "group_get_key_values", body).await
}

/// group_set_key_values: "Each key has a version Seq: 1 after the first write, +1 per later write; members must send the
/// latest Seq (0 first) or get 23001 for that key together with the stored pair."
#[tokio::test]
async fn each_key_has_a_version_1_after_the_first_write_and_one_more_per_later_write() {
    let sandbox = start().await;
    assert_eq!(write(&sandbox, set("vote", "yes")).await, result("vote", "yes", 1));
    assert_eq!(write(&sandbox, set("vote", "no")).await, result("vote", "no", 2));
    assert_eq!(write(&sandbox, set("like", "1")).await, result("like", "1", 1));
    // Deleting is a write, so that a version never comes twice.
    let delete = |key: &str| operate(2, json!([{"Key": key}]));
    assert_eq!(write(&sandbox, delete("vote")).await, result("vote", "", 3));
    assert_eq!(write(&sandbox, delete("vote")).await, result("vote", "", 3));
    assert_eq!(write(&sandbox, delete("never")).await, result("never", "", 0));
    assert_eq!(write(&sandbox, set("vote", "yes")).await, result("vote", "yes", 4));
}

/// group_set_key_values: "App admin calls skip the Seq check."
#[tokio::test]
async fn app_admin_calls_skip_the_seq_check() {
    let sandbox = start().await;
    write(&sandbox, set("vote", "yes")).await;
    let stale = operate(1, json!([{"Key": "vote", "Value": "no", "Seq": 0}]));
    assert_eq!(write(&sandbox, stale).await, result("vote", "no", 2));
}

/// group_set_key_values: "23001 is per key; 23002 and 23004 concern the message."
#[tokio::test]
async fn codes_23002_and_23004_concern_the_message() {
    let sandbox = start().await;
    send(&sandbox, "g", 2, 0).await;
    let mut without = set("vote", "yes");
    without["MsgSeq"] = json!(2);
    write_fails(&sandbox, without, 23002).await;
    let mut missing = set("vote", "yes");
    missing["MsgSeq"] = json!(99);
    write_fails(&sandbox, missing, 23004).await;
    sandbox.ok("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]})).await;
    write_fails(&sandbox, set("vote", "yes"), 23004).await;
    let read = json!({"GroupId": "g", "MsgSeq": 99});
    assert_eq!(sandbox.call_at(SERVICE, "group_get_key_values", read).await["ErrorCode"], 23004);
}

/// group_set_key_values: "More than 200 writes/min on one message: 23003."
#[tokio::test]
async fn more_than_200_writes_a_minute_on_one_message_23003() {
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    sandbox.group("g", "Public").await;
    send(&sandbox, "g", 1, 1).await;
    sandbox.control("rates", json!({"scale": 1})).await;
    for n in 0..200 {
        write(&sandbox, set("vote", &n.to_string())).await;
    }
    write_fails(&sandbox, set("vote", "more"), 23003).await;
    sandbox.advance(60).await;
    assert_eq!(write(&sandbox, set("vote", "again")).await, result("vote", "again", 201));
}

/// group_set_key_values: "At most 300 pairs per message."
#[tokio::test]
async fn at_most_300_pairs_per_message() {
    let sandbox = start().await;
    fill(&sandbox, 300).await;
    write_fails(&sandbox, set("one more", "x"), 10004).await;
    write(&sandbox, set("key-000", "changed")).await;
    write(&sandbox, operate(2, json!([{"Key": "key-001"}]))).await;
    write(&sandbox, set("one more", "x")).await;
}

/// Writes `count` keys, 20 in a call.
async fn fill(sandbox: &Sandbox, count: usize) {
    let keys: Vec<Value> = (0..count).map(|n| json!({"Key": format!("key-{n:03}"), "Value": "v"})).collect();
    for keys in keys.chunks(20) {
        write(sandbox, operate(1, json!(keys))).await;
    }
}

/// What a call may hold, and in which groups.
#[tokio::test]
async fn calls_are_checked_before_anything_is_written() {
    let sandbox = start().await;
    let pairs: Vec<Value> = (0..21).map(|n| json!({"Key": n.to_string(), "Value": "v"})).collect();
    write_fails(&sandbox, operate(1, json!(pairs)), 10004).await;
    write_fails(&sandbox, operate(1, json!([])), 10004).await;
    write_fails(&sandbox, operate(1, json!([{"Key": "a", "Value": "v"}, {"Key": "b"}])), 10004).await;
    write_fails(&sandbox, set(&"k".repeat(101), "v"), 10004).await;
    write_fails(&sandbox, set("k", &"v".repeat(1_001)), 10004).await;
    write_fails(&sandbox, operate(4, json!([])), 10004).await;
    assert_eq!(get(&sandbox, json!(0)).await["ExtensionList"], json!([]));
    write(&sandbox, set(&"k".repeat(100), &"v".repeat(1_000))).await;

    for (kind, group, code) in
        [("Private", "w", 0), ("ChatRoom", "m", 0), ("Community", "@TGS#_c", 0), ("AVChatRoom", "live", 10007)]
    {
        sandbox.group(group, kind).await;
        let seq = send(&sandbox, group, 1, 1).await;
        let mut body = set("k", "v");
        body["GroupId"] = json!(group);
        body["MsgSeq"] = json!(seq);
        let reply = sandbox.call_at(SERVICE, "group_set_key_values", body).await;
        assert_eq!(reply["ErrorCode"], code, "{kind}");
    }
}

/// group_get_key_values: "At most 200 pairs per answer.", and StartSeq goes on where it ended.
#[tokio::test]
async fn at_most_200_pairs_per_answer() {
    let sandbox = start().await;
    fill(&sandbox, 300).await;
    // Half of them have a higher version than the others.
    fill(&sandbox, 150).await;
    let mut start = 0;
    let mut keys = Vec::new();
    loop {
        let page = get(&sandbox, json!(start)).await;
        let pairs = page["ExtensionList"].as_array().unwrap();
        assert!(!pairs.is_empty() && pairs.len() <= 200, "{}", pairs.len());
        assert!(pairs.is_sorted_by_key(|pair| pair["Seq"].as_u64().unwrap()), "ordered by Seq");
        keys.extend(pairs.iter().map(|pair| pair["Key"].as_str().unwrap().to_owned()));
        start = pairs.last().unwrap()["Seq"].as_u64().unwrap() + 1;
        if page["CompleteFlag"] == 1 {
            assert_eq!(page["LatestSeq"], start - 1);
            break;
        }
    }
    assert_eq!(keys.len(), 300, "each once");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 300);
}

/// group_get_key_values: ClearSeq is the "Seq of the last clear; clients drop pairs with Seq <= this".
#[tokio::test]
async fn what_is_written_after_a_clear_has_a_higher_version_than_it() {
    let sandbox = start().await;
    write(&sandbox, set("vote", "yes")).await;
    write(&sandbox, set("vote", "no")).await;
    let clear = json!({"GroupId": "g", "MsgSeq": 1, "OperateType": 3});
    assert_eq!(write(&sandbox, clear).await, json!([]));
    let empty = get(&sandbox, json!(0)).await;
    assert_eq!((&empty["ExtensionList"], &empty["ClearSeq"]), (&json!([]), &json!(2)));
    assert_eq!(write(&sandbox, set("like", "1")).await, result("like", "1", 3));
    let page = get(&sandbox, json!(3)).await;
    assert_eq!((&page["LatestSeq"], &page["ClearSeq"], &page["CompleteFlag"]), (&json!(3), &json!(2), &json!(1)));
}
