//! What protects the sandbox's ports: against foreign pages, large bodies, and too many connections.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sandbox::{ConnectionLimits, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{PATIENCE, Sandbox, unpaced};

async fn status(sandbox: &Sandbox, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> StatusCode {
    let mut request = sandbox.http.request(method, sandbox.control_url(path)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_change_wants_json() {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    let json = ("content-type", "application/json; charset=utf-8");
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")] {
        let headers: Vec<_> = kind.iter().map(|kind| ("content-type", *kind)).collect();
        for (method, path) in [
            (Method::POST, "reset"),
            (Method::POST, "restore"),
            (Method::POST, "clock"),
            (Method::POST, "webhooks/1/replay"),
            (Method::PUT, "apps/1400000001/webhook"),
        ] {
            let status = status(&sandbox, method, path, &headers, r#"{"apps":[]}"#).await;
            assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path} {kind:?}");
        }
    }
    assert_eq!(sandbox.info("g").await["ErrorCode"], 0, "nothing was reset");
    assert_eq!(status(&sandbox, Method::POST, "reset", &[json], "").await, StatusCode::OK);
    assert_eq!(sandbox.info("g").await["ErrorCode"], 10010);
}

/// A page of a foreign site can make its own name lead to the loopback address, and then send what it likes.
#[tokio::test]
async fn a_foreign_host_is_refused_on_loopback() {
    let allowed_hosts = vec!["sandbox.test".to_owned()];
    let sandbox = Sandbox::start_with(Settings { allowed_hosts, ..unpaced() }).await;
    let host = async |host: &str| status(&sandbox, Method::GET, "apps", &[("host", host)], "").await;
    for own in ["localhost", "localhost:8601", "127.0.0.1:8601", "127.1.2.3", "[::1]:8601", "Sandbox.test:1"] {
        assert_eq!(host(own).await, StatusCode::OK, "{own}");
    }
    for foreign in
        ["evil.example", "evil.example:8601", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example", ""]
    {
        assert_eq!(host(foreign).await, StatusCode::FORBIDDEN, "{foreign}");
    }
}

#[tokio::test]
async fn a_restore_is_bounded() {
    let sandbox = Sandbox::start_with(Settings { restore_bytes: 100, ..unpaced() }).await;
    let small = json!({"apps": [{"accounts": ["alice"]}]}).to_string();
    let json = [("content-type", "application/json")];
    assert_eq!(status(&sandbox, Method::POST, "restore", &json, &small).await, StatusCode::OK);
    let padded = format!("{small}{}", " ".repeat(100));
    assert_eq!(status(&sandbox, Method::POST, "restore", &json, &padded).await, StatusCode::PAYLOAD_TOO_LARGE);
    let large = json!({"users": [" ".repeat(100)]}).to_string();
    let path = "apps/1400000001/accounts";
    assert_eq!(status(&sandbox, Method::POST, path, &json, &large).await, StatusCode::PAYLOAD_TOO_LARGE);
}

/// Misspelt filters match nothing, and tests that count nothing pass for the wrong reason.
#[tokio::test]
async fn a_misspelt_filter_is_refused() {
    let sandbox = Sandbox::start().await;
    sandbox.call("no_such_command", json!({})).await;
    for wrong in [
        "journal?comand=create_group",
        "journal?command=creat_group",
        "journal?fault=eror",
        "journal?value=g",
        "journal?exactly=1",
        "journal/count?command=creat_group&exactly=0",
        "journal/count?limit=1",
        "webhooks?comand=x",
        "webhooks?command=Group.CallbackAfterSendMessage",
        "apps/1400000001/deliveries?kind=massage",
    ] {
        assert_eq!(status(&sandbox, Method::GET, wrong, &[], "").await, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let count = sandbox.look("journal/count?command=no_such_command&fault=reset").await;
    assert_eq!(count["count"], 0, "a client's own mistake can be asked for");
    let hook = json!({"url": "http://127.0.0.1:9/hook", "commands": ["Group.CallbackAfterSendMessage"]}).to_string();
    let json = [("content-type", "application/json")];
    let set = status(&sandbox, Method::PUT, "apps/1400000001/webhook", &json, &hook).await;
    assert_eq!(set, StatusCode::BAD_REQUEST, "a hook that no one sends");
}

fn limits(most: usize, header_millis: u64, idle_millis: u64) -> Settings {
    let connections = ConnectionLimits {
        most,
        header_timeout: Duration::from_millis(header_millis),
        idle_timeout: Duration::from_millis(idle_millis),
    };
    Settings { connections, ..unpaced() }
}

/// Resolves once the other side has closed.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    end.expect("the connection ends").ok();
}

#[tokio::test]
async fn connections_without_a_request_and_slow_heads_are_closed() {
    let sandbox = Sandbox::start_with(limits(100, 50, 60_000)).await;
    for address in [sandbox.running.api_addr(), sandbox.running.control_addr()] {
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost: local").await.unwrap();
        closed(&mut slow).await;
    }
    let sandbox = Sandbox::start_with(limits(100, 60_000, 50)).await;
    for address in [sandbox.running.api_addr(), sandbox.running.control_addr()] {
        let mut idle = TcpStream::connect(address).await.unwrap();
        closed(&mut idle).await;
    }
}

#[tokio::test]
async fn a_full_port_still_answers_new_callers() {
    let sandbox = Sandbox::start_with(limits(4, 60_000, 60_000)).await;
    for path in [sandbox.url("group_open_http_svc", "get_appid_group_list"), sandbox.control_url("health")] {
        let address = path.split('/').nth(2).unwrap().to_owned();
        let mut idle = Vec::new();
        for _ in 0..4 {
            idle.push(TcpStream::connect(&address).await.unwrap());
        }
        let response = sandbox.http.get(&path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        closed(&mut idle[0]).await;
        let response: Value = sandbox.http.get(&path).send().await.unwrap().json().await.unwrap();
        assert!(response.is_object(), "the connection in use stays open: {response}");
    }
}
