//! Single values: how each is written, and all that is accepted for it on reading.

use std::fmt;
use std::marker::PhantomData;

use prost_types::{Duration, Timestamp};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

use super::{Json, JsonMessage};

/// A string; a number is accepted for it.
pub struct Text;

impl SerializeAs<String> for Text {
    fn serialize_as<S: Serializer>(source: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(source)
    }
}

impl<'de> DeserializeAs<'de, String> for Text {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, v: &str) -> Result<String, E> {
                Ok(v.to_owned())
            }

            fn visit_string<E>(self, v: String) -> Result<String, E> {
                Ok(v)
            }

            fn visit_u64<E>(self, v: u64) -> Result<String, E> {
                Ok(v.to_string())
            }

            fn visit_i64<E>(self, v: i64) -> Result<String, E> {
                Ok(v.to_string())
            }

            fn visit_f64<E>(self, v: f64) -> Result<String, E> {
                Ok(v.to_string())
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// An integer; a string with a number, and a number with an empty fraction, are accepted for it.
pub struct Int;

impl<T: Serialize> SerializeAs<T> for Int {
    fn serialize_as<S: Serializer>(source: &T, serializer: S) -> Result<S::Ok, S::Error> {
        source.serialize(serializer)
    }
}

impl<'de, T: TryFrom<i64> + TryFrom<u64>> DeserializeAs<'de, T> for Int {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        struct IntVisitor<T>(PhantomData<T>);

        impl<T: TryFrom<i64> + TryFrom<u64>> Visitor<'_> for IntVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer in range")
            }

            fn visit_u64<E: Error>(self, v: u64) -> Result<T, E> {
                T::try_from(v).map_err(|_| E::custom(format_args!("{v} is out of range")))
            }

            fn visit_i64<E: Error>(self, v: i64) -> Result<T, E> {
                T::try_from(v).map_err(|_| E::custom(format_args!("{v} is out of range")))
            }

            fn visit_bool<E: Error>(self, v: bool) -> Result<T, E> {
                self.visit_u64(v.into())
            }

            #[allow(clippy::cast_possible_truncation)] // the range was looked at
            fn visit_f64<E: Error>(self, v: f64) -> Result<T, E> {
                const LIMIT: f64 = 9_007_199_254_740_992.0; // 2^53: beyond it a double is not exact
                if v.fract() == 0.0 && v.abs() <= LIMIT {
                    self.visit_i64(v as i64)
                } else {
                    Err(E::custom(format_args!("{v} is no integer")))
                }
            }

            fn visit_str<E: Error>(self, v: &str) -> Result<T, E> {
                let text = v.trim();
                match (text.parse::<u64>(), text.parse::<i64>()) {
                    _ if text.is_empty() => self.visit_u64(0),
                    (Ok(n), _) => self.visit_u64(n),
                    (_, Ok(n)) => self.visit_i64(n),
                    _ => Err(E::custom("a string that holds no integer")),
                }
            }
        }

        deserializer.deserialize_any(IntVisitor(PhantomData))
    }
}

/// A floating-point number; a string with one is accepted for it.
pub struct Float;

impl<T: Serialize> SerializeAs<T> for Float {
    fn serialize_as<S: Serializer>(source: &T, serializer: S) -> Result<S::Ok, S::Error> {
        source.serialize(serializer)
    }
}

impl<'de> DeserializeAs<'de, f64> for Float {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Plain(f64),
            Text(String),
        }

        match Number::deserialize(deserializer)? {
            Number::Plain(number) => Ok(number),
            Number::Text(text) => text.trim().parse().map_err(|_| D::Error::custom("a string that holds no number")),
        }
    }
}

/// A JSON boolean; 0 and 1, "On" and "Off", "true" and "false" are accepted for it.
pub struct Bool;

/// A bool as 0 or 1.
pub struct Flag;

/// A bool as "On" or "Off".
pub struct OnOff;

impl SerializeAs<bool> for Bool {
    fn serialize_as<S: Serializer>(source: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*source)
    }
}

impl SerializeAs<bool> for Flag {
    fn serialize_as<S: Serializer>(source: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8((*source).into())
    }
}

impl SerializeAs<bool> for OnOff {
    fn serialize_as<S: Serializer>(source: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if *source { "On" } else { "Off" })
    }
}

impl<'de> DeserializeAs<'de, bool> for Bool {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        struct BoolVisitor;

        impl Visitor<'_> for BoolVisitor {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flag")
            }

            fn visit_bool<E>(self, v: bool) -> Result<bool, E> {
                Ok(v)
            }

            fn visit_u64<E>(self, v: u64) -> Result<bool, E> {
                Ok(v != 0)
            }

            fn visit_i64<E>(self, v: i64) -> Result<bool, E> {
                Ok(v != 0)
            }

            fn visit_f64<E>(self, v: f64) -> Result<bool, E> {
                Ok(v != 0.0)
            }

            fn visit_str<E: Error>(self, v: &str) -> Result<bool, E> {
                match v {
                    "On" | "on" | "ON" | "true" | "True" | "1" => Ok(true),
                    "Off" | "off" | "OFF" | "false" | "False" | "0" | "" => Ok(false),
                    _ => Err(E::custom("a string that holds no flag")),
                }
            }
        }

        deserializer.deserialize_any(BoolVisitor)
    }
}

impl<'de> DeserializeAs<'de, bool> for Flag {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        Bool::deserialize_as(deserializer)
    }
}

impl<'de> DeserializeAs<'de, bool> for OnOff {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        Bool::deserialize_as(deserializer)
    }
}

/// A moment as Unix seconds; a fraction is cut off.
pub struct Seconds;

impl SerializeAs<Timestamp> for Seconds {
    fn serialize_as<S: Serializer>(source: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(source.seconds)
    }
}

impl<'de> DeserializeAs<'de, Timestamp> for Seconds {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Int::deserialize_as(deserializer).map(|seconds| Timestamp { seconds, nanos: 0 })
    }
}

/// A length of time as seconds. A fraction is rounded up: cutting it off could turn a short mute into an unmute.
pub struct Span;

impl SerializeAs<Duration> for Span {
    fn serialize_as<S: Serializer>(source: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(source.seconds.saturating_add(i64::from(source.nanos > 0)))
    }
}

impl<'de> DeserializeAs<'de, Duration> for Span {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Int::deserialize_as(deserializer).map(|seconds| Duration { seconds, nanos: 0 })
    }
}

/// A message as an object.
pub struct Nested;

impl<T: JsonMessage> SerializeAs<T> for Nested {
    fn serialize_as<S: Serializer>(source: &T, serializer: S) -> Result<S::Ok, S::Error> {
        Json(source).serialize(serializer)
    }
}

impl<'de, T: JsonMessage> DeserializeAs<'de, T> for Nested {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        Json::<T>::deserialize(deserializer).map(|json| json.0)
    }
}
