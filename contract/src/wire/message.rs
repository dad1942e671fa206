//! What a message of Tencent's JSON can do.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::ser::{SerializeAs, SerializeAsWrap};

use super::reading::{Entry, Place};

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

/// Reads a message as an object.
pub struct Whole<'a, T>(pub(super) &'a Place<'a>, pub(super) PhantomData<T>);

impl<'de, T: JsonMessage> Visitor<'de> for Whole<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_map(map, self.0)
    }
}

/// A key, borrowed from the text where it has no escapes.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

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
pub(super) fn put<T, C: SerializeAs<T>, M: SerializeMap>(map: &mut M, key: &str, value: &T) -> Result<(), M::Error> {
    map.serialize_entry(key, &SerializeAsWrap::<T, C>::new(value))
}
