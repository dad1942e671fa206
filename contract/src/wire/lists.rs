//! Lists of small objects: `[{"GroupId": "a"}]` for a plain list, `[{"Key": "a", "Value": "b"}]` for a map.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserializer, Serialize, Serializer};
use serde_with::SerializeAs;

use super::codec::Text;
use super::message::{Name, put};
use super::reading::{Elements, Entry, Place, ReadAs};

/// A key, as a type.
pub trait JsonKey {
    /// Its text.
    const KEY: &'static str;
}

/// A list of values as a list of objects with the one key `K`.
pub struct Keyed<K, C>(PhantomData<(K, C)>);

impl<T, K: JsonKey, C: SerializeAs<T>> SerializeAs<Vec<T>> for Keyed<K, C> {
    fn serialize_as<S: Serializer>(source: &Vec<T>, serializer: S) -> Result<S::Ok, S::Error> {
        struct Entry<'a, T, K, C>(&'a T, PhantomData<(K, C)>);

        impl<T, K: JsonKey, C: SerializeAs<T>> Serialize for Entry<'_, T, K, C> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(1))?;
                put::<T, C, S::SerializeMap>(&mut map, K::KEY, self.0)?;
                map.end()
            }
        }

        let mut list = serializer.serialize_seq(Some(source.len()))?;
        for item in source {
            list.serialize_element(&Entry::<T, K, C>(item, PhantomData))?;
        }
        list.end()
    }
}

impl<T: Default, K: JsonKey, C: ReadAs<T>> ReadAs<Vec<T>> for Keyed<K, C> {
    const LIST: bool = true;

    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<Vec<T>, D::Error> {
        /// One object of the list.
        struct Only<K, C>(PhantomData<(K, C)>);

        impl<T: Default, K: JsonKey, C: ReadAs<T>> ReadAs<T> for Only<K, C> {
            fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<T, D::Error> {
                json.deserialize_map(Fields { key: None, value: K::KEY, at, of: PhantomData::<(T, C)> })
                    .map(|(_, value)| value)
            }
        }

        json.deserialize_seq(Elements { at, into: Vec::new(), add: Vec::push, of: PhantomData::<Only<K, C>> })
    }
}

/// A map as a list of objects with the keys `K` and `V`.
pub struct Pairs<K, V, C>(PhantomData<(K, V, C)>);

impl<T, K: JsonKey, V: JsonKey, C: SerializeAs<T>> SerializeAs<BTreeMap<String, T>> for Pairs<K, V, C> {
    fn serialize_as<S: Serializer>(source: &BTreeMap<String, T>, serializer: S) -> Result<S::Ok, S::Error> {
        struct Pair<'a, T, K, V, C>(&'a String, &'a T, PhantomData<(K, V, C)>);

        impl<T, K: JsonKey, V: JsonKey, C: SerializeAs<T>> Serialize for Pair<'_, T, K, V, C> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(2))?;
                put::<String, Text, S::SerializeMap>(&mut map, K::KEY, self.0)?;
                put::<T, C, S::SerializeMap>(&mut map, V::KEY, self.1)?;
                map.end()
            }
        }

        let mut list = serializer.serialize_seq(Some(source.len()))?;
        for (key, value) in source {
            list.serialize_element(&Pair::<T, K, V, C>(key, value, PhantomData))?;
        }
        list.end()
    }
}

impl<T: Default, K: JsonKey, V: JsonKey, C: ReadAs<T>> ReadAs<BTreeMap<String, T>> for Pairs<K, V, C> {
    const LIST: bool = true;

    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<BTreeMap<String, T>, D::Error> {
        /// One object of the list.
        struct Pair<K, V, C>(PhantomData<(K, V, C)>);

        impl<T: Default, K: JsonKey, V: JsonKey, C: ReadAs<T>> ReadAs<(String, T)> for Pair<K, V, C> {
            fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<(String, T), D::Error> {
                json.deserialize_map(Fields { key: Some(K::KEY), value: V::KEY, at, of: PhantomData::<(T, C)> })
            }
        }

        let add = |map: &mut BTreeMap<_, _>, (key, value)| {
            map.insert(key, value);
        };
        json.deserialize_seq(Elements { at, into: BTreeMap::new(), add, of: PhantomData::<Pair<K, V, C>> })
    }
}

/// Reads an object with a value, and a key where there is one: the object is nothing without either of them.
struct Fields<'a, T, C> {
    key: Option<&'static str>,
    value: &'static str,
    at: &'a Place<'a>,
    of: PhantomData<(T, C)>,
}

impl<'de, T: Default, C: ReadAs<T>> Visitor<'de> for Fields<'_, T, C> {
    type Value = (String, T);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the key {:?}", self.value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut key, mut value) = (None, None);
        while let Some(Name(name)) = map.next_key()? {
            let mut entry = Entry::new(&name, &mut map, self.at);
            if *name == *self.value {
                value = entry.decisive().optional::<T, C>()?;
            } else if Some(&*name) == self.key {
                key = entry.decisive().optional::<String, Text>()?;
            } else {
                entry.unknown()?;
            }
        }
        match (self.key, key, value) {
            // A pair may hold nothing, but under a key.
            (Some(_), Some(key), value) => Ok((key, value.unwrap_or_default())),
            (None, _, Some(value)) => Ok((String::new(), value)),
            _ => Err(A::Error::custom("an object without its key")),
        }
    }
}

impl<T: Default, C: ReadAs<T>> ReadAs<BTreeMap<String, T>> for BTreeMap<Text, C> {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<BTreeMap<String, T>, D::Error> {
        struct MapVisitor<'a, T, C>(&'a Place<'a>, PhantomData<(T, C)>);

        impl<'de, T: Default, C: ReadAs<T>> Visitor<'de> for MapVisitor<'_, T, C> {
            type Value = BTreeMap<String, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = BTreeMap::new();
                while let Some(Name(key)) = map.next_key()? {
                    if let Some(value) = Entry::new(&key, &mut map, self.0).optional::<T, C>()? {
                        values.insert(key.into_owned(), value);
                    }
                }
                Ok(values)
            }
        }

        json.deserialize_map(MapVisitor::<T, C>(at, PhantomData))
    }
}
