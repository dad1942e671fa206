//! The commands of topics and permission groups.

use serde_json::json;

use super::{COMMUNITIES, Examples, THEN};
use crate::client::Sandbox;
use crate::commands::topics::CLUB;

/// The permission group of the examples; its id has the form of a server-made one.
const EXAMPLE: &str = "@PMG#_@PMG#cEX";

#[tokio::test]
async fn every_example_request_about_communities_answers_like_its_example_response() {
    let sandbox = Sandbox::start().await;
    sandbox.freeze(THEN).await;
    sandbox.ok_at("im_open_login_svc", "account_import", json!({"UserID": "bo"})).await;
    let body = json!({
        "Type": "Community", "GroupId": CLUB, "Name": "Club", "SupportTopic": 1, "EnablePermission": 1,
        "MemberList": [{"Member_Account": "bo"}],
    });
    sandbox.ok("create_group", body).await;
    let mut examples = Examples::new(sandbox, COMMUNITIES);

    examples.check("create_topic").await;
    examples.check("get_topic").await;
    examples.check("modify_topic").await;
    let (actual, _) = examples.answer("import_topic").await;
    assert!(actual["TopicId"].as_str().unwrap().starts_with("@TGS#_club@TOPIC#_@TOPIC#c"), "{actual}");

    let (actual, _) = examples.answer("create_permission_group").await;
    let made = actual["PermissionGroupId"].as_str().unwrap().to_owned();
    assert!(made.starts_with("@PMG#_@PMG#c"), "{actual}");
    examples.names.push((EXAMPLE, made));
    examples.check("add_permission_group_member").await;
    examples.check("get_permission_group").await;
    examples.check("modify_permission_group").await;
    examples.check("get_permission_group_member_list").await;
    examples.check("add_topic_permission_group").await;
    examples.check("set_topic_permission_group").await;
    examples.check("get_topic_permission_group").await;
    examples.check("delete_topic_permission_group").await;
    examples.check("delete_permission_group_member").await;
    examples.check("destroy_permission_group").await;
    examples.check("destroy_topic").await;

    examples.all_were_checked();
}
