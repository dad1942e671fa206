//! Group attributes: the statements of the reference in their order.

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox};

const TYPES: [&str; 4] = ["Private", "Public", "ChatRoom", "AVChatRoom"];

async fn get(sandbox: &Sandbox, group: &str) -> Value {
    sandbox.ok_at("group_open_attr_http_svc", "get_group_attr", json!({"GroupId": group})).await["GroupAttrAry"].clone()
}

fn attr(pairs: &[(&str, &str)]) -> Value {
    let pairs: Vec<Value> = pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({"GroupId": "g", "GroupAttr": pairs})
}

async fn started(kind: &str) -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", kind).await;
    sandbox
}

/// get_group_attr: "Service differs from the write commands." "Returns every key; there is no key filter."
#[tokio::test]
async fn reading_has_a_service_of_its_own_and_returns_every_key() {
    let sandbox = started("Public").await;
    sandbox.ok("modify_group_attr", attr(&[("seat1", "bo"), ("seat2", "")])).await;
    assert_eq!(get(&sandbox, "g").await, json!([{"key": "seat1", "value": "bo"}, {"key": "seat2", "value": ""}]));
    sandbox.fails("get_group_attr", json!({"GroupId": "g"}), 10003).await;
    let filtered = json!({"GroupId": "g", "Keys": ["seat1"]});
    assert_eq!(sandbox.call_at("group_open_attr_http_svc", "get_group_attr", filtered).await["ErrorCode"], 10004);
}

/// get_group_attr: "a stable emulator may keep insertion order"; "A group without attributes gives an empty array".
#[tokio::test]
async fn attributes_keep_the_order_in_which_they_came_and_none_are_an_empty_array() {
    let sandbox = started("Public").await;
    assert_eq!(get(&sandbox, "g").await, json!([]));
    sandbox.ok("modify_group_attr", attr(&[("z", "1"), ("a", "2")])).await;
    sandbox.ok("modify_group_attr", attr(&[("m", "3"), ("z", "4")])).await;
    let keys: Vec<Value> = get(&sandbox, "g").await.as_array().unwrap().iter().map(|row| row["key"].clone()).collect();
    assert_eq!(json!(keys), json!(["z", "a", "m"]));
}

/// modify_group_attr: "Upsert per key." set_group_attr: "Keys that are not listed disappear."
#[tokio::test]
async fn modify_leaves_other_keys_and_set_drops_them() {
    let sandbox = started("AVChatRoom").await;
    sandbox.ok("modify_group_attr", attr(&[("a", "1"), ("b", "2")])).await;
    sandbox.ok("modify_group_attr", attr(&[("b", "3")])).await;
    assert_eq!(get(&sandbox, "g").await, json!([{"key": "a", "value": "1"}, {"key": "b", "value": "3"}]));
    sandbox.ok("set_group_attr", attr(&[("host", "ann")])).await;
    assert_eq!(get(&sandbox, "g").await, json!([{"key": "host", "value": "ann"}]));
}

/// modify_group_attr: "Limits are checked against the resulting map (key count, total value bytes)." A write that breaks
/// one changes nothing.
#[tokio::test]
async fn limits_are_checked_against_the_resulting_map() {
    let sandbox = started("Public").await;
    let keys: Vec<String> = (0..16).map(|n| format!("k{n}")).collect();
    let full: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    sandbox.ok("set_group_attr", attr(&full)).await;
    sandbox.fails("modify_group_attr", attr(&[("one-more", "v")]), 10047).await;
    sandbox.ok("modify_group_attr", attr(&[("k3", "w")])).await;
    sandbox.ok("clear_group_attr", json!({"GroupId": "g"})).await;

    let large = "x".repeat(4_000);
    let four: Vec<(&str, &str)> = keys[..4].iter().map(|key| (key.as_str(), large.as_str())).collect();
    sandbox.ok("set_group_attr", attr(&four)).await;
    sandbox.fails("modify_group_attr", attr(&[("k9", "1"), ("k0", &large)]), 10048).await;
    assert_eq!(get(&sandbox, "g").await.as_array().unwrap().len(), 4, "nothing of it was written");

    sandbox.fails("modify_group_attr", attr(&[(&"k".repeat(33), "v")]), 10045).await;
    sandbox.fails("modify_group_attr", attr(&[("k0", &"x".repeat(4_001))]), 10046).await;
    sandbox.fails("modify_group_attr", attr(&[]), 10004).await;
}

/// modify_group_attr: "Creates, deletes and changes share one budget of 5 writes/s per group, beyond it 10049."
/// set_group_attr: "Counts as a write for the 5/s budget."
#[tokio::test]
async fn writes_share_one_budget_of_5_a_second_for_each_group() {
    let settings = Settings { auto_import: true, rate_scale: 0.01, ..Settings::default() };
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.freeze(NOW).await;
    sandbox.control("rates", json!({"scale": 0.0})).await;
    sandbox.group("g", "Public").await;
    sandbox.ok("create_group", json!({"Owner_Account": "alice", "Type": "Public", "GroupId": "h", "Name": "n"})).await;
    // Five at once pass.
    sandbox.control("rates", json!({"scale": 1.0})).await;
    for value in ["1", "2", "3", "4", "5"] {
        sandbox.ok("modify_group_attr", attr(&[("k", value)])).await;
    }
    // A tenth of five writes a second is one at once, and the next two seconds later. Whatever the first write is, it is the
    // only one.
    let writes = [
        ("set_group_attr", attr(&[("k", "v")])),
        ("modify_group_attr", attr(&[("k", "v")])),
        ("delete_group_attr", json!({"GroupId": "g", "GroupAttr": [{"key": "k"}]})),
        ("clear_group_attr", json!({"GroupId": "g"})),
    ];
    for (first, body) in &writes {
        sandbox.control("rates", json!({"scale": 0.0})).await;
        sandbox.ok("set_group_attr", attr(&[("k", "v"), ("l", "v")])).await;
        sandbox.control("rates", json!({"scale": 0.1})).await;
        sandbox.ok(first, body.clone()).await;
        let second = if *first == "delete_group_attr" { "l" } else { "k" };
        let refused = match *first {
            "clear_group_attr" => ("set_group_attr", attr(&[("k", "v")])),
            _ => ("delete_group_attr", json!({"GroupId": "g", "GroupAttr": [{"key": second}]})),
        };
        sandbox.fails(refused.0, refused.1, 10049).await;
        sandbox.fails("clear_group_attr", json!({"GroupId": "g"}), 10049).await;
    }
    let other = json!({"GroupId": "h", "GroupAttr": [{"key": "k", "value": "v"}]});
    sandbox.ok("set_group_attr", other).await;
}

/// clear_group_attr: "Clearing an empty map succeeds (unverified, inferred from the absence of 10050 in its table)."
#[tokio::test]
async fn clearing_an_empty_map_succeeds() {
    let sandbox = started("ChatRoom").await;
    sandbox.ok("clear_group_attr", json!({"GroupId": "g"})).await;
    sandbox.ok("set_group_attr", attr(&[("a", "1")])).await;
    sandbox.ok("clear_group_attr", json!({"GroupId": "g"})).await;
    assert_eq!(get(&sandbox, "g").await, json!([]));
}

/// delete_group_attr: "10050 when a key does not exist. Whether a mixed list deletes the existing keys first is not documented;
/// emulate as all-or-nothing (unverified)."
#[tokio::test]
async fn deleting_an_unknown_key_is_10050_and_deletes_nothing() {
    let sandbox = started("Public").await;
    sandbox.ok("set_group_attr", attr(&[("a", "1"), ("b", "2")])).await;
    let delete = |keys: &[&str]| {
        let keys: Vec<Value> = keys.iter().map(|key| json!({"key": key})).collect();
        json!({"GroupId": "g", "GroupAttr": keys})
    };
    sandbox.fails("delete_group_attr", delete(&["a", "nothing"]), 10050).await;
    assert_eq!(get(&sandbox, "g").await.as_array().unwrap().len(), 2);
    sandbox.ok("delete_group_attr", delete(&["a"])).await;
    assert_eq!(get(&sandbox, "g").await, json!([{"key": "b", "value": "2"}]));
}

/// The group types of the reference: a community can be read and deleted from, and not written.
#[tokio::test]
async fn communities_are_not_written_and_other_types_are() {
    for kind in TYPES {
        let sandbox = started(kind).await;
        sandbox.ok("set_group_attr", attr(&[("a", "1")])).await;
    }
    let sandbox = Sandbox::start().await;
    let community = json!({"Owner_Account": "alice", "Type": "Community", "GroupId": "@TGS#_c", "Name": "n"});
    sandbox.ok("create_group", community).await;
    assert_eq!(get(&sandbox, "@TGS#_c").await, json!([]));
    let write = json!({"GroupId": "@TGS#_c", "GroupAttr": [{"key": "a", "value": "1"}]});
    for command in ["set_group_attr", "modify_group_attr"] {
        sandbox.fails(command, write.clone(), 10007).await;
    }
    sandbox.fails("clear_group_attr", json!({"GroupId": "@TGS#_c"}), 10007).await;
    sandbox.fails("delete_group_attr", json!({"GroupId": "@TGS#_c", "GroupAttr": [{"key": "a"}]}), 10050).await;
}
