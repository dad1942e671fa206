//! Settings of TLS on the gRPC listener.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;

/// TLS from files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
    /// Whose certificates clients must show; `None` asks for none.
    pub clients: Option<Clients>,
    /// How often the files are looked at.
    pub reload_interval: Duration,
}

/// Client certificates.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The CAs that they chain to.
    pub ca_file: PathBuf,
    /// Whether a client without one is refused.
    pub required: bool,
}

impl Tls {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let required = match reader.text("tls.client_auth").as_deref() {
            Some("optional") => false,
            Some("required") => true,
            _ => {
                reader.problem("tls.client_auth", "is not a mode", "write required or optional");
                true
            }
        };
        let clients = reader.path("tls.client_ca_file").map(|ca_file| Clients { ca_file, required });
        let reload_interval = reader.positive("tls.reload_interval");
        match (reader.path("tls.cert_file"), reader.path("tls.key_file")) {
            (Some(cert_file), Some(key_file)) => Some(Self { cert_file, key_file, clients, reload_interval }),
            (None, None) if clients.is_none() => None,
            (Some(_), None) => {
                reader.problem("tls.key_file", "is missing beside `tls.cert_file`", "name the private key's file");
                None
            }
            (None, key) => {
                let beside = if key.is_some() { "`tls.key_file`" } else { "`tls.client_ca_file`" };
                reader.problem("tls.cert_file", format!("is missing beside {beside}"), "name the certificate's file");
                None
            }
        }
    }
}
