//! Groups: the statements of the reference in their order.

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, unpaced};

/// get_appid_group_list: "An empty JSON object is a valid body and yields at most 10000 ids."; "Page until Next comes back as 0; a
/// non-zero Next may come with a list shorter than Limit."; "The cursor is not an offset; treat it as opaque."; "With GroupType
/// set, both TotalCount and the list cover that type only."
#[tokio::test]
async fn groups_of_the_app_are_paged_by_an_opaque_cursor() {
    let sandbox = Sandbox::start().await;
    for n in 0..5 {
        let kind = if n % 2 == 0 { "Public" } else { "ChatRoom" };
        sandbox.ok("create_group", json!({"Type": kind, "Name": "n", "GroupId": format!("g{n}")})).await;
    }
    let all = sandbox.ok("get_appid_group_list", json!({})).await;
    assert_eq!((&all["TotalCount"], &all["Next"]), (&json!(5), &json!(0)));
    assert_eq!(sandbox.ok("get_appid_group_list", json!({"Limit": 0})).await["GroupIdList"], all["GroupIdList"]);

    let (mut next, mut found) = (json!(0), Vec::new());
    loop {
        let page = sandbox.ok("get_appid_group_list", json!({"Limit": 1, "Next": next, "GroupType": "Public"})).await;
        assert_eq!(page["TotalCount"], 3);
        found.extend(page["GroupIdList"].as_array().unwrap().iter().map(|group| group["GroupId"].clone()));
        next = page["Next"].clone();
        if next == 0 {
            break;
        }
    }
    assert_eq!(found, ["g0", "g2", "g4"]);
    let retired = sandbox.ok("get_appid_group_list", json!({"GroupType": "BChatRoom"})).await;
    assert_eq!(retired["TotalCount"], 0);
    sandbox.fails("get_appid_group_list", json!({"GroupType": "Nothing"}), 10004).await;
    sandbox.fails("get_appid_group_list", json!({"Limit": 10_001}), 10004).await;
    sandbox.ok("get_appid_group_list", json!({"Type": "Public"})).await;
}

/// create_group: "The owner is added as a member with role Owner by itself"; "Listed members join at once"; "duplicate
/// entries in MemberList, or the owner repeated there, are collapsed".
#[tokio::test]
async fn the_owner_and_the_listed_members_are_in_at_once() {
    let sandbox = Sandbox::start().await;
    let members =
        json!([{"Member_Account": "bob", "Role": "Admin"}, {"Member_Account": "bob"}, {"Member_Account": "alice"}]);
    let body = json!({"Owner_Account": "alice", "Type": "Public", "GroupId": "g", "Name": "n", "MemberList": members});
    sandbox.ok("create_group", body).await;
    let info = sandbox.info("g").await;
    assert_eq!(info["MemberNum"], 2);
    assert_eq!(info["MemberList"][0]["Role"], "Owner");
    assert_eq!(info["MemberList"][1]["Role"], "Admin");
    assert_eq!(info["MuteAllMember"], "Off");
    assert_eq!(info["ShutUpAllMember"], "Off", "readers of the older edition");
    assert_eq!(info["CreateTime"], NOW);
    assert_eq!(info["Appid"], 1_400_000_001);
}

/// create_group: "Without Owner_Account the group exists without any owner (Owner_Account reads back as an empty string);
/// change_group_owner can appoint one later." change_group_owner: "A group without an owner receives one this way."
#[tokio::test]
async fn a_group_can_be_without_owner_until_one_is_appointed() {
    let sandbox = Sandbox::start().await;
    let body = json!({"Type": "Public", "GroupId": "g", "Name": "n", "MemberList": [{"Member_Account": "bob"}]});
    sandbox.ok("create_group", body).await;
    assert_eq!(sandbox.info("g").await["Owner_Account"], "");
    sandbox.ok("change_group_owner", json!({"GroupId": "g", "NewOwner_Account": "bob"})).await;
    assert_eq!(sandbox.info("g").await["Owner_Account"], "bob");
    assert_eq!(sandbox.member("g", "bob").await["Role"], "Owner");
}

/// create_group: "AVChatRoom plus a non-empty MemberList fails with 10007 and nothing is created"; "AVChatRoom with
/// Owner_Account records the owner, but the owner counts as present only after joining through an SDK".
#[tokio::test]
async fn an_avchatroom_takes_no_members_and_its_owner_is_not_present() {
    let sandbox = Sandbox::start().await;
    let mut body = json!({"Owner_Account": "alice", "Type": "AVChatRoom", "GroupId": "live", "Name": "n"});
    body["MemberList"] = json!([{"Member_Account": "bob"}]);
    sandbox.fails("create_group", body.clone(), 10007).await;
    assert_eq!(sandbox.info("live").await["ErrorCode"], 10010);
    body.as_object_mut().unwrap().remove("MemberList");
    sandbox.ok("create_group", body).await;
    let info = sandbox.info("live").await;
    assert_eq!(info["Owner_Account"], "alice");
    assert_eq!((&info["MemberNum"], &info["MemberList"]), (&Value::Null, &Value::Null));
    assert_eq!(sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await["OnlineMemberNum"], 0);
}

/// create_group: "The same-owner case of an id clash gives 10025, any other clash 10021"; "A custom id is free again
/// after the group was dissolved". destroy_group: "Dissolving twice gives 10010 the second time".
#[tokio::test]
async fn an_id_is_taken_until_its_group_is_dissolved() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let body = |owner: &str| json!({"Owner_Account": owner, "Type": "Public", "GroupId": "g", "Name": "n"});
    sandbox.fails("create_group", body("alice"), 10025).await;
    sandbox.fails("create_group", body("bob"), 10021).await;
    sandbox.fails("import_group", body("alice"), 10021).await;
    sandbox.send("g", "bob", 1).await;
    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    let info = sandbox.fails("destroy_group", json!({"GroupId": "g"}), 10010).await;
    assert_eq!(info, "this group does not exist");
    sandbox.ok("create_group", body("bob")).await;
    assert_eq!(sandbox.history("g").await, Vec::<Value>::new(), "messages go with the group");
    assert_eq!(sandbox.info("g").await["MemberNum"], 1);
    let joined = sandbox.ok("get_joined_group_list", json!({"Member_Account": "alice"})).await;
    assert_eq!(joined["TotalCount"], 0);
}

/// "custom: printable ASCII 0x20 to 0x7e, at most 48 bytes, must not start with @TGS#; a Community's custom id must start
/// with @TGS#_"; "10010 for a well-formed id with no live group, 10015 for an id that breaks the id syntax".
#[tokio::test]
async fn ids_follow_their_syntax() {
    let sandbox = Sandbox::start().await;
    let body = |kind: &str, id: &str| json!({"Type": kind, "GroupId": id, "Name": "n"});
    for (kind, id) in
        [("Public", "@TGS#x"), ("Public", "gr\u{fc}n"), ("Community", "plain"), ("Community", "@TGS#_@TGS#x")]
    {
        sandbox.fails("create_group", body(kind, id), 10004).await;
    }
    sandbox.fails("create_group", body("Public", &"x".repeat(49)), 10004).await;
    sandbox.ok("create_group", body("Public", &"x".repeat(48))).await;
    sandbox.ok("create_group", body("Community", "@TGS#_own")).await;
    sandbox.fails("destroy_group", json!({"GroupId": "nowhere"}), 10010).await;
    let info = sandbox.fails("destroy_group", json!({"GroupId": ""}), 10015).await;
    assert_eq!(info, "invalid group id");
    for (kind, prefix) in [("Public", "@TGS#"), ("AVChatRoom", "@TGS#a"), ("Community", "@TGS#_@TGS#c")] {
        let made = sandbox.ok("create_group", json!({"Type": kind, "Name": "n"})).await;
        assert!(made["GroupId"].as_str().unwrap().starts_with(prefix));
    }
}

/// "Private and ChatRoom are the type words in the answers, not Work and Meeting."
#[tokio::test]
async fn the_newer_type_words_are_accepted() {
    let sandbox = Sandbox::start().await;
    sandbox.group("w", "Work").await;
    sandbox.group("m", "Meeting").await;
    assert_eq!(sandbox.info("w").await["Type"], "Private");
    assert_eq!(sandbox.info("m").await["Type"], "ChatRoom");
}

/// create_group errors 10005, 10019, 10038, 10058 and 10036.
#[tokio::test]
async fn quotas_of_the_edition_hold() {
    let mut settings = unpaced();
    (settings.limits.groups, settings.limits.live_rooms, settings.auto_import) = (3, 1, true);
    let sandbox = Sandbox::start_with(settings).await;
    let members: Vec<Value> = (0..101).map(|n| json!({"Member_Account": format!("u{n}")})).collect();
    sandbox.fails("create_group", json!({"Type": "Public", "Name": "n", "MemberList": members}), 10005).await;
    let too_many = json!({"Type": "Public", "Name": "n", "MaxMemberCount": 2, "MemberList": members[..3]});
    sandbox.fails("create_group", too_many, 10038).await;
    sandbox.fails("create_group", json!({"Type": "Public", "Name": "n", "MaxMemberCount": 6_001}), 10038).await;
    sandbox.ok("create_group", json!({"Type": "AVChatRoom", "Name": "n"})).await;
    sandbox.fails("create_group", json!({"Type": "AVChatRoom", "Name": "n"}), 10036).await;
    sandbox.ok("create_group", json!({"Type": "Public", "Name": "n"})).await;
    sandbox.ok("create_group", json!({"Type": "Public", "Name": "n"})).await;
    sandbox.fails("create_group", json!({"Type": "Public", "Name": "n"}), 10058).await;
}

/// get_group_info: "The top-level ErrorCode and ErrorInfo say nothing about single groups; each GroupInfo entry carries its own
/// pair."; "A missing group therefore gives an OK envelope and an entry with a non-zero ErrorCode and no profile fields.";
/// "entries come back in request order"; "MemberList is left out when only GroupBaseInfoFilter is given"; "more than 50 ids gives
/// 10004".
#[tokio::test]
async fn group_info_answers_for_each_id_and_obeys_its_filters() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let info = sandbox.ok("get_group_info", json!({"GroupIdList": ["gone", "g", ""]})).await;
    let codes: Vec<&Value> = info["GroupInfo"].as_array().unwrap().iter().map(|group| &group["ErrorCode"]).collect();
    assert_eq!(codes, [&json!(10010), &json!(0), &json!(10015)]);
    let missing = json!({"GroupId": "gone", "ErrorCode": 10010, "ErrorInfo": "this group does not exist"});
    assert_eq!(info["GroupInfo"][0], missing);

    let filter = json!({"GroupBaseInfoFilter": ["Name", "ShutUpAllMember"]});
    let info = sandbox.ok("get_group_info", json!({"GroupIdList": ["g"], "ResponseFilter": filter})).await;
    let expected = json!({"GroupId": "g", "ErrorCode": 0, "ErrorInfo": "", "Name": "Name", "ShutUpAllMember": "Off"});
    assert_eq!(info["GroupInfo"][0], expected);
    let filter = json!({"GroupBaseInfoFilter": ["Name"], "MemberInfoFilter": ["Account", "NameCard"]});
    let info = sandbox.ok("get_group_info", json!({"GroupIdList": ["g"], "ResponseFilter": filter})).await;
    assert_eq!(info["GroupInfo"][0]["MemberList"][0], json!({"Member_Account": "alice", "NameCard": ""}));
    let ids: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    sandbox.fails("get_group_info", json!({"GroupIdList": ids}), 10004).await;
}

/// modify_group_base_info: "Only the keys that are present change; Type, owner and ids cannot be changed here."; "AppDefinedData is merged key by key; an empty Value
/// removes that key; unmentioned keys stay"; "Every change bumps LastInfoTime (and InfoSeq)"; "an empty string in Name is
/// refused while an empty Notification clears it". "Custom fields appear only when set".
#[tokio::test]
async fn a_profile_changes_key_by_key() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let before = sandbox.info("g").await;
    assert_eq!(before["AppDefinedData"], Value::Null);
    let change = |fields: Value| {
        let mut body = json!({"GroupId": "g"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    sandbox.advance(5).await;
    let custom = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
    sandbox.ok("modify_group_base_info", change(json!({"Notification": "x", "AppDefinedData": custom}))).await;
    let custom = json!([{"Key": "a", "Value": ""}, {"Key": "c", "Value": "3"}]);
    let fields = json!({"Notification": "", "ShutUpAllMember": "On", "ApplyJoinOption": "DisableApply", "AppDefinedData": custom});
    sandbox.ok("modify_group_base_info", change(fields)).await;
    let after = sandbox.info("g").await;
    assert_eq!(after["AppDefinedData"], json!([{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]));
    assert_eq!(
        (&after["Notification"], &after["MuteAllMember"], &after["Name"]),
        (&json!(""), &json!("On"), &before["Name"])
    );
    assert_eq!(after["ApplyJoinOption"], "DisableApply");
    assert_eq!(after["LastInfoTime"], NOW + 5);
    assert_eq!(after["InfoSeq"].as_u64().unwrap(), before["InfoSeq"].as_u64().unwrap() + 2);
    sandbox.fails("modify_group_base_info", change(json!({"Name": ""})), 10004).await;
    sandbox.fails("modify_group_base_info", change(json!({"Type": "Private"})), 10004).await;
    sandbox.fails("modify_group_base_info", change(json!({"Owner_Account": "bob"})), 10004).await;
    sandbox.fails("modify_group_base_info", change(json!({"From_Account": "nobody"})), 10019).await;
}

/// create_group: 10006 "daily net growth of groups"; what is dissolved makes room, and so does the next day.
#[tokio::test]
async fn an_app_grows_by_so_many_groups_a_day() {
    let mut settings = unpaced();
    settings.limits.new_groups = 2;
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.freeze(NOW).await;
    let group = |id: &str| json!({"Type": "Public", "Name": "n", "GroupId": id});
    sandbox.ok("create_group", group("a")).await;
    sandbox.ok("create_group", group("b")).await;
    sandbox.fails("create_group", group("c"), 10006).await;
    sandbox.ok("destroy_group", json!({"GroupId": "a"})).await;
    sandbox.ok("create_group", group("c")).await;
    sandbox.fails("create_group", group("d"), 10006).await;
    sandbox.advance(86_400).await;
    sandbox.ok("create_group", group("d")).await;
}

/// "must be defined in the console first"; undefined keys: 10004 "all defined key is invalid".
#[tokio::test]
async fn custom_fields_are_the_declared_ones() {
    let settings = Settings { auto_import: true, ..Settings::default() };
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.group("g", "Public").await;
    sandbox.control("apps/1400000001/custom_fields", json!({"group": ["level"], "member": ["rank"]})).await;
    let set = |key: &str| json!({"GroupId": "g", "AppDefinedData": [{"Key": key, "Value": "1"}]});
    sandbox.ok("modify_group_base_info", set("level")).await;
    let info = sandbox.fails("modify_group_base_info", set("other"), 10004).await;
    assert_eq!(info, "all defined key is invalid");
}

/// change_group_owner: "The new owner must be in the group already"; "the former owner stays as an ordinary Member";
/// "naming the present owner again succeeds without change"; "a non-member as new owner gives 10007"; any AVChatRoom 10007.
#[tokio::test]
async fn ownership_goes_to_a_member() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.group("live", "AVChatRoom").await;
    let to = |user: &str| json!({"GroupId": "g", "NewOwner_Account": user});
    sandbox.fails("change_group_owner", to("dave"), 10007).await;
    sandbox.ok("change_group_owner", to("carol")).await;
    sandbox.ok("change_group_owner", to("carol")).await;
    let info = sandbox.info("g").await;
    assert_eq!(info["Owner_Account"], "carol");
    assert_eq!((&info["MemberList"][0]["Role"], &info["MemberList"][1]["Role"]), (&json!("Owner"), &json!("Member")));
    assert_eq!(info["MemberList"][1]["Member_Account"], "alice");
    sandbox.fails("change_group_owner", json!({"GroupId": "live", "NewOwner_Account": "alice"}), 10007).await;
}

/// create_group: "A Work group starts un-activated". send_group_msg: "The first message activates a Work group, after which its
/// members see it."
#[tokio::test]
async fn a_work_group_starts_un_activated_and_the_first_message_activates_it() {
    let sandbox = Sandbox::start().await;
    sandbox.group("work", "Private").await;
    let seen =
        async || sandbox.ok("get_joined_group_list", json!({"Member_Account": "bob"})).await["TotalCount"].clone();
    assert_eq!(seen().await, 0);
    sandbox.send("work", "alice", 1).await;
    assert_eq!(seen().await, 1);
}

/// get_group_info: "GroupBaseInfoFilter governs the profile keys, MemberInfoFilter the keys of MemberList entries, and the two
/// custom-field filters the custom keys."; "Custom fields appear only when set; group level under AppDefinedData, member level
/// under each member's AppMemberDefinedData."
#[tokio::test]
async fn each_filter_governs_its_own_keys() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let pairs = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
    sandbox.ok("modify_group_base_info", json!({"GroupId": "g", "AppDefinedData": pairs})).await;
    let bob = json!({"GroupId": "g", "Member_Account": "bob", "AppMemberDefinedData": pairs});
    sandbox.ok("modify_group_member_info", bob).await;
    let info = sandbox.info("g").await;
    assert_eq!(info["AppDefinedData"], pairs);
    let custom: Vec<&Value> =
        info["MemberList"].as_array().unwrap().iter().map(|member| &member["AppMemberDefinedData"]).collect();
    assert_eq!(custom, [&Value::Null, &pairs, &Value::Null]);
    let filter = json!({
        "GroupBaseInfoFilter": ["Name"], "MemberInfoFilter": ["Role"],
        "AppDefinedDataFilter_Group": ["b"], "AppDefinedDataFilter_GroupMember": ["a"],
    });
    let reply = sandbox.ok("get_group_info", json!({"GroupIdList": ["g"], "ResponseFilter": filter})).await;
    let expected = json!({
        "GroupId": "g", "ErrorCode": 0, "ErrorInfo": "", "Name": "Name",
        "AppDefinedData": [{"Key": "b", "Value": "2"}],
        "MemberList": [
            {"Member_Account": "alice", "Role": "Owner"},
            {"Member_Account": "bob", "Role": "Member", "AppMemberDefinedData": [{"Key": "a", "Value": "1"}]},
            {"Member_Account": "carol", "Role": "Member"},
        ],
    });
    assert_eq!(reply["GroupInfo"][0], expected);
}

/// destroy_group: "Cannot be undone; members, messages and custom fields go with it."; "The id becomes available to
/// create_group and import_group again."; "This is the only way to dissolve a Work group."
#[tokio::test]
async fn everything_goes_with_a_dissolved_group() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Work").await;
    let custom = json!([{"Key": "a", "Value": "1"}]);
    sandbox.ok("modify_group_base_info", json!({"GroupId": "g", "AppDefinedData": custom})).await;
    sandbox.send("g", "bob", 1).await;
    // Without members the group is still there.
    let everybody = json!({"GroupId": "g", "MemberToDel_Account": ["alice", "bob", "carol"]});
    sandbox.ok("delete_group_member", everybody).await;
    assert_eq!(sandbox.info("g").await["ErrorCode"], 0);
    sandbox.ok("destroy_group", json!({"GroupId": "g"})).await;
    assert_eq!(sandbox.info("g").await["ErrorCode"], 10010);

    sandbox.ok("import_group", json!({"Type": "Private", "Name": "n", "GroupId": "g"})).await;
    let info = sandbox.info("g").await;
    assert_eq!((&info["MemberNum"], &info["NextMsgSeq"]), (&json!(0), &json!(1)));
    assert_eq!(info["AppDefinedData"], Value::Null);
}
