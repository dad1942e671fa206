//! Robots: the statements of the reference in their order.

use serde_json::{Value, json};

use crate::client::Sandbox;

const SERVICE: &str = "openim_robot_http_svc";

async fn create(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.call_at(SERVICE, "create_robot", json!({"UserID": id, "Nick": "Helper"})).await["ErrorCode"].clone()
}

async fn robots(sandbox: &Sandbox) -> Value {
    sandbox.ok_at(SERVICE, "get_all_robots", json!({})).await["Robot_Account"].clone()
}

/// create_robot: "Creating the same ID again makes no second robot."
#[tokio::test]
async fn creating_the_same_id_again_makes_no_second_robot() {
    let sandbox = Sandbox::start().await;
    assert_eq!(robots(&sandbox).await, json!([]));
    for _ in 0..2 {
        assert_eq!(create(&sandbox, "@RBT#helper").await, 0);
        assert_eq!(robots(&sandbox).await, json!(["@RBT#helper"]));
    }
    for id in ["helper", "@RBT#", "@RBT#a-name-of-more-than-32-bytes!"] {
        assert_eq!(create(&sandbox, id).await, 10004, "{id}");
    }
    let long = json!({"UserID": "@RBT#other", "SelfSignature": "s".repeat(501)});
    assert_eq!(sandbox.call_at(SERVICE, "create_robot", long).await["ErrorCode"], 10004);
}

/// create_robot: "At most 20 robots per app; beyond it 10008."
#[tokio::test]
async fn at_most_20_robots_per_app_beyond_it_10008() {
    let sandbox = Sandbox::start().await;
    for n in 0..20 {
        assert_eq!(create(&sandbox, &format!("@RBT#{n}")).await, 0);
    }
    assert_eq!(create(&sandbox, "@RBT#20").await, 10008);
    assert_eq!(create(&sandbox, "@RBT#19").await, 0);
    sandbox.ok_at(SERVICE, "delete_robot", json!({"Robot_Account": "@RBT#0"})).await;
    assert_eq!(create(&sandbox, "@RBT#20").await, 0);
}

/// delete_robot: "The UserID itself stays."
#[tokio::test]
async fn the_user_id_itself_stays() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    create(&sandbox, "@RBT#helper").await;
    let member = json!({"GroupId": "g", "MemberList": [{"Member_Account": "@RBT#helper"}]});
    assert_eq!(sandbox.ok("add_group_member", member.clone()).await["MemberList"][0]["Result"], 1);
    // A choice: deleting what is no robot any more succeeds.
    for _ in 0..2 {
        sandbox.ok_at(SERVICE, "delete_robot", json!({"Robot_Account": "@RBT#helper"})).await;
        assert_eq!(robots(&sandbox).await, json!([]));
    }
    assert_eq!(sandbox.member("g", "@RBT#helper").await["Role"], "Member");
    let reply = sandbox.call_at(SERVICE, "delete_robot", json!({"Robot_Account": "alice"})).await;
    assert_eq!(reply["ErrorCode"], 10004);
}

/// get_all_robots: "Body is {}."
#[tokio::test]
async fn the_body_is_an_empty_object() {
    let sandbox = Sandbox::start().await;
    sandbox.ok_at(SERVICE, "get_all_robots", json!({})).await;
    let reply = sandbox.call_at(SERVICE, "get_all_robots", json!({"Limit": 1})).await;
    assert_eq!(reply["ErrorCode"], 10004);
    let reply = sandbox.post(&sandbox.url(SERVICE, "get_all_robots"), "").await;
    assert_eq!(reply["ErrorCode"], 60003);
}
