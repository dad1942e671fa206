//! The commands of groups, members, messages and imports.

use serde_json::json;

use super::{CORE, Examples};
use crate::client::{NOW, Sandbox, text};

#[tokio::test]
async fn every_example_request_answers_like_its_example_response() {
    let mut examples = Examples::new(Sandbox::start().await, CORE);

    examples.check("create_group").await;
    let carol = json!({"GroupId": "g-demo", "Silence": 1, "MemberToDel_Account": ["carol"]});
    examples.sandbox.ok("delete_group_member", carol).await;
    examples.check("get_group_info").await;
    examples.check("get_group_member_info").await;
    let carol = json!({"GroupId": "g-demo", "Silence": 1, "MemberList": [{"Member_Account": "carol"}]});
    examples.sandbox.ok("add_group_member", carol).await;
    examples.check("add_group_member").await;
    examples.check("get_role_in_group").await;
    for random in 1..=4 {
        examples.sandbox.send("g-demo", "bob", random).await;
    }
    examples.check("get_joined_group_list").await;
    examples.sandbox.freeze(NOW + 100).await;
    examples.check("send_group_msg").await;
    examples.sandbox.freeze(NOW + 200).await;
    let hi = json!({"GroupId": "g-demo", "From_Account": "carol", "Random": 17, "MsgBody": text("hi")});
    examples.sandbox.ok("send_group_msg", hi).await;
    examples.check("group_msg_recall").await;
    examples.check("group_msg_get_simple").await;
    examples.check("delete_group_msg_by_sender").await;
    examples.check("send_group_system_notification").await;
    examples.check("modify_group_base_info").await;
    examples.check("modify_group_member_info").await;
    examples.sandbox.freeze(NOW).await;
    examples.check("forbid_send_msg").await;
    let carol = json!({"GroupId": "g-demo", "Members_Account": ["carol"], "MuteTime": 0});
    examples.sandbox.ok("forbid_send_msg", carol).await;
    examples.check("get_group_muted_account").await;
    examples.check("get_group_shutted_uin").await;
    examples.check("delete_group_member").await;
    examples.check("change_group_owner").await;
    examples.check("destroy_group").await;

    examples.check("import_group").await;
    examples.check("import_group_msg").await;
    examples.check("import_group_member").await;
    examples.check("set_unread_msg_num").await;

    examples.sandbox.group("live-1", "AVChatRoom").await;
    let users: Vec<String> = (0..1000).map(|n| format!("viewer-{n}")).collect();
    examples.sandbox.control("apps/1400000001/accounts", json!({"users": users})).await;
    examples.sandbox.control("apps/1400000001/presence", json!({"group": "live-1", "join": users})).await;
    examples.check("get_online_member_num").await;

    for name in ["one", "two"] {
        examples.sandbox.ok("create_group", json!({"Type": "Public", "Name": name})).await;
    }
    let (actual, expected) = examples.answer("get_appid_group_list").await;
    assert_eq!(actual["TotalCount"], expected["TotalCount"]);
    assert_eq!(actual["GroupIdList"].as_array().unwrap().len(), 2);
    assert!(actual["GroupIdList"][1]["GroupId"].as_str().unwrap().starts_with("@TGS#"));
    assert!(actual["Next"].as_u64().unwrap() > u64::from(u32::MAX));

    examples.all_were_checked();
}
