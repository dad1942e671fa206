//! What holds for every command: the URL, UserSigs, the envelope and strictness.

use sandbox::{AppSettings, DEFAULT_APP, Settings};
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, hmac, message, pack, unpaced, unpack, usersig};

const ID: u64 = DEFAULT_APP.sdkappid;
const ADMIN: &str = DEFAULT_APP.admin;
const KEY: &str = DEFAULT_APP.key;
const GROUPS: &str = "group_open_http_svc";
const LIST: &str = "get_appid_group_list";

/// The code that a query gets.
async fn code(sandbox: &Sandbox, query: &str) -> Value {
    sandbox.post(&sandbox.url_with(GROUPS, LIST, query), "{}").await["ErrorCode"].clone()
}

/// The packed UserSig of vector V1 is accepted while it is valid.
#[tokio::test]
async fn vector_v1_is_accepted_until_it_expires() {
    let sandbox = Sandbox::start().await;
    let v1 = "eJwtjl0LgjAUhv-LuS1sE2kqdJlQeBGUeL3aUQ42XdsyIfrvie69fL94vnArrxFOhixCvmdJyth28Uhh76khtJCDVJp6ct5KP1hYC0510hhSkPOEreIhoXbeDDw96pp4*cz8uzmJ2p3vxWtXYXypik0mlEbqvJ0*4*MQLj3pmYKLcBdIxgUhjhj8-q5iNKk_";
    assert_eq!(code(&sandbox, &sandbox.query(ID, ADMIN, v1)).await, 0);
    sandbox.freeze(1_700_000_000 + 604_800).await;
    assert_eq!(code(&sandbox, &sandbox.query(ID, ADMIN, v1)).await, 0);
    sandbox.advance(1).await;
    assert_eq!(code(&sandbox, &sandbox.query(ID, ADMIN, v1)).await, 70001);
}

#[tokio::test]
async fn every_tampered_usersig_gets_its_documented_code() {
    let sandbox = Sandbox::start().await;
    let good = usersig(ID, ADMIN, NOW, 60, KEY);
    let with = |sig: &str| sandbox.query(ID, ADMIN, sig);
    assert_eq!(code(&sandbox, &with(&good)).await, 0);
    assert_eq!(code(&sandbox, &with("")).await, 70002);
    assert_eq!(code(&sandbox, &with("not+a+usersig")).await, 70003);
    assert_eq!(code(&sandbox, &with("AAAA")).await, 70003);
    assert_eq!(code(&sandbox, &with(&pack(&json!({"TLS.ver": "2.0"})))).await, 70003);
    assert_eq!(code(&sandbox, &with(&good[..good.len() - 8])).await, 70003);
    assert_eq!(code(&sandbox, &with(&usersig(ID, ADMIN, NOW, 60, "another key"))).await, 70009);
    assert_eq!(code(&sandbox, &with(&usersig(ID, ADMIN, NOW - 61, 60, KEY))).await, 70001);
    assert_eq!(code(&sandbox, &with(&usersig(ID, "alice", NOW, 60, KEY))).await, 70013);
    assert_eq!(code(&sandbox, &with(&usersig(7, ADMIN, NOW, 60, KEY))).await, 70014);
    let unknown_app = sandbox.query(7, ADMIN, &usersig(7, ADMIN, NOW, 60, KEY));
    assert_eq!(code(&sandbox, &unknown_app).await, 70020);
    let no_admin = sandbox.query(ID, "alice", &usersig(ID, "alice", NOW, 60, KEY));
    assert_eq!(code(&sandbox, &no_admin).await, 60010);
}

/// A signed text cannot be changed afterwards, and a text without the form of a UserSig is refused.
#[tokio::test]
async fn a_changed_claim_breaks_the_signature_and_a_changed_form_the_usersig() {
    let sandbox = Sandbox::start().await;
    let claims = |key: &str, value: Value| {
        let mut claims = unpack(&usersig(ID, ADMIN, NOW, 60, KEY));
        claims[key] = value;
        sandbox.query(ID, ADMIN, &pack(&claims))
    };
    assert_eq!(code(&sandbox, &claims("TLS.ver", json!("2.0"))).await, 0);
    assert_eq!(code(&sandbox, &claims("TLS.unknown", json!("x"))).await, 0, "not signed, and of no meaning");
    for (key, value) in [
        ("TLS.expire", json!(600)),
        ("TLS.time", json!(NOW + 1)),
        ("TLS.identifier", json!("alice")),
        ("TLS.sdkappid", json!(7)),
        ("TLS.userbuf", json!("YWJj")),
        ("TLS.sig", json!("AAAA")),
        ("TLS.sig", json!("no base64")),
        ("TLS.sig", json!("")),
    ] {
        assert_eq!(code(&sandbox, &claims(key, value.clone())).await, 70009, "{key} {value}");
    }
    for (key, value) in [
        ("TLS.ver", json!("1.0")),
        ("TLS.ver", Value::Null),
        ("TLS.sig", Value::Null),
        ("TLS.time", json!("1700000000")),
        ("TLS.expire", json!("60")),
        ("TLS.sdkappid", json!("1400000001")),
    ] {
        assert_eq!(code(&sandbox, &claims(key, value.clone())).await, 70003, "{key} {value}");
    }
}

/// "With a user buffer a fifth line `TLS.userbuf:<base64 of the buffer>`" is signed.
#[tokio::test]
async fn a_usersig_with_a_user_buffer_is_accepted() {
    let sandbox = Sandbox::start().await;
    let signed = |userbuf: &str, sent: &str| {
        let lines = format!("TLS.identifier:{ADMIN}\nTLS.sdkappid:{ID}\nTLS.time:{NOW}\nTLS.expire:60\n");
        let sig = hmac(KEY, &format!("{lines}TLS.userbuf:{userbuf}\n"));
        let mut claims = unpack(&usersig(ID, ADMIN, NOW, 60, KEY));
        claims["TLS.sig"] = json!(sig);
        claims["TLS.userbuf"] = json!(sent);
        sandbox.query(ID, ADMIN, &pack(&claims))
    };
    assert_eq!(code(&sandbox, &signed("YWJj", "YWJj")).await, 0);
    assert_eq!(code(&sandbox, &signed("YWJj", "YWJk")).await, 70009);
}

/// "valid, but the user is no App admin: 60010 (openim commands: 90009)".
#[tokio::test]
async fn who_is_no_admin_gets_the_code_of_the_service() {
    let sandbox = Sandbox::start().await;
    let query = sandbox.query(ID, "alice", &usersig(ID, "alice", NOW, 60, KEY));
    for (service, command, code) in [
        (GROUPS, "create_group", 60010),
        ("group_open_attr_http_svc", "get_group_attr", 60010),
        ("openim", "modify_group_msg", 90009),
    ] {
        assert_eq!(
            sandbox.post(&sandbox.url_with(service, command, &query), "{}").await["ErrorCode"],
            code,
            "{command}"
        );
    }
}

/// A genuine UserSig of one app is no forgery at another: `TLS.sdkappid` differs from the query's.
#[tokio::test]
async fn a_usersig_of_another_known_app_gets_70014() {
    let sandbox = Sandbox::start().await;
    sandbox.control("apps", json!({"sdkappid": 20_000_001, "key": "test-key"})).await;
    let query = sandbox.query(20_000_001, ADMIN, &usersig(ID, ADMIN, NOW, 60, KEY));
    assert_eq!(code(&sandbox, &query).await, 70014);
    let forged = sandbox.query(20_000_001, ADMIN, &usersig(20_000_001, ADMIN, NOW, 60, KEY));
    assert_eq!(code(&sandbox, &forged).await, 70009);
}

#[tokio::test]
async fn a_flood_of_bad_usersigs_gets_70050_for_the_rest_of_the_minute() {
    let mut settings = unpaced();
    settings.limits.bad_signatures = 2;
    let sandbox = Sandbox::start_with(settings).await;
    sandbox.freeze(NOW).await;
    let bad = sandbox.query(ID, ADMIN, &usersig(ID, ADMIN, NOW, 60, "another key"));
    assert_eq!(code(&sandbox, &bad).await, 70009);
    assert_eq!(code(&sandbox, &bad).await, 70009);
    assert_eq!(code(&sandbox, &bad).await, 70050);
    sandbox.advance(60).await;
    assert_eq!(code(&sandbox, &bad).await, 70009);
}

#[tokio::test]
async fn the_url_is_checked_part_by_part() {
    let sandbox = Sandbox::start().await;
    let sig = usersig(ID, ADMIN, NOW, 60, KEY);
    let good = sandbox.query(ID, ADMIN, &sig);
    let path = |service: &str, command: &str| sandbox.url_with(service, command, &good);
    assert_eq!(sandbox.post(&path("no_such_svc", LIST), "{}").await["ErrorCode"], 60009);
    assert_eq!(sandbox.post(&path(GROUPS, "no_such_command"), "{}").await["ErrorCode"], 10003);
    assert_eq!(sandbox.post(&path(GROUPS, "Create_Group"), "{}").await["ErrorCode"], 10003);
    assert_eq!(code(&sandbox, &good.replace("sdkappid=1400000001&", "")).await, 60012);
    assert_eq!(code(&sandbox, &good.replace("1400000001", "x")).await, 60025);
    assert_eq!(code(&sandbox, &good.replace(&format!("&usersig={sig}"), "")).await, 60025);
    assert_eq!(code(&sandbox, &good.replace("&identifier=administrator", "")).await, 60025);
    assert_eq!(code(&sandbox, &good.replace("identifier=administrator", "identifier=")).await, 60025);
    assert_eq!(code(&sandbox, &good.replace("&contenttype=json", "")).await, 60025);
    assert_eq!(code(&sandbox, &good.replace("=json", "=xml")).await, 60025);
    assert_eq!(code(&sandbox, &good.replace("random=99", "random=4294967296")).await, 60025);
    assert_eq!(code(&sandbox, &format!("contenttype=json&{}", good.replace("&contenttype=json", ""))).await, 0);
}

/// By the sandbox's clock, and by the machine's where a `Date` cannot show that.
#[tokio::test]
async fn an_answer_is_dated_by_the_clock() {
    let sandbox = Sandbox::start().await;
    for (at, expected) in [
        (1_700_000_000, Some("Tue, 14 Nov 2023 22:13:20 GMT")),
        (253_402_300_799, Some("Fri, 31 Dec 9999 23:59:59 GMT")),
        (253_402_300_800, None),
        (-1, None),
    ] {
        sandbox.freeze(at).await;
        let reply = sandbox.http.post(sandbox.url(GROUPS, LIST)).body("{}").send().await.unwrap();
        let date = reply.headers()["date"].to_str().unwrap();
        assert!(expected.is_none_or(|expected| date == expected) && date.ends_with(" GMT"), "{at}: {date}");
    }
}

#[tokio::test]
async fn the_host_root_answers_200() {
    let sandbox = Sandbox::start().await;
    let root = format!("http://{}/", sandbox.running.api_addr());
    assert_eq!(sandbox.http.get(&root).send().await.unwrap().status(), 200);
    assert_eq!(sandbox.http.head(&root).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_are_read_strictly_and_failures_name_the_field() {
    let sandbox = Sandbox::start().await;
    for body in ["", "[]", "{", "null"] {
        assert_eq!(sandbox.post(&sandbox.url(GROUPS, LIST), body).await["ErrorCode"], 60003, "{body:?}");
    }
    let wrong = [
        (json!({"Type": "Public", "Name": "n", "Nmae": 1}), "Nmae"),
        (json!({"Type": "Public", "name": "n"}), "name"),
        (json!({"Type": "Public", "Name": 1}), "Name"),
        (json!({"Type": "Public"}), "Name"),
        (json!({"Type": "Secret", "Name": "n"}), "Type"),
        (json!({"Type": "Public", "Name": "n", "MaxMemberCount": "5"}), "MaxMemberCount"),
        (json!({"Type": "Public", "Name": "n", "MemberList": {}}), "MemberList"),
        (json!({"Type": "Public", "Name": "n", "MemberList": [{"Role": "Admin"}]}), "MemberList[0].Member_Account"),
    ];
    for (body, field) in wrong {
        let info = sandbox.fails("create_group", body, 10004).await;
        assert!(info.contains(field), "{info}");
    }
    let info = sandbox.fails("create_group", json!({"Type": "Public", "Name": "n", "Owner_Account": 5}), 60015).await;
    assert!(info.contains("Owner_Account"), "{info}");
}

#[tokio::test]
async fn loose_mode_accepts_unknown_keys_but_no_wrong_types() {
    let sandbox = Sandbox::start_with(Settings { loose: true, ..unpaced() }).await;
    sandbox.ok("create_group", json!({"Type": "Public", "Name": "n", "Nmae": 1})).await;
    sandbox.fails("create_group", json!({"Type": "Public", "Name": 1}), 10004).await;
}

/// MsgBody[].MsgType and MsgPriority: strict mode knows the documented words alone, loose mode passes on what it does not know.
/// get_group_attr has a separate service, and in loose mode that of the other attribute commands, too.
#[tokio::test]
async fn loose_mode_passes_on_elements_and_words_that_it_does_not_know() {
    let loose = Sandbox::start_with(Settings { loose: true, auto_import: true, ..unpaced() }).await;
    let strict = Sandbox::start().await;
    let odd = json!([{"MsgType": "TIMNewElem", "MsgContent": {"Anything": [1, null]}}]);
    let body = json!({"GroupId": "g", "Random": 1, "MsgPriority": "Lowest", "MsgBody": odd});
    for sandbox in [&loose, &strict] {
        sandbox.group("g", "Public").await;
    }
    loose.ok("send_group_msg", body.clone()).await;
    let stored = loose.history("g").await[0].clone();
    assert_eq!((&stored["MsgBody"], &stored["MsgPriority"]), (&odd, &json!(2)));
    let info = strict.fails("send_group_msg", body, 10004).await;
    assert!(info.contains("MsgBody[0].MsgType") || info.contains("MsgPriority"), "{info}");
    for (key, value) in [("MsgPriority", json!("Lowest")), ("MsgBody", odd)] {
        let mut body = message("g", "bob", 2);
        body[key] = value;
        assert!(strict.fails("send_group_msg", body, 10004).await.contains(key));
    }
    loose.ok("get_group_attr", json!({"GroupId": "g"})).await;
    strict.fails("get_group_attr", json!({"GroupId": "g"}), 10003).await;
}

/// "`--loose` accepts what Tencent's tolerant server would": a query without `random` and `contenttype`, GET, and no body.
#[tokio::test]
async fn loose_mode_accepts_what_older_clients_send() {
    let sandbox = Sandbox::start_with(Settings { loose: true, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    let query = format!("sdkappid={ID}&identifier={ADMIN}&usersig={}", usersig(ID, ADMIN, NOW, 60, KEY));
    let url = sandbox.url_with(GROUPS, LIST, &query);
    assert_eq!(sandbox.post(&url, "{}").await["ErrorCode"], 0);
    assert_eq!(sandbox.post(&url, "").await["ErrorCode"], 0);
    assert_eq!(sandbox.post(&url, "[]").await["ErrorCode"], 0, "an empty map of PHP");
    assert_eq!(sandbox.post(&url, "[1]").await["ErrorCode"], 60003);
    for (wrong, part) in
        [("&contenttype=xml", "contenttype"), ("&random=4294967296", "random"), ("&random=x", "random")]
    {
        let reply = sandbox.post(&format!("{url}{wrong}"), "{}").await;
        assert_eq!(reply["ErrorCode"], 60025, "{wrong}");
        assert!(reply["ErrorInfo"].as_str().unwrap().contains(part), "{reply}");
    }
    let reply: Value = sandbox.http.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&reply["ErrorCode"], &reply["TotalCount"]), (&json!(0), &json!(0)));
    let reply: Value = sandbox.http.put(&url).body("{}").send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["ErrorCode"], 60009);
}

#[tokio::test]
async fn texts_are_limited_in_bytes_and_not_in_characters() {
    let sandbox = Sandbox::start().await;
    let ten = "汉".repeat(10);
    sandbox.ok("create_group", json!({"Type": "Public", "Name": ten})).await;
    sandbox.fails("create_group", json!({"Type": "Public", "Name": format!("{ten}a")}), 10004).await;
}

#[tokio::test]
async fn two_namespaces_never_see_each_other() {
    let other = AppSettings { sdkappid: 20_000_001, key: "test-key".into(), admin: "im-admin_01".to_owned() };
    let sandbox = Sandbox::start_with(Settings { apps: vec![other], ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    let query = sandbox.query(20_000_001, "im-admin_01", &usersig(20_000_001, "im-admin_01", NOW, 60, "test-key"));
    let url = |command: &str| sandbox.url_with(GROUPS, command, &query);

    sandbox.ok("create_group", json!({"Type": "Public", "Name": "first", "GroupId": "same"})).await;
    let info = sandbox.post(&url("get_group_info"), json!({"GroupIdList": ["same"]}).to_string()).await;
    assert_eq!(info["GroupInfo"][0]["ErrorCode"], 10010);
    let body = json!({"Type": "Public", "Name": "second", "GroupId": "same"}).to_string();
    assert_eq!(sandbox.post(&url("create_group"), body).await["ErrorCode"], 0);
    assert_eq!(sandbox.info("same").await["Name"], "first");
    sandbox.ok("destroy_group", json!({"GroupId": "same"})).await;
    let info = sandbox.post(&url("get_group_info"), json!({"GroupIdList": ["same"]}).to_string()).await;
    assert_eq!(info["GroupInfo"][0]["Name"], "second");
}

/// get_appid_group_list: "too-fast calls give 10006".
#[tokio::test]
async fn rates_are_limited_as_upstream() {
    let sandbox = Sandbox::start_with(Settings::default()).await;
    sandbox.ok(LIST, json!({})).await;
    sandbox.fails(LIST, json!({}), 10006).await;
    sandbox.control("rates", json!({"scale": 0.005})).await;
    sandbox.ok("create_group", json!({"Type": "Public", "Name": "n"})).await;
    sandbox.fails("create_group", json!({"Type": "Public", "Name": "n"}), 60007).await;
    sandbox.control("rates", json!({"scale": 0})).await;
    sandbox.ok("create_group", json!({"Type": "Public", "Name": "n"})).await;
}

/// get_group_info: "for large groups the unfiltered member list can hit 10018, or 10054 which the general error table explains as
/// too many members, page instead".
#[tokio::test]
async fn an_answer_larger_than_1_mb_is_refused() {
    let sandbox = Sandbox::start().await;
    for group in 0..3 {
        sandbox.group(&format!("g{group}"), "Public").await;
    }
    let users: Vec<String> = (0..6_000).map(|n| format!("a-user-with-a-long-name-{n:08}")).collect();
    sandbox.control("apps/1400000001/accounts", json!({"users": users})).await;
    for users in users[..5_900].chunks(300) {
        let members: Vec<Value> = users.iter().map(|user| json!({"Member_Account": user})).collect();
        sandbox.ok("add_group_member", json!({"GroupId": "g0", "Silence": 1, "MemberList": members})).await;
    }
    sandbox.fails("get_group_info", json!({"GroupIdList": ["g0"]}), 10018).await;
}
