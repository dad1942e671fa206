//! Settings of JSON Web Tokens.

use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::Url;

use super::reader::Reader;
use crate::loopback::is_loopback;

/// Which tokens count.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// Who makes them.
    pub issuer: String,
    /// Whom they are for; one of these must be named.
    pub audiences: Vec<String>,
    /// Where the public keys are.
    pub keys: JwksSource,
    /// How they may be signed.
    pub algorithms: Vec<Algorithm>,
    /// The claim with the scopes.
    pub scope_claim: String,
    /// What precedes the scopes in it.
    pub scope_prefix: String,
    /// The claim with the applications that the caller may choose; without it, the default one alone.
    pub app_claim: Option<String>,
    /// What precedes the applications in it.
    pub app_prefix: String,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// How often the keys are read.
    pub refresh_interval: Duration,
    /// Shortest time between readings that tokens cause.
    pub refresh_pause: Duration,
}

/// Where the public keys are.
#[derive(Debug, Clone)]
pub enum JwksSource {
    /// In a file.
    File(PathBuf),
    /// On a web server.
    Url(Url),
}

impl Jwt {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let keys = source(reader);
        let algorithms = algorithms(reader);
        let audiences = reader.list("jwt.audiences");
        let (leeway, refresh_interval) = (reader.duration("jwt.leeway"), reader.positive("jwt.refresh_interval"));
        let refresh_pause = reader.positive("jwt.refresh_pause");
        let Some(issuer) = reader.text("jwt.issuer") else {
            if keys.is_some() || !audiences.is_empty() {
                reader.problem("jwt.issuer", "is missing beside other `jwt` settings", "write the `iss` of the tokens");
            }
            return None;
        };
        if audiences.is_empty() {
            reader.problem(
                "jwt.audiences",
                "is missing beside `jwt.issuer`",
                "write the `aud` that means this gateway; tokens for others must not count here",
            );
        }
        let Some(keys) = keys else {
            let fix = "set `jwt.jwks_file` or `jwt.jwks_url`";
            reader.problem("jwt.issuer", "no key is known that could sign its tokens", fix);
            return None;
        };
        let (app_claim, app_prefix) = (reader.text("jwt.app_claim"), reader.text("jwt.app_prefix"));
        if app_claim.is_none() && app_prefix.is_some() {
            reader.problem("jwt.app_prefix", "is set without `jwt.app_claim`", "name the claim that it is for");
        }
        Some(Self {
            issuer,
            audiences,
            keys,
            algorithms,
            scope_claim: reader.text("jwt.scope_claim").unwrap_or_default(),
            scope_prefix: reader.text("jwt.scope_prefix").unwrap_or_default(),
            app_claim,
            app_prefix: app_prefix.unwrap_or_default(),
            leeway,
            refresh_interval,
            refresh_pause,
        })
    }
}

fn source(reader: &mut Reader<'_>) -> Option<JwksSource> {
    match (reader.path("jwt.jwks_file"), reader.text("jwt.jwks_url")) {
        (Some(_), Some(_)) => {
            reader.problem("jwt.jwks_url", "is set beside `jwt.jwks_file`", "keep one of them");
            None
        }
        (Some(path), None) => Some(JwksSource::File(path)),
        (None, Some(text)) => {
            let url = Url::parse(&text).ok().filter(is_safe);
            if url.is_none() {
                // The text may hold a password.
                let fix = "write an https URL without user and password; http is for this machine only";
                reader.problem("jwt.jwks_url", "is no address to fetch keys from", fix);
            }
            url.map(JwksSource::Url)
        }
        (None, None) => None,
    }
}

/// Whether nobody on the way could put other keys in.
fn is_safe(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}

fn algorithms(reader: &mut Reader<'_>) -> Vec<Algorithm> {
    let mut algorithms = Vec::new();
    for name in reader.list("jwt.algorithms") {
        match name.as_str() {
            "RS256" => algorithms.push(Algorithm::RS256),
            "ES256" => algorithms.push(Algorithm::ES256),
            "EdDSA" => algorithms.push(Algorithm::EdDSA),
            other => {
                let what = format!("`{other}` is not an algorithm that is checked");
                reader.problem("jwt.algorithms", what, "write some of RS256, ES256 and EdDSA");
            }
        }
    }
    if algorithms.is_empty() {
        reader.problem("jwt.algorithms", "names no algorithm", "write some of RS256, ES256 and EdDSA");
    }
    algorithms
}
