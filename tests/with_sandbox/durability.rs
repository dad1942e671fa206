//! What is answered is kept: through `kill -9`, and through a restart with other flags.

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sandbox::DEFAULT_APP;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::process::PATIENCE;
use crate::support::sandbox_client::{message, usersig};
use crate::support::watch;

/// The binary, serving from a directory.
struct Process {
    child: Child,
    api: String,
    control: String,
    log: NamedTempFile,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        watch::check("the sandbox's log", &std::fs::read_to_string(self.log.path()).unwrap());
    }
}

impl Process {
    /// Starts on free ports and waits until it serves.
    async fn start(directory: &std::path::Path, flags: &[&str]) -> Self {
        Self::start_with(directory, flags, "unlimited").await
    }

    /// The same on a disk that is full once a file has so many blocks of 512 bytes.
    async fn start_with(directory: &std::path::Path, flags: &[&str], file_blocks: &str) -> Self {
        let port = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (api, control) = (port().to_string(), port().to_string());
        let log = NamedTempFile::new().unwrap();
        let child = Command::new("sh")
            .args(["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, file_blocks])
            .arg(env!("CARGO_BIN_EXE_tencent-im-grpc"))
            .args(["sandbox", "--listen", &api, "--control-listen", &control, "--rate-scale", "0", "--data-dir"])
            .arg(directory)
            .args(flags)
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let process = Self { child, api: format!("http://{api}"), control: format!("http://{control}/_sandbox"), log };
        let serves = async {
            let http = crate::support::http();
            while http.get(&process.api).send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, serves).await.expect("the process serves");
        process
    }

    /// `None` when the process is gone.
    async fn call(&self, command: &str, body: Value) -> Option<Value> {
        let sig = usersig(DEFAULT_APP.sdkappid, DEFAULT_APP.admin, 1_700_000_000, 4_000_000_000, DEFAULT_APP.key);
        let url = format!(
            "{}/v4/group_open_http_svc/{command}?sdkappid={}&identifier={}&usersig={sig}&random=1&contenttype=json",
            self.api, DEFAULT_APP.sdkappid, DEFAULT_APP.admin
        );
        let reply = crate::support::http().post(url).body(body.to_string()).send().await.ok()?;
        serde_json::from_slice(&reply.bytes().await.ok()?).ok()
    }

    async fn create(&self) {
        let body = json!({"Type": "Public", "Name": "n", "GroupId": "g", "Owner_Account": "alice"});
        assert_eq!(self.call("create_group", body).await.unwrap()["ErrorCode"], 0);
    }
}

/// "kill -9 in the middle of 1,000 writes loses nothing that was answered".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_of_1000_writes_loses_nothing_that_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Process::start(directory.path(), &["--auto-import"]).await;
    first.create().await;

    let next = Arc::new(AtomicU32::new(1));
    let answered = Arc::new(AtomicU32::new(0));
    let process = &first;
    let writers = (0..8).map(|_| {
        let (next, answered) = (Arc::clone(&next), Arc::clone(&answered));
        async move {
            let mut seqs = Vec::new();
            loop {
                let random = next.fetch_add(1, Ordering::Relaxed);
                if random > 1_000 {
                    return seqs;
                }
                match process.call("send_group_msg", message("g", "alice", random)).await {
                    Some(reply) => {
                        assert_eq!(reply["ErrorCode"], 0, "{reply}");
                        seqs.push((random, reply["MsgSeq"].as_u64().unwrap()));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    None => return seqs,
                }
            }
        }
    });
    let id = first.child.id().to_string();
    let killer = async {
        while answered.load(Ordering::Relaxed) < 400 {
            tokio::task::yield_now().await;
        }
        Command::new("kill").args(["-9", &id]).status().unwrap();
        Vec::new()
    };
    let writers = futures::future::join_all(writers);
    let (written, _): (Vec<Vec<(u32, u64)>>, Vec<()>) = futures::future::join(writers, killer).await;
    first.child.wait().unwrap();
    let written: Vec<(u32, u64)> = written.into_iter().flatten().collect();
    assert!((400..1_000).contains(&written.len()), "killed after {} answers", written.len());

    let second = Process::start(directory.path(), &["--auto-import"]).await;
    for (random, seq) in written {
        let body = json!({"GroupId": "g", "ReqMsgNumber": 1, "ReqMsgSeq": seq});
        let reply = second.call("group_msg_get_simple", body).await.unwrap();
        assert_eq!(reply["RspMsgList"][0]["MsgSeq"], seq);
        assert_eq!(reply["RspMsgList"][0]["MsgRandom"], random, "message {seq} is the one that was answered");
    }
}

/// The log is repeated under the settings that it was written under.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_other_flags_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Process::start(directory.path(), &["--auto-import", "--open-fields"]).await;
    first.create().await;
    let custom = json!({"GroupId": "g", "AppDefinedData": [{"Key": "level", "Value": "3"}]});
    assert_eq!(first.call("modify_group_base_info", custom).await.unwrap()["ErrorCode"], 0);
    first.child.kill().unwrap();
    first.child.wait().unwrap();

    // Twice, because the first start makes a new base of what it found.
    for _ in 0..2 {
        let mut later = Process::start(directory.path(), &["--limit-name-bytes", "0", "--limit-groups", "1"]).await;
        let info = later.call("get_group_info", json!({"GroupIdList": ["g"]})).await.unwrap()["GroupInfo"][0].clone();
        assert_eq!(info["Owner_Account"], "alice");
        assert_eq!(info["AppDefinedData"], json!([{"Key": "level", "Value": "3"}]));
        later.child.kill().unwrap();
        later.child.wait().unwrap();
    }
}

/// A change that a full disk keeps from being written is never visible, and after a restart nothing that was answered is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_everything_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Process::start_with(directory.path(), &["--auto-import"], "16384").await;
    first.create().await;
    let mut written = 1;
    let refused = loop {
        let introduction = "i".repeat(200);
        let padding: Vec<Value> =
            (0..100).map(|n| json!({"Member_Account": format!("a-user-with-a-name-{n}")})).collect();
        let id = format!("g{written}");
        let body =
            json!({"Type": "Public", "Name": "n", "GroupId": id, "Introduction": introduction, "MemberList": padding});
        let reply = first.call("create_group", body).await.unwrap();
        if reply["ErrorCode"] != 0 {
            break reply;
        }
        written += 1;
        assert!(written < 100_000, "the disk is full at some time");
    };
    let says_so = |reply: &Value| reply["ErrorInfo"].as_str().unwrap().contains("data directory cannot be written");
    assert_eq!(refused["ErrorCode"], 10002, "{refused}");
    assert!(says_so(&refused), "{refused}");
    // What is in memory alone is not shown, and not built upon either.
    for (command, body) in [
        ("get_group_info", json!({"GroupIdList": ["g"]})),
        ("get_group_info", json!({"GroupIdList": [format!("g{written}")]})),
        ("send_group_msg", message("g", "alice", 1)),
    ] {
        let reply = first.call(command, body).await.unwrap();
        assert_eq!((&reply["ErrorCode"], says_so(&reply)), (&json!(10002), true), "{command}: {reply}");
    }
    for path in ["health", "snapshot", "apps", "journal"] {
        let response = crate::support::http().get(format!("{}/{path}", first.control)).send().await.unwrap();
        assert_eq!(response.status(), 503, "{path}");
        assert!(response.text().await.unwrap().contains("data directory cannot be written"), "{path}");
    }
    first.child.kill().unwrap();
    first.child.wait().unwrap();

    let second = Process::start(directory.path(), &["--auto-import"]).await;
    for number in 1..written {
        let info = second.call("get_group_info", json!({"GroupIdList": [format!("g{number}")]})).await.unwrap();
        assert_eq!(info["GroupInfo"][0]["ErrorCode"], 0, "group {number} of {written} was answered");
    }
    let info = second.call("get_group_info", json!({"GroupIdList": [format!("g{written}")]})).await.unwrap();
    assert_eq!(info["GroupInfo"][0]["ErrorCode"], 10010, "what was refused is not there");
}
