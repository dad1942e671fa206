//! Single values: how each is written, and all that is accepted for it on reading.

use std::fmt;
use std::marker::PhantomData;

use prost_types::{Duration, Timestamp};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::SerializeAs;

use super::message::{Json, JsonMessage, Whole};
use super::reading::{Entry, Place, ReadAs};

/// 2^53: beyond it a double is not exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A string; a number is accepted for it.
pub struct Text;

impl SerializeAs<String> for Text {
    fn serialize_as<S: Serializer>(source: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(source)
    }
}

impl ReadAs<String> for Text {
    fn read_as<'de, D: Deserializer<'de>>(deserializer: D, _: &Place<'_>) -> Result<String, D::Error> {
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

            fn visit_f64<E: Error>(self, v: f64) -> Result<String, E> {
                // Beyond that a double no longer says which number it was.
                if v.abs() <= EXACT { Ok(v.to_string()) } else { Err(E::custom("a number that is not exact")) }
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

impl<T: TryFrom<i64> + TryFrom<u64>> ReadAs<T> for Int {
    fn read_as<'de, D: Deserializer<'de>>(deserializer: D, _: &Place<'_>) -> Result<T, D::Error> {
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
                if v.fract() == 0.0 && v.abs() <= EXACT {
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

impl ReadAs<f64> for Float {
    fn read_as<'de, D: Deserializer<'de>>(deserializer: D, _: &Place<'_>) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Plain(f64),
            Text(String),
        }

        let number = match Number::deserialize(deserializer)? {
            Number::Plain(number) => Some(number),
            Number::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        };
        number.ok_or_else(|| D::Error::custom("a string that holds no number"))
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

impl ReadAs<bool> for Bool {
    fn read_as<'de, D: Deserializer<'de>>(deserializer: D, _: &Place<'_>) -> Result<bool, D::Error> {
        struct BoolVisitor;

        impl Visitor<'_> for BoolVisitor {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flag")
            }

            fn visit_bool<E>(self, v: bool) -> Result<bool, E> {
                Ok(v)
            }

            fn visit_u64<E: Error>(self, v: u64) -> Result<bool, E> {
                match v {
                    0 => Ok(false),
                    1 => Ok(true),
                    _ => Err(E::custom("a number that is no flag")),
                }
            }

            fn visit_i64<E: Error>(self, v: i64) -> Result<bool, E> {
                self.visit_u64(u64::try_from(v).unwrap_or(u64::MAX))
            }

            fn visit_f64<E: Error>(self, v: f64) -> Result<bool, E> {
                self.visit_u64(if v == 0.0 {
                    0
                } else if v == 1.0 {
                    1
                } else {
                    u64::MAX
                })
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

impl ReadAs<bool> for Flag {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<bool, D::Error> {
        Bool::read_as(json, at)
    }
}

impl ReadAs<bool> for OnOff {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<bool, D::Error> {
        Bool::read_as(json, at)
    }
}

/// A moment as Unix seconds; a fraction is cut off.
pub struct Seconds;

impl SerializeAs<Timestamp> for Seconds {
    fn serialize_as<S: Serializer>(source: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(source.seconds)
    }
}

impl ReadAs<Timestamp> for Seconds {
    fn read_as<'de, D: Deserializer<'de>>(json: D, _: &Place<'_>) -> Result<Timestamp, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a moment")
            }

            fn visit_i64<E: Error>(self, v: i64) -> Result<Timestamp, E> {
                moment(v).ok_or_else(|| E::custom("a number that is no moment"))
            }

            fn visit_u64<E: Error>(self, v: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(v).unwrap_or(i64::MAX))
            }

            #[allow(clippy::cast_possible_truncation)] // the range was looked at
            fn visit_f64<E: Error>(self, v: f64) -> Result<Timestamp, E> {
                self.visit_i64(if v.abs() <= EXACT { v as i64 } else { i64::MAX })
            }

            fn visit_str<E: Error>(self, v: &str) -> Result<Timestamp, E> {
                let text = v.trim();
                match (text.parse(), text.parse()) {
                    _ if text.is_empty() => self.visit_i64(0),
                    (Ok(v), _) => self.visit_i64(v),
                    (_, Ok(v)) => self.visit_f64(v),
                    _ => Err(E::custom("a string that holds no moment")),
                }
            }
        }

        json.deserialize_any(TimeVisitor)
    }
}

/// The moment that a number means: so many seconds, or milliseconds where seconds would lie beyond the year 9999, which no
/// Timestamp can be.
fn moment(number: i64) -> Option<Timestamp> {
    const END: i64 = 253_402_300_800;
    match number {
        0..END => Some(Timestamp { seconds: number, nanos: 0 }),
        END.. if number / 1000 < END => {
            let millis = i32::try_from(number % 1000).unwrap_or_default();
            Some(Timestamp { seconds: number / 1000, nanos: millis * 1_000_000 })
        }
        _ => None,
    }
}

/// A duration as seconds. A fraction is rounded up: cutting it off could turn a short mute into an unmute.
pub struct Span;

impl SerializeAs<Duration> for Span {
    fn serialize_as<S: Serializer>(source: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(source.seconds.saturating_add(i64::from(source.nanos > 0)))
    }
}

impl ReadAs<Duration> for Span {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<Duration, D::Error> {
        /// The longest that a Duration can be: 10,000 years.
        const LONGEST: i64 = 315_576_000_000;
        match Int::read_as(json, at)? {
            seconds @ 0..=LONGEST => Ok(Duration { seconds, nanos: 0 }),
            _ => Err(D::Error::custom("not a duration")),
        }
    }
}

impl<'de, A: MapAccess<'de>> Entry<'_, A> {
    /// Reads a moment; 0 means never.
    pub(super) fn time(&mut self) -> Result<Option<Timestamp>, A::Error> {
        Ok(self.optional::<Timestamp, Seconds>()?.filter(|time| *time != Timestamp::default()))
    }

    /// Reads a duration; 0 means none.
    pub(super) fn span(&mut self) -> Result<Option<Duration>, A::Error> {
        Ok(self.optional::<Duration, Span>()?.filter(|span| span.seconds != 0))
    }
}

/// A message as an object.
pub struct Nested;

impl<T: JsonMessage> SerializeAs<T> for Nested {
    fn serialize_as<S: Serializer>(source: &T, serializer: S) -> Result<S::Ok, S::Error> {
        Json(source).serialize(serializer)
    }
}

impl<T: JsonMessage> ReadAs<T> for Nested {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<T, D::Error> {
        json.deserialize_map(Whole(at, PhantomData))
    }

    fn keep(json: &str) -> Option<T> {
        T::keep(json)
    }
}
