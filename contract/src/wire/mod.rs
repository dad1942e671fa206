//! The gRPC message *is* the JSON message: generated impls of [`JsonMessage`] write and read Tencent's JSON directly
//! from the prost types. Reading is tolerant (`null` is the default, numbers may be strings, and one value that does not fit
//! costs itself alone), writing is strict.

mod codec;
mod drift;
mod enums;
mod lists;
pub mod paging;
mod reading;
mod repair;
mod reply;
mod structs;
mod tagged;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::ser::{SerializeAs, SerializeAsWrap};

pub use drift::{Drift, DriftEntry, DriftKind};
pub use enums::{JsonEnum, unknown_enum_values};
pub use generated::DECISIVE;
pub use repair::repair;
pub use reply::{Reply, Unreadable, decode_raw, decode_reply, decode_verdict};
pub use structs::Object;

use crate::pb;
use codec::{Bool, Flag, Float, Int, Nested, OnOff, Seconds, Span, Text};
use enums::{Bits, EnumNumber, EnumText};
use lists::{JsonKey, Keyed, Pairs};
pub use reading::{Entry, Place};
use reading::{ReadAs, Reading};

/// A message that stands in the JSON of a Tencent command. Implemented by the generator for each of them.
pub trait JsonMessage: Default + Send + Sync {
    /// Writes the fields that are set.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of one key into its field; `false` when no field has that key (the value is then still unread).
    fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error>;

    /// Reads a whole object.
    fn from_map<'de, A: MapAccess<'de>>(mut map: A, at: &Place<'_>) -> Result<Self, A::Error> {
        let mut message = Self::default();
        while let Some(Name(key)) = map.next_key()? {
            let mut entry = Entry::new(&key, &mut map, at);
            if !message.read(&mut entry)? {
                entry.unknown()?;
            }
        }
        Ok(message)
    }

    /// Takes any JSON as it stands, where there is room for that.
    fn keep(_json: &str) -> Option<Self> {
        None
    }
}

/// Serde's view of a [`JsonMessage`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Json<T>(pub T);

impl<T: JsonMessage> Serialize for Json<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

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

/// A key, borrowed from the text where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(v)))
            }

            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(v.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// Writes one entry.
fn put<T, C: SerializeAs<T>, M: SerializeMap>(map: &mut M, key: &str, value: &T) -> Result<(), M::Error> {
    map.serialize_entry(key, &SerializeAsWrap::<T, C>::new(value))
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
