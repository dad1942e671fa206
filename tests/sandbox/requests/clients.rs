//! What HTTP clients of all sorts send: none of it may matter but what the platform's rules name.

use reqwest::{Method, header};
use sandbox::{DEFAULT_APP, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{NOW, Sandbox, message, unpaced, usersig};

const GROUPS: &str = "group_open_http_svc";

/// Writes bytes as they are and reads so many answers of one connection.
async fn raw(sandbox: &Sandbox, request: &str, answers: usize) -> Vec<(String, Value)> {
    let mut stream = TcpStream::connect(sandbox.running.api_addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let mut found = Vec::new();
    while found.len() < answers {
        let read = stream.read_buf(&mut received).await.unwrap();
        assert!(read > 0, "the connection ended after {}", String::from_utf8_lossy(&received));
        while let Some((answer, length)) = answer(&received) {
            found.push(answer);
            received.drain(..length);
        }
    }
    found
}

/// The first whole answer: its head and body, and its length.
fn answer(received: &[u8]) -> Option<((String, Value), usize)> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    if head.starts_with("HTTP/1.1 100") {
        return Some(((head.to_owned(), Value::Null), head.len() + 4));
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())?;
    let body = rest.get(..length)?;
    Some(((head.to_owned(), serde_json::from_str(body).unwrap()), head.len() + 4 + length))
}

fn path(sandbox: &Sandbox, command: &str) -> String {
    sandbox.url(GROUPS, command).split_once("/v4").map(|(_, rest)| format!("/v4{rest}")).unwrap()
}

/// The request line to `command` with the given lines of a head, and a body.
fn request(sandbox: &Sandbox, version: &str, head: &str, body: &str) -> String {
    let path = path(sandbox, "get_role_in_group");
    format!("POST {path} {version}\r\nHost: console.tim.qq.com\r\n{head}\r\n{body}")
}

async fn with_group() -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    (sandbox, json!({"GroupId": "g", "User_Account": ["alice"]}).to_string())
}

#[tokio::test]
async fn the_content_type_of_a_request_does_not_matter() {
    let (sandbox, body) = with_group().await;
    let url = sandbox.url(GROUPS, "get_role_in_group");
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON;charset=UTF-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ] {
        let request = sandbox.http.post(&url).header(header::CONTENT_TYPE, kind).body(body.clone());
        let reply = request.send().await.unwrap();
        assert_eq!(reply.headers()[header::CONTENT_TYPE], "application/json");
        let reply: Value = reply.json().await.unwrap();
        assert_eq!(reply["UserIdList"][0]["Role"], "Owner", "{kind}: {reply}");
    }
    assert_eq!(sandbox.post(&url, body).await["ErrorCode"], 0, "none at all");
}

/// "Parameter order in the query string is free; URL-encode all values": `*` of a UserSig may come as `%2A`, and parameters that
/// nobody knows do not matter.
#[tokio::test]
async fn the_query_may_have_any_order_escapes_and_further_parameters() {
    let (sandbox, body) = with_group().await;
    let (app, admin) = (DEFAULT_APP.sdkappid, DEFAULT_APP.admin);
    let sig = usersig(app, admin, NOW, 86_400, DEFAULT_APP.key);
    let escaped: String = sig.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let star = sig.replace('*', "%2a").replace('-', "%2d").replace('_', "%5f");
    for query in [
        format!("contenttype=json&random=0&usersig={sig}&identifier={admin}&sdkappid={app}"),
        format!("usersig={escaped}&sdkappid={app}&identifier=%61dministrator&random=4294967295&contenttype=json"),
        format!(
            "usersig={star}&sdkappid={app}&identifier={admin}&random=1&contenttype=json&apn=1&ver=v4&servicename=x&"
        ),
    ] {
        let url = sandbox.url_with(GROUPS, "get_role_in_group", &query);
        assert_eq!(sandbox.post(&url, body.clone()).await["ErrorCode"], 0, "{query}");
    }
}

/// "HTTP/1.1 keeps alive by default; with HTTP/1.0 send `Connection: keep-alive`."
#[tokio::test]
async fn connections_are_kept_alive() {
    let (sandbox, body) = with_group().await;
    let length = format!("Content-Length: {}\r\n", body.len());
    let modern = request(&sandbox, "HTTP/1.1", &length, &body);
    let old = request(&sandbox, "HTTP/1.0", &format!("{length}Connection: keep-alive\r\n"), &body);
    for (name, one) in [("HTTP/1.1", modern), ("HTTP/1.0", old)] {
        let answers = raw(&sandbox, &one.repeat(3), 3).await;
        assert!(answers.iter().all(|(head, body)| head.contains("200") && body["ErrorCode"] == 0), "{name}");
    }
}

/// Bodies come in chunks, after a `100 Continue`, or with header names in any case.
#[tokio::test]
async fn bodies_come_as_http_lets_them() {
    let (sandbox, body) = with_group().await;
    let (half, rest) = body.split_at(7);
    let chunked = format!("{:x}\r\n{half}\r\n{:X}\r\n{rest}\r\n0\r\n\r\n", half.len(), rest.len());
    let answers = raw(&sandbox, &request(&sandbox, "HTTP/1.1", "transfer-encoding: chunked\r\n", &chunked), 1).await;
    assert_eq!(answers[0].1["ErrorCode"], 0);
    let waiting = format!("EXPECT: 100-continue\r\ncOnTeNt-LeNgTh: {}\r\n", body.len());
    let answers = raw(&sandbox, &request(&sandbox, "HTTP/1.1", &waiting, &body), 2).await;
    assert_eq!(answers[1].1["ErrorCode"], 0);
    let spaced = format!(" \r\n\t{body}\n");
    assert_eq!(sandbox.post(&sandbox.url(GROUPS, "get_role_in_group"), spaced).await["ErrorCode"], 0);
    let doubled = sandbox.url(GROUPS, "get_role_in_group").replacen("/v4/", "//v4/", 1);
    assert_eq!(sandbox.post(&doubled, body).await["ErrorCode"], 0, "a base URL that ends in a slash");
    let escaped = r#"{"\u0047roupId":"\u0067","User_Account":["alice"],"Unset":null}"#;
    assert_eq!(sandbox.post(&sandbox.url(GROUPS, "get_role_in_group"), escaped).await["ErrorCode"], 0);
}

#[tokio::test]
async fn http_2_is_spoken_to_those_who_begin_it() {
    let (sandbox, body) = with_group().await;
    let http2 = reqwest::Client::builder().tls_certs_only([]).http2_prior_knowledge().build().unwrap();
    let reply = http2.post(sandbox.url(GROUPS, "get_role_in_group")).body(body).send().await.unwrap();
    assert_eq!(reply.version(), reqwest::Version::HTTP_2);
    assert_eq!(reply.json::<Value>().await.unwrap()["ErrorCode"], 0);
}

/// "HTTPS and POST only": other methods answer like a wrong resource and change nothing.
#[tokio::test]
async fn only_post_is_understood() {
    let (sandbox, _) = with_group().await;
    let body = json!({"GroupId": "g"}).to_string();
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = sandbox.http.request(method.clone(), sandbox.url(GROUPS, "destroy_group")).body(body.clone());
        let reply: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!((&reply["ActionStatus"], &reply["ErrorCode"]), (&json!("FAIL"), &json!(60009)), "{method}");
    }
    assert_eq!(sandbox.info("g").await["ErrorCode"], 0, "the group is still there");
}

/// "HTTP status is 200 for success and failure alike", for what is far too long as well; the journal has it.
#[tokio::test]
async fn an_oversized_body_gets_93000_and_is_in_the_journal() {
    let sandbox = Sandbox::start().await;
    let body = json!({"GroupId": "x".repeat(5 * 1024 * 1024)}).to_string();
    // In pieces: a client that has not finished sending may miss an early answer.
    let reply = sandbox.http.post(sandbox.url(GROUPS, "destroy_group")).body(body).send().await;
    if let Ok(reply) = reply {
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.json::<Value>().await.unwrap()["ErrorCode"], 93000);
    }
    assert_eq!(sandbox.look("journal/count?command=destroy_group&code=93000").await["count"], 1);
}

/// "Both spellings of renamed keys are accepted on input", those of widespread clients included.
#[tokio::test]
async fn older_and_newer_spellings_mean_the_same() {
    let sandbox = Sandbox::start_with(Settings { auto_import: true, ..unpaced() }).await;
    sandbox.freeze(NOW).await;
    sandbox.group("g", "Public").await;
    for key in ["MuteAllMember", "ShutUpAllMember"] {
        for value in ["On", "Off"] {
            sandbox.ok("modify_group_base_info", json!({"GroupId": "g", key: value})).await;
            let info = sandbox.info("g").await;
            assert_eq!((&info["MuteAllMember"], &info["ShutUpAllMember"]), (&json!(value), &json!(value)), "{key}");
        }
    }
    for key in ["MuteTime", "ShutUpTime", "ShutUpUntil"] {
        sandbox.ok("modify_group_member_info", json!({"GroupId": "g", "Member_Account": "bob", key: 60})).await;
        let member = sandbox.member("g", "bob").await;
        assert_eq!((&member["MuteUntil"], &member["ShutUpUntil"]), (&json!(NOW + 60), &json!(NOW + 60)), "{key}");
        sandbox.ok("modify_group_member_info", json!({"GroupId": "g", "Member_Account": "bob", key: 0})).await;
        assert_eq!(sandbox.member("g", "bob").await["MuteUntil"], 0, "{key}");
    }
    for key in ["MuteTime", "ShutUpTime"] {
        sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["carol"], key: 60})).await;
        let muted = sandbox.ok("get_group_muted_account", json!({"GroupId": "g"})).await;
        assert_eq!(muted["MutedAccountList"], json!([{"Member_Account": "carol", "MutedUntil": NOW + 60}]), "{key}");
        sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["carol"], key: 0})).await;
    }
    for (random, key) in [(1, "Random"), (2, "MsgRandom")] {
        let mut body = message("g", "bob", 0);
        body.as_object_mut().unwrap().remove("Random");
        body[key] = json!(random);
        sandbox.ok("send_group_msg", body).await;
        assert_eq!(sandbox.history("g").await[0]["MsgRandom"], random);
    }
    for key in ["OnlineOnlyFlag", "MsgOnlineOnlyFlag"] {
        let mut body = message("g", "bob", 3);
        body[key] = json!(1);
        assert_eq!(sandbox.ok("send_group_msg", body).await["MsgSeq"], 0, "{key}");
        sandbox.advance(300).await;
    }
    for key in ["GroupType", "Type"] {
        let body = json!({"Member_Account": "bob", key: "ChatRoom"});
        assert_eq!(sandbox.ok("get_joined_group_list", body).await["TotalCount"], 0, "{key}");
        assert_eq!(sandbox.ok("get_appid_group_list", json!({key: "Public"})).await["TotalCount"], 1, "{key}");
    }
    for (filter, key) in [("Account", "Member_Account"), ("MuteUntil", "MuteUntil"), ("ShutUpUntil", "ShutUpUntil")] {
        let body = json!({"GroupIdList": ["g"], "ResponseFilter": {"MemberInfoFilter": [filter]}});
        let info = sandbox.ok("get_group_info", body).await;
        assert!(info["GroupInfo"][0]["MemberList"][0].get(key).is_some(), "{info}");
    }
    let recall = json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]});
    let reply = sandbox.ok("group_msg_recall", recall).await;
    assert_eq!(reply["Results"], reply["RecallRetList"]);
}
