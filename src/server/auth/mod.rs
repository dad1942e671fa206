//! Who calls, and what they may.

mod callers;
pub mod keys;
mod scopes;
mod xfcc;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, header};

use super::connection::Peer;
use crate::command::Method;
use crate::config::{Auth as Settings, Network};
pub use callers::{Callers, Grant};
pub use scopes::Permission;

/// Finds out who calls, from a file of callers that can be replaced while serving.
#[derive(Debug)]
pub struct Authenticator {
    callers: ArcSwap<Callers>,
    xfcc_peers: Vec<Network>,
}

/// Why a caller is not known. What it showed is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It showed nothing.
    NoCredential,
    /// It showed something that is no Bearer key.
    NotBearer,
    /// There is no such key.
    WrongKey,
    /// There was such a key.
    ExpiredKey,
    /// Its certificate carries no identity that is listed.
    UnknownIdentity,
}

/// Set by proxies that ended a TLS connection for us.
pub const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

impl Authenticator {
    /// Starts with the callers of a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(settings: &Settings, text: &str, methods: &[Method]) -> Result<Self, String> {
        let callers = ArcSwap::from_pointee(Callers::parse(text, methods)?);
        Ok(Self { callers, xfcc_peers: settings.xfcc_peers.clone() })
    }

    /// Puts the callers of a new text in force; those of the old one stay if it is wrong.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn replace(&self, text: &str, methods: &[Method]) -> Result<(), String> {
        self.callers.store(Arc::new(Callers::parse(text, methods)?));
        Ok(())
    }

    /// Who calls. A key counts before a certificate: whoever shows one means it.
    ///
    /// # Errors
    /// When nobody that is listed calls.
    pub fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Arc<Grant>, Unknown> {
        let callers = self.callers.load();
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = bearer(value.as_bytes()).ok_or(Unknown::NotBearer)?;
            return callers.by_key(token, SystemTime::now());
        }
        let forwarded = peer.filter(|peer| self.believes(peer.address.ip())).and_then(|_| xfcc::identity(headers));
        let own = peer.and_then(|peer| peer.identity.as_deref());
        match forwarded.as_deref().or(own) {
            Some(uri) => callers.by_identity(uri).ok_or(Unknown::UnknownIdentity),
            None if peer.is_some_and(|peer| peer.certified) => Err(Unknown::UnknownIdentity),
            None => Err(Unknown::NoCredential),
        }
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.xfcc_peers.iter().any(|network| network.contains(address))
    }
}

impl Unknown {
    /// What the caller is told.
    pub fn message(self) -> &'static str {
        match self {
            Self::NoCredential => "no credential; send `authorization: Bearer KEY`, or a client certificate",
            Self::NotBearer => "the authorization is not of the form `Bearer KEY`",
            Self::WrongKey => "the key is not known",
            Self::ExpiredKey => "the key has expired",
            Self::UnknownIdentity => "the identity of the client certificate is not known",
        }
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter.
fn bearer(value: &[u8]) -> Option<&str> {
    let value = std::str::from_utf8(value).ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
