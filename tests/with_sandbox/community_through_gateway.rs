//! Topics and permission groups, called through the gateway: one test for each command.

use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::support::sandboxed::Sandboxed;

const CLUB: &str = "@TGS#_club";
const GENERAL: &str = "@TGS#_club@TOPIC#_general";
const EDITORS: &str = "@PMG#_editors";

/// A gateway before a sandbox with a community of alice and bob, a topic, and a permission group.
struct Club(Sandboxed);

impl std::ops::Deref for Club {
    type Target = Sandboxed;

    fn deref(&self) -> &Sandboxed {
        &self.0
    }
}

impl Club {
    async fn start() -> Self {
        let club = Self(Sandboxed::start().await);
        let group = json!({
            "type": "GROUP_TYPE_COMMUNITY", "group_id": CLUB, "name": "Club", "owner_user_id": "alice",
            "support_topic": true, "enable_permission": true,
            "members": [{"user_id": "bob"}],
        });
        club.ok("GroupService/CreateGroup", group).await;
        club.ok("TopicService/CreateTopic", json!({"group_id": CLUB, "topic_id": GENERAL, "name": "general"})).await;
        let editors = json!({"name": "editors", "permissions": ["COMMUNITY_PERMISSION_SEND_MESSAGES"]});
        club.ok("PermissionGroupService/CreatePermissionGroup", named(editors)).await;
        club
    }

    async fn topic(&self, topic: &str) -> Value {
        let request = json!({"group_id": CLUB, "user_id": "bob", "topic_ids": [topic]});
        self.ok("TopicService/GetTopics", request).await["results"][0].clone()
    }

    async fn add_bob(&self) -> Value {
        let request = named(json!({"user_ids": ["bob"]}));
        self.ok("PermissionGroupService/AddPermissionGroupMembers", request).await["results"][0].clone()
    }

    async fn permit(&self, rpc: &str, permission: &str) -> Value {
        let request = named(json!({"topics": [{"topic_id": GENERAL, "permissions": [permission]}]}));
        self.ok(&format!("PermissionGroupService/{rpc}"), request).await["results"][0].clone()
    }

    async fn topic_permissions(&self) -> Value {
        self.ok("PermissionGroupService/GetTopicPermissions", named(json!({}))).await["results"].clone()
    }

    async fn send(&self, topic: &str) -> Result<Value, Status> {
        let request = json!({
            "group_id": CLUB, "topic_id": topic, "sender_user_id": "bob", "elements": [{"text": {"text": "hello"}}],
        });
        self.call("MessageService/SendMessage", request).await
    }
}

/// A request about the editors.
fn named(mut request: Value) -> Value {
    request["group_id"] = json!(CLUB);
    request["permission_group_id"] = json!(EDITORS);
    request
}

#[tokio::test]
async fn create_topic_opens_a_history() {
    let club = Club::start().await;
    club.add_bob().await;
    assert_eq!(club.send(GENERAL).await.unwrap()["seq"], "1");
    let again = json!({"group_id": CLUB, "topic_id": GENERAL, "name": "general"});
    let status = club.call("TopicService/CreateTopic", again).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status:?}");
}

#[tokio::test]
async fn get_topics_tells_of_single_topics() {
    let club = Club::start().await;
    let topic = club.topic(GENERAL).await;
    assert_eq!(topic["topic"]["name"], "general", "{topic}");
    assert_eq!(topic["topic"]["next_msg_seq"], "1");
    assert_eq!(topic["self_info"]["receive_option"], "RECEIVE_OPTION_ACCEPT_AND_NOTIFY");
    let missing = club.topic("@TGS#_club@TOPIC#_gone").await;
    assert_eq!(missing["error_code"], 110003, "{missing}");
}

#[tokio::test]
async fn update_topic_changes_what_is_given() {
    let club = Club::start().await;
    let request = json!({"group_id": CLUB, "topic_id": GENERAL, "notification": "rules", "mute_all_members": true});
    club.ok("TopicService/UpdateTopic", request).await;
    let topic = club.topic(GENERAL).await["topic"].clone();
    assert_eq!((&topic["notification"], &topic["mute_all_members"]), (&json!("rules"), &json!(true)), "{topic}");
    assert_eq!(topic["name"], "general");
}

#[tokio::test]
async fn destroy_topics_answers_for_each() {
    let club = Club::start().await;
    let request = json!({"group_id": CLUB, "topic_ids": [GENERAL, "@TGS#_club@TOPIC#_gone"]});
    let results = club.ok("TopicService/DestroyTopics", request).await["results"].clone();
    assert_eq!(results[0]["topic_id"], GENERAL);
    assert_eq!(results[1]["error_code"], 110003, "{results}");
}

#[tokio::test]
async fn import_topic_keeps_its_time() {
    let club = Club::start().await;
    let request = json!({"group_id": CLUB, "name": "archive", "create_time": "2017-07-14T02:40:00Z"});
    let id = club.ok("TopicService/ImportTopic", request).await["topic_id"].clone();
    let topic = club.topic(id.as_str().unwrap()).await;
    assert_eq!(topic["topic"]["create_time"], "2017-07-14T02:40:00Z", "{topic}");
}

#[tokio::test]
async fn create_permission_group_and_list_permission_groups() {
    let club = Club::start().await;
    let request = json!({"group_id": CLUB, "page_size": 1});
    let list = club.ok("PermissionGroupService/ListPermissionGroups", request).await["permission_groups"].clone();
    assert_eq!(list[0]["permission_group_id"], EDITORS);
    assert_eq!(list[0]["permissions"], json!(["COMMUNITY_PERMISSION_SEND_MESSAGES"]), "{list}");
}

#[tokio::test]
async fn destroy_permission_groups_answers_for_each() {
    let club = Club::start().await;
    let request = json!({"group_id": CLUB, "permission_group_ids": [EDITORS, "@PMG#_none"]});
    let results = club.ok("PermissionGroupService/DestroyPermissionGroups", request).await["results"].clone();
    assert_eq!(results[1]["error_code"], 110006, "{results}");
}

#[tokio::test]
async fn update_permission_group_changes_bits() {
    let club = Club::start().await;
    club.add_bob().await;
    club.send("").await.unwrap();
    let request = named(json!({"permissions": ["COMMUNITY_PERMISSION_NONE"]}));
    club.ok("PermissionGroupService/UpdatePermissionGroup", request).await;
    let status = club.send("").await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
}

#[tokio::test]
async fn add_permission_group_members_tells_who_was_in() {
    let club = Club::start().await;
    assert_eq!(club.add_bob().await["user_id"], "bob");
    let again = club.add_bob().await;
    assert_eq!(again["error_code"], 10013, "{again}");
}

#[tokio::test]
async fn remove_permission_group_members_empties_the_list() {
    let club = Club::start().await;
    club.add_bob().await;
    let list = "PermissionGroupService/ListPermissionGroupMembers";
    let before = club.ok(list, named(json!({"page_size": 10}))).await;
    assert_eq!(before["members"][0]["user_id"], "bob", "{before}");
    assert_eq!(before["members"][0]["role"], "MEMBER_ROLE_MEMBER");
    club.ok("PermissionGroupService/RemovePermissionGroupMembers", named(json!({"user_ids": ["bob"]}))).await;
    let after = club.ok(list, named(json!({"page_size": 10}))).await;
    assert!(after["members"].as_array().is_none_or(Vec::is_empty), "{after}");
}

#[tokio::test]
async fn add_topic_permissions_and_get_topic_permissions() {
    let club = Club::start().await;
    club.permit("AddTopicPermissions", "TOPIC_PERMISSION_SEND_MESSAGES").await;
    let again = club.permit("AddTopicPermissions", "TOPIC_PERMISSION_SEND_MESSAGES").await;
    assert_eq!(again["error_code"], 110010, "{again}");
    assert_eq!(club.topic_permissions().await[0]["permissions"], json!(["TOPIC_PERMISSION_SEND_MESSAGES"]));
}

#[tokio::test]
async fn set_topic_permissions_decides_who_may_write() {
    let club = Club::start().await;
    club.add_bob().await;
    club.permit("AddTopicPermissions", "TOPIC_PERMISSION_SEND_MESSAGES").await;
    club.send(GENERAL).await.unwrap();
    club.permit("SetTopicPermissions", "TOPIC_PERMISSION_READ_HISTORY").await;
    assert_eq!(club.send(GENERAL).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn delete_topic_permissions_leaves_the_communitys() {
    let club = Club::start().await;
    club.permit("AddTopicPermissions", "TOPIC_PERMISSION_READ_HISTORY").await;
    let request = named(json!({"topic_ids": [GENERAL]}));
    club.ok("PermissionGroupService/DeleteTopicPermissions", request).await;
    let left = club.topic_permissions().await;
    assert!(left.as_array().is_none_or(Vec::is_empty), "{left}");
}
