//! The gRPC message *is* the JSON message: generated impls of [`JsonMessage`] write and read Tencent's JSON directly
//! from the prost types. Reading is tolerant (unknown keys are ignored, `null` is the default, numbers may be strings),
//! writing is strict.

mod codec;
mod drift;
mod enums;
mod lists;
pub mod paging;
mod repair;
mod reply;
mod structs;
mod tagged;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use prost_types::{Duration, Timestamp};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::de::{DeserializeAs, DeserializeAsWrap};
use serde_with::ser::{SerializeAs, SerializeAsWrap};

pub use drift::{Drift, DriftEntry, DriftKind};
pub use enums::{JsonEnum, unknown_enum_values};
pub use repair::repair;
pub use reply::{Reply, Unreadable, decode_raw, decode_reply, decode_verdict};
pub use structs::Object;

use crate::pb;
use codec::{Bool, Flag, Float, Int, Nested, OnOff, Seconds, Span, Text};
use enums::{Bits, EnumNumber, EnumText};
use lists::{JsonKey, Keyed, Pairs};

/// A message that stands in the JSON of a Tencent command. Implemented by the generator for each of them.
pub trait JsonMessage: Default + Send + Sync {
    /// Writes the fields that are set.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of one key into its field; `false` when no field has that key (the value is then still unread).
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;

    /// Reads a whole object.
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut message = Self::default();
        while let Some(Name(key)) = map.next_key()? {
            if !message.read(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(message)
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

impl<'de, T: JsonMessage> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: JsonMessage> Visitor<'de> for Object<T> {
            type Value = Json<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::from_map(map).map(Json)
            }
        }

        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// A message as Tencent's JSON.
///
/// # Errors
/// When the message holds what has no JSON, such as an undefined enum number; validation refuses that earlier.
pub fn encode<T: JsonMessage>(message: &T) -> serde_json::Result<Bytes> {
    serde_json::to_vec(&Json(message)).map(Bytes::from)
}

/// A message from Tencent's JSON.
///
/// # Errors
/// When the text is no JSON object or a value has a type that the field cannot take.
pub fn decode<T: JsonMessage>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice::<Json<T>>(json).map(|json| json.0)
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

/// Reads one value; `null` is the default.
fn get<'de, T: Default, C: DeserializeAs<'de, T>, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    get_optional::<T, C, A>(map).map(Option::unwrap_or_default)
}

/// Reads one value; `null` is nothing.
fn get_optional<'de, T, C: DeserializeAs<'de, T>, A: MapAccess<'de>>(map: &mut A) -> Result<Option<T>, A::Error> {
    map.next_value::<DeserializeAsWrap<Option<T>, Option<C>>>().map(DeserializeAsWrap::into_inner)
}

/// Reads a moment; 0 means never.
fn get_time<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Timestamp>, A::Error> {
    get_optional::<Timestamp, Seconds, A>(map).map(|time| time.filter(|time| time.seconds != 0))
}

/// Reads a length of time; 0 means none.
fn get_span<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Duration>, A::Error> {
    get_optional::<Duration, Span, A>(map).map(|span| span.filter(|span| span.seconds != 0))
}

/// Whether a field still has its default: only then does an older spelling fill it.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Offers a key to a message whose fields stand in the same object.
fn read_inline<'de, T: JsonMessage, A: MapAccess<'de>>(
    inner: &mut Option<T>,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    if let Some(message) = inner {
        return message.read(key, map);
    }
    let mut message = T::default();
    let known = message.read(key, map)?;
    if known {
        *inner = Some(message);
    }
    Ok(known)
}

/// The `ErrorReason` of an item's error code; 0 is success and has none.
fn error_reason(code: i64) -> i32 {
    crate::codes::reason(code) as i32
}

/// Reads JSON that was kept as it stood.
fn from_raw<T: DeserializeOwned>(raw: &str) -> Option<T> {
    serde_json::from_str(raw).ok()
}

#[allow(clippy::all, clippy::pedantic)]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/json.rs"));
}
