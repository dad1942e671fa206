//! HTTPS for clients that insist on it.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a PEM chain and key; a failure names the flag that gave the file.
pub async fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let bad_certificate = |why: String| format!("--tls-cert {}: {why}", certificate.display());
    let bad_key = |why: String| format!("--tls-key {}: {why}", key.display());
    let pem = tokio::fs::read(certificate).await.map_err(|error| bad_certificate(error.to_string()))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(bad_certificate("holds no certificate in PEM form".to_owned()));
    }
    let pem = tokio::fs::read(key).await.map_err(|error| bad_key(error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| bad_key(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| bad_key(format!("does not go with the certificate: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
