//! TLS on the gRPC listener: certificates of clients, and files that change while serving.

use std::path::Path;
use std::sync::Arc;

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::Gateway;
use crate::support::callers::{ask, reason};
use crate::support::process::PATIENCE;

/// A CA and the folder in which the server finds its files.
pub struct Pki {
    pub ca: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate with its key.
pub struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Pki {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { ca, folder: tempfile::tempdir().unwrap() }
    }

    pub fn issue(&self, names: Vec<SanType>) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        Pair { certificate, key }
    }

    /// A certificate whose time is over.
    pub fn expired(&self, uri: &str) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        Pair { certificate, key }
    }

    pub fn server(&self) -> Pair {
        self.issue(vec![SanType::DnsName("gateway.test".try_into().unwrap())])
    }

    pub fn client(&self, uri: &str) -> Pair {
        self.issue(vec![SanType::URI(uri.try_into().unwrap())])
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn install(&self, pair: &Pair) {
        write(&self.path("key.pem"), &pair.key.serialize_pem());
        write(&self.path("cert.pem"), &pair.certificate.pem());
    }

    pub async fn gateway(&self, more: &[(&str, &str)]) -> Gateway {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let mut all = vec![
            ("tls.cert_file", cert.as_str()),
            ("tls.key_file", key.as_str()),
            ("reload_interval", "20ms"),
            ("upstream.max_attempts", "1"),
        ];
        all.extend_from_slice(more);
        Gateway::start("http://127.0.0.1:1", &all).await
    }

    /// Connects and shows a certificate, if there is one; also tells which certificate the server showed.
    pub async fn connect(&self, gateway: &Gateway, client: Option<&Pair>) -> Result<(Channel, Vec<u8>), String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            Some(pair) => {
                let chain = vec![CertificateDer::from(pair.certificate.der().to_vec())];
                let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        let name = ServerName::try_from("gateway.test").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        let mut stream = Some(stream);
        let connector = tower::service_fn(move |_: http::Uri| {
            let stream = stream.take().ok_or(std::io::ErrorKind::NotConnected);
            async move { stream.map(TokioIo::new).map_err(std::io::Error::from) }
        });
        let channel = Endpoint::from_static("http://gateway.test").connect_with_connector(connector).await;
        channel.map(|channel| (channel, shown)).map_err(|error| error.to_string())
    }
}

fn write(path: &str, text: &str) {
    // As a mounted secret changes: whole, by a rename.
    let fresh = format!("{path}.new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(&fresh, Path::new(path)).unwrap();
}

pub async fn healthy(channel: &Channel) -> bool {
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.is_ok()
}

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
