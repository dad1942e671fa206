//! TLS on the gRPC listener: certificates of clients, and files that change while serving.

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::Gateway;
use crate::support::callers::{ask, healthy, reason};
use crate::support::pki::{Pki, write};
use crate::support::process::PATIENCE;

async fn read(channel: &Channel) -> Code {
    let request = pb::GetGroupRequest { group_id: "g".into(), filter: None };
    GroupServiceClient::new(channel.clone()).get_group(request).await.unwrap_err().code()
}

#[tokio::test]
async fn a_new_pair_counts_for_new_connections_and_a_bad_one_for_none() {
    let pki = Pki::new();
    let (first, second) = (pki.server(), pki.server());
    pki.install(&first);
    let gateway = pki.gateway(&[]).await;
    let (old, shown) = pki.connect(&gateway, None).await.unwrap();
    assert_eq!(shown, first.certificate.der().to_vec());
    let not_after = gateway.metric("tim_tls_certificate_not_after_seconds").await.unwrap();
    assert!(not_after > 1_800_000_000.0);

    // The certificate of one pair and the key of another.
    write(&pki.path("cert.pem"), &second.certificate.pem());
    gateway.wait_for_metric(r#"tim_reload_failures_total{file="tls"}"#, 1.0).await;
    let (_, shown) = pki.connect(&gateway, None).await.unwrap();
    assert_eq!(shown, first.certificate.der().to_vec());

    write(&pki.path("key.pem"), &second.key.serialize_pem());
    let counts = async {
        loop {
            let (channel, shown) = pki.connect(&gateway, None).await.unwrap();
            if shown == second.certificate.der().to_vec() {
                return channel;
            }
        }
    };
    let new = tokio::time::timeout(PATIENCE, counts).await.expect("the new pair counts");
    assert!(healthy(&new).await);
    assert!(healthy(&old).await, "an open connection was dropped");
}

#[tokio::test]
async fn client_certificates_identify_callers() {
    let pki = Pki::new();
    pki.install(&pki.server());
    write(&pki.path("ca.pem"), &pki.ca.pem());
    let callers = "[[identity]]\nuri = \"spiffe://mesh.example/shop\"\ncaller = \"shop\"\nscopes = [\"read\"]\n\
                   apps = [\"default\"]\n[[identity]]\nuri = \"spiffe://mesh.example/mailer\"\ncaller = \"mailer\"\nscopes = [\"message\"]\n";
    write(&pki.path("callers.toml"), callers);
    let (ca, callers) = (pki.path("ca.pem"), pki.path("callers.toml"));
    let settings = [("tls.client_ca_file", ca.as_str()), ("auth.callers_file", callers.as_str())];
    let gateway = pki.gateway(&settings).await;

    for (uri, expected) in [
        ("spiffe://mesh.example/shop", Code::Unavailable),
        ("spiffe://mesh.example/mailer", Code::PermissionDenied),
        ("spiffe://mesh.example/nobody", Code::Unauthenticated),
        ("https://mesh.example/shop", Code::Unauthenticated),
    ] {
        let (channel, _) = pki.connect(&gateway, Some(&pki.client(uri))).await.unwrap();
        assert_eq!(read(&channel).await, expected, "{uri}");
        let elsewhere = ask(&channel, &[("x-tim-app", "elsewhere")]).await;
        assert_eq!(reason(&elsewhere) == "APP_NOT_ALLOWED", expected != Code::Unauthenticated, "{uri}: {elsewhere:?}");
    }

    // Without a certificate, or with one of another CA, there is no connection to speak of.
    let stranger = Pki::new().client("spiffe://mesh.example/shop");
    for client in [None, Some(&stranger)] {
        if let Ok((channel, _)) = pki.connect(&gateway, client).await {
            assert!(!healthy(&channel).await);
        }
    }

    // A proxy speaks for its clients: where it saw no identity, its own does not count.
    let behind = pki.gateway(&[settings.as_slice(), &[("auth.xfcc_peers", "127.0.0.1")]].concat()).await;
    let (proxy, _) = pki.connect(&behind, Some(&pki.client("spiffe://mesh.example/shop"))).await.unwrap();
    assert_eq!(read(&proxy).await, Code::Unauthenticated);
    for (element, expected) in [
        ("Hash=1f;DNS=stranger", Code::Unauthenticated),
        ("Hash=1f;URI=spiffe://mesh.example/shop;URI=spiffe://mesh.example/mailer", Code::Unauthenticated),
        ("Hash=1f;URI=spiffe://mesh.example/mailer", Code::PermissionDenied),
        ("Hash=1f;URI=spiffe://mesh.example/shop", Code::Unavailable),
    ] {
        assert_eq!(ask(&proxy, &[("x-forwarded-client-cert", element)]).await.code(), expected, "{element}");
    }

    let optional = pki.gateway(&[settings.as_slice(), &[("tls.client_auth", "optional")]].concat()).await;
    let (channel, _) = pki.connect(&optional, None).await.unwrap();
    assert!(healthy(&channel).await);
    assert_eq!(read(&channel).await, Code::Unauthenticated);
}

/// The binary's health check, and whether it ended with success.
async fn health_check(gateway: &Gateway, options: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"))
        .args(["healthcheck", "--addr", &gateway.address.to_string()])
        .args(options)
        .output()
        .await
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn the_health_check_speaks_tls() {
    let pki = Pki::new();
    pki.install(&pki.server());
    let own = pki.path("ca.pem");
    write(&own, &pki.ca.pem());
    let stranger = pki.path("stranger.pem");
    write(&stranger, &Pki::new().ca.pem());
    let client = pki.client("spiffe://example.org/ns/ops/sa/probe");
    let (cert, key) = (pki.path("client-cert.pem"), pki.path("client-key.pem"));
    write(&cert, &client.certificate.pem());
    write(&key, &client.key.serialize_pem());

    let gateway = pki.gateway(&[]).await;
    let named = ["--tls-ca", own.as_str(), "--tls-name", "gateway.test"];
    assert_eq!(health_check(&gateway, &named).await, (true, "SERVING\n".to_owned()));
    for options in [&[][..], &["--tls-ca", &own], &["--tls-ca", &stranger, "--tls-name", "gateway.test"]] {
        let (well, said) = health_check(&gateway, options).await;
        assert!(!well && !said.contains("SERVING"), "{options:?}: {said}");
        assert_eq!(said.contains("if it serves TLS"), options.is_empty(), "{options:?}: {said}");
    }

    let callers = pki.path("callers.toml");
    write(&callers, "");
    let strict = pki.gateway(&[("tls.client_ca_file", &own), ("auth.callers_file", &callers)]).await;
    let (well, said) = health_check(&strict, &named).await;
    assert!(!well, "{said}");
    let shown = [&named[..], &["--tls-cert", &cert, "--tls-key", &key]].concat();
    assert_eq!(health_check(&strict, &shown).await, (true, "SERVING\n".to_owned()));
}
