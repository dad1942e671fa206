//! Settings for the authentication of callers.

use std::path::PathBuf;

use ipnet::IpNet;

use super::jwt::Jwt;
use super::reader::Reader;
use super::table;

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// File with keys and identities; `None` lets everybody call.
    pub callers_file: Option<PathBuf>,
    /// Tokens that count beside the keys of that file.
    pub jwt: Option<Jwt>,
    /// Whether reflection passes without authentication.
    pub open_reflection: bool,
    /// Proxies whose `x-forwarded-client-cert` is believed.
    pub xfcc_peers: Vec<IpNet>,
}

impl Auth {
    /// Whether callers must show who they are.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.callers_file.is_some() || self.jwt.is_some()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let xfcc_peers = reader.get(&table::AUTH_XFCC_PEERS);
        let callers_file = reader.get(&table::AUTH_CALLERS_FILE);
        let jwt = Jwt::read(reader);
        if !xfcc_peers.is_empty() && callers_file.is_none() {
            let fix = "list the identities in `auth.callers_file`";
            reader.wrong(&table::AUTH_XFCC_PEERS, "no identity has a scope", fix);
        }
        Self { callers_file, jwt, open_reflection: reader.get(&table::AUTH_OPEN_REFLECTION), xfcc_peers }
    }
}
