//! Live rooms: the statements of the reference in their order.

use sandbox::{DEFAULT_APP, Limits, Settings};
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, text, unpaced, usersig};

const SERVICE: &str = "group_open_avchatroom_http_svc";

async fn started() -> Sandbox {
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    sandbox.group("room", "AVChatRoom").await;
    sandbox
}

async fn enter(sandbox: &Sandbox, users: &[&str]) {
    sandbox.control("apps/1400000001/presence", json!({"group": "room", "join": users})).await;
}

async fn leave(sandbox: &Sandbox, users: &[&str]) {
    sandbox.control("apps/1400000001/presence", json!({"group": "room", "leave": users})).await;
}

async fn page(sandbox: &Sandbox, timestamp: i64, mark: Option<u32>) -> (Vec<String>, i64) {
    let mut body = json!({"GroupId": "room", "Timestamp": timestamp});
    if let Some(mark) = mark {
        body["Mark"] = json!(mark);
    }
    let reply = sandbox.ok_at(SERVICE, "get_members", body).await;
    let users = reply["MemberList"].as_array().unwrap().iter();
    let users = users.map(|row| row["Member_Account"].as_str().unwrap().to_owned()).collect();
    (users, reply["NextTimestamp"].as_i64().unwrap())
}

fn mark(command: u32, members: &[(&str, &[u32])]) -> Value {
    let members: Vec<Value> =
        members.iter().map(|(user, marks)| json!({"Member_Account": user, "Marks": marks})).collect();
    json!({"GroupId": "room", "CommandType": command, "MemberList": members})
}

async fn code(sandbox: &Sandbox, command: &str, body: Value) -> Value {
    sandbox.call_at(SERVICE, command, body).await["ErrorCode"].clone()
}

/// get_members: "Up to 500 members per answer; more give a non-zero NextTimestamp." Nobody is lost between pages, although
/// all came in the same second.
#[tokio::test]
async fn pages_have_500_members_and_lose_nobody() {
    let sandbox = started().await;
    let users: Vec<String> = (0..900).map(|n| format!("u{n}")).collect();
    enter(&sandbox, &users.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (first, next) = page(&sandbox, 0, None).await;
    assert_eq!(first.len(), 500);
    assert_ne!(next, 0);
    let (second, end) = page(&sandbox, next, None).await;
    assert_eq!((second.len(), end), (400, 0));
    let mut all: Vec<String> = first.into_iter().chain(second).collect();
    all.sort();
    let mut expected = users;
    expected.sort();
    assert_eq!(all, expected);
}

/// get_members: "At most the 1,000 latest online members are kept." "Other editions get the latest 30 entrants only."
#[tokio::test]
async fn the_latest_1000_are_listed_or_30_in_other_editions() {
    let sandbox = started().await;
    let users: Vec<String> = (0..1_200).map(|n| format!("u{n}")).collect();
    enter(&sandbox, &users.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (first, next) = page(&sandbox, 0, None).await;
    assert_eq!(first[0], "u1199");
    let (second, end) = page(&sandbox, next, None).await;
    assert_eq!((second.len(), end, second[499].as_str()), (500, 0, "u200"));

    let limits = Limits { basic_edition: true, ..Limits::default() };
    let sandbox = Sandbox::start_with(Settings { auto_import: true, limits, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    sandbox.group("room", "AVChatRoom").await;
    enter(&sandbox, &users.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (listed, end) = page(&sandbox, 0, None).await;
    assert_eq!((listed.len(), listed[0].as_str(), end), (30, "u1199", 0));
    // modify_user_info: "Other editions: the call fails."
    assert_eq!(code(&sandbox, "modify_user_info", mark(1, &[("u1", &[1000])])).await, 10007);
}

/// get_members: "Members marked 600 are hidden unless asked for by one of their marks; members marked 500 always count as
/// online."
#[tokio::test]
async fn members_marked_600_are_hidden_and_those_marked_500_are_always_online() {
    let sandbox = started().await;
    enter(&sandbox, &["bob", "carol"]).await;
    sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("bob", &[600, 1001]), ("dave", &[500])])).await;
    assert_eq!(page(&sandbox, 0, None).await.0, ["dave", "carol"]);
    assert_eq!(page(&sandbox, 0, Some(600)).await.0, ["bob"]);
    assert_eq!(page(&sandbox, 0, Some(1001)).await.0, ["bob"]);
    let number = sandbox.ok("get_online_member_num", json!({"GroupId": "room"})).await;
    assert_eq!(number["OnlineMemberNum"], 3);
    // "at most 3 days"
    sandbox.advance(3 * 86_400).await;
    assert_eq!(page(&sandbox, 0, None).await.0, ["carol"]);
}

/// get_members: profile and time of entry. "Served from a cache: older pages say refreshed every 10 s, the newest says 40 s.": a
/// choice, it is exact at once here.
#[tokio::test]
async fn the_list_shows_profiles_and_when_they_came() {
    let sandbox = started().await;
    let account = json!({"UserID": "bob", "Nick": "Bo", "FaceUrl": "https://x/bo.png"});
    sandbox.ok_at("im_open_login_svc", "account_import", account).await;
    enter(&sandbox, &["bob"]).await;
    let reply = sandbox.ok_at(SERVICE, "get_members", json!({"GroupId": "room", "Timestamp": 0})).await;
    let row = json!({"Member_Account": "bob", "JoinTime": NOW, "NickName": "Bo", "Avatar": "https://x/bo.png"});
    assert_eq!(reply["MemberList"], json!([row]));
    sandbox.ok("create_group", json!({"Owner_Account": "alice", "Type": "Public", "GroupId": "p", "Name": "n"})).await;
    assert_eq!(code(&sandbox, "get_members", json!({"GroupId": "p", "Timestamp": 0})).await, 10007);
}

/// check_members: "Users not in the group are simply missing from the answer."
#[tokio::test]
async fn users_who_are_not_in_the_room_are_missing_from_the_answer() {
    let sandbox = started().await;
    enter(&sandbox, &["bob"]).await;
    let body = json!({"GroupId": "room", "Member_Account": ["carol", "bob", "nobody"]});
    assert_eq!(sandbox.ok_at(SERVICE, "check_members", body).await["Member_Account"], json!(["bob"]));
}

/// modify_user_info: "Marks are numbers >= 1000; admins may also use 500 … and 600".
#[tokio::test]
async fn marks_are_numbers_from_1000_on() {
    let sandbox = started().await;
    enter(&sandbox, &["bob"]).await;
    for marks in [&[999][..], &[0], &[501], &[]] {
        assert_eq!(code(&sandbox, "modify_user_info", mark(1, &[("bob", marks)])).await, 10004, "{marks:?}");
    }
    assert_eq!(code(&sandbox, "modify_user_info", mark(3, &[("bob", &[1000])])).await, 10004);
    let reply = sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("bob", &[1000, 2000])])).await;
    assert_eq!(reply["CommandType"], 1);
    assert_eq!(reply["MemberList"], json!([{"Member_Account": "bob", "Marks": [1000, 2000]}]));
    sandbox.ok_at(SERVICE, "modify_user_info", mark(2, &[("bob", &[1000])])).await;
    assert!(page(&sandbox, 0, Some(1000)).await.0.is_empty());
    assert_eq!(page(&sandbox, 0, Some(2000)).await.0, ["bob"]);
}

/// modify_user_info: "At most 10 distinct marks per group, 1,000 members per mark."
#[tokio::test]
async fn a_group_has_10_marks_and_a_mark_1000_members() {
    let sandbox = started().await;
    let users: Vec<String> = (0..1_001).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    enter(&sandbox, &names).await;
    let ten: Vec<u32> = (1_000..1_010).collect();
    sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("u0", &ten)])).await;
    assert_eq!(code(&sandbox, "modify_user_info", mark(1, &[("u1", &[1_010])])).await, 10004);
    for users in names[1..1_000].chunks(500) {
        let members: Vec<(&str, &[u32])> = users.iter().map(|user| (*user, &ten[..1])).collect();
        sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &members)).await;
    }
    assert_eq!(code(&sandbox, "modify_user_info", mark(1, &[("u1000", &ten[..1])])).await, 10004);
    let too_many: Vec<(&str, &[u32])> = names[..501].iter().map(|user| (*user, &ten[..1])).collect();
    assert_eq!(code(&sandbox, "modify_user_info", mark(1, &too_many)).await, 10004);
}

/// modify_user_info: "Offline members are skipped and missing from the answer; when none is online the call fails. Mark
/// 500 does not need presence."
#[tokio::test]
async fn offline_members_are_skipped() {
    let sandbox = started().await;
    enter(&sandbox, &["bob"]).await;
    let reply = sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("carol", &[1000]), ("bob", &[1000])])).await;
    assert_eq!(reply["MemberList"], json!([{"Member_Account": "bob", "Marks": [1000]}]));
    assert_eq!(code(&sandbox, "modify_user_info", mark(1, &[("carol", &[1000])])).await, 10004);
    sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("carol", &[500])])).await;
}

/// modify_user_info: "Marks vanish when the member leaves or drops."
#[tokio::test]
async fn marks_vanish_when_the_member_leaves() {
    let sandbox = started().await;
    enter(&sandbox, &["bob"]).await;
    sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("bob", &[1000])])).await;
    leave(&sandbox, &["bob"]).await;
    enter(&sandbox, &["bob"]).await;
    assert!(page(&sandbox, 0, Some(1000)).await.0.is_empty());
}

/// modify_admin: "At most 5 admins per group." "Code for the sixth admin is not documented (unverified; 10004 suggested)." "The account need not be in the group, and stays admin across leaving and
/// rejoining."
#[tokio::test]
async fn a_room_has_5_admins_who_need_not_be_in_it() {
    let sandbox = started().await;
    let admins =
        |command: u32, users: &[&str]| json!({"GroupId": "room", "CommandType": command, "Admin_Account": users});
    sandbox.ok_at(SERVICE, "modify_admin", admins(1, &["a", "b", "c", "d", "e"])).await;
    assert_eq!(code(&sandbox, "modify_admin", admins(1, &["f"])).await, 10004);
    enter(&sandbox, &["a"]).await;
    leave(&sandbox, &["a"]).await;
    sandbox.ok_at(SERVICE, "modify_admin", admins(2, &["b", "nobody"])).await;
    let reply = sandbox.ok_at(SERVICE, "get_admin_list", json!({"GroupId": "room"})).await;
    let names: Vec<&Value> = reply["Admin_List"].as_array().unwrap().iter().map(|row| &row["Admin_Account"]).collect();
    assert_eq!(json!(names), json!(["a", "c", "d", "e"]));
    assert_eq!(reply["Admin_List"][0], json!({"Admin_Account": "a", "NickName": "", "Avatar": ""}));
    // send_group_msg: "with MuteAllMember On only owner, admins and app administrators pass".
    sandbox.ok("modify_group_base_info", json!({"GroupId": "room", "MuteAllMember": "On"})).await;
    sandbox.fails("send_group_msg", message("room", "b", 1), 10017).await;
    for (random, speaker) in (2..).zip(["a", "alice", "administrator"]) {
        sandbox.send("room", speaker, random).await;
    }
    // get_admin_list: "Errors after 10004 inferred from the sibling pages."
    assert_eq!(code(&sandbox, "get_admin_list", json!({"GroupId": "nothing"})).await, 10010);
}

/// add_robots: "Same effect as setting mark 500." "Robots do not need to join or be online." del_robots: "Same effect as
/// removing mark 500."
#[tokio::test]
async fn robots_are_online_without_joining() {
    let sandbox = started().await;
    let robots = json!({"GroupId": "room", "Robot_Account": ["bot1"]});
    sandbox.ok_at(SERVICE, "add_robots", robots.clone()).await;
    assert_eq!(page(&sandbox, 0, None).await.0, ["bot1"]);
    assert_eq!(page(&sandbox, 0, Some(500)).await.0, ["bot1"]);
    sandbox.advance(60).await;
    sandbox.ok_at(SERVICE, "add_robots", robots.clone()).await;
    let listed = sandbox.ok_at(SERVICE, "get_members", json!({"GroupId": "room", "Timestamp": 0})).await;
    assert_eq!(listed["MemberList"][0]["JoinTime"], NOW, "a user who is there already keeps the time of arrival");
    sandbox.ok_at(SERVICE, "del_robots", robots.clone()).await;
    assert!(page(&sandbox, 0, None).await.0.is_empty());
    sandbox.ok_at(SERVICE, "modify_user_info", mark(1, &[("bot1", &[500])])).await;
    sandbox.ok_at(SERVICE, "del_robots", robots).await;
    assert!(page(&sandbox, 0, None).await.0.is_empty());
}

fn broadcast(random: u32, words: &str) -> Value {
    json!({"Random": random, "MsgBody": text(words)})
}

/// send_broadcast_msg: "No GroupId." It reaches every AVChatRoom and is "stored nowhere".
#[tokio::test]
async fn a_broadcast_reaches_every_live_room_and_is_stored_nowhere() {
    let sandbox = started().await;
    sandbox
        .ok("create_group", json!({"Owner_Account": "alice", "Type": "AVChatRoom", "GroupId": "two", "Name": "n"}))
        .await;
    sandbox.ok("create_group", json!({"Owner_Account": "alice", "Type": "Public", "GroupId": "p", "Name": "n"})).await;
    let reply = sandbox.ok("send_broadcast_msg", broadcast(77, "hello")).await;
    assert_eq!(reply["MsgSeq"], 1);
    let told = sandbox.look("apps/1400000001/deliveries?kind=online_message").await;
    let told = told["deliveries"].as_array().unwrap();
    let rooms: Vec<&Value> = told.iter().map(|told| &told["group"]).collect();
    assert_eq!(json!(rooms), json!(["room", "two"]));
    assert_eq!(told[0]["content"]["MsgBody"], text("hello"));
    let snapshot = sandbox.look("snapshot").await;
    for group in snapshot["apps"][0]["groups"].as_array().unwrap() {
        assert_eq!(group["history"]["messages"], json!([]), "{}", group["id"]);
    }
    let mut with_group = broadcast(78, "hello");
    with_group["GroupId"] = json!("room");
    sandbox.fails("send_broadcast_msg", with_group, 10004).await;
}

/// send_broadcast_msg: "Same content and Random within 5 minutes: the later message is dropped as a duplicate."
#[tokio::test]
async fn the_same_content_and_random_within_5_minutes_is_a_duplicate() {
    let sandbox = started().await;
    let seq = async |random: u32, words: &str| {
        sandbox.ok("send_broadcast_msg", broadcast(random, words)).await["MsgSeq"].clone()
    };
    assert_eq!(seq(1, "a").await, 1);
    assert_eq!(seq(1, "a").await, 1);
    assert_eq!(seq(1, "b").await, 2);
    assert_eq!(seq(2, "a").await, 3);
    sandbox.advance(300).await;
    assert_eq!(seq(1, "a").await, 4);
    let told = sandbox.look("apps/1400000001/deliveries?group=room").await;
    assert_eq!(told["deliveries"].as_array().unwrap().len(), 4);
}

/// send_broadcast_msg: "Over 1 call/s gives 10023. Several elements may be merged, total at most 12 KB." "10007 when the
/// console switch is off".
#[tokio::test]
async fn broadcasts_are_limited_in_rate_and_size() {
    let sandbox = started().await;
    let large = json!({"Random": 1, "MsgBody": text(&"x".repeat(13_000))});
    sandbox.fails("send_broadcast_msg", large, 10004).await;
    sandbox.control("rates", json!({"scale": 0.01})).await;
    sandbox.ok("send_broadcast_msg", broadcast(1, "a")).await;
    sandbox.fails("send_broadcast_msg", broadcast(2, "b"), 10023).await;

    let limits = Limits { basic_edition: true, ..Limits::default() };
    let sandbox = Sandbox::start_with(Settings { auto_import: true, limits, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    sandbox.fails("send_broadcast_msg", broadcast(1, "a"), 10007).await;
}

/// send_broadcast_msg: "10007 when the console switch is off or the caller is no admin."
#[tokio::test]
async fn a_broadcast_of_who_is_no_admin_is_10007() {
    let sandbox = started().await;
    sandbox.ok_at("im_open_login_svc", "account_import", json!({"UserID": "bob"})).await;
    let sig = usersig(DEFAULT_APP.sdkappid, "bob", NOW, 86_400, DEFAULT_APP.key);
    let query = sandbox.query(DEFAULT_APP.sdkappid, "bob", &sig);
    let url = sandbox.url_with("group_open_http_svc", "send_broadcast_msg", &query);
    assert_eq!(sandbox.post(&url, broadcast(1, "a").to_string()).await["ErrorCode"], 10007);
}

/// The group types of the reference: everything here but the online list is for AVChatRooms alone.
#[tokio::test]
async fn other_group_types_are_10007() {
    let sandbox = started().await;
    sandbox.group("p", "Public").await;
    let calls = [
        ("get_members", json!({"GroupId": "p", "Timestamp": 0})),
        ("check_members", json!({"GroupId": "p", "Member_Account": ["bob"]})),
        (
            "modify_user_info",
            json!({"GroupId": "p", "CommandType": 1, "MemberList": [{"Member_Account": "bob", "Marks": [500]}]}),
        ),
        ("modify_admin", json!({"GroupId": "p", "CommandType": 1, "Admin_Account": ["bob"]})),
        ("get_admin_list", json!({"GroupId": "p"})),
        ("add_robots", json!({"GroupId": "p", "Robot_Account": ["bob"]})),
        ("del_robots", json!({"GroupId": "p", "Robot_Account": ["bob"]})),
    ];
    for (command, body) in calls {
        assert_eq!(code(&sandbox, command, body).await, 10007, "{command}");
    }
    sandbox
        .ok("create_group", json!({"Owner_Account": "alice", "Type": "Community", "GroupId": "@TGS#_c", "Name": "n"}))
        .await;
    sandbox.ok_at(SERVICE, "get_members", json!({"GroupId": "@TGS#_c", "Timestamp": 0})).await;
    let many: Vec<String> = (0..501).map(|n| format!("u{n}")).collect();
    assert_eq!(code(&sandbox, "check_members", json!({"GroupId": "room", "Member_Account": many})).await, 10005);
}

/// Attributes, counters, marks, admins, presence and broadcasts are in snapshots.
#[tokio::test]
async fn a_snapshot_carries_all_of_it() {
    let first = started().await;
    enter(&first, &["bob"]).await;
    first.ok_at(SERVICE, "modify_user_info", mark(1, &[("bob", &[1000])])).await;
    first.ok_at(SERVICE, "modify_admin", json!({"GroupId": "room", "CommandType": 1, "Admin_Account": ["bob"]})).await;
    first.ok("set_group_attr", json!({"GroupId": "room", "GroupAttr": [{"key": "k", "value": "v"}]})).await;
    first.ok("update_group_counter", json!({"GroupId": "room", "GroupCounter": [{"Key": "c", "Value": 7}]})).await;
    first.ok("send_broadcast_msg", broadcast(1, "a")).await;
    let snapshot = first.look("snapshot").await;

    let second = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    second.freeze(NOW).await;
    second.control("restore", snapshot).await;
    assert_eq!(page(&second, 0, Some(1000)).await.0, ["bob"]);
    let admins = second.ok_at(SERVICE, "get_admin_list", json!({"GroupId": "room"})).await;
    assert_eq!(admins["Admin_List"][0]["Admin_Account"], "bob");
    let attributes = second.ok_at("group_open_attr_http_svc", "get_group_attr", json!({"GroupId": "room"})).await;
    assert_eq!(attributes["GroupAttrAry"], json!([{"key": "k", "value": "v"}]));
    let counters = second.ok("get_group_counter", json!({"GroupId": "room"})).await;
    assert_eq!(counters["GroupCounter"], json!([{"Key": "c", "Value": 7}]));
    assert_eq!(second.ok("send_broadcast_msg", broadcast(1, "a")).await["MsgSeq"], 1, "a duplicate still");
}
