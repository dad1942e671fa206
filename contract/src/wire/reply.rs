//! A whole reply of Tencent: what it says of the call, once and by one reader, and its message.

use std::fmt;

use prost_types::Struct;
use serde::de::MapAccess;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;
use serde_with::de::DeserializeAsWrap;

use super::{Drift, Json, JsonMessage, Object, repair};

/// A reply of Tencent, decoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply<R> {
    /// `ErrorCode`: 0 is success.
    pub error_code: i64,
    /// `ErrorInfo`: the reason of a failure.
    pub error_info: String,
    /// The rest.
    pub message: R,
    /// What of the rest did not fit.
    pub drift: Drift,
}

impl<R> Reply<R> {
    /// What it says of the call, without its message.
    #[must_use]
    pub fn verdict(&self) -> Reply<()> {
        Reply { error_code: self.error_code, error_info: self.error_info.clone(), ..Reply::default() }
    }
}

/// Why a reply cannot be read. Holds nobody's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON.
    NotJson,
    /// Nothing in it tells success from failure.
    NoErrorCode,
    /// It says both success and failure.
    Contradictory,
    /// What the call cannot do without has another shape than the contract's.
    WrongShape {
        /// The path in Tencent's JSON.
        place: String,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("is not JSON"),
            Self::NoErrorCode => f.write_str("has no ErrorCode"),
            Self::Contradictory => f.write_str("says both success and failure"),
            Self::WrongShape { place } if place.is_empty() => f.write_str("has an unexpected shape"),
            Self::WrongShape { place } => write!(f, "has an unexpected shape at {place}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// A whole reply, envelope and message. One that refuses the call need not have the shape of a success.
///
/// # Errors
/// When it says neither or both of success and failure, or the call was a success and the message cannot be read.
pub fn decode_reply<T: JsonMessage>(json: &[u8]) -> Result<Reply<T>, Unreadable> {
    mended(json, typed)
}

fn typed<T: JsonMessage>(json: &[u8]) -> Result<Reply<T>, Unreadable> {
    match serde_json::from_slice::<Json<Envelope<T>>>(json) {
        Ok(Json(envelope)) => envelope.verdict.settle(envelope.message),
        Err(error) => refusal(json, &error),
    }
}

/// What a reply says of the call; its message is left unread.
///
/// # Errors
/// As [`decode_reply`].
pub fn decode_verdict(json: &[u8]) -> Result<Reply<()>, Unreadable> {
    mended(json, verdict)
}

fn verdict(json: &[u8]) -> Result<Reply<()>, Unreadable> {
    let envelope = serde_json::from_slice::<Json<Envelope<Nothing>>>(json).map_err(|error| unreadable(&error))?.0;
    envelope.verdict.settle(())
}

/// A whole reply of a command that the contract does not know, with the envelope in it.
///
/// # Errors
/// As [`decode_reply`].
pub fn decode_raw(json: &[u8]) -> Result<Reply<Struct>, Unreadable> {
    mended(json, raw)
}

fn raw(json: &[u8]) -> Result<Reply<Struct>, Unreadable> {
    let reply = verdict(json)?;
    match serde_json::from_slice::<DeserializeAsWrap<Struct, Object>>(json) {
        Ok(message) => Ok(Reply {
            message: message.into_inner(),
            error_code: reply.error_code,
            error_info: reply.error_info,
            drift: reply.drift,
        }),
        Err(error) => refusal(json, &error),
    }
}

/// Reads a reply; one that is no JSON for its unclean texts alone is mended and read again.
fn mended<R>(json: &[u8], read: fn(&[u8]) -> Result<Reply<R>, Unreadable>) -> Result<Reply<R>, Unreadable> {
    match read(json) {
        Err(Unreadable::NotJson) => {
            let (text, mut drift) = repair(json).ok_or(Unreadable::NotJson)?;
            let reply = read(text.as_bytes())?;
            drift.append(reply.drift);
            Ok(Reply { drift: if reply.error_code == 0 { drift } else { Drift::default() }, ..reply })
        }
        result => result,
    }
}

/// The refusal that a reply is whose message cannot be read.
fn refusal<T: Default>(json: &[u8], error: &serde_json::Error) -> Result<Reply<T>, Unreadable> {
    match verdict(json)? {
        Reply { error_code: 0, .. } => Err(unreadable(error)),
        Reply { error_code, error_info, drift, .. } => {
            Ok(Reply { error_code, error_info, message: T::default(), drift })
        }
    }
}

/// Never serde's own message, which quotes the value.
fn unreadable(error: &serde_json::Error) -> Unreadable {
    if error.is_data() { Unreadable::WrongShape { place: String::new() } } else { Unreadable::NotJson }
}

/// What every reply has beside its own fields.
#[derive(Default)]
struct Envelope<T> {
    verdict: Verdict,
    message: T,
}

/// What a reply says of the call. None of its values can make a reply unreadable by its type alone.
#[derive(Default)]
struct Verdict {
    error_code: Option<i64>,
    error_info: String,
    /// Another `ErrorCode` says something else.
    two_codes: bool,
    /// `ActionStatus` is `FAIL`.
    failed: bool,
}

impl Verdict {
    fn settle<R>(self, message: R) -> Result<Reply<R>, Unreadable> {
        let error_code = self.error_code.ok_or(Unreadable::NoErrorCode)?;
        if self.two_codes || (self.failed && error_code == 0) {
            return Err(Unreadable::Contradictory);
        }
        Ok(Reply { error_code, error_info: self.error_info, message, drift: Drift::default() })
    }

    fn code(&mut self, code: Option<i64>) {
        match (self.error_code, code) {
            (None, code) => self.error_code = code,
            (before, code) => self.two_codes |= before != code,
        }
    }
}

impl<T: JsonMessage> JsonMessage for Envelope<T> {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.message.write(map)
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "ErrorCode" => self.verdict.code(number(map.next_value::<&'de RawValue>()?.get())),
            "ErrorInfo" => {
                let text = map.next_value::<&'de RawValue>()?.get();
                self.verdict.error_info = serde_json::from_str(text).unwrap_or_default();
            }
            "ActionStatus" => {
                self.verdict.failed |= map.next_value::<&'de RawValue>()?.get().eq_ignore_ascii_case(r#""FAIL""#);
            }
            _ => return self.message.read(key, map),
        }
        Ok(true)
    }
}

/// A code: a whole number, or a text that is one.
#[expect(clippy::cast_possible_truncation, reason = "Tencent's codes are small whole numbers")]
fn number(json: &str) -> Option<i64> {
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json).trim();
    let float = || text.parse::<f64>().ok().filter(|code| code.fract() == 0.0 && code.abs() <= 1e15);
    text.parse().ok().or_else(|| float().map(|code| code as i64))
}

/// The message of who asks for none.
#[derive(Default)]
struct Nothing;

impl JsonMessage for Nothing {
    fn write<M: SerializeMap>(&self, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}
