//! What bans, receipts, extensions, streams, robots and presence remember is in snapshots and in the data directory.

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, text, unpaced};

/// One of everything.
async fn fill(sandbox: &Sandbox) {
    sandbox.freeze(NOW).await;
    sandbox.group("g", "Public").await;
    let mut sent = message("g", "alice", 1);
    sent["NeedReadReceipt"] = json!(1);
    sent["SupportMessageExtension"] = json!(1);
    sandbox.ok("send_group_msg", sent).await;
    sandbox
        .ok("group_msg_receipt", json!({"GroupId": "g", "From_Account": "bob", "MsgSeqList": [{"MsgSeq": 1}]}))
        .await;
    let pair = json!({"GroupId": "g", "MsgSeq": 1, "OperateType": 1, "ExtensionList": [{"Key": "k", "Value": "v"}]});
    sandbox.ok_at("openim_msg_ext_http_svc", "group_set_key_values", pair).await;
    sandbox.ok_at("openim", "modify_group_msg", json!({"GroupId": "g", "MsgSeq": 1, "MsgBody": text("edited")})).await;
    sandbox.ok("ban_group_member", json!({"GroupId": "g", "Members_Account": ["carol"], "Duration": 600})).await;
    sandbox.ok_at("openim_robot_http_svc", "create_robot", json!({"UserID": "@RBT#helper"})).await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": ["dave", "zoe"]})).await;
    let marks = json!([{"Member_Account": "dave", "Marks": [1000]}]);
    let mark = json!({"GroupId": "live", "CommandType": 1, "MemberList": marks});
    sandbox.ok_at("group_open_avchatroom_http_svc", "modify_user_info", mark).await;
    let first = stream(None, 1);
    assert_eq!(sandbox.ok_at("stream_msg", "send_group_stream_msg", first).await["StreamMsgID"], "stream-1");
}

fn stream(id: Option<&str>, index: u64) -> Value {
    let mut content = json!({"Chunks": [{"EventType": "data", "Index": index, "Markdown": "x"}]});
    if let Some(id) = id {
        content["StreamMsgID"] = json!(id);
    }
    let body = json!([{"MsgType": "TIMStreamElem", "MsgContent": content}]);
    json!({"GroupId": "g", "MsgRandom": index, "MsgBody": body})
}

async fn assert_kept(sandbox: &Sandbox) {
    let counts = sandbox.ok("get_group_msg_receipt", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]})).await;
    let expected = json!([{"MsgSeq": 1, "Code": 0, "ReadNum": 1, "UnreadNum": 1}]);
    assert_eq!(counts["GroupMsgReceiptList"], expected);
    let pairs = json!({"GroupId": "g", "MsgSeq": 1});
    let pairs = sandbox.ok_at("openim_msg_ext_http_svc", "group_get_key_values", pairs).await;
    assert_eq!(pairs["ExtensionList"], json!([{"Key": "k", "Value": "v", "Seq": 1}]));
    assert_eq!(sandbox.history("g").await[1]["MsgBody"], text("edited"));
    let bans = sandbox.ok("get_group_ban_member", json!({"GroupId": "g", "Offset": 0})).await;
    assert_eq!(bans["BannedAccountList"], json!([{"Member_Account": "carol", "BannedUntil": NOW + 600}]));
    let robots = sandbox.ok_at("openim_robot_http_svc", "get_all_robots", json!({})).await;
    assert_eq!(robots["Robot_Account"], json!(["@RBT#helper"]));
    let marked = json!({"GroupId": "live", "Timestamp": 0, "Mark": 1000});
    let marked = sandbox.ok_at("group_open_avchatroom_http_svc", "get_members", marked).await;
    assert_eq!(marked["MemberList"][0]["Member_Account"], "dave");
    assert_eq!(sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await["OnlineMemberNum"], 2);
    let huge = json!({"Member_Account": "zoe", "WithHugeGroups": 1});
    assert_eq!(sandbox.ok("get_joined_group_list", huge).await["TotalCount"], 1);
    sandbox.ok_at("stream_msg", "send_group_stream_msg", stream(Some("stream-1"), 2)).await;
}

fn settings() -> Settings {
    Settings { auto_import: true, ..unpaced() }
}

#[tokio::test]
async fn a_snapshot_carries_everything() {
    let first = Sandbox::start_with(settings()).await;
    fill(&first).await;
    let snapshot = first.look("snapshot").await;
    let second = Sandbox::start_with(settings()).await;
    second.control("restore", snapshot).await;
    second.freeze(NOW).await;
    assert_kept(&second).await;
}

#[tokio::test]
async fn a_data_directory_carries_everything() {
    let directory = tempfile::tempdir().unwrap();
    let settings = || Settings { data_dir: Some(directory.path().to_owned()), ..settings() };
    let first = Sandbox::start_with(settings()).await;
    fill(&first).await;
    first.running.shutdown().await;
    let second = Sandbox::start_with(settings()).await;
    second.freeze(NOW).await;
    assert_kept(&second).await;
}

/// A webhook of any app outlives the process, whose next start knows the app by the directory alone.
#[tokio::test]
async fn a_data_directory_carries_webhooks_of_every_app() {
    let directory = tempfile::tempdir().unwrap();
    let settings = || Settings { data_dir: Some(directory.path().to_owned()), ..settings() };
    let first = Sandbox::start_with(settings()).await;
    first.control("apps", json!({"sdkappid": 20_000_001, "key": "test-key"})).await;
    for app in [1_400_000_001, 20_000_001] {
        let webhook = json!({"url": "http://127.0.0.1:9/hook", "refuse_on_failure": true});
        let url = first.control_url(&format!("apps/{app}/webhook"));
        assert_eq!(first.http.put(url).json(&webhook).send().await.unwrap().status(), 200);
    }
    first.running.shutdown().await;
    let second = Sandbox::start_with(settings()).await;
    second.freeze(NOW).await;
    second.fails("create_group", json!({"Type": "Public", "Name": "n"}), 80003).await;
    assert_eq!(second.look("apps").await["apps"].as_array().unwrap().len(), 2);
}

/// A later command may build on the part that came through, so it must be in the directory as well.
#[tokio::test]
async fn a_change_that_fails_half_way_is_kept_as_far_as_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let settings = || Settings { data_dir: Some(directory.path().to_owned()), ..unpaced() };
    let first = Sandbox::start_with(settings()).await;
    let commands = json!([{"command": "destroy_group", "body": {"GroupId": "nothing"}}]);
    let seed = json!({"apps": [{"accounts": ["eve"], "commands": commands}]});
    let refused = first.http.post(first.control_url("restore")).json(&seed).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let group = json!({"Type": "Public", "Name": "n", "GroupId": "g", "Owner_Account": "eve"});
    first.ok("create_group", group).await;
    first.running.shutdown().await;
    let second = Sandbox::start_with(settings()).await;
    assert_eq!(second.info("g").await["Owner_Account"], "eve");
}

/// A first start that was killed while it was seeded had answered no call: the next one seeds again.
#[tokio::test]
async fn a_first_start_that_did_not_end_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let log = redb::TableDefinition::<u64, &[u8]>::new("log");
    let database = redb::Database::create(directory.path().join("sandbox.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let body = json!({"Type": "Public", "Name": "half", "GroupId": "g"});
    let call = json!({
        "sdkappid": 1_400_000_001, "time": NOW, "service": "group_open_http_svc", "command": "create_group",
        "caller": "administrator", "body": body,
    });
    write.open_table(log).unwrap().insert(0, call.to_string().as_bytes()).unwrap();
    write.commit().unwrap();
    drop(database);

    let seed = directory.path().join("seed.json");
    let commands = json!([{"command": "create_group", "body": {"Type": "Public", "Name": "whole", "GroupId": "g"}}]);
    std::fs::write(&seed, json!({"apps": [{"commands": commands}]}).to_string()).unwrap();
    let settings = Settings { data_dir: Some(directory.path().to_owned()), seed_file: Some(seed), ..unpaced() };
    let sandbox = Sandbox::start_with(settings).await;
    assert_eq!(sandbox.info("g").await["Name"], "whole");
}
