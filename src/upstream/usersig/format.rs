//! The text of a UserSig: TLSSigAPIv2 in its HMAC form.
//!
//! The text is URL-safe by its own alphabet, which is not that of base64url: standard base64 with `+` → `*`, `/` → `-`
//! and `=` → `_`.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a UserSig says, and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Always "2.0".
    #[serde(rename = "TLS.ver")]
    pub version: String,
    /// The user it was made for.
    #[serde(rename = "TLS.identifier")]
    pub identifier: String,
    /// The application it was made for.
    #[serde(rename = "TLS.sdkappid")]
    pub sdk_app_id: u64,
    /// Seconds for which it is valid.
    #[serde(rename = "TLS.expire")]
    pub expire: u64,
    /// Unix second at which it was made.
    #[serde(rename = "TLS.time")]
    pub time: u64,
    /// Base64 of a buffer with further rights. Calls of the REST API have none.
    #[serde(rename = "TLS.userbuf", default, skip_serializing_if = "Option::is_none")]
    pub user_buf: Option<String>,
    /// Base64 of the HMAC over all of the above.
    #[serde(rename = "TLS.sig")]
    pub signature: String,
}

/// Why a UserSig could not be made or is not accepted. Never holds any part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsersigError {
    /// The identifier has a line break, so that the signed text would be ambiguous.
    #[error("the identifier holds a control character")]
    Identifier,
    /// It could not be made.
    #[error("the UserSig could not be encoded")]
    Encode,
    /// It is not base64 in UserSig's alphabet.
    #[error("the UserSig is not base64")]
    Base64,
    /// It could not be inflated, or is too large when inflated.
    #[error("the UserSig cannot be inflated")]
    Inflate,
    /// Inflated, it is not the JSON that it should be.
    #[error("the UserSig holds no valid claims")]
    Json,
    /// It was signed with another key, or changed.
    #[error("the UserSig's signature is wrong")]
    Signature,
}

/// A real one has some 200 bytes. More than this is an attempt to make us allocate.
const MAX_INFLATED: u64 = 16 * 1024;

/// Makes a UserSig that is valid for `expire` seconds from the Unix second `now`.
///
/// # Errors
/// When the identifier cannot be signed.
pub fn sign(
    sdk_app_id: u64,
    identifier: &str,
    key: &SecretString,
    now: u64,
    expire: u64,
) -> Result<SecretString, UsersigError> {
    let mut claims = Claims {
        version: "2.0".to_owned(),
        identifier: identifier.to_owned(),
        sdk_app_id,
        expire,
        time: now,
        user_buf: None,
        signature: String::new(),
    };
    claims.signature = STANDARD.encode(mac(&claims, key)?.finalize().into_bytes());
    let json = serde_json::to_vec(&claims).map_err(|_| UsersigError::Encode)?;
    let mut deflater = ZlibEncoder::new(Vec::new(), Compression::default());
    deflater.write_all(&json).map_err(|_| UsersigError::Encode)?;
    let packed = deflater.finish().map_err(|_| UsersigError::Encode)?;
    Ok(SecretString::from(to_alphabet(&STANDARD.encode(packed))))
}

/// Reads a UserSig without judging it.
///
/// # Errors
/// When it is malformed.
pub fn parse(text: &str) -> Result<Claims, UsersigError> {
    let packed = STANDARD.decode(from_alphabet(text)?).map_err(|_| UsersigError::Base64)?;
    let mut json = Vec::new();
    let read = ZlibDecoder::new(packed.as_slice()).take(MAX_INFLATED + 1).read_to_end(&mut json);
    match read {
        Ok(length) if length as u64 <= MAX_INFLATED => serde_json::from_slice(&json).map_err(|_| UsersigError::Json),
        _ => Err(UsersigError::Inflate),
    }
}

/// Reads a UserSig and checks that it was made with `key`. Whether it is still valid is up to the caller.
///
/// # Errors
/// When it is malformed, was changed, or was made with another key.
pub fn verify(text: &str, key: &SecretString) -> Result<Claims, UsersigError> {
    let claims = parse(text)?;
    let signature = STANDARD.decode(&claims.signature).map_err(|_| UsersigError::Base64)?;
    mac(&claims, key)?.verify_slice(&signature).map_err(|_| UsersigError::Signature)?;
    Ok(claims)
}

/// The HMAC over the signed lines, each ended by a line break. The key is used as it stands and not decoded.
fn mac(claims: &Claims, key: &SecretString) -> Result<Hmac<Sha256>, UsersigError> {
    if claims.identifier.chars().any(char::is_control) {
        return Err(UsersigError::Identifier);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).map_err(|_| UsersigError::Encode)?;
    mac.update(format!("TLS.identifier:{}\n", claims.identifier).as_bytes());
    mac.update(format!("TLS.sdkappid:{}\n", claims.sdk_app_id).as_bytes());
    mac.update(format!("TLS.time:{}\n", claims.time).as_bytes());
    mac.update(format!("TLS.expire:{}\n", claims.expire).as_bytes());
    if let Some(buffer) = &claims.user_buf {
        mac.update(format!("TLS.userbuf:{buffer}\n").as_bytes());
    }
    Ok(mac)
}

fn to_alphabet(base64: &str) -> String {
    base64.replace('+', "*").replace('/', "-").replace('=', "_")
}

fn from_alphabet(text: &str) -> Result<String, UsersigError> {
    if text.contains(['+', '/', '=']) {
        return Err(UsersigError::Base64);
    }
    Ok(text.replace('*', "+").replace('-', "/").replace('_', "="))
}
