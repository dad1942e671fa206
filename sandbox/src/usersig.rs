//! Verification of UserSigs (TLSSigAPIv2, HMAC form).

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::error::ApiError;

/// A UserSig inflates to some 200 bytes; anything far beyond is not one.
const INFLATED_MAX: u64 = 16 * 1024;

/// What a UserSig claims, after unpacking and before verification.
#[derive(Deserialize)]
pub struct UserSig {
    #[serde(rename = "TLS.ver")]
    version: String,
    #[serde(rename = "TLS.identifier")]
    identifier: String,
    #[serde(rename = "TLS.sdkappid")]
    sdkappid: u64,
    #[serde(rename = "TLS.expire")]
    expire: i64,
    #[serde(rename = "TLS.time")]
    time: i64,
    #[serde(rename = "TLS.sig")]
    sig: String,
    #[serde(rename = "TLS.userbuf")]
    userbuf: Option<String>,
}

impl UserSig {
    /// Reverses the transport encoding: 70002 when empty, 70003 when it is no UserSig.
    pub fn unpack(text: &str) -> Result<Self, ApiError> {
        if text.is_empty() {
            return Err(ApiError::new(70002, "usersig is empty"));
        }
        let malformed = || ApiError::new(70003, "usersig is malformed");
        let base64: String = text
            .chars()
            .map(|c| match c {
                '*' => Ok('+'),
                '-' => Ok('/'),
                '_' => Ok('='),
                'A'..='Z' | 'a'..='z' | '0'..='9' => Ok(c),
                _ => Err(malformed()),
            })
            .collect::<Result<_, _>>()?;
        let packed = STANDARD.decode(base64).map_err(|_| malformed())?;
        let mut json = Vec::new();
        ZlibDecoder::new(packed.as_slice()).take(INFLATED_MAX).read_to_end(&mut json).map_err(|_| malformed())?;
        let sig: Self = serde_json::from_slice(&json).map_err(|_| malformed())?;
        if sig.version != "2.0" {
            return Err(malformed());
        }
        Ok(sig)
    }

    /// The last second at which the UserSig is valid.
    pub fn valid_until(&self) -> i64 {
        self.time.saturating_add(self.expire)
    }

    /// The second in which it was made, if that is true.
    pub fn made(&self) -> i64 {
        self.time
    }

    /// The application that it was made for, if that is true.
    pub fn sdkappid(&self) -> u64 {
        self.sdkappid
    }

    /// Checks the signature and then the claims against the query and the clock.
    pub fn verify(&self, key: &str, sdkappid: u64, identifier: &str, now: i64) -> Result<(), ApiError> {
        let mut text = format!(
            "TLS.identifier:{}\nTLS.sdkappid:{}\nTLS.time:{}\nTLS.expire:{}\n",
            self.identifier, self.sdkappid, self.time, self.expire
        );
        if let Some(userbuf) = &self.userbuf {
            text.push_str(&format!("TLS.userbuf:{userbuf}\n"));
        }
        let mismatch = || ApiError::new(70009, "usersig verification failed");
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| mismatch())?;
        mac.update(text.as_bytes());
        let sig = STANDARD.decode(&self.sig).map_err(|_| mismatch())?;
        mac.verify_slice(&sig).map_err(|_| mismatch())?;
        if self.valid_until() < now {
            return Err(ApiError::new(70001, "usersig expired"));
        }
        if self.identifier != identifier {
            return Err(ApiError::new(70013, "identifier differs from the one in the usersig"));
        }
        if self.sdkappid != sdkappid {
            return Err(ApiError::new(70014, "sdkappid differs from the one in the usersig"));
        }
        Ok(())
    }
}
