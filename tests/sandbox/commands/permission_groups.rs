//! Permission groups of communities: the statements of the reference in their order.

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, unpaced};
use crate::commands::topics::{CLUB, GENERAL, post};

const EDITORS: &str = "@PMG#_editors";
/// Permission bits: sending and mentioning all in a community, and in a topic.
const SEND: u64 = 64;
const MENTION_ALL: u64 = 128;
const SEND_IN_TOPIC: u64 = 8;
const READ_IN_TOPIC: u64 = 16;

/// A topic community of alice with bob and carol, permission groups on, and nothing allowed by default.
async fn club_with(settings: Settings) -> Sandbox {
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.freeze(NOW).await;
    let users = json!({"Accounts": ["alice", "bob", "carol", "dave"]});
    sandbox.ok_at("im_open_login_svc", "multiaccount_import", users).await;
    let body = json!({
        "Owner_Account": "alice", "Type": "Community", "GroupId": CLUB, "Name": "Club", "SupportTopic": 1,
        "EnablePermission": 1, "DefaultPermission": 0,
        "MemberList": [{"Member_Account": "bob"}, {"Member_Account": "carol"}],
    });
    sandbox.ok("create_group", body).await;
    sandbox
}

async fn club() -> Sandbox {
    club_with(unpaced()).await
}

/// What names the editors, and more.
fn editors(more: Value) -> Value {
    let mut body = json!({"GroupId": CLUB, "PermissionGroupId": EDITORS});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn members(users: &[&str]) -> Value {
    users.iter().map(|user| json!({"Member_Account": user})).collect()
}

impl Sandbox {
    async fn editors(&self, permission: u64) {
        let body = editors(json!({"PermissionGroupName": "editors", "Permission": permission}));
        self.ok("create_permission_group", body).await;
    }

    async fn promote(&self, users: &[&str]) -> Value {
        self.ok("add_permission_group_member", editors(json!({"MemberList": members(users)}))).await["MemberList"]
            .clone()
    }

    /// Codes of the results for topics.
    async fn topic_codes(&self, command: &str, more: Value) -> Vec<i64> {
        let reply = self.ok(command, editors(more)).await;
        let results = reply["TopicPermissionResultList"].as_array().unwrap();
        results.iter().map(|result| result["ErrorCode"].as_i64().unwrap()).collect()
    }
}

fn bits(topic: &str, permission: u64) -> Value {
    json!({"TopicPermissionList": [{"TopicId": topic, "Permission": permission}]})
}

/// create_permission_group: "Members of the group get its bits; a member without any permission group uses
/// DefaultPermission of the community."
#[tokio::test]
async fn a_member_has_the_bits_of_permission_groups_or_the_default() {
    let sandbox = club().await;
    sandbox.fails("send_group_msg", message(CLUB, "bob", 1), 10007).await;
    sandbox.send(CLUB, "alice", 1).await;
    sandbox.send(CLUB, "administrator", 1).await;
    sandbox.send(CLUB, "dave", 1).await;

    sandbox.editors(SEND).await;
    sandbox.promote(&["bob"]).await;
    sandbox.send(CLUB, "bob", 2).await;
    sandbox.fails("send_group_msg", message(CLUB, "carol", 2), 10007).await;
    let mut everybody = message(CLUB, "bob", 3);
    everybody["GroupAtInfo"] = json!([{"GroupAtAllFlag": 1}]);
    sandbox.fails("send_group_msg", everybody.clone(), 10007).await;
    sandbox.ok("modify_permission_group", editors(json!({"Permission": SEND | MENTION_ALL}))).await;
    sandbox.ok("send_group_msg", everybody).await;

    sandbox.ok("modify_group_base_info", json!({"GroupId": CLUB, "DefaultPermission": SEND})).await;
    // get_group_info: "EnablePermission", "DefaultPermission" in GroupInfo, asked for alone.
    let filter = json!({"GroupBaseInfoFilter": ["EnablePermission", "DefaultPermission"], "MemberInfoFilter": []});
    let info = sandbox.ok("get_group_info", json!({"GroupIdList": [CLUB], "ResponseFilter": filter})).await;
    let info = &info["GroupInfo"][0];
    assert_eq!((&info["EnablePermission"], &info["DefaultPermission"]), (&json!(1), &json!(SEND)));
    assert_eq!(info["Name"], Value::Null);
    sandbox.send(CLUB, "carol", 4).await;
    sandbox.ok("modify_permission_group", editors(json!({"Permission": 0}))).await;
    sandbox.fails("send_group_msg", message(CLUB, "bob", 5), 10007).await;
    sandbox.ok("modify_group_base_info", json!({"GroupId": CLUB, "EnablePermission": 0})).await;
    sandbox.send(CLUB, "bob", 6).await;
}

/// "community with permission groups enabled (EnablePermission=1)"; group types other than Community: no.
#[tokio::test]
async fn permission_groups_must_be_on() {
    let sandbox = Sandbox::start().await;
    let body = json!({"GroupId": CLUB, "PermissionGroupName": "n"});
    sandbox.fails("create_permission_group", body.clone(), 10010).await;
    sandbox.group(CLUB, "Community").await;
    sandbox.fails("create_permission_group", body, 10007).await;
    sandbox.group("g", "Public").await;
    sandbox.fails("get_permission_group", json!({"GroupId": "g"}), 10007).await;
    let body = json!({"Type": "Public", "Name": "n", "EnablePermission": 1});
    sandbox.fails("create_group", body, 10007).await;
}

/// PermissionGroupId: "starts with @PMG#_ but not with @PMG#_@PMG#; printable ASCII"; "server makes @PMG#_@PMG#...".
#[tokio::test]
async fn permission_group_ids_have_a_form() {
    let sandbox = club().await;
    let with = |id: &str| json!({"GroupId": CLUB, "PermissionGroupId": id, "PermissionGroupName": "n"});
    for bad in ["editors", "@PMG#_", "@PMG#_@PMG#x", "@PMG#_ä"] {
        sandbox.fails("create_permission_group", with(bad), 10015).await;
    }
    sandbox.editors(0).await;
    sandbox.fails("create_permission_group", with(EDITORS), 10021).await;
    let mut long = with("@PMG#_x");
    long["PermissionGroupName"] = json!("x".repeat(151));
    sandbox.fails("create_permission_group", long, 10004).await;
    let mut negative = with("@PMG#_x");
    negative["Permission"] = json!(-1);
    let info = sandbox.fails("create_permission_group", negative, 10004).await;
    assert!(info.contains("Permission"), "{info}");
    let made = sandbox.ok("create_permission_group", json!({"GroupId": CLUB, "PermissionGroupName": "n"})).await;
    assert!(made["PermissionGroupId"].as_str().unwrap().starts_with("@PMG#_@PMG#"), "{made}");
    sandbox.fails("modify_permission_group", with("editors"), 10015).await;
}

/// destroy_permission_group: "Result is per item."
#[tokio::test]
async fn destroying_answers_per_item() {
    let sandbox = club().await;
    sandbox.editors(SEND).await;
    sandbox.promote(&["bob"]).await;
    let body = json!({"GroupId": CLUB, "PermissionGroupIdList": [EDITORS, "@PMG#_none"]});
    let results = sandbox.ok("destroy_permission_group", body).await["PermissionGroupResultList"].clone();
    assert_eq!((&results[0]["ErrorCode"], &results[1]["ErrorCode"]), (&json!(0), &json!(110006)));
    sandbox.fails("send_group_msg", message(CLUB, "bob", 1), 10007).await;
    sandbox.fails("modify_permission_group", editors(json!({})), 110008).await;
    sandbox.fails("add_permission_group_member", editors(json!({"MemberList": members(&["bob"])})), 110006).await;
    let many: Vec<String> = (0..21).map(|n| format!("@PMG#_{n}")).collect();
    sandbox.fails("destroy_permission_group", json!({"GroupId": CLUB, "PermissionGroupIdList": many}), 10004).await;
}

/// modify_permission_group: "Only given fields change (unverified)."
#[tokio::test]
async fn only_given_fields_of_a_permission_group_change() {
    let sandbox = club().await;
    sandbox.editors(SEND).await;
    sandbox.ok("modify_permission_group", editors(json!({"CustomString": "c"}))).await;
    let body = json!({"GroupId": CLUB, "PermissionGroupIdList": [EDITORS]});
    let list = sandbox.ok("get_permission_group", body).await["PermissionGroupInfoList"].clone();
    let expected = json!([{
        "PermissionGroupId": EDITORS, "PermissionGroupName": "editors", "Permission": SEND, "CustomString": "c",
        "MemberNum": 0, "CreateTime": NOW,
    }]);
    assert_eq!(list, expected);
}

/// get_permission_group: "Empty first, then Next of the answer."; "Empty = complete."; at most 20 on a page.
#[tokio::test]
async fn permission_groups_are_paged_by_a_cursor() {
    let sandbox = club().await;
    for n in 0..5 {
        let body = json!({"GroupId": CLUB, "PermissionGroupId": format!("@PMG#_{n}"), "PermissionGroupName": "n"});
        sandbox.ok("create_permission_group", body).await;
    }
    let (mut next, mut found) = (json!(""), Vec::new());
    loop {
        let page = sandbox.ok("get_permission_group", json!({"GroupId": CLUB, "Limit": 2, "Next": next})).await;
        found
            .extend(page["PermissionGroupInfoList"].as_array().unwrap().iter().map(|g| g["PermissionGroupId"].clone()));
        next = page["Next"].clone();
        if next == "" {
            break;
        }
    }
    assert_eq!(found, ["@PMG#_0", "@PMG#_1", "@PMG#_2", "@PMG#_3", "@PMG#_4"]);
    let whole = sandbox.ok("get_permission_group", json!({"GroupId": CLUB, "Next": 0})).await;
    assert_eq!(whole["PermissionGroupInfoList"].as_array().unwrap().len(), 5, "Next as the number of the table");
    sandbox.fails("get_permission_group", json!({"GroupId": CLUB, "Limit": 21}), 10004).await;
    sandbox.fails("get_permission_group", json!({"GroupId": CLUB, "Next": "x"}), 10004).await;
}

/// add_permission_group_member: "Result holds error codes here, unlike add_group_member."
#[tokio::test]
async fn adding_answers_with_codes() {
    let sandbox = club_with(Settings { limits: tight(), ..unpaced() }).await;
    sandbox.editors(0).await;
    let results = sandbox.promote(&["bob", "bob", "dave", "nobody", "carol", "alice"]).await;
    let codes: Vec<&Value> = results.as_array().unwrap().iter().map(|result| &result["Result"]).collect();
    assert_eq!(codes, [0, 10013, 10007, 10019, 0, 110012]);
    let many: Vec<Value> = (0..101).map(|n| json!({"Member_Account": format!("u{n}")})).collect();
    sandbox.fails("add_permission_group_member", editors(json!({"MemberList": many})), 10004).await;
}

fn tight() -> sandbox::Limits {
    sandbox::Limits { permission_group_members: 2, ..Default::default() }
}

/// delete_permission_group_member: "Removing a user who is not in it succeeds."; "By default the members get a system
/// notification."
#[tokio::test]
async fn removing_succeeds_and_is_told() {
    let sandbox = club().await;
    sandbox.editors(SEND).await;
    sandbox.promote(&["bob"]).await;
    let body = editors(json!({"MemberList": members(&["bob", "carol"])}));
    sandbox.ok("delete_permission_group_member", body).await;
    sandbox.fails("send_group_msg", message(CLUB, "bob", 1), 10007).await;
    let told = sandbox.look("apps/1400000001/deliveries").await.to_string();
    assert!(told.contains("PermissionGroupMembersRemoved") && told.contains(r#"{"users":["bob"]}"#), "{told}");
}

/// get_permission_group_member_list: "Scan-style cursor." Who leaves the community leaves its permission groups.
#[tokio::test]
async fn members_of_a_permission_group_are_scanned() {
    let sandbox = club().await;
    sandbox.editors(0).await;
    sandbox.promote(&["alice", "bob", "carol"]).await;
    let first = sandbox.ok("get_permission_group_member_list", editors(json!({"Limit": 2, "Next": ""}))).await;
    assert_eq!(first["MemberList"].as_array().unwrap().len(), 2);
    let rest = editors(json!({"Limit": 2, "Next": first["Next"]}));
    let rest = sandbox.ok("get_permission_group_member_list", rest).await;
    assert_eq!(rest["MemberList"].as_array().unwrap().len(), 1);
    assert_eq!(rest["Next"], "");
    sandbox.fails("get_permission_group_member_list", editors(json!({"Limit": 51})), 10004).await;

    sandbox.ok("delete_group_member", json!({"GroupId": CLUB, "MemberToDel_Account": ["bob"]})).await;
    sandbox.ok("add_group_member", json!({"GroupId": CLUB, "MemberList": members(&["bob"])})).await;
    let list = sandbox.ok("get_permission_group_member_list", editors(json!({}))).await["MemberList"].clone();
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|member| &member["Member_Account"]).collect();
    assert_eq!(names, ["alice", "carol"]);
}

/// add_ and set_topic_permission_group: "Result is per item."
#[tokio::test]
async fn topic_permissions_answer_per_item() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    sandbox.editors(0).await;
    assert_eq!(sandbox.topic_codes("set_topic_permission_group", bits(GENERAL, 8)).await, [110011]);
    let two =
        json!({"TopicPermissionList": [{"TopicId": GENERAL, "Permission": 8}, {"TopicId": "x", "Permission": 8}]});
    assert_eq!(sandbox.topic_codes("add_topic_permission_group", two).await, [0, 110013]);
    assert_eq!(sandbox.topic_codes("add_topic_permission_group", bits(GENERAL, 16)).await, [110010]);
    assert_eq!(sandbox.topic_codes("set_topic_permission_group", bits(GENERAL, 16)).await, [0]);
    let read = sandbox.ok("get_topic_permission_group", editors(json!({}))).await["TopicPermissionResultList"].clone();
    assert_eq!(read, json!([{"ErrorCode": 0, "ErrorInfo": "", "TopicId": GENERAL, "Permission": 16}]));

    let named = json!({"TopicIdList": [GENERAL, "x"]});
    assert_eq!(sandbox.topic_codes("delete_topic_permission_group", named.clone()).await, [0, 110011]);
    assert_eq!(sandbox.topic_codes("get_topic_permission_group", named).await, [110014, 110011]);
    assert_eq!(sandbox.topic_codes("get_topic_permission_group", json!({})).await, [0; 0]);
    assert_eq!(sandbox.topic_codes("set_topic_permission_group", bits(GENERAL, 8)).await, [110014]);
    assert_eq!(sandbox.topic_codes("add_topic_permission_group", bits(GENERAL, 8)).await, [0]);
    let many: Vec<Value> = (0..51).map(|_| json!({"TopicId": GENERAL, "Permission": 8})).collect();
    sandbox.fails("add_topic_permission_group", editors(json!({"TopicPermissionList": many})), 10004).await;
    let body = json!({"GroupId": CLUB, "PermissionGroupId": "@PMG#_none"});
    sandbox.fails("get_topic_permission_group", body, 110006).await;
}

/// Topic bits take the place of the community's in the topics that a permission group names.
#[tokio::test]
async fn topic_permissions_decide_in_their_topic() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    sandbox.editors(0).await;
    sandbox.promote(&["bob"]).await;
    sandbox.fails("send_group_msg", post(GENERAL, "bob", 1), 10007).await;
    sandbox.ok("add_topic_permission_group", editors(bits(GENERAL, SEND_IN_TOPIC))).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 2)).await;
    sandbox.fails("send_group_msg", message(CLUB, "bob", 3), 10007).await;
    sandbox.ok("set_topic_permission_group", editors(bits(GENERAL, READ_IN_TOPIC))).await;
    sandbox.ok("modify_permission_group", editors(json!({"Permission": SEND}))).await;
    sandbox.fails("send_group_msg", post(GENERAL, "bob", 4), 10007).await;
    sandbox.ok("delete_topic_permission_group", editors(json!({"TopicIdList": [GENERAL]}))).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 5)).await;
}

/// The acting user of changes needs ManageGroupInfo (1) or ManageTopic (16).
#[tokio::test]
async fn acting_users_need_their_permissions() {
    let sandbox = club().await;
    sandbox.editors(0).await;
    sandbox.promote(&["bob"]).await;
    let rename = |user: &str| json!({"GroupId": CLUB, "Name": "n", "From_Account": user});
    sandbox.fails("modify_group_base_info", rename("bob"), 10007).await;
    sandbox.ok("modify_group_base_info", rename("alice")).await;
    sandbox.ok("modify_permission_group", editors(json!({"Permission": 1}))).await;
    sandbox.ok("modify_group_base_info", rename("bob")).await;

    let create = json!({"GroupId": CLUB, "TopicName": "n", "From_Account": "bob"});
    let refused = sandbox.call_at("million_group_open_http_svc", "create_topic", create.clone()).await;
    assert_eq!(refused["ErrorCode"], 10007);
    sandbox.ok("modify_permission_group", editors(json!({"Permission": 16}))).await;
    sandbox.ok_at("million_group_open_http_svc", "create_topic", create).await;
}

/// Permission groups, their members and topics are in snapshots.
#[tokio::test]
async fn snapshots_hold_permission_groups() {
    let sandbox = club().await;
    sandbox.topic(GENERAL).await;
    sandbox.editors(0).await;
    sandbox.promote(&["bob"]).await;
    sandbox.ok("add_topic_permission_group", editors(bits(GENERAL, SEND_IN_TOPIC))).await;
    let snapshot = sandbox.look("snapshot").await;
    sandbox.ok("destroy_group", json!({"GroupId": CLUB})).await;
    sandbox.control("restore", snapshot).await;
    sandbox.ok("send_group_msg", post(GENERAL, "bob", 1)).await;
    sandbox.fails("send_group_msg", post(GENERAL, "carol", 1), 10007).await;
}
