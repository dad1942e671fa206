//! Bans, single members, receipts, extensions, changed messages and robots, called through the gateway.

use serde_json::{Value, json};
use tonic::Code;

use crate::support::sandboxed::Sandboxed;

/// A gateway before a sandbox with a public group of alice, bob and carol.
struct Group(Sandboxed);

impl std::ops::Deref for Group {
    type Target = Sandboxed;

    fn deref(&self) -> &Sandboxed {
        &self.0
    }
}

impl Group {
    async fn start() -> Self {
        let sandboxed = Sandboxed::start().await;
        sandboxed.group("g").await;
        sandboxed.members_of("g", vec!["bob".to_owned(), "carol".to_owned()]).await;
        Self(sandboxed)
    }

    async fn fails(&self, rpc: &str, request: Value, code: Code) {
        assert_eq!(self.call(rpc, request).await.expect_err(rpc).code(), code, "{rpc}");
    }

    /// A message that takes receipts and extensions.
    async fn send(&self) -> Value {
        let request = json!({
            "group_id": "g", "sender_user_id": "alice", "elements": [{"text": {"text": "hello"}}],
            "need_read_receipt": true, "support_extensions": true,
        });
        self.ok("MessageService/SendMessage", request).await["seq"].clone()
    }

    async fn ban(&self) {
        let request = json!({"group_id": "g", "user_ids": ["bob"], "duration": "3600s", "description": "spam"});
        self.ok("BanService/BanMembers", request).await;
    }

    async fn add_bob(&self) -> Value {
        let request = json!({"group_id": "g", "members": [{"user_id": "bob"}], "silent": true});
        self.ok("MemberService/AddMembers", request).await["results"][0]["outcome"].clone()
    }
}

#[tokio::test]
async fn ban_members_keeps_out() {
    let group = Group::start().await;
    group.ban().await;
    assert_eq!(group.add_bob().await, "ADD_MEMBER_OUTCOME_FAILED");
}

#[tokio::test]
async fn unban_members_lets_in_again() {
    let group = Group::start().await;
    group.ban().await;
    group.ok("BanService/UnbanMembers", json!({"group_id": "g", "user_ids": ["bob"]})).await;
    assert_eq!(group.add_bob().await, "ADD_MEMBER_OUTCOME_ADDED");
}

#[tokio::test]
async fn list_banned_members_pages() {
    let group = Group::start().await;
    let users: Vec<String> = (0..130).map(|n| format!("user-{n:03}")).collect();
    let request = json!({"group_id": "g", "user_ids": users, "duration": "60s"});
    let results = group.ok("BanService/BatchBanMembers", request).await["results"].as_array().unwrap().len();
    assert_eq!(results, 130);
    let mut token = json!("");
    let mut found = Vec::new();
    loop {
        let page = group.ok("BanService/ListBannedMembers", json!({"group_id": "g", "page_token": token})).await;
        found.extend(page["banned_members"].as_array().unwrap().iter().map(|ban| ban["user_id"].clone()));
        match page.get("next_page_token") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!(found, users);
}

#[tokio::test]
async fn get_members_leaves_strangers_out() {
    let group = Group::start().await;
    let reply = group.ok("MemberService/GetMembers", json!({"group_id": "g", "user_ids": ["carol", "zoe"]})).await;
    let members = reply["members"].as_array().unwrap();
    assert_eq!((members.len(), &members[0]["user_id"]), (1, &json!("carol")));
    assert_eq!(members[0]["role"], "MEMBER_ROLE_MEMBER");
}

#[tokio::test]
async fn update_message_replaces_its_elements() {
    let group = Group::start().await;
    let seq = group.send().await;
    let request = json!({"group_id": "g", "seq": seq, "elements": [{"text": {"text": "edited"}}]});
    group.ok("MessageService/UpdateMessage", request).await;
    let page = group.ok("MessageService/ListMessages", json!({"group_id": "g"})).await;
    assert_eq!(page["messages"][0]["elements"], json!([{"text": {"text": "edited"}}]));
    let missing = json!({"group_id": "g", "seq": "99", "cloud_custom_data": "x"});
    group.fails("MessageService/UpdateMessage", missing, Code::InvalidArgument).await;
}

#[tokio::test]
async fn clear_history_leaves_it_to_the_service() {
    let group = Group::start().await;
    let seq = group.send().await;
    group.ok("MessageService/ClearHistory", json!({"group_id": "g", "seq": seq})).await;
    let page = group.ok("MessageService/ListMessages", json!({"group_id": "g"})).await;
    assert_eq!(page["messages"][0]["seq"], seq);
    group.fails("MessageService/ClearHistory", json!({"group_id": "gone"}), Code::NotFound).await;
}

#[tokio::test]
async fn send_stream_message_grows_a_message() {
    let group = Group::start().await;
    let chunk = |id: &str, index: u64, last: bool| {
        json!({
            "group_id": "g", "request_id": format!("chunk-{index}"), "sender_user_id": "bob",
            "elements": [{"stream": {"stream_message_id": id, "chunks": [
                {"event_type": "data", "index": index.to_string(), "markdown": "x", "is_last": last},
            ]}}],
        })
    };
    let reply = group.ok("MessageService/SendStreamMessage", chunk("", 1, false)).await;
    let id = reply["stream_message_id"].as_str().unwrap();
    group.ok("MessageService/SendStreamMessage", chunk(id, 2, true)).await;
    group.fails("MessageService/SendStreamMessage", chunk(id, 3, false), Code::InvalidArgument).await;
    let page = group.ok("MessageService/ListMessages", json!({"group_id": "g"})).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    assert_eq!(page["messages"][0]["elements"][0]["unknown"]["type"], "TIMStreamElem", "{page}");
}

#[tokio::test]
async fn report_read_needs_a_receipt() {
    let group = Group::start().await;
    let seq = group.send().await;
    group.ok("ReceiptService/ReportRead", json!({"group_id": "g", "user_id": "bob", "seqs": [seq]})).await;
    let missing = json!({"group_id": "g", "user_id": "bob", "seqs": ["99"]});
    group.fails("ReceiptService/ReportRead", missing, Code::NotFound).await;
}

#[tokio::test]
async fn get_read_receipts_reports_for_each_message() {
    let group = Group::start().await;
    let seq = group.send().await;
    group.ok("ReceiptService/ReportRead", json!({"group_id": "g", "user_id": "bob", "seqs": [seq]})).await;
    let reply = group.ok("ReceiptService/GetReadReceipts", json!({"group_id": "g", "seqs": [seq, "99"]})).await;
    assert_eq!(reply["receipts"][0], json!({"seq": seq, "read_count": 1, "unread_count": 1}));
    assert_eq!((&reply["receipts"][1]["error_code"], &reply["receipts"][1]["seq"]), (&json!(10062), &json!("99")));
}

#[tokio::test]
async fn list_read_receipt_members_pages() {
    let group = Group::start().await;
    let seq = group.send().await;
    let mut request = json!({"group_id": "g", "seq": seq, "state": "READ_STATE_UNREAD", "page_size": 1});
    let first = group.ok("ReceiptService/ListReadReceiptMembers", request.clone()).await;
    assert_eq!(first["unread_user_ids"], json!(["bob"]));
    request["page_token"] = first["next_page_token"].clone();
    let last = group.ok("ReceiptService/ListReadReceiptMembers", request).await;
    assert_eq!((&last["unread_user_ids"], &last["is_finished"]), (&json!(["carol"]), &json!(true)));
    assert_eq!(last.get("next_page_token"), None);
}

#[tokio::test]
async fn set_extensions_counts_versions() {
    let group = Group::start().await;
    let seq = group.send().await;
    let request = json!({
        "group_id": "g", "seq": seq, "operation": "EXTENSION_OPERATION_SET",
        "extensions": [{"key": "vote", "value": "yes"}],
    });
    for version in ["1", "2"] {
        let reply = group.ok("ExtensionService/SetExtensions", request.clone()).await;
        assert_eq!(reply["results"], json!([{"extension": {"key": "vote", "value": "yes", "seq": version}}]));
    }
}

#[tokio::test]
async fn get_extensions_shows_what_was_set() {
    let group = Group::start().await;
    let seq = group.send().await;
    let set = json!({
        "group_id": "g", "seq": seq, "operation": "EXTENSION_OPERATION_SET",
        "extensions": [{"key": "vote", "value": "yes"}],
    });
    group.ok("ExtensionService/SetExtensions", set).await;
    let reply = group.ok("ExtensionService/GetExtensions", json!({"group_id": "g", "seq": seq})).await;
    let expected = json!({
        "extensions": [{"key": "vote", "value": "yes", "seq": "1"}], "complete": true, "latest_seq": "1",
    });
    assert_eq!(reply, expected);
    let missing = json!({"group_id": "g", "seq": "99"});
    group.fails("ExtensionService/GetExtensions", missing, Code::NotFound).await;
}

#[tokio::test]
async fn create_robot_stops_at_twenty() {
    let group = Group::start().await;
    for n in 0..20 {
        group.ok("RobotService/CreateRobot", json!({"user_id": format!("@RBT#{n}"), "nickname": "n"})).await;
    }
    group.fails("RobotService/CreateRobot", json!({"user_id": "@RBT#20"}), Code::FailedPrecondition).await;
}

#[tokio::test]
async fn delete_robot_and_list_robots() {
    let group = Group::start().await;
    for robot in ["@RBT#one", "@RBT#two"] {
        group.ok("RobotService/CreateRobot", json!({"user_id": robot})).await;
    }
    group.ok("RobotService/DeleteRobot", json!({"user_id": "@RBT#one"})).await;
    assert_eq!(group.ok("RobotService/ListRobots", json!({})).await, json!({"user_ids": ["@RBT#two"]}));
}
