//! `tencent-im-grpc sandbox` as a process: its banner, its flags, and what it leaves behind.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::PATIENCE;
use crate::support::sandbox_client::usersig;

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// "`--app ID:KEY[:ADMIN]` (repeatable) or the seed file adds others"; "prints a clear banner"; "export on exit".
#[tokio::test]
async fn it_serves_several_apps_says_what_it_is_and_exports_on_exit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (api, control) = (free_address(), free_address());
    let commands = json!([{"command": "create_group", "body": {"Type": "Public", "GroupId": "seeded", "Name": "n"}}]);
    let seed = json!({"apps": [{"sdkappid": 20_000_003, "key": "third-key", "commands": commands}]});
    std::fs::write(path("seed.json"), seed.to_string()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"))
        .args(["sandbox", "--listen", &api, "--control-listen", &control])
        .args(["--app", "20000001:test-key:im-admin_01", "--app", "20000002:other-key", "--seed-file"])
        .arg(path("seed.json"))
        .arg("--export-on-exit")
        .arg(path("export.json"))
        .stderr(File::create(path("stderr")).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let http = crate::support::http();
    let serves = async {
        while http.get(format!("http://{api}/")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, serves).await.expect("the process serves");

    for (app, key, admin, groups) in [
        (20_000_001, "test-key", "im-admin_01", 0),
        (20_000_002, "other-key", "administrator", 0),
        (20_000_003, "third-key", "administrator", 1),
    ] {
        let sig = usersig(app, admin, 1_700_000_000, 4_000_000_000, key);
        let query = format!("sdkappid={app}&identifier={admin}&usersig={sig}&random=1&contenttype=json");
        let url = format!("http://{api}/v4/group_open_http_svc/get_appid_group_list?{query}");
        let reply: Value = http.post(url).body("{}").send().await.unwrap().json().await.unwrap();
        assert_eq!((&reply["ErrorCode"], &reply["TotalCount"]), (&json!(0), &json!(groups)), "{app}: {reply}");
    }
    let banner = std::fs::read_to_string(path("stderr")).unwrap();
    for part in ["SANDBOX: an emulated Tencent IM for tests. Not for production.", &format!("http://{api}"), &control] {
        assert!(banner.contains(part), "{part} is not in {banner}");
    }

    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(child.wait().unwrap().success());
    let export: Value = serde_json::from_slice(&std::fs::read(path("export.json")).unwrap()).unwrap();
    let apps = export["apps"].as_array().unwrap();
    let groups: Vec<usize> = apps.iter().map(|app| app["groups"].as_array().unwrap().len()).collect();
    assert_eq!(groups, [0, 0, 1, 0], "the default app comes last by its number");
    assert!(!export.to_string().contains("test-key"));
}
