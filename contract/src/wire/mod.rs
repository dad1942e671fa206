//! The gRPC message *is* the JSON message: generated impls of [`JsonMessage`] write and read Tencent's JSON directly
//! from the prost types. Reading is tolerant (`null` is the default, numbers may be strings, and one value that does not fit
//! costs itself alone), writing is strict.

mod codec;
mod drift;
mod enums;
mod lists;
mod message;
pub mod paging;
mod reading;
mod repair;
mod reply;
mod structs;
mod tagged;

use bytes::Bytes;
use serde::de::{Error as _, MapAccess};
use serde::ser::SerializeMap;

pub use drift::{Drift, DriftEntry, DriftKind};
pub use enums::{JsonEnum, unknown_enum_values};
pub use generated::DECISIVE;
pub use message::{Json, JsonMessage};
pub use repair::repair;
pub use reply::{Reply, Unreadable, decode_raw, decode_reply, decode_verdict};
pub use structs::Object;

use crate::pb;
use codec::{Bool, Flag, Float, Int, Nested, OnOff, Seconds, Span, Text};
use enums::{Bits, EnumNumber, EnumText};
use lists::{JsonKey, Keyed, Pairs};
use message::{Name, put};
pub use reading::{Entry, Place};
use reading::{ReadAs, Reading};

/// A message as Tencent's JSON.
///
/// # Errors
/// When the message holds what has no JSON, such as an undefined enum number; validation refuses that earlier.
pub fn encode<T: JsonMessage>(message: &T) -> serde_json::Result<Bytes> {
    serde_json::to_vec(&Json(message)).map(Bytes::from)
}

/// A message from Tencent's JSON, without any tolerance.
///
/// # Errors
/// When the text is no JSON object or a value has a type that the field cannot take.
pub fn decode<T: JsonMessage>(json: &[u8]) -> serde_json::Result<T> {
    let text = std::str::from_utf8(json).map_err(serde_json::Error::custom)?;
    whole(text, &Reading::default())
}

/// Reads a text that is one message.
fn whole<T: JsonMessage>(text: &str, reading: &Reading) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = Nested::read_as(&mut reader, &reading.top())?;
    reader.end()?;
    Ok(message)
}

/// Whether a field still has its default: only then does an older spelling fill it.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Offers a key to a message whose fields stand in the same object.
fn read_inline<'de, T: JsonMessage, A: MapAccess<'de>>(
    inner: &mut Option<T>,
    entry: &mut Entry<'_, A>,
) -> Result<bool, A::Error> {
    if let Some(message) = inner {
        return message.read(entry);
    }
    let mut message = T::default();
    let known = message.read(entry)?;
    if known {
        *inner = Some(message);
    }
    Ok(known)
}

/// The `ErrorReason` of an item's error code; 0 is success and has none.
fn error_reason(code: i64) -> i32 {
    crate::codes::reason(code) as i32
}

#[allow(clippy::all, clippy::pedantic)]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/json.rs"));
}
