//! One UserSig for all calls: signed once, replaced well before it expires.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::format::{UsersigError, parse, sign};
use super::redaction::Secrets;
use crate::upstream::settings::Settings;

/// Makes UserSigs and remembers the last one.
pub struct Signer {
    sdk_app_id: u64,
    identifier: String,
    key: SecretString,
    ttl: Duration,
    current: ArcSwap<Signature>,
    /// Held while a new one is made, so that many calls at once make just one.
    renewal: Mutex<()>,
}

/// A UserSig with its time. It never changes.
pub struct Signature {
    text: SecretString,
    secrets: Secrets,
    made: Instant,
    renew: Instant,
}

/// A share of the life at which a UserSig is replaced: between the first and the sum of both, so that replicas that
/// started together do not renew together.
const RENEW_AFTER: f64 = 0.75;
const RENEW_JITTER: f64 = 0.10;

impl Signer {
    /// Makes the first UserSig, which shows whether all of it can be signed.
    ///
    /// # Errors
    /// When the identifier cannot be signed.
    pub fn new(settings: &Settings) -> Result<Self, UsersigError> {
        let Settings { sdk_app_id, identifier, secret_key, usersig_ttl, .. } = settings;
        let first = Signature::make(*sdk_app_id, identifier, secret_key, *usersig_ttl)?;
        Ok(Self {
            sdk_app_id: *sdk_app_id,
            identifier: identifier.clone(),
            key: secret_key.clone(),
            ttl: *usersig_ttl,
            current: ArcSwap::from_pointee(first),
            renewal: Mutex::new(()),
        })
    }

    /// The UserSig for a call made now.
    pub fn current(&self) -> Arc<Signature> {
        let current = self.current.load_full();
        if Instant::now() < current.renew { current } else { self.replace(&current) }
    }

    /// A newer UserSig than `refused`, which Tencent called expired.
    pub fn replace(&self, refused: &Arc<Signature>) -> Arc<Signature> {
        let _renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        if !Arc::ptr_eq(&current, refused) {
            return current;
        }
        match Signature::make(self.sdk_app_id, &self.identifier, &self.key, self.ttl) {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                self.current.store(fresh.clone());
                fresh
            }
            // What could be signed once can be signed again; if not, the old one is still the best there is.
            Err(_) => current,
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("sdk_app_id", &self.sdk_app_id)
            .field("identifier", &self.identifier)
            .finish_non_exhaustive()
    }
}

impl Signature {
    fn make(sdk_app_id: u64, identifier: &str, key: &SecretString, ttl: Duration) -> Result<Self, UsersigError> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let made = Instant::now();
        let text = sign(sdk_app_id, identifier, key, unix, ttl.as_secs())?;
        let signature = parse(text.expose_secret())?.signature;
        Ok(Self {
            secrets: Secrets::new(text.expose_secret(), &signature),
            text,
            made,
            renew: made + ttl.mul_f64(RENEW_AFTER + RENEW_JITTER * rand::random::<f64>()),
        })
    }

    /// The text, for the query of a URL.
    pub(in crate::upstream) fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Takes the UserSig out of a reply, in case it was sent back.
    pub(in crate::upstream) fn redact_reply(&self, reply: Bytes) -> Bytes {
        self.secrets.redact_reply(reply)
    }

    /// Time since it was made.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.made.elapsed()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("age", &self.age()).finish_non_exhaustive()
    }
}
