//! Bans: the statements of the reference in their order.

use serde_json::{Value, json};

use crate::client::{NOW, Sandbox};

fn ban(group: &str, user: &str, seconds: u64) -> Value {
    json!({"GroupId": group, "Members_Account": [user], "Duration": seconds})
}

fn unban(group: &str, user: &str) -> Value {
    json!({"GroupId": group, "Members_Account": [user]})
}

/// `Result` of adding one user.
async fn add(sandbox: &Sandbox, group: &str, user: &str) -> Value {
    let body = json!({"GroupId": group, "Silence": 1, "MemberList": [{"Member_Account": user}]});
    sandbox.ok("add_group_member", body).await["MemberList"][0]["Result"].clone()
}

async fn list(sandbox: &Sandbox, group: &str) -> Vec<(String, i64)> {
    let reply = sandbox.ok("get_group_ban_member", json!({"GroupId": group, "Offset": 0})).await;
    let bans = reply["BannedAccountList"].as_array().unwrap();
    let row = |ban: &Value| (ban["Member_Account"].as_str().unwrap().to_owned(), ban["BannedUntil"].as_i64().unwrap());
    bans.iter().map(row).collect()
}

/// ban_group_member: "Banned users receive no messages and cannot rejoin until the ban ends."
#[tokio::test]
async fn banned_users_receive_no_messages_and_cannot_rejoin_until_the_ban_ends() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let mut body = ban("g", "bob", 3_600);
    body["Description"] = json!("spam");
    sandbox.ok("ban_group_member", body).await;
    assert_eq!(sandbox.member("g", "bob").await, Value::Null);
    let joined = sandbox.ok("get_joined_group_list", json!({"Member_Account": "bob"})).await;
    assert_eq!(joined["TotalCount"], 0);

    let mut targeted = crate::client::message("g", "alice", 1);
    targeted["To_Account"] = json!(["bob", "carol"]);
    sandbox.ok("send_group_msg", targeted).await;
    let told = sandbox.look("apps/1400000001/deliveries?group=g").await;
    let told: Vec<(&str, &Value)> = told["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| (told["kind"].as_str().unwrap(), &told["to"]))
        .collect();
    assert!(told.contains(&("message", &json!({"users": ["carol"]}))), "{told:?}");
    assert!(told.contains(&("tip", &json!({"users": ["bob"]}))), "the reason is shown to the user: {told:?}");

    assert_eq!(add(&sandbox, "g", "bob").await, 0);
    let import = json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}]});
    assert_eq!(sandbox.ok("import_group_member", import).await["MemberList"][0]["Result"], 0);
    sandbox.advance(3_599).await;
    assert_eq!(add(&sandbox, "g", "bob").await, 0);
    sandbox.advance(1).await;
    assert_eq!(list(&sandbox, "g").await, []);
    assert_eq!(add(&sandbox, "g", "bob").await, 1);
}

/// The same in a live room, where clients come and go by themselves.
#[tokio::test]
async fn a_live_room_turns_banned_users_away() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    let join = json!({"group": "live", "join": ["bob"]});
    sandbox.control("apps/1400000001/presence", join.clone()).await;
    sandbox.ok("ban_group_member", ban("live", "bob", 60)).await;
    assert_eq!(sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await["OnlineMemberNum"], 0);
    let url = sandbox.control_url("apps/1400000001/presence");
    assert_eq!(sandbox.http.post(&url).json(&join).send().await.unwrap().status(), 400);
    sandbox.advance(60).await;
    assert_eq!(sandbox.http.post(&url).json(&join).send().await.unwrap().status(), 200);
}

/// ban_group_member: "More than 20 users: 10005."
#[tokio::test]
async fn more_than_20_users_10005() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    for command in ["ban_group_member", "unban_group_member"] {
        for (count, code) in [(20, 0), (21, 10005), (0, 10004)] {
            let users: Vec<String> = (0..count).map(|n| format!("user-{n}")).collect();
            let body = json!({"GroupId": "g", "Members_Account": users, "Duration": 1});
            let mut body = body;
            if command == "unban_group_member" {
                body.as_object_mut().unwrap().remove("Duration");
            }
            assert_eq!(sandbox.call(command, body).await["ErrorCode"], code, "{command} {count}");
        }
    }
}

/// ban_group_member: "Repeating a ban restarts it with the new Duration (unverified)."
#[tokio::test]
async fn repeating_a_ban_restarts_it_with_the_new_duration() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("ban_group_member", ban("g", "bob", 100)).await;
    sandbox.advance(90).await;
    sandbox.ok("ban_group_member", ban("g", "bob", 30)).await;
    assert_eq!(list(&sandbox, "g").await, [("bob".to_owned(), NOW + 120)]);
    // A choice: a duration of 0 removes the user and does not ban.
    sandbox.ok("ban_group_member", ban("g", "bob", 0)).await;
    assert_eq!(list(&sandbox, "g").await, []);
    sandbox.ok("ban_group_member", ban("g", "carol", u64::from(u32::MAX))).await;
    assert_eq!(list(&sandbox, "g").await, [("carol".to_owned(), i64::from(u32::MAX))]);
}

/// ban_group_member: "AVChatRoom needs clients 6.6 / Web 2.22.0, other types 7.2": every type but Community bans, whatever the clients.
#[tokio::test]
async fn every_group_type_but_community_bans() {
    let sandbox = Sandbox::start().await;
    sandbox.group("@TGS#_c", "Community").await;
    sandbox.fails("ban_group_member", ban("@TGS#_c", "bob", 60), 10007).await;
    sandbox.fails("unban_group_member", unban("@TGS#_c", "bob"), 10007).await;
    sandbox.fails("get_group_ban_member", json!({"GroupId": "@TGS#_c", "Offset": 0}), 10007).await;
    for kind in ["Private", "Public", "ChatRoom", "AVChatRoom"] {
        sandbox.group(kind, kind).await;
        sandbox.ok("ban_group_member", ban(kind, "bob", 60)).await;
        sandbox.ok("ban_group_member", ban(kind, "stranger", 60)).await;
        sandbox.fails("ban_group_member", ban(kind, "alice", 60), 10007).await;
    }
}

/// unban_group_member: "The user may join again; membership is not restored."
#[tokio::test]
async fn the_user_may_join_again_membership_is_not_restored() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("ban_group_member", ban("g", "bob", 3_600)).await;
    sandbox.ok("unban_group_member", unban("g", "bob")).await;
    assert_eq!(sandbox.member("g", "bob").await, Value::Null);
    assert_eq!(add(&sandbox, "g", "bob").await, 1);
}

/// unban_group_member: "Lifting a ban that does not exist succeeds (unverified)."
#[tokio::test]
async fn lifting_a_ban_that_does_not_exist_succeeds() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("unban_group_member", unban("g", "bob")).await;
    assert_eq!(sandbox.member("g", "bob").await["Role"], "Member");
    sandbox.fails("unban_group_member", unban("gone", "bob"), 10010).await;
}

/// get_group_ban_member: "The page lists AVChatRoom only although ban/unban cover four types; serving all four is the
/// lenient choice."
#[tokio::test]
async fn bans_are_listed_in_all_four_types() {
    let sandbox = Sandbox::start().await;
    for kind in ["Private", "Public", "ChatRoom", "AVChatRoom"] {
        sandbox.group(kind, kind).await;
        sandbox.ok("ban_group_member", ban(kind, "bob", 60)).await;
        assert_eq!(list(&sandbox, kind).await, [("bob".to_owned(), NOW + 60)]);
    }
}

/// get_group_ban_member: "Default page size unknown": 100, the largest, is the choice; NextOffset "0 = no more".
#[tokio::test]
async fn the_default_page_size_is_the_largest() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    for round in 0..6 {
        let users: Vec<String> = (0..20).map(|n| format!("user-{:03}", round * 20 + n)).collect();
        sandbox.ok("ban_group_member", json!({"GroupId": "g", "Members_Account": users, "Duration": 60})).await;
    }
    let mut offset = json!(0);
    let mut pages = Vec::new();
    loop {
        let page = sandbox.ok("get_group_ban_member", json!({"GroupId": "g", "Offset": offset})).await;
        pages.push(page["BannedAccountList"].as_array().unwrap().len());
        offset = page["NextOffset"].clone();
        if offset == 0 {
            break;
        }
    }
    assert_eq!(pages, [100, 20]);
    let page = sandbox.ok("get_group_ban_member", json!({"GroupId": "g", "Limit": 50, "Offset": 100})).await;
    assert_eq!((page["BannedAccountList"].as_array().unwrap().len(), &page["NextOffset"]), (20, &json!(0)));
    sandbox.fails("get_group_ban_member", json!({"GroupId": "g", "Limit": 101, "Offset": 0}), 10004).await;
    sandbox.fails("get_group_ban_member", json!({"GroupId": "g", "Offset": -1}), 10004).await;
    sandbox.fails("get_group_ban_member", json!({"GroupId": "g"}), 10004).await;
}

/// The owner cannot be banned. The answer has no place to say so for one user, so a call for others as well bans the others.
#[tokio::test]
async fn the_owner_alone_is_not_banned() {
    let sandbox = Sandbox::start().await;
    for (group, kind) in [("live", "AVChatRoom"), ("g", "Public")] {
        sandbox.group(group, kind).await;
        let body = json!({"GroupId": group, "Members_Account": ["bob", "alice", "zoe"], "Duration": 60});
        sandbox.ok("ban_group_member", body).await;
        let banned: Vec<String> = list(&sandbox, group).await.into_iter().map(|(user, _)| user).collect();
        assert_eq!(banned, ["bob", "zoe"]);
        assert_eq!(sandbox.info(group).await["Owner_Account"], "alice");
        sandbox.fails("ban_group_member", ban(group, "alice", 60), 10007).await;
    }
}
