//! A whole reply of Tencent: what it says of the call, once and by one reader, and its message.

use std::fmt;

use prost_types::Struct;
use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::reading::{Entry, ReadAs, Reading};
use super::{Drift, JsonMessage, Object, repair, whole};

/// A reply of Tencent, decoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply<R> {
    /// `ErrorCode`: 0 is success.
    pub error_code: i64,
    /// `ErrorInfo`: the reason of a failure.
    pub error_info: String,
    /// The rest.
    pub message: R,
    /// Elements of its own lists that were left out: they count where items are counted.
    pub lost: usize,
    /// What of the rest did not fit.
    pub drift: Drift,
}

impl<R> Reply<R> {
    /// What it says of the call, without its message.
    #[must_use]
    pub fn verdict(&self) -> Reply<()> {
        Reply { error_code: self.error_code, error_info: self.error_info.clone(), ..Reply::default() }
    }

    /// The same reply with another message.
    pub fn map<S>(self, change: impl FnOnce(R) -> S) -> Reply<S> {
        let Self { error_code, error_info, message, lost, drift } = self;
        Reply { error_code, error_info, message: change(message), lost, drift }
    }
}

/// Why a reply cannot be read. Holds no data of the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON.
    NotJson,
    /// Nothing in it distinguishes success from failure.
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

/// A whole reply, envelope and message. A value that does not fit is left out alone, and noted. A reply that refuses the call
/// need not have the shape of a success.
///
/// # Errors
/// When it says neither or both of success and failure, or the call was a success and what is decisive cannot be read.
pub fn decode_reply<T: JsonMessage>(json: &[u8]) -> Result<Reply<T>, Unreadable> {
    mended(json, typed)
}

fn typed<T: JsonMessage>(text: &str) -> Read<T> {
    let reading = Reading { noting: true, ..Reading::default() };
    if let Ok(Envelope { verdict, message }) = whole(text, &reading) {
        return Read { reply: verdict.settle(message, &reading), unclean: reading.unclean.get() };
    }
    let reading = Reading { noting: true, tolerant: true, ..Reading::default() };
    let reply = match whole(text, &reading) {
        Ok(Envelope { verdict, message }) => verdict.settle(message, &reading),
        Err(fault) => envelope(text, &reading).and_then(|verdict| verdict.refusal(unreadable(&fault, &reading))),
    };
    Read { reply, unclean: reading.unclean.get() }
}

/// What a reply says of the call; its message is left unread.
///
/// # Errors
/// As [`decode_reply`].
pub fn decode_verdict(json: &[u8]) -> Result<Reply<()>, Unreadable> {
    mended(json, |text| {
        let reading = Reading::default();
        let reply = envelope(text, &reading).and_then(|verdict| verdict.settle((), &reading));
        Read { reply, unclean: reading.unclean.get() }
    })
}

/// A whole reply of a command that the contract does not know, with the envelope in it.
///
/// # Errors
/// As [`decode_reply`].
pub fn decode_raw(json: &[u8]) -> Result<Reply<Struct>, Unreadable> {
    mended(json, |text| {
        let reading = Reading::default();
        let message = Object::read_as(&mut serde_json::Deserializer::from_str(text), &reading.top());
        let reply = envelope(text, &reading).and_then(|verdict| match message {
            Ok(message) => verdict.settle(message, &reading),
            Err(fault) => verdict.refusal(unreadable(&fault, &reading)),
        });
        Read { reply, unclean: reading.unclean.get() }
    })
}

/// A text read, and whether some of it was left out because it is not clean.
struct Read<R> {
    reply: Result<Reply<R>, Unreadable>,
    unclean: bool,
}

/// Reads a reply; one whose texts are not clean is repaired and read again.
fn mended<R>(json: &[u8], read: fn(&str) -> Read<R>) -> Result<Reply<R>, Unreadable> {
    let Read { reply, unclean } = match std::str::from_utf8(json) {
        Ok(text) => read(text),
        Err(_) => Read { reply: Err(Unreadable::NotJson), unclean: true },
    };
    if !unclean && !matches!(reply, Err(Unreadable::NotJson)) {
        return reply;
    }
    let Some((text, mut drift)) = repair(json) else { return reply };
    let reply = read(&text).reply?;
    drift.append(reply.drift);
    Ok(Reply { drift: if reply.error_code == 0 { drift } else { Drift::default() }, ..reply })
}

fn envelope(text: &str, reading: &Reading) -> Result<Verdict, Unreadable> {
    let unread = Reading::default();
    let envelope = whole::<Envelope<Nothing>>(text, &unread).map_err(|fault| unreadable(&fault, &unread))?;
    reading.unclean.set(reading.unclean.get() || unread.unclean.get());
    Ok(envelope.verdict)
}

/// Never serde's own message, which quotes the value.
fn unreadable(fault: &serde_json::Error, reading: &Reading) -> Unreadable {
    match reading.wrong.take() {
        Some(place) => Unreadable::WrongShape { place },
        None if fault.is_data() => Unreadable::WrongShape { place: String::new() },
        None => Unreadable::NotJson,
    }
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
    /// There was an `ErrorCode`, readable or not.
    seen: bool,
    error_info: String,
    /// Another `ErrorCode` says something else.
    two_codes: bool,
    /// `ActionStatus` is `FAIL`.
    failed: bool,
}

impl Verdict {
    fn settle<R>(self, message: R, reading: &Reading) -> Result<Reply<R>, Unreadable> {
        let error_code = self.error_code.ok_or(Unreadable::NoErrorCode)?;
        if self.two_codes || (self.failed && error_code == 0) {
            return Err(Unreadable::Contradictory);
        }
        // A refusal has no shape to drift from.
        let drift = if error_code == 0 { reading.drift.take() } else { Drift::default() };
        Ok(Reply { error_code, error_info: self.error_info, message, lost: reading.lost.get(), drift })
    }

    /// The refusal that a reply is whose message cannot be read.
    fn refusal<R: Default>(self, why: Unreadable) -> Result<Reply<R>, Unreadable> {
        let reply = self.settle(R::default(), &Reading::default())?;
        if reply.error_code == 0 { Err(why) } else { Ok(reply) }
    }

    fn code(&mut self, code: Option<i64>) {
        if std::mem::replace(&mut self.seen, true) {
            self.two_codes |= self.error_code != code;
        } else {
            self.error_code = code;
        }
    }
}

impl<T: JsonMessage> JsonMessage for Envelope<T> {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.message.write(map)
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        match entry.key {
            "ErrorCode" => self.verdict.code(number(entry.raw()?)),
            "ErrorInfo" => {
                let json = entry.raw()?;
                let text = serde_json::from_str(json);
                // A value that is not a text says nothing; a text that is not clean may be repaired.
                entry.unclean(text.is_err() && json.starts_with('"'));
                self.verdict.error_info = text.unwrap_or_default();
            }
            "ActionStatus" => self.verdict.failed |= entry.raw()?.eq_ignore_ascii_case(r#""FAIL""#),
            _ => return self.message.read(entry),
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

    fn read<'de, A: MapAccess<'de>>(&mut self, _: &mut Entry<'_, A>) -> Result<bool, A::Error> {
        Ok(false)
    }
}
