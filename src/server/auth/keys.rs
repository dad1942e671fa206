//! Bearer keys: how they are made, stored and checked.
//!
//! A key is `tim_ID_SECRET`. The secret has 256 random bits, so that it cannot be guessed from its hash, however fast the
//! hash is; the file keeps an HMAC-SHA256 of it under its own salt.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use secrecy::SecretString;
use sha2::Sha256;

/// The stored form of a key's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash {
    salt: [u8; 16],
    mac: [u8; 32],
}

/// A fresh key.
pub struct NewKey {
    /// What the caller sends.
    pub token: SecretString,
    /// What the callers file says about it.
    pub entry: String,
}

const PREFIX: &str = "tim_";
const ALGORITHM: &str = "hmac-sha256";

impl KeyHash {
    /// Reads `hmac-sha256:SALT:MAC`, both in hexadecimal.
    pub fn parse(text: &str) -> Option<Self> {
        let (salt, mac) = text.strip_prefix(ALGORITHM)?.strip_prefix(':')?.split_once(':')?;
        Some(Self { salt: unhex(salt)?, mac: unhex(mac)? })
    }

    /// The hash of a secret.
    pub fn new(salt: [u8; 16], secret: &str) -> Self {
        let mac = keyed(&salt, secret).finalize().into_bytes().into();
        Self { salt, mac }
    }

    /// Whether it is the hash of this secret, in constant time.
    pub fn verify(&self, secret: &str) -> bool {
        keyed(&self.salt, secret).verify_slice(&self.mac).is_ok()
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash")
    }
}

impl std::fmt::Display for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{ALGORITHM}:{}:{}", hex(&self.salt), hex(&self.mac))
    }
}

/// The id and the secret of a key.
pub fn split(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.strip_prefix(PREFIX)?.rsplit_once('_')?;
    (is_id(id) && secret.len() == 64).then_some((id, secret))
}

/// Whether a text can be a key's id.
pub fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&id.len()) && id.bytes().all(allowed)
}

/// Makes a key for a caller.
pub fn generate(caller: &str, scopes: &[String], apps: &[String], life: Option<Duration>) -> NewKey {
    let mut rng = rand::rng();
    let (salt, secret): ([u8; 16], [u8; 32]) = (rng.random(), rng.random());
    let secret = hex(&secret);
    let id = hex(&rng.random::<[u8; 6]>());
    let list = |items: &[String]| toml::Value::from(items.to_vec()).to_string();
    let mut entry = format!("[[key]]\nid = \"{id}\"\ncaller = {}\n", toml::Value::from(caller));
    entry += &format!("hash = \"{}\"\nscopes = {}\n", KeyHash::new(salt, &secret), list(scopes));
    if !apps.is_empty() {
        entry += &format!("apps = {}\n", list(apps));
    }
    if let Some(life) = life {
        entry += &format!("expires = \"{}\"\n", prost_types::Timestamp::from(SystemTime::now() + life));
    }
    NewKey { token: SecretString::from(format!("{PREFIX}{id}_{secret}")), entry }
}

fn keyed(salt: &[u8], secret: &str) -> Hmac<Sha256> {
    let mut key = [0; 64];
    key[..salt.len()].copy_from_slice(salt);
    // HMAC pads a short key with zeros anyway; a full block cannot be of a wrong length.
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&key.into());
    mac.update(secret.as_bytes());
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_fresh_key_matches_its_entry_and_no_other() {
        let key = generate("orders", &["read".to_owned()], &[], None);
        let (_, secret) = split(key.token.expose_secret()).unwrap();
        let line = key.entry.lines().find_map(|line| line.strip_prefix("hash = ")).unwrap();
        let hash = KeyHash::parse(line.trim_matches('"')).unwrap();
        assert!(hash.verify(secret));
        assert!(!hash.verify(&secret.replace(&secret[..1], "x")));
        assert!(!key.entry.contains(secret));
    }

    /// HMAC-SHA256 as RFC 4231 (test case 2 with the key padded by zeros) has it.
    #[test]
    fn the_hash_is_hmac_sha256() {
        let mut salt = [0; 16];
        salt[..4].copy_from_slice(b"Jefe");
        let hash = KeyHash::new(salt, "what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(hash.to_string().ends_with(expected));
    }
}
