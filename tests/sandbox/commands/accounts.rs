//! Accounts, profiles and presence: the statements of the reference in their order.

use sandbox::{DEFAULT_APP, Limits, Settings};
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, unpaced, usersig};

const LOGIN: &str = "im_open_login_svc";
const PROFILE: &str = "profile";

async fn fails_at(sandbox: &Sandbox, service: &str, command: &str, body: Value, code: i64) {
    let reply = sandbox.call_at(service, command, body).await;
    assert_eq!(reply["ErrorCode"], code, "{command}: {reply}");
}

async fn statuses(sandbox: &Sandbox, users: &[&str]) -> Vec<Value> {
    let items: Vec<Value> = users.iter().map(|user| json!({"UserID": user})).collect();
    let reply = sandbox.ok_at(LOGIN, "account_check", json!({"CheckItem": items})).await;
    let items = reply["ResultItem"].as_array().unwrap();
    items.iter().map(|item| item["AccountStatus"].clone()).collect()
}

async fn profile(sandbox: &Sandbox, user: &str, tags: &[&str]) -> Value {
    let body = json!({"To_Account": [user], "TagList": tags});
    sandbox.ok_at(PROFILE, "portrait_get", body).await["UserProfileItem"][0]["ProfileItem"].clone()
}

const NICK: &str = "Tag_Profile_IM_Nick";
const IMAGE: &str = "Tag_Profile_IM_Image";

/// account_import: "Importing the same UserID again succeeds"; "Nick and FaceUrl of a second import overwrite the stored ones; an
/// absent key changes nothing"; 40601 "Nick or FaceUrl longer than 500 bytes"; a JSON number gives 60015.
#[tokio::test]
async fn an_account_is_imported_again_and_again() {
    let sandbox = Sandbox::start().await;
    sandbox.ok_at(LOGIN, "account_import", json!({"UserID": "bo", "Nick": "Bo", "FaceUrl": "u"})).await;
    sandbox.ok_at(LOGIN, "account_import", json!({"Identifier": "bo", "Nick": "Bobby"})).await;
    let expected = json!([{"Tag": NICK, "Value": "Bobby"}, {"Tag": IMAGE, "Value": "u"}]);
    assert_eq!(profile(&sandbox, "bo", &[NICK, IMAGE]).await, expected);
    let long = json!({"UserID": "bo", "Nick": "n".repeat(501)});
    fails_at(&sandbox, LOGIN, "account_import", long, 40601).await;
    fails_at(&sandbox, LOGIN, "account_import", json!({"UserID": 5}), 60015).await;
    fails_at(&sandbox, LOGIN, "account_import", json!({"UserID": "u".repeat(33)}), 70402).await;
    fails_at(&sandbox, LOGIN, "account_import", json!({}), 70402).await;
}

/// multiaccount_import: "The call can be OK with ErrorCode 0 and still name failures in FailAccounts"; "with AccountList their
/// nickname and picture are replaced by the new values, with Accounts nothing changes"; "more than 100 entries refuse the whole call with 70402".
#[tokio::test]
async fn many_accounts_are_imported_and_each_fails_alone() {
    let sandbox = Sandbox::start().await;
    let long = "an-id-that-is-much-too-long-for-an-account";
    let list =
        json!([{"UserID": "bo", "Nick": "Bo"}, {"UserID": long, "Nick": "X"}, {"UserID": "bo", "Nick": "Bobby"}]);
    let body = json!({"AccountList": list, "Accounts": ["cy"]});
    let reply = sandbox.ok_at(LOGIN, "multiaccount_import", body).await;
    assert_eq!(reply["FailAccounts"], json!([long]));
    assert_eq!(statuses(&sandbox, &["bo", "cy", long]).await, ["Imported", "NotImported", "NotImported"]);
    sandbox.ok_at(LOGIN, "multiaccount_import", json!({"Accounts": ["bo"]})).await;
    assert_eq!(profile(&sandbox, "bo", &[NICK]).await, json!([{"Tag": NICK, "Value": "Bobby"}]));
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    fails_at(&sandbox, LOGIN, "multiaccount_import", json!({"Accounts": many}), 70402).await;
    fails_at(&sandbox, LOGIN, "multiaccount_import", json!({}), 70402).await;
}

/// "70398 above 100 accounts on trial".
#[tokio::test]
async fn an_edition_can_bound_the_number_of_accounts() {
    let limits = Limits { accounts: 2, ..Limits::default() };
    let sandbox = Sandbox::start_with(Settings { limits, ..unpaced() }).await;
    let reply = sandbox.ok_at(LOGIN, "multiaccount_import", json!({"Accounts": ["bo", "cy", "bo"]})).await;
    assert_eq!(reply["FailAccounts"], json!(["cy"]));
    fails_at(&sandbox, LOGIN, "account_import", json!({"UserID": "cy"}), 70398).await;
}

/// account_check: "An unknown account is no error, ResultCode is 0 and AccountStatus NotImported."
#[tokio::test]
async fn checking_an_account_does_not_make_it() {
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    for _ in 0..2 {
        assert_eq!(statuses(&sandbox, &["administrator", "nobody"]).await, ["Imported", "NotImported"]);
    }
    let many: Vec<Value> = (0..101).map(|n| json!({"UserID": n.to_string()})).collect();
    fails_at(&sandbox, LOGIN, "account_check", json!({"CheckItem": many}), 70402).await;
}

/// account_delete: "Deleted with the account: contacts, profile, groups, conversations and other data"; "A mixed batch answers
/// ErrorCode 0 with single failures in ResultItem"; "The UserID may be imported again at once on trial and development editions;
/// elsewhere not within three months: 70399".
#[tokio::test]
async fn an_account_is_deleted_with_its_profile_and_memberships() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.group("live", "AVChatRoom").await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": ["bob"]})).await;
    sandbox.send("g", "bob", 1).await;
    let items: Vec<Value> = ["bob", "alice", "nobody", "administrator"].map(|user| json!({"UserID": user})).to_vec();
    let reply = sandbox.ok_at(LOGIN, "account_delete", json!({"DeleteItem": items})).await;
    let codes: Vec<Value> =
        reply["ResultItem"].as_array().unwrap().iter().map(|item| item["ResultCode"].clone()).collect();
    assert_eq!(codes, [0, 0, 70107, 71000]);
    assert_eq!(reply["ResultItem"][2]["ResultInfo"], "Err_TLS_PT_Open_Login_Account_Not_Exist");

    let info = sandbox.info("g").await;
    assert_eq!((&info["Owner_Account"], &info["MemberNum"]), (&json!(""), &json!(1)));
    assert_eq!(sandbox.info("live").await["Owner_Account"], "");
    let online = sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await;
    assert_eq!(online["OnlineMemberNum"], 0);
    assert_eq!(sandbox.history("g").await[0]["From_Account"], "bob", "what was said stays");
    let joined = sandbox.ok("get_joined_group_list", json!({"Member_Account": "bob"})).await;
    assert_eq!(joined["TotalCount"], 0);

    fails_at(&sandbox, LOGIN, "account_import", json!({"UserID": "bob"}), 70399).await;
    sandbox.advance(90 * 86_400).await;
    sandbox.ok_at(LOGIN, "account_import", json!({"UserID": "bob"})).await;
    assert_eq!(profile(&sandbox, "bob", &[NICK]).await, json!([]));
    assert_eq!(sandbox.info("g").await["MemberNum"], 1);

    let limits = Limits { deleted_days: 0, ..Limits::default() };
    let trial = Sandbox::start_with(Settings { limits, auto_import: true, ..unpaced() }).await;
    trial.ok_at(LOGIN, "account_import", json!({"UserID": "bob"})).await;
    trial.ok_at(LOGIN, "account_delete", json!({"DeleteItem": [{"UserID": "bob"}]})).await;
    trial.ok_at(LOGIN, "account_import", json!({"UserID": "bob"})).await;
}

/// kick: "Every UserSig of the account made before the call is refused from then on; one made afterwards works at once";
/// "Memberships, roles, messages and profile stay."
#[tokio::test]
async fn a_kick_voids_the_usersigs_made_before_it() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let call = async |made: i64| {
        let sig = usersig(DEFAULT_APP.sdkappid, DEFAULT_APP.admin, made, 86_400 * 365, DEFAULT_APP.key);
        let query = sandbox.query(DEFAULT_APP.sdkappid, DEFAULT_APP.admin, &sig);
        let url = sandbox.url_with("group_open_http_svc", "get_appid_group_list", &query);
        sandbox.post(&url, "{}").await["ErrorCode"].clone()
    };
    assert_eq!(call(NOW).await, 0);
    sandbox.advance(10).await;
    fails_at(&sandbox, LOGIN, "kick", json!({"UserID": "nobody"}), 70107).await;
    sandbox.ok_at(LOGIN, "kick", json!({"Identifier": "bob"})).await;
    assert_eq!(sandbox.member("g", "bob").await["Role"], "Member");
    assert_eq!(call(NOW).await, 0, "another account's");
    sandbox.ok_at(LOGIN, "kick", json!({"UserID": "administrator"})).await;
    assert_eq!(call(NOW).await, 70001);
    assert_eq!(call(NOW + 9).await, 70001);
    assert_eq!(call(NOW + 10).await, 0);
}

/// query_online_status: "With several devices the account is Online as soon as one is"; "Unknown accounts go to ErrorList with
/// ErrorCode 0 on top; QueryResult then is shorter than the request"; Detail "absent for offline accounts"; kick ends the connection.
#[tokio::test]
async fn presence_is_what_the_control_api_says() {
    let sandbox = Sandbox::start().await;
    sandbox.group("live", "AVChatRoom").await;
    let devices = json!({"user": "bob", "devices": {"iPhone": "PushOnline", "Web": "Online"}, "custom_status": "busy"});
    sandbox.control("apps/1400000001/devices", devices).await;
    sandbox.control("apps/1400000001/presence", json!({"group": "live", "join": ["bob"]})).await;
    let ask = async |more: Value| {
        let mut body = json!({"To_Account": ["bob", "carol", "nobody"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sandbox.call_at("openim", "query_online_status", body).await
    };
    let reply = ask(json!({})).await;
    let plain = json!([{"To_Account": "bob", "Status": "Online"}, {"To_Account": "carol", "Status": "Offline"}]);
    assert_eq!(reply["QueryResult"], plain);
    assert_eq!(reply["ErrorList"], json!([{"To_Account": "nobody", "ErrorCode": 70107}]));
    let detailed = ask(json!({"IsNeedDetail": 1, "IsReturnInstid": 1, "IsReturnCustomStatus": 1})).await;
    let detail = json!([
        {"Platform": "Web", "Status": "Online", "Instid": 1}, {"Platform": "iPhone", "Status": "PushOnline", "Instid": 2},
    ]);
    assert_eq!(detailed["QueryResult"][0]["Detail"], detail);
    assert_eq!(detailed["QueryResult"][0]["CustomStatus"], "busy");
    assert_eq!(detailed["QueryResult"][1].get("Detail"), None);
    sandbox.control("apps/1400000001/devices", json!({"user": "bob", "devices": {"Web": "Offline"}})).await;
    assert_eq!(ask(json!({})).await["QueryResult"][0]["Status"], "PushOnline");

    sandbox.ok_at(LOGIN, "kick", json!({"UserID": "bob"})).await;
    assert_eq!(ask(json!({})).await["QueryResult"][0]["Status"], "Offline");
    let online = sandbox.ok("get_online_member_num", json!({"GroupId": "live"})).await;
    assert_eq!(online["OnlineMemberNum"], 0);

    for (users, code) in [(json!([]), 90001), (json!("bob"), 90003), (json!(vec!["u"; 501]), 90011)] {
        fails_at(&sandbox, "openim", "query_online_status", json!({"To_Account": users}), code).await;
    }
}

/// portrait_set: "Fields that are not named stay"; "all fields are written or none"; 40009 "no such tag", 40601, 40605, 40610.
#[tokio::test]
async fn a_profile_is_written_whole_or_not_at_all() {
    let sandbox = Sandbox::start_with(Settings { rate_scale: 0.0, ..Settings::default() }).await;
    sandbox.ok_at(LOGIN, "account_import", json!({"UserID": "bo", "Nick": "Bo"})).await;
    let set = |user: &str, items: &[(&str, Value)]| {
        let items: Vec<Value> = items.iter().map(|(tag, value)| json!({"Tag": tag, "Value": value})).collect();
        json!({"From_Account": user, "ProfileItem": items})
    };
    let (role, gender) = ("Tag_Profile_IM_Role", "Tag_Profile_IM_Gender");
    let reply = sandbox
        .ok_at(PROFILE, "portrait_set", set("bo", &[(role, json!(7)), (gender, json!("Gender_Type_Male"))]))
        .await;
    assert_eq!(reply["ErrorDisplay"], "");
    let wrong = [
        (set("nobody", &[(NICK, json!("x"))]), 40003),
        (set("bo", &[(NICK, json!("x")), ("Tag_Profile_IM_Nik", json!("x"))]), 40009),
        (set("bo", &[(NICK, json!("x")), ("Tag_Profile_Custom_Team", json!("x"))]), 40009),
        (set("bo", &[(NICK, json!("x")), (IMAGE, json!("x".repeat(501)))]), 40601),
        (set("bo", &[(NICK, json!("x")), (gender, json!("male"))]), 40605),
        (set("bo", &[(NICK, json!("x")), (role, json!("7"))]), 40610),
        (set("bo", &[(NICK, json!(7))]), 40610),
        (json!({"From_Account": "bo"}), 40001),
    ];
    for (body, code) in wrong {
        fails_at(&sandbox, PROFILE, "portrait_set", body, code).await;
    }
    sandbox.control("apps/1400000001/custom_fields", json!({"profile": ["Team"]})).await;
    sandbox.ok_at(PROFILE, "portrait_set", set("bo", &[("Tag_Profile_Custom_Team", json!("red"))])).await;
    let expected = json!([
        {"Tag": NICK, "Value": "Bo"}, {"Tag": role, "Value": 7}, {"Tag": "Tag_Profile_Custom_Team", "Value": "red"},
    ]);
    assert_eq!(profile(&sandbox, "bo", &[NICK, IMAGE, role, "Tag_Profile_Custom_Team"]).await, expected);
    let snapshot = sandbox.look("snapshot").await;
    sandbox.control("reset", json!({})).await;
    sandbox.control("restore", snapshot).await;
    assert_eq!(profile(&sandbox, "bo", &[NICK]).await, json!([{"Tag": NICK, "Value": "Bo"}]));
}

/// portrait_get: "A failed account comes twice, in UserProfileItem with ResultCode and ResultInfo and in Fail_Account; the call
/// itself is OK"; Fail_Account "only when at least one account failed".
#[tokio::test]
async fn an_account_without_a_profile_fails_alone() {
    let sandbox = Sandbox::start().await;
    let ask = |users: Value, tags: Value| json!({"To_Account": users, "TagList": tags});
    let reply = sandbox.ok_at(PROFILE, "portrait_get", ask(json!(["bob", "nobody"]), json!([NICK]))).await;
    let expected = json!([
        {"To_Account": "bob", "ProfileItem": [], "ResultCode": 0, "ResultInfo": ""},
        {"To_Account": "nobody", "ResultCode": 40003, "ResultInfo": "account not found"},
    ]);
    assert_eq!((&reply["UserProfileItem"], &reply["Fail_Account"]), (&expected, &json!(["nobody"])));
    let reply = sandbox.ok_at(PROFILE, "portrait_get", ask(json!(["bob"]), json!([NICK]))).await;
    assert_eq!(reply.get("Fail_Account"), None);
    fails_at(&sandbox, PROFILE, "portrait_get", ask(json!(["bob"]), json!(["Tag_None"])), 40009).await;
    fails_at(&sandbox, PROFILE, "portrait_get", json!({"TagList": [NICK]}), 40002).await;
    fails_at(&sandbox, PROFILE, "portrait_get", json!({"To_Account": ["bob"]}), 40001).await;
}

/// rates: "per_second_100: multiaccount_import, account_delete, account_check", "60007 beyond".
#[tokio::test]
async fn accounts_are_imported_checked_and_deleted_100_times_a_second() {
    let sandbox = Sandbox::start_with(Settings { rate_scale: 0.01, ..unpaced() }).await;
    let calls = [
        ("multiaccount_import", json!({"Accounts": ["bo"]})),
        ("account_check", json!({"CheckItem": [{"UserID": "bo"}]})),
        ("account_delete", json!({"DeleteItem": [{"UserID": "bo"}]})),
    ];
    for (command, body) in calls {
        sandbox.ok_at(LOGIN, command, body.clone()).await;
        fails_at(&sandbox, LOGIN, command, body, 60007).await;
    }
}

/// "only an app administrator may call (otherwise 60010, 70403, 40004 or 90009, by service)".
#[tokio::test]
async fn each_service_has_its_own_code_for_callers_who_are_no_admins() {
    let sandbox = Sandbox::start().await;
    let sig = usersig(DEFAULT_APP.sdkappid, "bob", NOW, 60, DEFAULT_APP.key);
    let query = sandbox.query(DEFAULT_APP.sdkappid, "bob", &sig);
    for (service, command, code) in [
        (LOGIN, "account_check", 70403),
        (PROFILE, "portrait_get", 40004),
        ("openim", "query_online_status", 90009),
        ("group_open_http_svc", "get_group_info", 60010),
    ] {
        let reply = sandbox.post(&sandbox.url_with(service, command, &query), "{}").await;
        assert_eq!(reply["ErrorCode"], code, "{command}");
    }
}
