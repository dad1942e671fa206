//! The public keys that sign tokens: a JSON Web Key Set (RFC 7517) from a file or a URL, read again now and then, and at
//! once when a token names a key that is not in it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::config::reason;
use crate::loopback::is_loopback;
use crate::telemetry::metrics::ReloadMetrics;

/// Keys in force, and where they come from.
#[derive(Debug)]
pub struct Jwks {
    source: Source,
    current: ArcSwap<KeySet>,
    reading: Mutex<Reading>,
    metrics: ReloadMetrics,
}

/// Where a key set comes from.
#[derive(Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A web address, over TLS or on this machine.
    Url(Client, Url),
}

/// The reading that is under way, and when the one before it ended.
#[derive(Debug, Default)]
struct Reading {
    current: Option<Shared<BoxFuture<'static, ()>>>,
    last: Option<Instant>,
}

#[derive(Debug, Default)]
struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// How long a key server may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Key sets have a few keys of a few hundred bytes.
const MOST_BYTES: usize = 256 << 10;

impl Source {
    /// A web address.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn url(url: Url) -> Result<Self, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder().timeout(FETCH_TIMEOUT).redirect(redirect::Policy::none());
        // Plain HTTP is taken from this machine only, where no network is between.
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        builder.build().map(|client| Self::Url(client, url)).map_err(|error| error.without_url().to_string())
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => {
                tokio::fs::read(path).await.map_err(|error| format!("{}: {}", path.display(), reason(&error)))
            }
            Self::Url(client, url) => fetch(client, url.clone()).await,
        }
    }
}

impl Jwks {
    /// Starts without keys.
    pub fn new(source: Source, metrics: ReloadMetrics) -> Self {
        Self { source, current: ArcSwap::default(), reading: Mutex::default(), metrics }
    }

    /// Whether the keys come from another machine, which may be away when this one starts.
    pub fn is_remote(&self) -> bool {
        matches!(self.source, Source::Url(..))
    }

    /// Reads the keys; those in force stay if it fails.
    ///
    /// # Errors
    /// Why they cannot be read or used.
    pub async fn load(&self) -> Result<(), String> {
        let keys = KeySet::parse(&self.source.read().await?)?;
        self.current.store(Arc::new(keys));
        Ok(())
    }

    /// Reads the keys again and again.
    pub async fn run(self: Arc<Self>, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // What a token just caused to be read is fresh enough.
            if let Some(refreshed) = self.refreshed(every / 2) {
                refreshed.await;
            }
        }
    }

    /// Reads the keys, unless that was done less than `pause` ago. A caller that comes while they are being read waits for the
    /// same reading, which goes on when those who wait go away.
    pub fn refreshed(self: &Arc<Self>, pause: Duration) -> Option<impl Future<Output = ()> + Send + 'static> {
        let mut reading = self.reading();
        if let Some(current) = reading.current.as_ref().filter(|current| current.peek().is_none()) {
            return Some(current.clone());
        }
        if reading.last.is_some_and(|last| last.elapsed() < pause) {
            return None;
        }
        let keys = self.clone();
        let task = tokio::spawn(async move { keys.read().await });
        let current = async move { drop(task.await) }.boxed().shared();
        reading.current = Some(current.clone());
        Some(current)
    }

    async fn read(&self) {
        match self.load().await {
            Ok(()) => self.metrics.succeeded(),
            Err(error) => {
                self.metrics.failed();
                tracing::error!(what = "the JSON Web Key Set", %error, "cannot be used; what is in force stays");
            }
        }
        *self.reading() = Reading { current: None, last: Some(Instant::now()) };
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that a token says it was signed with.
    pub fn find(&self, header: &Header) -> Option<DecodingKey> {
        let keys = self.current.load();
        let mut fitting = keys.0.iter().filter(|key| {
            key.algorithm == header.alg && (header.kid.is_none() || key.id.is_some() && key.id == header.kid)
        });
        let key = fitting.next()?;
        // Without a name it must be clear which one is meant.
        fitting.next().is_none().then(|| key.key.clone())
    }
}

impl KeySet {
    /// Keys of kinds that are not checked here are left out: sets may hold some for other uses.
    fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct File {
            keys: Vec<serde_json::Value>,
        }
        // The parser's own text could repeat parts of a file that is something else.
        let file: File = serde_json::from_slice(text).map_err(|_| "is not a JSON Web Key Set".to_owned())?;
        let keys: Vec<_> = file.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err("holds no public key for RS256, ES256 or EdDSA".to_owned()) } else { Ok(Self(keys)) }
    }
}

impl Key {
    fn read(json: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let (algorithm, name) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        let signs = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let meant = jwk.common.key_algorithm.as_ref().is_none_or(|meant| *meant == name);
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| signs && meant)?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

async fn fetch(client: &Client, url: Url) -> Result<Vec<u8>, String> {
    let wrong = |error: reqwest::Error| error.without_url().to_string();
    let mut response = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(wrong)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(wrong)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(format!("is longer than {MOST_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
