//! Group counters: the statements of the reference in their order.

use sandbox::{Limits, Settings};
use serde_json::{Value, json};

use crate::client::{Sandbox, unpaced};

async fn started() -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox
}

fn update(mode: Option<&str>, counters: &[(&str, i64)]) -> Value {
    let counters: Vec<Value> = counters.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let mut body = json!({"GroupId": "g", "GroupCounter": counters});
    if let Some(mode) = mode {
        body["Mode"] = json!(mode);
    }
    body
}

async fn all(sandbox: &Sandbox) -> Value {
    sandbox.ok("get_group_counter", json!({"GroupId": "g"})).await["GroupCounter"].clone()
}

/// get_group_counter: "Without GroupCounterKeys every counter is returned." "Unknown keys are left out".
#[tokio::test]
async fn without_keys_every_counter_is_returned_and_unknown_keys_are_left_out() {
    let sandbox = started().await;
    sandbox.ok("update_group_counter", update(None, &[("likes", 5), ("gifts", 2)])).await;
    assert_eq!(all(&sandbox).await, json!([{"Key": "gifts", "Value": 2}, {"Key": "likes", "Value": 5}]));
    let some = json!({"GroupId": "g", "GroupCounterKeys": ["nothing", "likes"]});
    assert_eq!(sandbox.ok("get_group_counter", some).await["GroupCounter"], json!([{"Key": "likes", "Value": 5}]));
}

/// get_group_counter: "Value is a JSON number up to 64 bits".
#[tokio::test]
async fn values_have_64_bits() {
    let sandbox = started().await;
    let extremes = update(Some("Set"), &[("high", i64::MAX), ("low", i64::MIN)]);
    sandbox.ok("update_group_counter", extremes).await;
    assert_eq!(all(&sandbox).await, json!([{"Key": "high", "Value": i64::MAX}, {"Key": "low", "Value": i64::MIN}]));
    sandbox.fails("update_group_counter", update(Some("Increase"), &[("low", 1), ("high", 1)]), 10004).await;
    assert_eq!(all(&sandbox).await[1]["Value"], i64::MIN, "nothing of a refused call is done");
}

/// update_group_counter: "Increase/Decrease on a missing key start from 0." "Decrease may go below zero (inferred from the signed
/// type)."
#[tokio::test]
async fn increase_and_decrease_start_from_0_and_may_go_below() {
    let sandbox = started().await;
    let reply = sandbox.ok("update_group_counter", update(Some("Increase"), &[("up", 3)])).await;
    assert_eq!(reply["GroupCounter"], json!([{"Key": "up", "Value": 3}]));
    sandbox.ok("update_group_counter", update(Some("Increase"), &[("up", 4)])).await;
    let reply = sandbox.ok("update_group_counter", update(Some("Decrease"), &[("down", 2), ("up", 1)])).await;
    assert_eq!(reply["GroupCounter"], json!([{"Key": "down", "Value": -2}, {"Key": "up", "Value": 6}]));
}

/// update_group_counter: "10063 when the result has more than 20 keys."
#[tokio::test]
async fn more_than_20_counters_are_10063() {
    let sandbox = started().await;
    let keys: Vec<String> = (0..20).map(|n| format!("k{n:02}")).collect();
    let full: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    sandbox.ok("update_group_counter", update(None, &full)).await;
    sandbox.fails("update_group_counter", update(Some("Increase"), &[("k01", 1), ("one-more", 1)]), 10063).await;
    assert_eq!(all(&sandbox).await[1]["Value"], 1);
    sandbox.fails("update_group_counter", update(None, &[(&"k".repeat(129), 1)]), 10004).await;
    sandbox.fails("update_group_counter", update(Some("Multiply"), &[("k01", 1)]), 10004).await;
}

/// delete_group_counter: "Without GroupCounterKeys all counters are deleted." "Deleting unknown keys succeeds".
#[tokio::test]
async fn without_keys_all_counters_are_deleted_and_unknown_keys_are_no_fault() {
    let sandbox = started().await;
    sandbox.ok("update_group_counter", update(None, &[("a", 1), ("b", 2), ("c", 3)])).await;
    sandbox.ok("delete_group_counter", json!({"GroupId": "g", "GroupCounterKeys": ["a", "nothing"]})).await;
    assert_eq!(all(&sandbox).await, json!([{"Key": "b", "Value": 2}, {"Key": "c", "Value": 3}]));
    sandbox.ok("delete_group_counter", json!({"GroupId": "g"})).await;
    assert_eq!(all(&sandbox).await, json!([]));
}

/// "requires: Pro, Pro Plus or Enterprise edition": 10059 in others. A community has no counters.
#[tokio::test]
async fn other_editions_answer_10059_and_communities_10007() {
    let limits = Limits { basic_edition: true, ..Limits::default() };
    let sandbox = Sandbox::start_with(Settings { auto_import: true, limits, ..unpaced() }).await;
    sandbox.freeze(crate::client::NOW).await;
    sandbox.group("g", "Public").await;
    sandbox.fails("update_group_counter", update(None, &[("a", 1)]), 10059).await;
    for command in ["get_group_counter", "delete_group_counter"] {
        sandbox.fails(command, json!({"GroupId": "g"}), 10059).await;
    }
    let sandbox = Sandbox::start().await;
    let community = json!({"Owner_Account": "alice", "Type": "Community", "GroupId": "@TGS#_c", "Name": "n"});
    sandbox.ok("create_group", community).await;
    sandbox.fails("get_group_counter", json!({"GroupId": "@TGS#_c"}), 10007).await;
}
