//! Members and mutes: the statements of the reference in their order.

use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, unpaced};

fn add(group: &str, users: &[&str]) -> Value {
    let members: Vec<Value> = users.iter().map(|user| json!({"Member_Account": user})).collect();
    json!({"GroupId": group, "MemberList": members})
}

fn results(reply: &Value) -> Vec<u64> {
    reply["MemberList"].as_array().unwrap().iter().map(|member| member["Result"].as_u64().unwrap()).collect()
}

/// add_group_member: "The call succeeds as a whole (ErrorCode 0) and reports per user through Result, existing members
/// included"; "one unknown user among known ones: Result 0 for that user, 10019 when none is known".
#[tokio::test]
async fn adding_reports_for_each_user() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let reply = sandbox.ok("add_group_member", add("g", &["dave", "bob", "nobody", "dave"])).await;
    assert_eq!(results(&reply), [1, 2, 0, 2]);
    assert_eq!(sandbox.info("g").await["MemberNum"], 4);
    sandbox.fails("add_group_member", add("g", &["nobody", "noone"]), 10019).await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.fails("add_group_member", add("live", &["dave"]), 10007).await;
}

/// "Accounts exist when imported", unless the switch imports unknown users.
#[tokio::test]
async fn unknown_users_can_be_imported_on_first_mention() {
    let mut settings = unpaced();
    settings.auto_import = true;
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.group("g", "Public").await;
    assert_eq!(results(&sandbox.ok("add_group_member", add("g", &["newcomer"])).await), [1]);
}

/// add_group_member: "Without Silence every member gets a join tip, except in Work groups that are not activated yet";
/// "their read position starts at the current end of the group"; role Member and the type's default MsgFlag.
#[tokio::test]
async fn joining_leaves_a_notice_and_starts_at_the_end() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 1).await;
    let mut silent = add("g", &["dave"]);
    silent["Silence"] = json!(1);
    sandbox.ok("add_group_member", silent).await;
    let dave = sandbox.member("g", "dave").await;
    assert_eq!(
        (&dave["MsgSeq"], &dave["Role"], &dave["MsgFlag"]),
        (&json!(1), &json!("Member"), &json!("AcceptAndNotify"))
    );
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 2);
    sandbox.ok("add_group_member", add("g", &["zoe"])).await;
    assert_eq!(sandbox.info("g").await["NextMsgSeq"], 3);
    assert_eq!(sandbox.history("g").await[0]["IsSystemMsg"], 1);

    sandbox.group("work", "Private").await;
    sandbox.ok("add_group_member", add("work", &["dave"])).await;
    assert_eq!(sandbox.info("work").await["NextMsgSeq"], 1);
    sandbox.group("room", "ChatRoom").await;
    sandbox.ok("add_group_member", add("room", &["dave"])).await;
    assert_eq!(sandbox.info("room").await["NextMsgSeq"], 1);
}

/// add_group_member: "10014 is returned only when nobody fits; otherwise the rest get Result 0"; 10005 beyond the limit.
#[tokio::test]
async fn a_full_group_takes_nobody() {
    let mut settings = unpaced();
    (settings.limits.add_members, settings.auto_import) = (3, true);
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.ok("create_group", json!({"Type": "Public", "GroupId": "g", "Name": "n", "MaxMemberCount": 1})).await;
    assert_eq!(results(&sandbox.ok("add_group_member", add("g", &["a", "b"])).await), [1, 0]);
    sandbox.fails("add_group_member", add("g", &["b", "c"]), 10014).await;
    sandbox.fails("add_group_member", add("g", &["a", "b", "c", "d"]), 10005).await;
}

/// delete_group_member: "Ids that are not members are ignored and the call still succeeds"; "Removing every member does
/// not dissolve the group"; "removing the owner leaves the group without owner"; "more than 100 ids gives 10005"; any call
/// on an AVChatRoom 10004.
#[tokio::test]
async fn members_can_be_removed_down_to_none() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let everybody = json!({"GroupId": "g", "MemberToDel_Account": ["alice", "bob", "carol", "nobody"]});
    sandbox.ok("delete_group_member", everybody).await;
    let info = sandbox.info("g").await;
    assert_eq!((&info["MemberNum"], &info["Owner_Account"], &info["ErrorCode"]), (&json!(0), &json!(""), &json!(0)));
    assert_eq!(info["NextMsgSeq"], 2, "one notice");
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    sandbox.fails("delete_group_member", json!({"GroupId": "g", "MemberToDel_Account": many}), 10005).await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.fails("delete_group_member", json!({"GroupId": "live", "MemberToDel_Account": ["bob"]}), 10004).await;
}

/// get_group_member_info: "Page n (from 1) starts at Offset (n-1) times Limit; stop when Offset plus page length reaches
/// MemberNum"; "In the role-filter sample MemberNum is 8 while two members are listed, so the count ignores filters."; "order of members is join order with the owner first".
#[tokio::test]
async fn members_are_paged_by_offset() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("add_group_member", add("g", &["dave", "zoe"])).await;
    sandbox.ok("change_group_owner", json!({"GroupId": "g", "NewOwner_Account": "carol"})).await;
    sandbox.ok("modify_group_member_info", json!({"GroupId": "g", "Member_Account": "dave", "Role": "Admin"})).await;
    let mut found = Vec::new();
    for offset in [0, 2, 4] {
        let body = json!({"GroupId": "g", "Limit": 2, "Offset": offset, "MemberInfoFilter": ["Role"]});
        let page = sandbox.ok("get_group_member_info", body).await;
        assert_eq!(page["MemberNum"], 5);
        assert_eq!(page["Next"], Value::Null);
        found.extend(page["MemberList"].as_array().unwrap().iter().map(|member| member["Member_Account"].clone()));
    }
    assert_eq!(found, ["carol", "alice", "bob", "dave", "zoe"]);

    for (roles, expected) in [
        (vec!["Owner"], vec!["carol"]),
        (vec!["Admin"], vec!["dave"]),
        (vec!["Member"], vec!["alice", "bob", "zoe"]),
        (vec!["Owner", "Member"], vec!["carol", "alice", "bob", "zoe"]),
        (vec!["Owner", "Admin"], vec!["carol", "dave"]),
        (vec!["Admin", "Member"], vec!["alice", "bob", "dave", "zoe"]),
    ] {
        let mut found = Vec::new();
        for offset in 0..5 {
            let body = json!({"GroupId": "g", "Limit": 1, "Offset": offset, "MemberRoleFilter": roles});
            let page = sandbox.ok("get_group_member_info", body).await;
            assert_eq!(page["MemberNum"], 5);
            found.extend(page["MemberList"].as_array().unwrap().iter().map(|member| member["Member_Account"].clone()));
        }
        assert_eq!(found, expected, "{roles:?}");
    }
    sandbox.group("live", "AVChatRoom").await;
    sandbox.fails("get_group_member_info", json!({"GroupId": "live"}), 10007).await;
}

/// get_group_member_info: "Community answers carry Next; pass it back unchanged. The end marker is an empty string".
#[tokio::test]
async fn a_community_is_paged_by_next() {
    let sandbox = Sandbox::start().await;
    sandbox.group("@TGS#_c", "Community").await;
    let (mut next, mut found) = (json!(""), Vec::new());
    loop {
        let page = sandbox.ok("get_group_member_info", json!({"GroupId": "@TGS#_c", "Limit": 1, "Next": next})).await;
        found.push(page["MemberList"][0]["Member_Account"].clone());
        next = page["Next"].clone();
        if next == "" {
            break;
        }
    }
    assert_eq!(found, ["alice", "bob", "carol"]);
    sandbox.fails("get_group_member_info", json!({"GroupId": "@TGS#_c", "Offset": 1}), 10004).await;
    sandbox.ok("get_group_member_info", json!({"GroupId": "@TGS#_c", "Next": 0})).await;
}

/// modify_group_member_info: "Only the keys that are present change"; "the request takes a duration (MuteTime) while reads
/// give an absolute end (MuteUntil)"; "an empty custom Value deletes the key"; "target not in the group gives 10007".
/// get_group_member_info: "MuteUntil is an absolute second; 0 means free to speak; a past value also means free."; "Custom fields:
/// the unfiltered sample returns all set ones, the filter narrows them."
#[tokio::test]
async fn a_member_changes_key_by_key() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let change = |fields: Value| {
        let mut body = json!({"GroupId": "g", "Member_Account": "bob"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let custom = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
    sandbox.ok("modify_group_member_info", change(json!({"NameCard": "Bobby", "AppMemberDefinedData": custom}))).await;
    let fields = json!({"MsgFlag": "Discard", "ShutUpTime": 60, "AppMemberDefinedData": [{"Key": "a", "Value": ""}]});
    sandbox.ok("modify_group_member_info", change(fields)).await;
    let bob = sandbox.member("g", "bob").await;
    assert_eq!(
        (&bob["NameCard"], &bob["MsgFlag"], &bob["Role"]),
        (&json!("Bobby"), &json!("Discard"), &json!("Member"))
    );
    // "Message receive options: AcceptAndNotify, AcceptNotNotify, Discard, AcceptNotNotifyExceptAt."
    for option in ["AcceptAndNotify", "AcceptNotNotify", "AcceptNotNotifyExceptAt"] {
        sandbox.ok("modify_group_member_info", change(json!({"MsgFlag": option}))).await;
        assert_eq!(sandbox.member("g", "bob").await["MsgFlag"], option);
    }
    sandbox.fails("modify_group_member_info", change(json!({"MsgFlag": "Accept"})), 10004).await;
    assert_eq!((&bob["MuteUntil"], &bob["ShutUpUntil"]), (&json!(NOW + 60), &json!(NOW + 60)));
    assert_eq!(bob["AppMemberDefinedData"], json!([{"Key": "b", "Value": "2"}]));
    let body = json!({"GroupId": "g", "AppDefinedDataFilter_GroupMember": ["none"]});
    let members = sandbox.ok("get_group_member_info", body).await;
    assert!(members["MemberList"].as_array().unwrap().iter().all(|member| member["AppMemberDefinedData"].is_null()));
    sandbox.advance(60).await;
    assert_eq!(sandbox.member("g", "bob").await["MuteUntil"], 0);

    let stranger = json!({"GroupId": "g", "Member_Account": "dave", "NameCard": "x"});
    sandbox.fails("modify_group_member_info", stranger, 10007).await;
    sandbox.fails("modify_group_member_info", change(json!({"Role": "Owner"})), 10004).await;
    sandbox.fails("modify_group_member_info", change(json!({"NameCard": "x".repeat(51)})), 10004).await;
}

/// modify_group_member_info and forbid_send_msg: "Work groups support neither muting nor, by default, admins"; AVChatRoom
/// members are not stored.
#[tokio::test]
async fn group_types_without_mutes_or_admins_refuse_them() {
    let sandbox = Sandbox::start().await;
    sandbox.group("work", "Private").await;
    sandbox.group("live", "AVChatRoom").await;
    let bob = |group: &str, key: &str, value: Value| {
        let mut body = json!({"GroupId": group, "Member_Account": "bob"});
        body[key] = value;
        body
    };
    sandbox.fails("modify_group_member_info", bob("work", "Role", json!("Admin")), 10007).await;
    sandbox.fails("modify_group_member_info", bob("work", "MuteTime", json!(5)), 10007).await;
    sandbox.fails("modify_group_member_info", bob("live", "NameCard", json!("x")), 10007).await;
    sandbox
        .fails("forbid_send_msg", json!({"GroupId": "work", "Members_Account": ["bob"], "MuteTime": 5}), 10007)
        .await;
    let mute_all = |word: &str| json!({"GroupId": "work", "MuteAllMember": word});
    sandbox.fails("modify_group_base_info", mute_all("On"), 10007).await;
    assert_eq!(sandbox.info("work").await["MuteAllMember"], "Off");
    sandbox.ok("modify_group_base_info", mute_all("Off")).await;
    // "0 lifts the mute", and the other fields of the same call count.
    let mut change = bob("work", "MuteTime", json!(0));
    change["NameCard"] = json!("Bobby");
    sandbox.ok("modify_group_member_info", change).await;
    assert_eq!(sandbox.member("work", "bob").await["NameCard"], "Bobby");
}

/// get_joined_group_list: "No filter yields bare GroupId objects; there is no default set of profile fields."; "Page n (from 1) starts at Offset (n-1) times Limit"; "By
/// default AVChatRoom and un-activated Work groups are neither listed nor counted"; "an unknown user yields an empty list".
#[tokio::test]
async fn joined_groups_are_listed_on_request() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g1", "Public").await;
    sandbox.group("g2", "ChatRoom").await;
    sandbox.group("work", "Private").await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": ["bob"]})).await;
    let list = async |extra: Value| {
        let mut body = json!({"Member_Account": "bob"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let reply = sandbox.ok("get_joined_group_list", body).await;
        (reply["TotalCount"].as_u64().unwrap(), reply["GroupIdList"].clone())
    };
    assert_eq!(list(json!({})).await, (2, json!([{"GroupId": "g1"}, {"GroupId": "g2"}])));
    assert_eq!(list(json!({"Limit": 1, "Offset": 1})).await, (2, json!([{"GroupId": "g2"}])));
    assert_eq!(list(json!({"GroupType": "ChatRoom"})).await, (1, json!([{"GroupId": "g2"}])));
    assert_eq!(list(json!({"WithNoActiveGroups": 1})).await.0, 3);
    assert_eq!(list(json!({"WithHugeGroups": 1})).await.0, 3);
    sandbox.send("work", "alice", 1).await;
    assert_eq!(list(json!({})).await.0, 3, "the first message activates a Work group");
    let unknown = sandbox.ok("get_joined_group_list", json!({"Member_Account": "nobody"})).await;
    assert_eq!((&unknown["TotalCount"], &unknown["GroupIdList"]), (&json!(0), &json!([])));
}

/// get_role_in_group: "Every asked user comes back, strangers as NotMember"; "Order follows the request in the sample.";
/// AVChatRoom 10007.
#[tokio::test]
async fn roles_come_back_in_request_order() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let reply =
        sandbox.ok("get_role_in_group", json!({"GroupId": "g", "User_Account": ["nobody", "alice", "bob"]})).await;
    let roles: Vec<&Value> = reply["UserIdList"].as_array().unwrap().iter().map(|user| &user["Role"]).collect();
    assert_eq!(roles, ["NotMember", "Owner", "Member"]);
    sandbox.group("live", "AVChatRoom").await;
    sandbox.fails("get_role_in_group", json!({"GroupId": "live", "User_Account": ["bob"]}), 10007).await;
}

/// forbid_send_msg: "The mute outlives leaving and re-joining the same group"; "A muted sender gets 10017 from send_group_msg.";
/// "The stored end is now + MuteTime; for 4294967295 the end that reads return is not documented (unverified: treat as a saturated
/// 32-bit value)."; "users who are not members are accepted silently".
/// get_group_muted_account: "Only mutes that still run are listed". get_group_shutted_uin: "Same data as the new command,
/// old keys."
#[tokio::test]
async fn mutes_run_out_and_outlive_leaving() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let mute = |users: &[&str], time: u64| json!({"GroupId": "g", "Members_Account": users, "MuteTime": time});
    sandbox.ok("forbid_send_msg", mute(&["bob", "dave"], 60)).await;
    sandbox.ok("forbid_send_msg", mute(&["carol"], 4_294_967_295)).await;
    sandbox.ok("delete_group_member", json!({"GroupId": "g", "MemberToDel_Account": ["bob"]})).await;
    sandbox.ok("add_group_member", add("g", &["bob"])).await;
    assert_eq!(sandbox.member("g", "bob").await["MuteUntil"], NOW + 60);
    sandbox.fails("send_group_msg", crate::client::message("g", "bob", 1), 10017).await;
    let old = sandbox.ok("get_group_shutted_uin", json!({"GroupId": "g"})).await;
    assert_eq!(old["ShuttedUinList"][0], json!({"Member_Account": "bob", "ShuttedUntil": NOW + 60}));
    sandbox.advance(60).await;
    sandbox.send("g", "bob", 1).await;
    let muted = sandbox.ok("get_group_muted_account", json!({"GroupId": "g"})).await;
    assert_eq!(muted["MutedAccountList"], json!([{"Member_Account": "carol", "MutedUntil": 4_294_967_295_u32}]));
    sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["carol"], "ShutUpTime": 0})).await;
    sandbox.send("g", "carol", 2).await;
}

/// "Community answers carry Next; pass it back unchanged": members who leave between two pages hide no other.
#[tokio::test]
async fn a_community_is_paged_by_place_and_not_by_offset() {
    let sandbox = Sandbox::start().await;
    let users = ["bob", "carol", "dave", "zoe"];
    let members: Vec<Value> = users.iter().map(|user| json!({"Member_Account": user})).collect();
    let body = json!({"Type": "Community", "Name": "n", "GroupId": "@TGS#_c", "Owner_Account": "alice", "MemberList": members});
    sandbox.ok("create_group", body).await;
    let page = |next: Value| json!({"GroupId": "@TGS#_c", "Limit": 2, "Next": next});
    let names = |reply: &Value| -> Vec<String> {
        let members = reply["MemberList"].as_array().unwrap();
        members.iter().map(|member| member["Member_Account"].as_str().unwrap().to_owned()).collect()
    };
    let first = sandbox.ok("get_group_member_info", page(json!(""))).await;
    assert_eq!(names(&first), ["alice", "bob"]);
    let leave = json!({"GroupId": "@TGS#_c", "MemberToDel_Account": ["bob"]});
    sandbox.ok("delete_group_member", leave).await;
    let second = sandbox.ok("get_group_member_info", page(first["Next"].clone())).await;
    assert_eq!(names(&second), ["carol", "dave"]);
    let third = sandbox.ok("get_group_member_info", page(second["Next"].clone())).await;
    assert_eq!(names(&third), ["zoe"]);
    assert_eq!(third["Next"], "");
}

/// get_specified_group_member_info: "Users who are not members are missing from the answer (unverified)."
#[tokio::test]
async fn users_who_are_not_members_are_missing_from_the_answer() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let users = json!({"GroupId": "g", "Member_List_Account": ["carol", "zoe", "alice", "nobody"]});
    let reply = sandbox.ok("get_specified_group_member_info", users.clone()).await;
    let names: Vec<&Value> =
        reply["MemberList"].as_array().unwrap().iter().map(|member| &member["Member_Account"]).collect();
    assert_eq!(names, ["carol", "alice"]);
    assert_eq!(reply["GroupId"], "g");
    let mut filtered = users;
    filtered["MemberRoleFilter"] = json!(["Owner"]);
    filtered["MemberInfoFilter"] = json!(["Role"]);
    let reply = sandbox.ok("get_specified_group_member_info", filtered).await;
    assert_eq!(reply["MemberList"], json!([{"Member_Account": "alice", "Role": "Owner"}]));

    let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    for (users, code) in [(&many[..], 10004), (&many[..50], 0), (&many[..0], 10004)] {
        let body = json!({"GroupId": "g", "Member_List_Account": users});
        assert_eq!(sandbox.call("get_specified_group_member_info", body).await["ErrorCode"], code);
    }
    sandbox.group("live", "AVChatRoom").await;
    let body = json!({"GroupId": "live", "Member_List_Account": ["bob"]});
    sandbox.fails("get_specified_group_member_info", body, 10007).await;
}

/// add_group_member: "A muted user who left and comes back is still muted."
#[tokio::test]
async fn a_muted_user_who_left_and_comes_back_is_still_muted() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["bob"], "MuteTime": 60})).await;
    sandbox.ok("delete_group_member", json!({"GroupId": "g", "MemberToDel_Account": ["bob"]})).await;
    sandbox.ok("add_group_member", add("g", &["bob"])).await;
    sandbox.fails("send_group_msg", crate::client::message("g", "bob", 1), 10017).await;
}

/// delete_group_member: "Members are told by a tip unless Silence is 1 or the group is an un-activated Work group."
#[tokio::test]
async fn members_are_told_of_a_removal_unless_silence_is_1_or_the_work_group_is_not_activated() {
    let sandbox = Sandbox::start().await;
    for (group, kind) in [("g", "Public"), ("work", "Private")] {
        sandbox.group(group, kind).await;
        let remove = |user: &str, silence: u8| json!({"GroupId": group, "Silence": silence, "Reason": "spam", "MemberToDel_Account": [user]});
        sandbox.ok("delete_group_member", remove("bob", 1)).await;
        sandbox.ok("delete_group_member", remove("carol", 0)).await;
    }
    let tips = async |group: &str| {
        let path = format!("apps/1400000001/deliveries?group={group}&kind=tip");
        sandbox.look(&path).await["deliveries"].as_array().unwrap().clone()
    };
    let told: Vec<Value> = tips("g").await.into_iter().map(|tip| tip["content"].clone()).collect();
    let removed: Vec<&Value> = told.iter().filter(|tip| tip["Event"] == "MembersRemoved").collect();
    let expected = json!({"Event": "MembersRemoved", "MemberList": [{"Member_Account": "carol"}], "Reason": "spam"});
    assert_eq!(removed, [&expected]);
    assert!(tips("work").await.iter().all(|tip| tip["content"]["Event"] != "MembersRemoved"));
}

/// get_joined_group_list: "Base-info keys sit next to GroupId, self-info keys inside SelfInfo."; "Private and ChatRoom are the
/// type words in the answers, not Work and Meeting."
#[tokio::test]
async fn base_info_keys_sit_next_to_group_id_and_self_info_keys_inside_self_info() {
    let sandbox = Sandbox::start().await;
    sandbox.group("room", "Meeting").await;
    let filter =
        json!({"GroupBaseInfoFilter": ["Type", "Name"], "SelfInfoFilter": ["Role", "JoinTime", "UnreadMsgNum"]});
    let body = json!({"Member_Account": "bob", "GroupType": "Meeting", "ResponseFilter": filter});
    let reply = sandbox.ok("get_joined_group_list", body).await;
    let own = json!({"Role": "Member", "JoinTime": NOW, "UnreadMsgNum": 0});
    let expected = json!([{"GroupId": "room", "Type": "ChatRoom", "Name": "Name", "SelfInfo": own}]);
    assert_eq!(reply["GroupIdList"], expected);
}

/// forbid_send_msg: "There is no per-user result.". get_group_muted_account: "No paging."; "The sample has no ErrorInfo key
/// although the table lists it": it is there. get_group_shutted_uin: "the old path still answers".
#[tokio::test]
async fn all_mutes_come_in_one_answer() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    for round in 0..3 {
        let users: Vec<String> = (0..500).map(|n| format!("user-{}", round * 500 + n)).collect();
        let body = json!({"GroupId": "g", "Members_Account": users, "MuteTime": 60});
        let reply = sandbox.ok("forbid_send_msg", body).await;
        assert_eq!(reply, json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}));
    }
    let muted = sandbox.ok("get_group_muted_account", json!({"GroupId": "g"})).await;
    assert_eq!((muted["MutedAccountList"].as_array().unwrap().len(), &muted["ErrorInfo"]), (1_500, &json!("")));
    let old = sandbox.ok("get_group_shutted_uin", json!({"GroupId": "g"})).await;
    assert_eq!(old["ShuttedUinList"].as_array().unwrap().len(), 1_500);
}
