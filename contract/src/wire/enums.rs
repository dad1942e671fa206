//! Enums as their text or number. A word that Tencent added later does not fit: its field becomes `_UNSPECIFIED`, and it is
//! counted.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{Error, Visitor};
use serde::ser::Error as _;
use serde::{Deserializer, Serializer};
use serde_with::SerializeAs;

use super::DriftKind;
use super::codec::Int;
use super::reading::{Place, ReadAs};

static UNKNOWN: AtomicU64 = AtomicU64::new(0);

/// How many enum values with an unknown spelling this process has read.
#[must_use]
pub fn unknown_enum_values() -> u64 {
    UNKNOWN.load(Ordering::Relaxed)
}

/// The spelling of an enum in Tencent's JSON. Implemented by the generator.
pub trait JsonEnum {
    /// The enum's name in the contract.
    const NAME: &'static str;

    /// The text of a number of the contract.
    fn text(number: i32) -> Option<&'static str>;

    /// Tencent's number for a number of the contract.
    fn number(number: i32) -> Option<i64>;

    /// The number of the contract for a text, older spellings included.
    fn from_text(text: &str) -> Option<i32>;

    /// The number of the contract for Tencent's number.
    fn from_number(number: i64) -> Option<i32>;
}

/// An enum as its text, or as its number where it has no text.
pub struct EnumText<E>(PhantomData<E>);

/// An enum as its number.
pub struct EnumNumber<E>(PhantomData<E>);

impl<E: JsonEnum> SerializeAs<i32> for EnumText<E> {
    fn serialize_as<S: Serializer>(source: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        match E::text(*source) {
            Some(text) => serializer.serialize_str(text),
            None => EnumNumber::<E>::serialize_as(source, serializer),
        }
    }
}

impl<E: JsonEnum> SerializeAs<i32> for EnumNumber<E> {
    fn serialize_as<S: Serializer>(source: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        let number =
            E::number(*source).ok_or_else(|| S::Error::custom(format_args!("{source} is no value of {}", E::NAME)))?;
        serializer.serialize_i64(number)
    }
}

impl<E: JsonEnum> ReadAs<i32> for EnumText<E> {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<i32, D::Error> {
        json.deserialize_any(EnumVisitor::<E> { counting: at.reading.tolerant, of: PhantomData })
    }
}

impl<E: JsonEnum> ReadAs<i32> for EnumNumber<E> {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<i32, D::Error> {
        json.deserialize_any(EnumVisitor::<E> { counting: at.reading.tolerant, of: PhantomData })
    }
}

struct EnumVisitor<E> {
    /// Whether this is the pass that leaves out what does not fit, and not the one before it.
    counting: bool,
    of: PhantomData<E>,
}

impl<E: JsonEnum> EnumVisitor<E> {
    fn known<X: Error>(self, number: Option<i32>) -> Result<i32, X> {
        number.ok_or_else(|| {
            UNKNOWN.fetch_add(self.counting.into(), Ordering::Relaxed);
            X::custom(format_args!("no value of {}", E::NAME))
        })
    }
}

impl<E: JsonEnum> Visitor<'_> for EnumVisitor<E> {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {}", E::NAME)
    }

    fn visit_str<X: Error>(self, v: &str) -> Result<i32, X> {
        if v.is_empty() {
            return Ok(0);
        }
        let number = E::from_text(v).or_else(|| v.parse().ok().and_then(E::from_number));
        self.known(number)
    }

    fn visit_i64<X: Error>(self, v: i64) -> Result<i32, X> {
        self.known(E::from_number(v))
    }

    fn visit_u64<X: Error>(self, v: u64) -> Result<i32, X> {
        self.known(i64::try_from(v).ok().and_then(E::from_number))
    }

    #[allow(clippy::cast_possible_truncation)] // the range was looked at
    fn visit_f64<X: Error>(self, v: f64) -> Result<i32, X> {
        let whole = v.fract() == 0.0 && v.abs() <= f64::from(i32::MAX);
        self.known(if whole { E::from_number(v as i64) } else { None })
    }

    fn visit_bool<X: Error>(self, v: bool) -> Result<i32, X> {
        self.visit_u64(v.into())
    }
}

/// A list of enum values as the sum of their numbers, each a power of two.
pub struct Bits<E>(PhantomData<E>);

impl<E: JsonEnum> SerializeAs<Vec<i32>> for Bits<E> {
    fn serialize_as<S: Serializer>(source: &Vec<i32>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bits = 0;
        for value in source {
            bits |= E::number(*value)
                .ok_or_else(|| S::Error::custom(format_args!("{value} is no value of {}", E::NAME)))?;
        }
        serializer.serialize_i64(bits)
    }
}

impl<E: JsonEnum> ReadAs<Vec<i32>> for Bits<E> {
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<Vec<i32>, D::Error> {
        let bits: u32 = Int::read_as(json, at)?;
        let bits = i64::from(bits);
        let mut values = Vec::new();
        let mut unknown = 0;
        for bit in (0..32).map(|shift| bits & (1 << shift)).filter(|bit| *bit != 0) {
            match E::from_number(bit) {
                Some(value) => values.push(value),
                None => unknown |= bit,
            }
        }
        if unknown == 0 {
            Ok(values)
        } else if at.reading.tolerant {
            // The bits that are known still mean what they meant.
            UNKNOWN.fetch_add(1, Ordering::Relaxed);
            at.note(DriftKind::LeftOut, &bits.to_string());
            Ok(values)
        } else {
            Err(D::Error::custom(format_args!("bits that are no value of {}", E::NAME)))
        }
    }
}
