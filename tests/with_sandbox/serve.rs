//! `serve --sandbox`: a first call just works, every answer says where it comes from, and real credentials keep it from starting.

use std::fs::File;
use std::process::Stdio;

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use tokio::process::Command;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::Gateway;
use crate::support::process::connected;

const MARK: &str = "x-tim-sandbox";

fn command(flags: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"));
    command.args(["serve", "--sandbox", "--admin-listen=127.0.0.1:0", "--drain-pause=0s"]).args(flags);
    command.env_clear().envs(environment.iter().copied()).kill_on_drop(true).stdout(Stdio::null());
    command
}

/// "a switch lets unknown users be auto-imported (default on for `serve --sandbox`, so that a first call just works)"; it "says so
/// in the gateway's health metadata/log".
#[tokio::test]
async fn a_first_call_works_and_health_and_log_say_that_it_is_a_sandbox() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = command(&["--listen", &address, "--log-format=json"], &[]);
    let _gateway = command.stderr(File::create(log.path()).unwrap()).spawn().unwrap();
    let channel = connected(&address).await;
    let group = pb::CreateGroupRequest {
        r#type: pb::GroupType::Public.into(),
        name: "As long as newer documents let it be, 50 bytes now".into(),
        owner_user_id: "somebody".into(),
        ..pb::CreateGroupRequest::default()
    };
    let made = GroupServiceClient::new(channel.clone()).create_group(group).await.unwrap();
    assert!(made.get_ref().group_id.starts_with("@TGS#"));
    assert_eq!(made.metadata().get(MARK).unwrap(), "true");
    let health = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.metadata().get(MARK).unwrap(), "true");
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("SANDBOX: emulated Tencent IM, for tests only"), "{log}");

    let real = Gateway::start("http://127.0.0.1:1", &[]).await;
    let health = HealthClient::new(real.channel().await).check(HealthCheckRequest::default()).await.unwrap();
    assert!(health.metadata().get(MARK).is_none());
}

/// "It never stands in for production: it refuses to start beside real credentials or a real region".
#[tokio::test]
async fn it_does_not_start_beside_credentials_or_a_region_of_the_real_service() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "region = \"singapore\"\n").unwrap();
    for variable in [
        ("TIM_SECRET_KEY", "k"),
        ("TIM_SECRET_KEY_FILE", "/run/secrets/tim"),
        ("TIM_SDK_APP_ID", "1400000002"),
        ("TIM_REGION", "singapore"),
        ("TIM_CONFIG", file.to_str().unwrap()),
    ] {
        let run = command(&["--listen=127.0.0.1:0"], &[variable]).output().await.unwrap();
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(64), "{variable:?}: {told}");
        assert!(told.contains("sandbox"), "{told}");
    }
}
