//! "Strict by default (unknown key, wrong JSON type, missing required → the documented code with an ErrorInfo that names the
//! field)", for every command and field of the reference's example requests.

use serde_json::{Value, json};

use crate::client::{Sandbox, message};
use crate::examples::{self, Example};

/// The keys of each command that the reference calls required.
const REQUIRED: &[(&str, &[&str])] = &[
    ("get_appid_group_list", &[]),
    ("create_group", &["Type", "Name"]),
    ("get_group_info", &["GroupIdList"]),
    ("get_group_member_info", &["GroupId"]),
    ("modify_group_base_info", &["GroupId"]),
    ("add_group_member", &["GroupId", "MemberList"]),
    ("delete_group_member", &["GroupId", "MemberToDel_Account"]),
    ("modify_group_member_info", &["GroupId", "Member_Account"]),
    ("destroy_group", &["GroupId"]),
    ("get_joined_group_list", &["Member_Account"]),
    ("get_role_in_group", &["GroupId", "User_Account"]),
    ("forbid_send_msg", &["GroupId", "Members_Account", "MuteTime"]),
    ("get_group_muted_account", &["GroupId"]),
    ("get_group_shutted_uin", &["GroupId"]),
    ("send_group_msg", &["GroupId", "Random", "MsgBody"]),
    ("send_group_system_notification", &["GroupId", "Content"]),
    ("change_group_owner", &["GroupId", "NewOwner_Account"]),
    ("group_msg_recall", &["GroupId", "MsgSeqList"]),
    ("import_group", &["Type", "Name"]),
    ("import_group_msg", &["GroupId", "MsgList"]),
    ("import_group_member", &["GroupId", "MemberList"]),
    ("set_unread_msg_num", &["GroupId", "Member_Account", "UnreadMsgNum"]),
    ("delete_group_msg_by_sender", &["GroupId", "Sender_Account"]),
    ("group_msg_get_simple", &["GroupId", "ReqMsgNumber"]),
    ("get_online_member_num", &["GroupId"]),
    ("get_group_attr", &["GroupId"]),
    ("modify_group_attr", &["GroupId", "GroupAttr"]),
    ("set_group_attr", &["GroupId", "GroupAttr"]),
    ("clear_group_attr", &["GroupId"]),
    ("delete_group_attr", &["GroupId", "GroupAttr"]),
    ("get_group_counter", &["GroupId"]),
    ("update_group_counter", &["GroupId", "GroupCounter"]),
    ("delete_group_counter", &["GroupId"]),
    ("get_members", &["GroupId", "Timestamp"]),
    ("check_members", &["GroupId", "Member_Account"]),
    ("modify_user_info", &["GroupId", "CommandType", "MemberList"]),
    ("modify_admin", &["GroupId", "CommandType", "Admin_Account"]),
    ("get_admin_list", &["GroupId"]),
    ("add_robots", &["GroupId", "Robot_Account"]),
    ("del_robots", &["GroupId", "Robot_Account"]),
    ("send_broadcast_msg", &["Random", "MsgBody"]),
    ("ban_group_member", &["GroupId", "Members_Account", "Duration"]),
    ("unban_group_member", &["GroupId", "Members_Account"]),
    ("get_group_ban_member", &["GroupId", "Offset"]),
    ("modify_group_msg", &["GroupId", "MsgSeq"]),
    ("clear_group_msg", &["GroupId"]),
    ("group_msg_receipt", &["GroupId", "From_Account", "MsgSeqList"]),
    ("get_group_msg_receipt", &["GroupId", "MsgSeqList"]),
    ("get_group_msg_receipt_detail", &["GroupId", "MsgSeq", "Filter", "Cursor", "Count"]),
    ("group_set_key_values", &["GroupId", "MsgSeq", "OperateType"]),
    ("group_get_key_values", &["GroupId", "MsgSeq"]),
    ("send_group_stream_msg", &["GroupId", "MsgRandom", "MsgBody"]),
    ("create_topic", &["GroupId", "TopicName"]),
    ("get_topic", &["GroupId", "From_Account"]),
    ("modify_topic", &["GroupId", "TopicId"]),
    ("destroy_topic", &["GroupId", "TopicIdList"]),
    ("import_topic", &["GroupId", "TopicName"]),
    ("create_permission_group", &["GroupId", "PermissionGroupName"]),
    ("destroy_permission_group", &["GroupId", "PermissionGroupIdList"]),
    ("modify_permission_group", &["GroupId", "PermissionGroupId"]),
    ("get_permission_group", &["GroupId"]),
    ("add_permission_group_member", &["GroupId", "PermissionGroupId", "MemberList"]),
    ("delete_permission_group_member", &["GroupId", "PermissionGroupId", "MemberList"]),
    ("get_permission_group_member_list", &["GroupId", "PermissionGroupId"]),
    ("add_topic_permission_group", &["GroupId", "PermissionGroupId", "TopicPermissionList"]),
    ("set_topic_permission_group", &["GroupId", "PermissionGroupId", "TopicPermissionList"]),
    ("delete_topic_permission_group", &["GroupId", "PermissionGroupId", "TopicIdList"]),
    ("get_topic_permission_group", &["GroupId", "PermissionGroupId"]),
    ("get_specified_group_member_info", &["GroupId", "Member_List_Account"]),
    ("create_robot", &["UserID"]),
    ("delete_robot", &["Robot_Account"]),
    ("get_all_robots", &[]),
];

/// The code for a wrong parameter; one family of commands has different codes.
fn codes(command: &str) -> &'static [i64] {
    if command == "modify_group_msg" { &[90007, 90010] } else { &[10004] }
}

/// The request is refused with an ErrorInfo that names the key.
async fn assert_names(sandbox: &Sandbox, example: &Example, body: Value, key: &str, codes: &[i64]) {
    let reply = sandbox.call_at(&example.service, &example.command, body.clone()).await;
    let (code, info) = (reply["ErrorCode"].as_i64().unwrap(), reply["ErrorInfo"].as_str().unwrap());
    assert!(codes.contains(&code) && info.contains(key), "{} {body}: {key} gets {reply}", example.command);
}

#[tokio::test]
async fn an_unknown_key_is_named() {
    let sandbox = Sandbox::start().await;
    for example in examples::all() {
        let mut body = example.request.clone();
        body["NoSuchKey"] = json!(1);
        assert_names(&sandbox, &example, body, "NoSuchKey", codes(&example.command)).await;
        // "compare names case-sensitively"
        let Some((key, value)) = example.request.as_object().unwrap().iter().next() else { continue };
        let body = json!({ key.to_lowercase(): value });
        assert_names(&sandbox, &example, body, &key.to_lowercase(), codes(&example.command)).await;
    }
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let sandbox = Sandbox::start().await;
    let examples = examples::all();
    assert_eq!(examples.len(), REQUIRED.len());
    for example in examples {
        let (_, required) = REQUIRED.iter().find(|(command, _)| *command == example.command).unwrap();
        for key in *required {
            let mut body = example.request.clone();
            assert!(body.as_object_mut().unwrap().remove(*key).is_some(), "{}: no {key}", example.command);
            assert_names(&sandbox, &example, body, key, codes(&example.command)).await;
        }
    }
}

/// A number for a text, a text for anything else; "number instead of string" for a UserID is 60015. A cursor of two types in the
/// documents may be either.
#[tokio::test]
async fn a_key_of_another_type_is_named() {
    let sandbox = Sandbox::start().await;
    for example in examples::all() {
        for (key, value) in example.request.as_object().unwrap() {
            if key == "Next" && value.is_string() {
                continue;
            }
            let mut body = example.request.clone();
            body[key] = if value.is_string() { json!(7) } else { json!("7") };
            let codes = if value.is_string() && key.contains("Account") || key == "UserID" {
                &[60015]
            } else {
                codes(&example.command)
            };
            assert_names(&sandbox, &example, body, key, codes).await;
        }
    }
}

/// message_elements: "1 JPG, 2 GIF, 3 PNG, 4 BMP, 255 other"; "1 original, 2 large, 3 thumbnail"; "2 means download straight from
/// Url".
#[tokio::test]
async fn a_number_outside_its_closed_set_is_named() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let sound = json!({"Url": "u", "UUID": "i", "Size": 1, "Second": 1, "Download_Flag": 2});
    let file = json!({"Url": "u", "UUID": "i", "FileSize": 1, "FileName": "n", "Download_Flag": 2});
    let version = json!({"Type": 3, "Size": 1, "Width": 1, "Height": 1, "URL": "u"});
    let image = json!({"UUID": "i", "ImageFormat": 255, "ImageInfoArray": [version]});
    let video = json!({
        "VideoUrl": "u", "VideoUUID": "i", "VideoSize": 1, "VideoSecond": 1, "VideoFormat": "mp4", "VideoDownloadFlag": 2,
        "ThumbUrl": "u", "ThumbUUID": "i", "ThumbSize": 1, "ThumbWidth": 1, "ThumbHeight": 1, "ThumbFormat": "JPG",
        "ThumbDownloadFlag": 2,
    });
    let wrong = [
        ("TIMSoundElem", &sound, "/Download_Flag", 1),
        ("TIMFileElem", &file, "/Download_Flag", 0),
        ("TIMImageElem", &image, "/ImageFormat", 7),
        ("TIMImageElem", &image, "/ImageInfoArray/0/Type", 9),
        ("TIMVideoFileElem", &video, "/VideoDownloadFlag", 1),
        ("TIMVideoFileElem", &video, "/ThumbDownloadFlag", 1),
    ];
    for (random, (kind, content, pointer, value)) in (1..).zip(wrong) {
        let mut body = message("g", "bob", random);
        body["MsgBody"] = json!([{"MsgType": kind, "MsgContent": content}]);
        sandbox.ok("send_group_msg", body.clone()).await;
        *body["MsgBody"][0]["MsgContent"].pointer_mut(pointer).unwrap() = json!(value);
        let info = sandbox.fails("send_group_msg", body, 10004).await;
        assert!(info.contains(pointer.rsplit('/').next().unwrap()), "{info}");
    }
}

/// offline_push_info: its example, and the same with keys and values that no table has. The keys of HarmonyInfo "were not found".
#[tokio::test]
async fn a_wrong_key_of_a_push_vendor_is_named() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let with_push = |random: u32, push: Value| {
        let mut body = message("g", "bob", random);
        body["OfflinePushInfo"] = push;
        body
    };
    let example = json!({
        "PushFlag": 0, "Title": "Demo", "Desc": "new message", "Ext": "{\"chat\":\"g-demo\"}",
        "AndroidInfo": {"HuaWeiChannelID": "ch1", "VIVOClassification": 1},
        "ApnsInfo": {"Sound": "ring.wav", "BadgeMode": 0, "MutableContent": 1, "Image": "https://cdn.example/1.jpg"},
    });
    sandbox.ok("send_group_msg", with_push(1, example)).await;
    let older = json!({"AndroidInfo": {"HuaweiChannelID": "c", "XiaomiChannelID": "c"}, "HarmonyInfo": {"Any": 1}});
    sandbox.ok("send_group_msg", with_push(2, older)).await;
    let wrong = [
        ("ApnsInfo", "BadgeMode", json!("0")),
        ("ApnsInfo", "Bogus", json!(1)),
        ("AndroidInfo", "VIVONotifyType", json!(5)),
        ("AndroidInfo", "OPPONotifyLevel", json!(3)),
        ("AndroidInfo", "HuaWeiImportance", json!("low")),
        ("AndroidInfo", "Bogus", json!(1)),
    ];
    for (object, key, value) in wrong {
        let info = sandbox.fails("send_group_msg", with_push(3, json!({object: {key: value}})), 10004).await;
        assert!(info.contains(&format!("OfflinePushInfo.{object}.{key}")), "{info}");
    }
}

/// "10010 for a well-formed id with no live group, 10015 for an id that breaks the id syntax", from every command that names a group.
#[tokio::test]
async fn a_group_that_is_not_there_is_10010_and_no_group_id_10015() {
    let sandbox = Sandbox::start().await;
    for example in examples::all() {
        let makes_it = matches!(example.command.as_str(), "create_group" | "import_group");
        if makes_it || example.request.get("GroupId").is_none() {
            continue;
        }
        for (id, code) in
            [("nowhere", 10010), ("@TGS#1NOWHERE", 10010), ("", 10015), ("é", 10015), (&"x".repeat(49), 10015)]
        {
            let mut body = example.request.clone();
            body["GroupId"] = json!(id);
            // "20001: the group or message does not exist", of the one command outside the group services.
            let code = if example.command == "modify_group_msg" { 20001 } else { code };
            let reply = sandbox.call_at(&example.service, &example.command, body).await;
            assert_eq!(reply["ErrorCode"], code, "{} {id:?}: {reply}", example.command);
        }
    }
}

/// docs/sandbox.md: what clients send that write every key of their structures, or another edition's spelling of it.
#[tokio::test]
async fn keys_that_clients_send_unset_count_as_absent() {
    let sandbox = Sandbox::start().await;
    let create = json!({
        "Type": "Public", "Name": "n", "GroupId": "g", "Owner_Account": "alice", "CreateTime": 1_500_000_000, "MaxMemberCount": 0,
        "ApplyJoinOption": "", "InviteJoinOption": "",
        "MemberList": [
            {"Member_Account": "bob", "Role": "", "MsgFlag": "", "ShutUpUntil": 0},
            {"Member_Account": "carol", "Role": "Admin", "MuteUntil": 0},
        ],
    });
    sandbox.ok("create_group", create).await;
    let info = sandbox.info("g").await;
    assert_eq!((&info["MaxMemberNum"], &info["ApplyJoinOption"]), (&json!(6_000), &json!("NeedPermission")));
    assert!(info["CreateTime"].as_i64().unwrap() > 1_500_000_000, "a past moment is for import_group: {info}");
    assert_eq!(sandbox.member("g", "bob").await["Role"], "Member");
    let change = json!({"GroupId": "g", "ApplyJoinOption": "", "MuteAllMember": "", "ShutUpAllMember": "On"});
    sandbox.ok("modify_group_base_info", change).await;
    assert_eq!(sandbox.info("g").await["MuteAllMember"], "On");
    let member = json!({"GroupId": "g", "Member_Account": "carol", "Role": "", "NameCard": "c"});
    sandbox.ok("modify_group_member_info", member).await;
    assert_eq!(sandbox.member("g", "carol").await["Role"], "Admin");
    let all = sandbox.ok("get_appid_group_list", json!({"GroupType": ""})).await;
    assert_eq!(all["TotalCount"], 1);
    let joined = sandbox.ok("get_joined_group_list", json!({"Member_Account": "bob", "GroupType": ""})).await;
    assert_eq!(joined["TotalCount"], 1);

    sandbox.ok("create_group", json!({"Type": "Public", "Name": "n", "GroupId": "h", "MaxMemberNum": 5})).await;
    assert_eq!(sandbox.info("h").await["MaxMemberNum"], 5);
    sandbox.fails("create_group", json!({"Type": "", "Name": "n"}), 10004).await;
}
