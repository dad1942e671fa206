//! Settings of JSON Web Tokens.

use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::Url;

use super::reader::Reader;
use super::table;

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

/// Shortest time between two readings of the key set that tokens with unknown keys cause.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);

impl Jwt {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let keys = source(reader);
        let algorithms = reader.get(&table::JWT_ALGORITHMS);
        let audiences = reader.get(&table::JWT_AUDIENCES);
        let (leeway, refresh_interval) = (reader.get(&table::JWT_LEEWAY), reader.get(&table::JWT_REFRESH_INTERVAL));
        let Some(issuer) = reader.get(&table::JWT_ISSUER) else {
            if keys.is_some() || !audiences.is_empty() {
                let fix = "write the `iss` of the tokens";
                reader.wrong(&table::JWT_ISSUER, "is missing beside other `jwt` settings", fix);
            }
            return None;
        };
        if audiences.is_empty() {
            reader.wrong(
                &table::JWT_AUDIENCES,
                "is missing beside `jwt.issuer`",
                "write the `aud` that means this gateway: tokens for others must not count here",
            );
        }
        let Some(keys) = keys else {
            let set = |key| reader.is_set("", key);
            // What is wrong with it has been said.
            if !set(table::JWT_JWKS_FILE.setting.key) && !set(table::JWT_JWKS_URL.setting.key) {
                let fix = "set `jwt.jwks_file` or `jwt.jwks_url`";
                reader.wrong(&table::JWT_ISSUER, "no key is known that could sign its tokens", fix);
            }
            return None;
        };
        Some(Self {
            issuer,
            audiences,
            keys,
            algorithms,
            scope_claim: reader.get(&table::JWT_SCOPE_CLAIM).unwrap_or_default(),
            scope_prefix: reader.get(&table::JWT_SCOPE_PREFIX).unwrap_or_default(),
            app_claim: reader.get(&table::JWT_APP_CLAIM),
            leeway,
            refresh_interval,
            refresh_pause: REFRESH_PAUSE,
        })
    }
}

fn source(reader: &mut Reader<'_>) -> Option<JwksSource> {
    match (reader.get(&table::JWT_JWKS_FILE), reader.get(&table::JWT_JWKS_URL)) {
        (Some(_), Some(_)) => {
            reader.wrong(&table::JWT_JWKS_URL, "is set beside `jwt.jwks_file`", "keep one of them");
            None
        }
        (Some(path), None) => Some(JwksSource::File(path)),
        (None, Some(url)) => Some(JwksSource::Url(url)),
        (None, None) => None,
    }
}
