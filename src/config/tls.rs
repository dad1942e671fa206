//! Settings of TLS on the gRPC listener.

use std::path::PathBuf;

use super::reader::Reader;
use super::table;

/// TLS from files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
    /// Whose certificates clients must show; `None` asks for none.
    pub clients: Option<Clients>,
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
        let required = reader.get(&table::TLS_CLIENT_AUTH);
        let clients = reader.get(&table::TLS_CLIENT_CA_FILE).map(|ca_file| Clients { ca_file, required });
        match (reader.get(&table::TLS_CERT_FILE), reader.get(&table::TLS_KEY_FILE)) {
            (Some(cert_file), Some(key_file)) => Some(Self { cert_file, key_file, clients }),
            (None, None) if clients.is_none() => None,
            (Some(_), None) => {
                let what = "is missing beside `tls.cert_file`";
                reader.wrong(&table::TLS_KEY_FILE, what, "name the private key's file");
                None
            }
            (None, key) => {
                let beside = if key.is_some() { "`tls.key_file`" } else { "`tls.client_ca_file`" };
                let what = format!("is missing beside {beside}");
                reader.wrong(&table::TLS_CERT_FILE, what, "name the certificate's file");
                None
            }
        }
    }
}
