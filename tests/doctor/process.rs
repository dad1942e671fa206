//! The command as users run it.

use std::process::{Output, Stdio};
use std::time::Duration;

use sandbox::Limits;
use tempfile::TempDir;
use tokio::process::Command;

use super::Strict;
use crate::support::process::{KEY, PATIENCE};

fn doctor(sandbox: &Strict, folder: &TempDir, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"));
    command
        .args(["doctor", "--sdk-app-id", "1400000001", "--base-urls", &sandbox.url()])
        .args(flags)
        .current_dir(folder)
        .env_clear()
        .env("TIM_SECRET_KEY", KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status().await.unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn it_asks_first() {
    let (sandbox, folder) = (Strict::start(Limits::default()).await, TempDir::new().unwrap());
    let Output { status, stderr, .. } = doctor(&sandbox, &folder, &[]).output().await.unwrap();
    assert_eq!(status.code(), Some(64));
    assert!(text(&stderr).contains("--yes"), "{}", text(&stderr));
    assert_eq!(sandbox.look("journal/count").await["count"], 0, "nothing was called");
}

/// "A redacted report file (no ids, no signatures, no texts of others) fit to attach to a bug report."
#[tokio::test]
async fn the_report_holds_no_ids() {
    let (sandbox, folder) = (Strict::start(Limits::default()).await, TempDir::new().unwrap());
    let flags = ["--yes", "--report", "report.md", "--upstream-rate-factor", "100"];
    let Output { status, stdout, stderr } = doctor(&sandbox, &folder, &flags).output().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}{}", text(&stdout), text(&stderr));
    assert!(text(&stdout).contains("group_open_http_svc/send_broadcast_msg 1"), "{}", text(&stdout));
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(report.contains("| `group_open_http_svc/create_group` | 1 | as expected |"), "{report}");
    for secret in ["doctor-", "1400000001", "administrator", "127.0.0.1", "@TGS#", "usersig"] {
        assert!(!report.contains(secret), "{secret}: {report}");
    }
}

/// "Cleans up also after an interrupt."
#[tokio::test]
async fn an_interrupted_run_leaves_nothing_behind() {
    for name in ["-INT", "-TERM"] {
        let (sandbox, folder) = (Strict::start(Limits::default()).await, TempDir::new().unwrap());
        // At a tenth of the usual rates it takes some seconds.
        let child = doctor(&sandbox, &folder, &["--yes"]).spawn().unwrap();
        let started = async {
            while sandbox.look("journal/count?command=create_group").await["count"] == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, started).await.unwrap();
        signal(child.id().unwrap(), name).await;
        let Output { status, stdout, .. } = child.wait_with_output().await.unwrap();
        assert_eq!(status.code(), Some(1));
        assert!(text(&stdout).contains("interrupted"), "{}", text(&stdout));
        assert_eq!(sandbox.count().await, (0, 1), "only the admin is left");
    }
}

#[tokio::test]
async fn what_a_killed_run_left_can_be_removed_by_its_prefix() {
    let (sandbox, folder) = (Strict::start(Limits::default()).await, TempDir::new().unwrap());
    let mut child = doctor(&sandbox, &folder, &["--yes"]).spawn().unwrap();
    let started = async {
        while sandbox.look("journal/count?command=get_group_info").await["count"] == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, started).await.unwrap();
    child.kill().await.unwrap();
    assert_ne!(sandbox.count().await, (0, 1));
    let said = text(&child.wait_with_output().await.unwrap().stderr);
    let prefix = said.split('`').nth(1).unwrap();
    let Output { status, stdout, .. } = doctor(&sandbox, &folder, &["--clean-up", prefix]).output().await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(text(&stdout).contains("nothing of it is left"));
    assert_eq!(sandbox.count().await, (0, 1));

    let Output { status, .. } = doctor(&sandbox, &folder, &["--clean-up", "alice"]).output().await.unwrap();
    assert_eq!(status.code(), Some(64), "only its own things are ever removed");
}
