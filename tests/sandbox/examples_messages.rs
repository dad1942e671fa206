//! The commands about bans, single members, receipts, extensions, changed messages and robots answer the reference's example
//! request with the example's answer. `examples_messages.json` holds both as the reference gives them.

use serde_json::{Value, json};

use super::client::{Sandbox, message};
use super::examples::assert_like;

/// The moment of the examples.
const THEN: i64 = 1_760_000_000;

struct Examples {
    sandbox: Sandbox,
    all: Value,
    left: Vec<String>,
    /// What the server called the groups of the examples.
    names: [(&'static str, String); 2],
}

impl Examples {
    async fn check(&mut self, command: &str) {
        self.left.retain(|left| left != command);
        let example = &self.all[command];
        let mut request = example["request"].to_string();
        for (example, name) in &self.names {
            request = request.replace(example, name);
        }
        let service = example["service"].as_str().unwrap();
        let actual = self.sandbox.post(&self.sandbox.url(service, command), request).await;
        assert_like(&actual, &example["response"], command);
    }

    /// A message of ann's that takes receipts and extensions.
    async fn send(&self, random: u32) -> Value {
        let mut body = message(&self.names[0].1, "ann", random);
        body["NeedReadReceipt"] = json!(1);
        body["SupportMessageExtension"] = json!(1);
        self.sandbox.ok("send_group_msg", body).await["MsgSeq"].clone()
    }

    async fn add(&self, user: &str) {
        let body = json!({"GroupId": self.names[0].1, "Silence": 1, "MemberList": [{"Member_Account": user}]});
        self.sandbox.ok("add_group_member", body).await;
    }
}

#[tokio::test]
async fn every_example_request_about_messages_answers_like_its_example_response() {
    let all: Value = serde_json::from_str(include_str!("examples_messages.json")).unwrap();
    let left = all.as_object().unwrap().keys().cloned().collect();
    let sandbox = Sandbox::start().await;
    sandbox.freeze(THEN).await;
    let users = json!({"Accounts": ["ann", "bo", "cy", "di"]});
    sandbox.ok_at("im_open_login_svc", "multiaccount_import", users).await;
    let create = async |kind: &str| {
        let reply = sandbox.ok("create_group", json!({"Owner_Account": "ann", "Type": kind, "Name": "n"})).await;
        reply["GroupId"].as_str().unwrap().to_owned()
    };
    let names = [("@TGS#1EXAMPLE", create("Public").await), ("@TGS#aEXAMPLE", create("AVChatRoom").await)];
    let mut examples = Examples { sandbox, all, left, names };

    examples.send(1).await;
    examples.add("bo").await;
    examples.check("get_specified_group_member_info").await;
    examples.add("cy").await;
    examples.add("di").await;
    for random in 2..9 {
        examples.send(random).await;
    }
    assert_eq!(examples.send(9).await, 9);
    examples.check("group_msg_receipt").await;
    examples.check("get_group_msg_receipt").await;
    let bo = json!({"GroupId": examples.names[0].1, "From_Account": "bo", "MsgSeqList": [{"MsgSeq": 9}]});
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
    assert_eq!(examples.left, Vec::<String>::new(), "examples that were not tried");
}
