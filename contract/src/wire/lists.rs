//! Lists of small objects: `[{"GroupId": "a"}]` for a plain list, `[{"Key": "a", "Value": "b"}]` for a map.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

use super::{Name, Text, get, put};

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

impl<'de, T: Default, K: JsonKey, C: DeserializeAs<'de, T>> DeserializeAs<'de, Vec<T>> for Keyed<K, C> {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        struct Entry<T, K, C>(T, PhantomData<(K, C)>);

        impl<'de, T: Default, K: JsonKey, C: DeserializeAs<'de, T>> Deserialize<'de> for Entry<T, K, C> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let seed = Fields { keys: [K::KEY], read: PhantomData::<(T, C)> };
                seed.deserialize(deserializer).map(|(item, _)| Entry(item, PhantomData))
            }
        }

        let list = Vec::<Entry<T, K, C>>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|entry| entry.0).collect())
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

impl<'de, T: Default, K: JsonKey, V: JsonKey, C: DeserializeAs<'de, T>> DeserializeAs<'de, BTreeMap<String, T>>
    for Pairs<K, V, C>
{
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error> {
        struct ListVisitor<T, K, V, C>(PhantomData<(T, K, V, C)>);

        impl<'de, T: Default, K: JsonKey, V: JsonKey, C: DeserializeAs<'de, T>> Visitor<'de> for ListVisitor<T, K, V, C> {
            type Value = BTreeMap<String, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of key/value objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                let seed = || Fields { keys: [V::KEY, K::KEY], read: PhantomData::<(T, C)> };
                while let Some((value, key)) = list.next_element_seed(seed())? {
                    map.insert(key, value);
                }
                Ok(map)
            }
        }

        deserializer.deserialize_seq(ListVisitor::<T, K, V, C>(PhantomData))
    }
}

/// Reads an object whose first key holds a value and whose second, if any, holds a text; others are ignored.
struct Fields<T, C, const N: usize> {
    keys: [&'static str; N],
    read: PhantomData<(T, C)>,
}

impl<'de, T: Default, C: DeserializeAs<'de, T>, const N: usize> DeserializeSeed<'de> for Fields<T, C, N> {
    type Value = (T, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Default, C: DeserializeAs<'de, T>, const N: usize> Visitor<'de> for Fields<T, C, N> {
    type Value = (T, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the keys {:?}", self.keys)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut value = T::default();
        let mut text = String::new();
        while let Some(Name(key)) = map.next_key()? {
            match self.keys.iter().position(|k| *k == key) {
                Some(0) => value = get::<T, C, A>(&mut map)?,
                Some(_) => text = get::<String, Text, A>(&mut map)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((value, text))
    }
}
