//! A CA of the test's own: certificates of servers and clients, and gateways that use them.

use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use super::Gateway;

/// A CA and the folder in which the server finds its files.
pub struct Pki {
    pub ca: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate with its key.
pub struct Pair {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
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

    /// Connects and shows a certificate, if there is one; also returns the certificate that the server showed.
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

/// Changes a file as a mounted secret changes: whole, by a rename.
pub fn write(path: &str, text: &str) {
    let fresh = format!("{path}.new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(&fresh, Path::new(path)).unwrap();
}
