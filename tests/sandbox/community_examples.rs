//! Every command for topics and permission groups answers the reference's example request with the example's answer.
//! `community_examples.json` holds both as the reference gives them.

use serde_json::{Value, json};

use super::client::Sandbox;
use super::examples::assert_like;
use super::topics::CLUB;

/// The permission group of the examples; its id has the form of a server-made one.
const EXAMPLE: &str = "@PMG#_@PMG#cEX";

struct Examples {
    sandbox: Sandbox,
    all: Value,
    left: Vec<String>,
    /// The id that the sandbox gave the permission group of the examples.
    made: String,
}

impl Examples {
    /// The example's answer and the sandbox's, both with the id of the example.
    async fn answer(&mut self, command: &str) -> (Value, Value) {
        self.left.retain(|left| left != command);
        let example = &self.all[command];
        let request: Value = self.renamed(&example["request"], EXAMPLE, &self.made);
        let reply = self.sandbox.call_at(example["service"].as_str().unwrap(), command, request).await;
        let reply = self.renamed(&reply, &self.made, EXAMPLE);
        (reply, example["response"].clone())
    }

    fn renamed(&self, value: &Value, from: &str, to: &str) -> Value {
        serde_json::from_str(&value.to_string().replace(from, to)).unwrap()
    }

    async fn check(&mut self, command: &str) {
        let (actual, expected) = self.answer(command).await;
        assert_like(&actual, &expected, command);
    }
}

/// The moment of the examples.
const MOMENT: i64 = 1_760_000_000;

#[tokio::test]
async fn every_example_request_answers_like_its_example_response() {
    let all: Value = serde_json::from_str(include_str!("community_examples.json")).unwrap();
    let left = all.as_object().unwrap().keys().cloned().collect();
    let sandbox = Sandbox::start().await;
    sandbox.freeze(MOMENT).await;
    sandbox.ok_at("im_open_login_svc", "account_import", json!({"UserID": "bo"})).await;
    let body = json!({
        "Type": "Community", "GroupId": CLUB, "Name": "Club", "SupportTopic": 1, "EnablePermission": 1,
        "MemberList": [{"Member_Account": "bo"}],
    });
    sandbox.ok("create_group", body).await;
    let mut examples = Examples { sandbox, all, left, made: EXAMPLE.to_owned() };

    examples.check("create_topic").await;
    examples.check("get_topic").await;
    examples.check("modify_topic").await;
    let (actual, _) = examples.answer("import_topic").await;
    assert!(actual["TopicId"].as_str().unwrap().starts_with("@TGS#_club@TOPIC#_@TOPIC#c"), "{actual}");

    let (actual, _) = examples.answer("create_permission_group").await;
    examples.made = actual["PermissionGroupId"].as_str().unwrap().to_owned();
    assert!(examples.made.starts_with("@PMG#_@PMG#c"), "{actual}");
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

    assert_eq!(examples.left, Vec::<String>::new(), "examples that were not tried");
}
