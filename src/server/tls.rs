//! TLS from files that can change while serving: new connections get the new pair, open ones keep theirs.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, crypto};
use tokio_rustls::TlsAcceptor;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::spiffe;
use crate::config::Tls as Settings;

/// The pair in force.
#[derive(Debug)]
pub struct Tls {
    settings: Settings,
    web: bool,
    current: ArcSwap<Pair>,
}

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// The setting that names the wrong file.
    pub setting: &'static str,
    what: String,
}

#[derive(Debug)]
struct Pair {
    config: Arc<ServerConfig>,
    /// When the certificate ends, in Unix seconds.
    not_after: i64,
    /// The DNS names in the certificate.
    names: Vec<String>,
}

impl Tls {
    /// Starts with the contents of the files of [`paths`].
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &Settings, web: bool, contents: &[Vec<u8>]) -> Result<Self, Fault> {
        let current = ArcSwap::from_pointee(Pair::new(settings, web, contents)?);
        Ok(Self { settings: settings.clone(), web, current })
    }

    /// Puts new contents in force; the old ones stay if they are wrong.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn replace(&self, contents: &[Vec<u8>]) -> Result<(), Fault> {
        self.current.store(Arc::new(Pair::new(&self.settings, self.web, contents)?));
        Ok(())
    }

    /// For the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load().config.clone())
    }

    /// Whether the certificate in force is that of a host, whose name is in lower case.
    pub fn is_certified(&self, host: &str) -> bool {
        let matches = |name: &String| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => name == host,
        };
        self.current.load().names.iter().any(matches)
    }

    /// When the certificate in force ends, in Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.current.load().not_after
    }
}

/// The files of the settings, in the order in which their contents are expected.
pub fn paths(settings: &Settings) -> Vec<PathBuf> {
    let mut paths = vec![settings.cert_file.clone(), settings.key_file.clone()];
    paths.extend(settings.clients.iter().map(|clients| clients.ca_file.clone()));
    paths
}

impl Pair {
    fn new(settings: &Settings, web: bool, contents: &[Vec<u8>]) -> Result<Self, Fault> {
        let [cert, key, rest @ ..] = contents else { return Err(of_cert("files are missing")) };
        let chain = certificates(cert).map_err(of_cert)?;
        let first = chain.first().ok_or_else(|| of_cert("the certificate file holds no certificate"))?;
        let not_after = not_after(first).map_err(of_cert)?;
        let names = names(first);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| of_key("the key file holds no private key"))?;
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| of_cert(error.to_string()))?;
        let builder = match (&settings.clients, rest) {
            (Some(clients), [ca]) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(ca).map_err(of_ca)? {
                    roots.add(certificate).map_err(|error| of_ca(error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if clients.required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| of_ca(error.to_string()))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| of_key(format!("certificate and key do not make a pair: {error}")))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        if web {
            config.alpn_protocols.push(b"http/1.1".to_vec());
        }
        Ok(Self { config: Arc::new(config), not_after, names })
    }
}

fn of_cert(what: impl Into<String>) -> Fault {
    Fault { setting: "tls.cert_file", what: what.into() }
}

fn of_key(what: impl Into<String>) -> Fault {
    Fault { setting: "tls.key_file", what: what.into() }
}

fn of_ca(what: impl Into<String>) -> Fault {
    Fault { setting: "tls.client_ca_file", what: what.into() }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("a certificate file is no PEM: {error}"))
}

fn not_after(certificate: &CertificateDer<'_>) -> Result<i64, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| format!("the certificate: {error}"))?;
    Ok(parsed.validity().not_after.timestamp())
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let dns = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    dns.collect()
}

/// The SPIFFE identity of a client certificate.
pub fn identity(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    spiffe::identity(names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(uri),
        _ => None,
    }))
}
