//! The first lines of a start, and lines for people.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::support::callers::{Callers, NOWHERE, ask};
use crate::support::process::{PATIENCE, Process, connected};

/// The first lines of a log in JSON: the version, and what is said once the gateway serves.
fn first_lines(log: &str) -> (Value, Value, String) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let serving = lines.iter().position(|line| line["message"] == "serving").expect("it serves");
    let next = lines[serving + 1]["message"].as_str().unwrap().to_owned();
    (lines[0].clone(), lines[serving].clone(), next)
}

#[tokio::test]
async fn the_first_lines_say_what_serves_where_and_for_whom() {
    let mut callers = Callers::new();
    callers.key("a", &["read"], &[]);
    let mut gateway = Process::start(NOWHERE, &["--auth-callers-file", callers.path()]).await;
    let (first, serving, next) = first_lines(&gateway.log());
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert!(first["commit"].is_string(), "{first}");
    assert_eq!(serving["address"], gateway.address());
    assert!(serving["admin"].as_str().unwrap().starts_with("127.0.0.1:"), "{serving}");
    assert_eq!((&serving["tls"], &serving["apps"]), (&"off".into(), &"default".into()));
    assert_eq!(serving["callers"], "keys and identities of the callers file");
    let expected = format!("next: grpcurl -plaintext -H 'authorization: Bearer KEY' {} list", gateway.address());
    assert_eq!(next, expected);
    gateway.stop().await;
}

#[tokio::test]
async fn for_people_each_call_is_one_line_of_a_terminal() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let log = tempfile::NamedTempFile::new().unwrap();
    let _gateway = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"))
        .args(["serve", "--sandbox", "--admin-listen=127.0.0.1:0", "--log-format=pretty", "--listen", &address])
        .env_clear()
        .stdout(Stdio::null())
        .stderr(File::create(log.path()).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let channel = connected(&address).await;
    let id = "x".repeat(128);
    ask(&channel, &[("x-request-id", &id)]).await;
    let read = || std::fs::read_to_string(log.path()).unwrap();
    let line = async {
        loop {
            if let Some(line) = read().lines().find(|line| line.contains("GroupService/GetGroup")) {
                return line.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let line = tokio::time::timeout(PATIENCE, line).await.expect("a line of the call");
    assert!(line.chars().count() <= 120, "{line}");
    assert!(line.contains("GroupService/GetGroup NotFound") && line.contains(" GROUP_NOT_FOUND "), "{line}");
    let log = read();
    assert!(log.contains("the sandbox serves in Tencent's place api=127.0.0.1:"), "{log}");
    assert!(log.contains("next: grpcurl -plaintext -d '{"), "{log}");
    assert!(!log.contains('\u{1b}'), "a file has no colors");
}
