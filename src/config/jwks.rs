//! How JSON Web Tokens are signed, and where the keys are.

use jsonwebtoken::Algorithm;
use reqwest::Url;

use super::key::Wrong;
use super::kinds::words;
use crate::loopback::is_loopback;

/// Reads an address whose keys cannot be replaced in transit.
pub(super) fn parse_jwks_url(text: &str) -> Result<Option<Url>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    // The text may hold a password, and is not repeated.
    let wrong = || {
        Wrong::new(
            "is not an address to fetch keys from",
            "write an https URL without user and password; http is for this machine only",
        )
    };
    Url::parse(text).ok().filter(is_safe).map(Some).ok_or_else(wrong)
}

fn is_safe(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}

/// Reads the names of signature algorithms.
pub(super) fn parse_algorithms(text: &str) -> Result<Vec<Algorithm>, Wrong> {
    const FIX: &str = "write some of RS256, ES256 and EdDSA";
    let algorithm = |name: &str| match name {
        "RS256" => Ok(Algorithm::RS256),
        "ES256" => Ok(Algorithm::ES256),
        "EdDSA" => Ok(Algorithm::EdDSA),
        other => Err(Wrong::new(format!("`{other}` is not an algorithm that is checked"), FIX)),
    };
    let algorithms = words(text).map(algorithm).collect::<Result<Vec<_>, _>>()?;
    if algorithms.is_empty() { Err(Wrong::new("names no algorithm", FIX)) } else { Ok(algorithms) }
}
