//! Migration: the statements of the reference in their order.

use sandbox::{Limits, Settings};
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, text, unpaced};

const CREATED: i64 = 1_600_000_000;

async fn with_old_group() -> Sandbox {
    let sandbox = Sandbox::start().await;
    let body = json!({"Owner_Account": "alice", "Type": "Public", "GroupId": "g", "Name": "n", "CreateTime": CREATED});
    sandbox.ok("import_group", body).await;
    sandbox
}

fn messages(times: &[i64]) -> Value {
    let list: Vec<Value> =
        times.iter().map(|time| json!({"From_Account": "alice", "SendTime": time, "MsgBody": text("x")})).collect();
    json!({"GroupId": "g", "MsgList": list})
}

fn results(reply: &Value, list: &str) -> Vec<u64> {
    reply[list].as_array().unwrap().iter().map(|item| item["Result"].as_u64().unwrap()).collect()
}

/// import_group: "the owner is a member from the start"; "An existing id is refused (10021); 10025 is not in this page's list.";
/// default 2000 members; "a moment in the future is refused"; type
/// AVChatRoom 10007; max_member_count 6000.
#[tokio::test]
async fn a_group_is_imported_with_its_past() {
    let sandbox = with_old_group().await;
    let info = sandbox.info("g").await;
    assert_eq!(
        (&info["CreateTime"], &info["MaxMemberNum"], &info["NextMsgSeq"]),
        (&json!(CREATED), &json!(2000), &json!(1))
    );
    assert_eq!(info["MemberList"][0]["Role"], "Owner");
    let body = |kind: &str, key: &str, value: Value| json!({"Type": kind, "Name": "n", key: value});
    let again = json!({"Type": "Public", "Name": "n", "GroupId": "g", "Owner_Account": info["Owner_Account"]});
    sandbox.fails("import_group", again, 10021).await;
    sandbox.fails("import_group", body("Public", "CreateTime", json!(NOW + 1)), 10004).await;
    sandbox.fails("import_group", body("AVChatRoom", "CreateTime", json!(NOW)), 10007).await;
    sandbox.fails("import_group", body("Public", "MaxMemberCount", json!(6_001)), 10004).await;
    sandbox.fails("import_group", body("Public", "MemberList", json!([])), 10004).await;
}

/// import_group_msg: "SendTime values must rise through the list, lie after the group's CreateTime and after its latest
/// message, and before the present"; "A message that breaks the time rule fails alone"; "an imported message takes
/// NextMsgSeq and sets LastMsgTime to its SendTime"; 7 messages a call.
#[tokio::test]
async fn messages_are_imported_in_their_order() {
    let sandbox = with_old_group().await;
    let times = [CREATED, CREATED + 10, CREATED + 10, CREATED + 20, NOW, CREATED + 15, CREATED + 30];
    let reply = sandbox.ok("import_group_msg", messages(&times)).await;
    assert_eq!(results(&reply, "ImportMsgResult"), [10004, 0, 10004, 0, 10004, 10004, 0]);
    assert_eq!(reply["ImportMsgResult"][3], json!({"MsgSeq": 2, "MsgTime": CREATED + 20, "Result": 0}));
    let info = sandbox.info("g").await;
    assert_eq!((&info["NextMsgSeq"], &info["LastMsgTime"]), (&json!(4), &json!(CREATED + 30)));
    sandbox.fails("import_group_msg", messages(&[NOW; 8]), 10004).await;
    let mut long = messages(&[CREATED + 40]);
    long["MsgList"][0]["MsgBody"] = text(&"x".repeat(12_288));
    assert_eq!(results(&sandbox.ok("import_group_msg", long).await, "ImportMsgResult"), [80002]);
    sandbox.group("live", "AVChatRoom").await;
    let mut live = messages(&[CREATED + 50]);
    live["GroupId"] = json!("live");
    sandbox.fails("import_group_msg", live, 10007).await;
}

/// import_group_msg: "After the import everybody's unread count is 0, so import members or set unread numbers afterwards".
/// set_unread_msg_num: "sets the member's read number to NextMsgSeq - 1 - UnreadMsgNum"; "values above the number of messages
/// are cut"; "a non-member gives 10007".
#[tokio::test]
async fn unread_counts_are_set_after_the_messages() {
    let sandbox = with_old_group().await;
    let bob = json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}]});
    sandbox.ok("import_group_member", bob).await;
    sandbox.ok("import_group_msg", messages(&[CREATED + 1, CREATED + 2, CREATED + 3])).await;
    assert_eq!(sandbox.unread("bob").await, 0);
    sandbox.ok("set_unread_msg_num", json!({"GroupId": "g", "Member_Account": "bob", "UnreadMsgNum": 2})).await;
    assert_eq!(sandbox.unread("bob").await, 2);
    assert_eq!(sandbox.member("g", "bob").await["MsgSeq"], 1);
    sandbox.ok("set_unread_msg_num", json!({"GroupId": "g", "Member_Account": "bob", "UnreadMsgNum": 9})).await;
    assert_eq!(sandbox.unread("bob").await, 3);
    sandbox.ok("import_group_msg", messages(&[CREATED + 4])).await;
    assert_eq!(sandbox.unread("bob").await, 0);
    let carol = json!({"GroupId": "g", "MemberList": [{"Member_Account": "carol", "UnreadMsgNum": 3}]});
    sandbox.ok("import_group_member", carol).await;
    assert_eq!(sandbox.unread("carol").await, 3);
    sandbox
        .fails("set_unread_msg_num", json!({"GroupId": "g", "Member_Account": "dave", "UnreadMsgNum": 1}), 10007)
        .await;
}

/// set_unread_msg_num: "Set one member's number of unread messages", even when the last messages include ones that do not count;
/// "sets the member's read number to NextMsgSeq - 1 - UnreadMsgNum". import_group_member: UnreadMsgNum likewise.
#[tokio::test]
async fn an_unread_count_reads_back_as_it_was_set() {
    let sandbox = with_old_group().await;
    sandbox.ok("import_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}]})).await;
    for random in 1..=3 {
        sandbox.send("g", "alice", random).await;
    }
    sandbox.ok("add_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "carol"}]})).await;
    let mut targeted = message("g", "alice", 4);
    targeted["To_Account"] = json!(["bob"]);
    sandbox.ok("send_group_msg", targeted).await;
    let set = async |unread: u64| {
        let body = json!({"GroupId": "g", "Member_Account": "bob", "UnreadMsgNum": unread});
        sandbox.ok("set_unread_msg_num", body).await;
        sandbox.unread("bob").await
    };
    assert_eq!(set(2).await, 2);
    assert_eq!(sandbox.member("g", "bob").await["MsgSeq"], 3, "5 - 2");
    assert_eq!(set(9).await, 3, "cut to the messages that count");
    assert_eq!(set(0).await, 0);
    assert_eq!(set(2).await, 2);
    sandbox.send("g", "bob", 5).await;
    assert_eq!(sandbox.unread("bob").await, 2, "an own message adds nothing");
    sandbox.send("g", "alice", 6).await;
    assert_eq!(sandbox.unread("bob").await, 3);
    let dave = json!({"GroupId": "g", "MemberList": [{"Member_Account": "dave", "UnreadMsgNum": 4}]});
    sandbox.ok("import_group_member", dave).await;
    assert_eq!(sandbox.unread("dave").await, 4);
}

/// set_unread_msg_num: "ChatRoom and AVChatRoom answer OK and change nothing".
#[tokio::test]
async fn types_without_unread_counts_ignore_them() {
    let sandbox = Sandbox::start().await;
    sandbox.group("room", "ChatRoom").await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.send("room", "alice", 1).await;
    for group in ["room", "live"] {
        sandbox.ok("set_unread_msg_num", json!({"GroupId": group, "Member_Account": "bob", "UnreadMsgNum": 1})).await;
    }
    assert_eq!(sandbox.member("room", "bob").await["MsgSeq"], 0);
    assert_eq!(sandbox.unread("bob").await, 0);
}

/// import_group_member: "single failures show as Result 0 (bad JoinTime, unknown account)"; "Existing members keep their
/// records (Result 2)"; "No callback, no tip"; more than 20 accounts 10005, which is a setting; any AVChatRoom 10007.
#[tokio::test]
async fn members_are_imported_with_their_past() {
    let sandbox = with_old_group().await;
    let list = json!([
        {"Member_Account": "bob", "Role": "Admin", "JoinTime": CREATED + 5},
        {"Member_Account": "carol", "JoinTime": CREATED},
        {"Member_Account": "dave", "JoinTime": NOW},
        {"Member_Account": "nobody"},
        {"Member_Account": "alice", "Role": "Admin"},
    ]);
    let reply = sandbox.ok("import_group_member", json!({"GroupId": "g", "MemberList": list})).await;
    assert_eq!(results(&reply, "MemberList"), [1, 0, 0, 0, 2]);
    let bob = sandbox.member("g", "bob").await;
    assert_eq!((&bob["Role"], &bob["JoinTime"]), (&json!("Admin"), &json!(CREATED + 5)));
    assert_eq!(sandbox.member("g", "alice").await["Role"], "Owner");
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 1);
    let many = |count: usize| {
        let list: Vec<Value> = (0..count).map(|n| json!({"Member_Account": n.to_string()})).collect();
        json!({"GroupId": "g", "MemberList": list})
    };
    sandbox.ok("import_group_member", many(20)).await;
    sandbox.fails("import_group_member", many(21), 10005).await;
    let limits = Limits { import_members: 300, ..Limits::default() };
    let older = Sandbox::start_with(Settings { limits, ..unpaced() }).await;
    older.ok("import_group", json!({"Type": "Public", "GroupId": "g", "Name": "n"})).await;
    older.ok("import_group_member", many(300)).await;
    sandbox.group("live", "AVChatRoom").await;
    let live = json!({"GroupId": "live", "MemberList": [{"Member_Account": "bob"}]});
    sandbox.fails("import_group_member", live, 10007).await;
}

/// History age counts from arrival, so that what a migration brings in can be read.
#[tokio::test]
async fn imported_messages_are_as_old_as_their_import() {
    let sandbox = Sandbox::start().await;
    let body = json!({"Type": "Public", "Name": "n", "GroupId": "old", "CreateTime": 1_500_000_000});
    sandbox.ok("import_group", body).await;
    let message = json!({"From_Account": "alice", "SendTime": 1_500_000_100, "MsgBody": text("first")});
    sandbox.ok("import_group_msg", json!({"GroupId": "old", "MsgList": [message]})).await;
    let history = sandbox.history("old").await;
    assert_eq!(history[0]["MsgBody"], text("first"));
    assert_eq!(history[0]["MsgTimeStamp"], 1_500_000_100);
    sandbox.advance(90 * 86_400 + 1).await;
    assert_eq!(sandbox.history("old").await[0]["IsPlaceMsg"], 1);
}

/// import_group: "No MemberList here; bring members in with import_group_member afterwards."; "A migration runs group, messages,
/// members, unread counts, since importing messages resets the unread counts.". set_unread_msg_num: "Meant for the time of a
/// migration only."
#[tokio::test]
async fn a_migration_runs_group_messages_members_unread_counts() {
    let sandbox = with_old_group().await;
    let with_members = json!({"Type": "Public", "Name": "n", "MemberList": [{"Member_Account": "bob"}]});
    let info = sandbox.fails("import_group", with_members, 10004).await;
    assert!(info.contains("MemberList"), "{info}");
    sandbox.ok("import_group_msg", messages(&[CREATED + 1, CREATED + 2])).await;
    let members = json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}, {"Member_Account": "carol"}]});
    sandbox.ok("import_group_member", members).await;
    sandbox.ok("set_unread_msg_num", json!({"GroupId": "g", "Member_Account": "bob", "UnreadMsgNum": 1})).await;
    assert_eq!((sandbox.unread("bob").await, sandbox.unread("carol").await), (json!(1), json!(0)));
    sandbox.send("g", "alice", 1).await;
    assert_eq!((sandbox.unread("bob").await, sandbox.unread("carol").await), (json!(2), json!(1)));
}

/// import_group_member: "the group-full case gives 10014".
#[tokio::test]
async fn importing_members_into_a_full_group_gives_10014() {
    let sandbox = Sandbox::start().await;
    sandbox.ok("import_group", json!({"Type": "Public", "Name": "n", "GroupId": "g", "MaxMemberCount": 1})).await;
    let import = |user: &str| json!({"GroupId": "g", "MemberList": [{"Member_Account": user}]});
    sandbox.ok("import_group_member", import("bob")).await;
    sandbox.fails("import_group_member", import("carol"), 10014).await;
}

/// import_group: "Nothing is notified and no callback fires."; import_group_msg: "No callback, no push, no online delivery.";
/// import_group_member: "No callback, no tip."
#[tokio::test]
async fn imports_reach_nobody() {
    let sandbox = with_old_group().await;
    sandbox.ok("import_group_msg", messages(&[CREATED + 1])).await;
    sandbox.ok("import_group_member", json!({"GroupId": "g", "MemberList": [{"Member_Account": "bob"}]})).await;
    sandbox.ok("set_unread_msg_num", json!({"GroupId": "g", "Member_Account": "bob", "UnreadMsgNum": 1})).await;
    assert_eq!(sandbox.look("apps/1400000001/deliveries?group=g").await["deliveries"], json!([]));
}

/// import_group and import_group_member: CreateTime and JoinTime, "default: time of the request"; 0 is a time that was not set.
#[tokio::test]
async fn times_of_0_are_those_of_the_request() {
    let sandbox = Sandbox::start().await;
    sandbox.freeze(NOW).await;
    let group = json!({"Type": "Public", "Name": "n", "GroupId": "g", "CreateTime": 0, "MaxMemberNum": 7});
    sandbox.ok("import_group", group).await;
    let info = sandbox.info("g").await;
    assert_eq!((&info["CreateTime"], &info["MaxMemberNum"]), (&json!(NOW), &json!(7)));
    let member = json!({"Member_Account": "bob", "Role": "", "JoinTime": 0, "ShutUpUntil": 0});
    let reply = sandbox.ok("import_group_member", json!({"GroupId": "g", "MemberList": [member]})).await;
    assert_eq!(reply["MemberList"][0]["Result"], 1);
    assert_eq!(sandbox.member("g", "bob").await["JoinTime"], NOW);
}
