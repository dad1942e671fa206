//! Who calls, and what they may.

mod callers;
mod grant;
mod jwks;
mod jwt;
pub mod keys;
mod scopes;
mod signatures;
mod unknown;
mod xfcc;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use http::{HeaderMap, header};
use ipnet::IpNet;

use super::peer::Peer;
use crate::config::Auth as Settings;
pub use callers::Callers;
use contract::command::Method;
pub use grant::Grant;
pub use jwks::{Jwks, Source};
pub use jwt::{Full, Tokens};
pub use scopes::Permission;
pub use unknown::Unknown;
pub use xfcc::XFCC;

/// Finds out who calls: from a file of callers that can be replaced while serving, and from tokens.
#[derive(Debug)]
pub struct Authenticator {
    callers: ArcSwap<Callers>,
    tokens: Option<Tokens>,
    xfcc_peers: Vec<IpNet>,
}

impl Authenticator {
    /// Starts with the callers of a file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(
        settings: &Settings,
        text: &str,
        tokens: Option<Tokens>,
        methods: &[Method],
    ) -> Result<Self, Vec<String>> {
        let callers = ArcSwap::from_pointee(Callers::parse(text, methods)?);
        Ok(Self { callers, tokens, xfcc_peers: settings.xfcc_peers.clone() })
    }

    /// Whether the callers file in force lists no caller.
    pub fn has_no_callers(&self) -> bool {
        self.callers.load().is_empty()
    }

    /// Entries in force that open applications which are not there.
    pub fn unknown_apps(&self, known: &BTreeSet<String>) -> Vec<String> {
        self.callers.load().unknown_apps(known)
    }

    /// Puts the callers of a new text in force; those of the old one stay if it is wrong.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn replace(&self, text: &str, methods: &[Method]) -> Result<(), String> {
        self.callers.store(Arc::new(Callers::parse(text, methods).map_err(|wrong| wrong.join("; "))?));
        Ok(())
    }

    /// The caller. A key counts before a certificate: it was sent on purpose.
    ///
    /// # Errors
    /// When the caller is not known.
    pub fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Arc<Grant>, Unknown> {
        let callers = self.callers.load();
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        if let Some(value) = shown.next() {
            // Of two credentials, a proxy may have looked at the other one.
            let token = bearer(value.as_bytes()).filter(|_| shown.next().is_none()).ok_or(Unknown::NotBearer)?;
            return match self.tokens.as_ref().filter(|_| Tokens::is_token(token)) {
                Some(tokens) => tokens.verify(token),
                None => callers.by_key(token, SystemTime::now()),
            };
        }
        let Some(peer) = peer else { return Err(Unknown::NoCredential) };
        // A proxy speaks for its clients: its own certificate never stands in for one that it did not see.
        let (identity, shown) = if self.believes(peer.address.ip()) {
            (xfcc::identity(headers).map(Arc::from), headers.contains_key(XFCC))
        } else {
            (peer.identity.clone(), peer.certified)
        };
        match identity {
            Some(uri) => callers.by_identity(&uri).ok_or(Unknown::UnknownIdentity),
            None if shown => Err(Unknown::UnknownIdentity),
            None => Err(Unknown::NoCredential),
        }
    }

    /// What to await before the caller of a token can be told, if the key of its signature is not known yet; or that too
    /// many calls do so.
    pub fn missing_key(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Option<Result<impl Future<Output = Result<(), Full>> + Send + 'static, Full>> {
        let token = bearer(headers.get(header::AUTHORIZATION)?.as_bytes())?;
        self.tokens.as_ref()?.missing_key(token, peer)
    }

    fn believes(&self, address: IpAddr) -> bool {
        // An IPv4 address that came through an IPv6 socket counts as IPv4.
        let address = address.to_canonical();
        self.xfcc_peers.iter().any(|network| network.contains(&address))
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter.
fn bearer(value: &[u8]) -> Option<&str> {
    let value = std::str::from_utf8(value).ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
