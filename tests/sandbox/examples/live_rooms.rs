//! The commands of attributes, counters, live rooms and broadcasts.

use sandbox::Settings;
use serde_json::json;

use super::{Examples, LIVE_ROOMS, THEN};
use crate::client::{Sandbox, text, unpaced};

#[tokio::test]
async fn every_example_request_about_live_rooms_answers_like_its_example_response() {
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    sandbox.freeze(THEN).await;
    let mut examples = Examples::new(sandbox, LIVE_ROOMS);
    let group = examples.create("@TGS#1EXAMPLE", "Public").await;
    let room = examples.create("@TGS#aEXAMPLE", "AVChatRoom").await;

    examples.check("modify_group_attr").await;
    examples.check("delete_group_attr").await;
    examples.check("set_group_attr").await;
    let seat = json!({"GroupId": group, "GroupAttr": [{"key": "seat1", "value": "bo"}]});
    examples.sandbox.ok("set_group_attr", seat).await;
    examples.check("get_group_attr").await;
    examples.check("clear_group_attr").await;

    examples
        .sandbox
        .ok("update_group_counter", json!({"GroupId": group, "GroupCounter": [{"Key": "likes", "Value": 5}]}))
        .await;
    examples.check("get_group_counter").await;
    examples.check("update_group_counter").await;
    examples.check("delete_group_counter").await;

    let bo = json!({"UserID": "bo", "Nick": "Bo"});
    examples.sandbox.ok_at("im_open_login_svc", "account_import", bo).await;
    examples.sandbox.control("apps/1400000001/presence", json!({"group": room, "join": ["bo"]})).await;
    for command in [
        "get_members",
        "check_members",
        "modify_user_info",
        "modify_admin",
        "get_admin_list",
        "add_robots",
        "del_robots",
    ] {
        examples.check(command).await;
    }

    // The example is the twelfth broadcast of its app.
    for random in 0..11 {
        examples.sandbox.ok("send_broadcast_msg", json!({"Random": random, "MsgBody": text("hello")})).await;
    }
    examples.check("send_broadcast_msg").await;
    examples.all_were_checked();
}
