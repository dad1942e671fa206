//! JSON Web Tokens (RFC 7519) as credentials.

use std::net::SocketAddr;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::grant::{CALLER_PREFIX, Grant};
use super::jwks::Jwks;
use super::signatures;
use super::unknown::Unknown;
use crate::config::Jwt as Settings;
use crate::server::places::{Fairness, Places};
use contract::command::Scope;

/// Checks tokens.
#[derive(Debug)]
pub struct Tokens {
    settings: Settings,
    keys: Arc<Jwks>,
    /// Places for those who wait for keys.
    room: Places,
}

/// No more calls can wait for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// One text, as the standard has it. The library takes a list of which one is right.
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A longer name does not fit into logs.
const LONGEST_CALLER: usize = 256;
/// Calls that wait for keys at once. Anybody can make one up, and nothing else bounds callers that are not known.
const MOST_WAITING: usize = 1024;

impl Tokens {
    /// Checks by these settings and keys.
    pub fn new(settings: Settings, keys: Arc<Jwks>) -> Self {
        signatures::install();
        Self { settings, keys, room: Places::new(MOST_WAITING, Fairness::LargestGivesWay) }
    }

    /// Whether a Bearer token is of this kind; keys of the callers file have no dots.
    pub fn is_token(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When anything about it is not as it must be.
    pub fn verify(&self, token: &str) -> Result<Arc<Grant>, Unknown> {
        let header = self.header(token)?;
        let key = self.keys.find(&header).ok_or(Unknown::UnknownSigner)?;
        let mut validation = Validation::new(header.alg);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&self.settings.audiences);
        validation.validate_nbf = true;
        validation.leeway = self.settings.leeway.as_secs();
        let claims = decode::<Claims>(token, &key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Unknown::ExpiredToken,
            _ => Unknown::WrongToken,
        })?;
        let Claims { sub, others, .. } = claims.claims;
        if sub.is_empty() || sub.len() > LONGEST_CALLER || sub.contains(char::is_control) {
            return Err(Unknown::WrongToken);
        }
        let scopes = self.scopes(others.get(&self.settings.scope_claim));
        let apps = self.settings.app_claim.as_ref().and_then(|name| others.get(name)).map(|claim| self.apps(claim));
        Ok(Arc::new(Grant::of_token(&format!("{CALLER_PREFIX}{sub}"), &scopes, apps)))
    }

    /// What to await before the token can be verified, if it names a key that is not known yet; or that too many do so.
    /// All that wait at one time wait for one reading of the keys, so that a slow key server is not asked for each.
    pub fn missing_key(
        &self,
        token: &str,
        peer: SocketAddr,
    ) -> Option<Result<impl Future<Output = Result<(), Full>> + Send + 'static, Full>> {
        let header = self.header(token).ok()?;
        if self.keys.find(&header).is_some() {
            return None;
        }
        let refreshed = self.keys.refreshed(self.settings.refresh_pause)?;
        let Some(place) = self.room.enter(peer) else { return Some(Err(Full)) };
        Some(Ok(async move {
            tokio::select! {
                biased;
                () = refreshed => Ok(()),
                () = place.revoked().cancelled() => Err(Full),
            }
        }))
    }

    fn header(&self, token: &str) -> Result<Header, Unknown> {
        let header = decode_header(token).map_err(|_| Unknown::WrongToken)?;
        // Nothing critical is understood here, and the standard wants such tokens refused.
        if header.crit.is_some() || !self.settings.algorithms.contains(&header.alg) {
            return Err(Unknown::WrongToken);
        }
        Ok(header)
    }

    /// Words that are not scopes of the contract are meant for other services.
    fn scopes(&self, claim: Option<&Value>) -> Vec<Scope> {
        let names = claim.map(|claim| words(claim, &self.settings.scope_prefix)).unwrap_or_default();
        names.into_iter().filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name)).collect()
    }

    /// A claim that names no application opens none: it was made to say which.
    fn apps(&self, claim: &Value) -> Vec<String> {
        words(claim, "").into_iter().map(str::to_owned).collect()
    }
}

impl Full {
    /// What the caller is told.
    pub fn message(self) -> String {
        format!("{MOST_WAITING} calls wait for the keys of their tokens; no more are taken")
    }
}

/// The words of a claim that begin with a prefix, without it: words in one text, as OAuth has it, or a list.
fn words<'a>(claim: &'a Value, prefix: &str) -> Vec<&'a str> {
    let words: Vec<&str> = match claim {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    words.into_iter().filter_map(|word| word.strip_prefix(prefix)).collect()
}
