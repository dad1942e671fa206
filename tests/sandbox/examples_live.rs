//! The commands about attributes, counters and live rooms answer the reference's example request with the example's answer.
//! `examples_live.json` holds both as the reference gives them.

use sandbox::Settings;
use serde_json::{Value, json};

use super::client::{Sandbox, text, unpaced};
use super::examples::assert_like;

/// The moment of the examples.
const THEN: i64 = 1_760_000_000;

#[tokio::test]
async fn every_example_request_about_live_rooms_answers_like_its_example_response() {
    let all: Value = serde_json::from_str(include_str!("examples_live.json")).unwrap();
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    sandbox.freeze(THEN).await;
    let create = async |kind: &str| {
        let reply = sandbox.ok("create_group", json!({"Owner_Account": "ann", "Type": kind, "Name": "n"})).await;
        reply["GroupId"].as_str().unwrap().to_owned()
    };
    let (group, room) = (create("Public").await, create("AVChatRoom").await);
    let mut left: Vec<&String> = all.as_object().unwrap().keys().collect();
    let mut check = async |command: &str| {
        left.retain(|left| *left != command);
        let example = &all[command];
        let request = example["request"].to_string().replace("@TGS#1EXAMPLE", &group).replace("@TGS#aEXAMPLE", &room);
        let actual = sandbox.post(&sandbox.url(example["service"].as_str().unwrap(), command), request).await;
        assert_like(&actual, &example["response"], command);
    };

    check("modify_group_attr").await;
    check("delete_group_attr").await;
    check("set_group_attr").await;
    let seat = json!({"GroupId": group, "GroupAttr": [{"key": "seat1", "value": "bo"}]});
    sandbox.ok("set_group_attr", seat).await;
    check("get_group_attr").await;
    check("clear_group_attr").await;

    sandbox.ok("update_group_counter", json!({"GroupId": group, "GroupCounter": [{"Key": "likes", "Value": 5}]})).await;
    check("get_group_counter").await;
    check("update_group_counter").await;
    check("delete_group_counter").await;

    let bo = json!({"UserID": "bo", "Nick": "Bo"});
    sandbox.ok_at("im_open_login_svc", "account_import", bo).await;
    sandbox.control("apps/1400000001/presence", json!({"group": room, "join": ["bo"]})).await;
    for command in [
        "get_members",
        "check_members",
        "modify_user_info",
        "modify_admin",
        "get_admin_list",
        "add_robots",
        "del_robots",
    ] {
        check(command).await;
    }

    // The example is the twelfth broadcast of its app.
    for random in 0..11 {
        sandbox.ok("send_broadcast_msg", json!({"Random": random, "MsgBody": text("hello")})).await;
    }
    check("send_broadcast_msg").await;
    assert!(left.is_empty(), "not checked: {left:?}");
}
