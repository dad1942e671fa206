//! HTTPS for clients that insist on it, and what the subcommand says of files that it cannot use.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Output};

use rcgen::SanType;
use sandbox::Settings;
use serde_json::{Value, json};

use crate::support::pki::Pki;
use crate::support::sandbox_client::{Sandbox, unpaced};

fn pki() -> Pki {
    let pki = Pki::new();
    pki.install(&pki.issue(vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))]));
    pki
}

fn files(pki: &Pki) -> (PathBuf, PathBuf) {
    (pki.path("cert.pem").into(), pki.path("key.pem").into())
}

/// "`--tls-cert/--tls-key` for clients that insist on https": a client that trusts the CA is served, plain HTTP is not.
#[tokio::test]
async fn the_api_is_served_over_https_and_plain_http_fails() {
    let pki = pki();
    let sandbox = Sandbox::start_with(Settings { tls: Some(files(&pki)), auto_import: true, ..unpaced() }).await;
    let plain = sandbox.url("group_open_http_svc", "create_group");
    let secure = plain.replacen("http://", "https://", 1);
    let body = json!({"Type": "Public", "Name": "n", "GroupId": "g"}).to_string();

    let ca = reqwest::Certificate::from_pem(pki.ca.pem().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let reply = trusting.post(&secure).body(body.clone()).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let reply: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!((&reply["ErrorCode"], &reply["GroupId"]), (&json!(0), &json!("g")));

    let stranger = reqwest::Certificate::from_pem(Pki::new().ca.pem().as_bytes()).unwrap();
    let stranger = reqwest::Client::builder().tls_certs_only([stranger]).build().unwrap();
    assert!(stranger.post(&secure).body(body.clone()).send().await.is_err(), "another CA is not trusted");
    assert!(sandbox.http.post(&plain).body(body).send().await.is_err(), "plain HTTP is not served");
    let count = sandbox.look("journal/count?command=create_group").await;
    assert_eq!(count["count"], 1, "only the first call arrived");
}

fn run(flags: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"))
        .args(["sandbox", "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"])
        .args(flags)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// The start fails as a usage error whose text holds all the parts.
fn assert_refused(output: &Output, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_flag() {
    let (pki, other) = (pki(), pki());
    let (certificate, key, other_key) = (pki.path("cert.pem"), pki.path("key.pem"), other.path("key.pem"));
    let (missing, text) = (pki.path("missing.pem"), pki.path("text.pem"));
    std::fs::write(&text, "no PEM at all").unwrap();
    let start = |certificate: &str, key: &str| run(&["--tls-cert", certificate, "--tls-key", key], &[]);

    for file in [&missing, &text, &key] {
        assert_refused(&start(file, &key), &["--tls-cert", file]);
    }
    for file in [&missing, &text, &certificate, &other_key] {
        assert_refused(&start(&certificate, file), &["--tls-key", file]);
    }
    assert_refused(&run(&["--tls-cert", &certificate], &[]), &["--tls-key"]);
    assert_refused(&run(&["--tls-key", &key], &[]), &["--tls-cert"]);
    assert_refused(&run(&["--seed-file", &missing], &[]), &["seed file", &missing]);
}

/// "It refuses to start beside real credentials or a real region", whether variables or a file hold them.
#[test]
fn it_does_not_start_beside_credentials_or_a_region_of_the_real_service() {
    for name in ["TIM_SECRET_KEY", "TIM_SECRET_KEY_FILE", "TIM_SDK_APP_ID", "TIM_REGION", "TIM_APPS_SHOP_SECRET_KEY"] {
        assert_refused(&run(&[], &[(name, "secret-value")]), &[name]);
        let text = run(&[], &[(name, "secret-value")]).stderr;
        assert!(!String::from_utf8_lossy(&text).contains("secret-value"));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    for (setting, text) in [
        ("region", "region = \"singapore\"\n"),
        ("secret_key_file", "listen = \"127.0.0.1:1\"\n[apps.shop]\nsecret_key_file = \"/run/secrets/tim\"\n"),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_refused(&run(&[], &[("TIM_CONFIG", file.to_str().unwrap())]), &[setting, "TIM_CONFIG"]);
    }
}
