//! `google.protobuf.Struct` as a JSON object.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde::de::Error;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;
use serde_with::SerializeAs;

use super::reading::{Place, ReadAs};

/// A Struct as an object.
pub struct Object;

impl SerializeAs<Struct> for Object {
    fn serialize_as<S: Serializer>(source: &Struct, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(source.fields.len()))?;
        for (key, value) in &source.fields {
            map.serialize_entry(key, &Any(value))?;
        }
        map.end()
    }
}

impl ReadAs<Struct> for Object {
    fn read_as<'de, D: Deserializer<'de>>(deserializer: D, _: &Place<'_>) -> Result<Struct, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Object(map) => Ok(object(map)),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

struct Any<'a>(&'a Value);

impl Serialize for Any<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            None | Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::BoolValue(value)) => serializer.serialize_bool(*value),
            Some(Kind::NumberValue(value)) => number(*value).serialize(serializer),
            Some(Kind::StringValue(value)) => serializer.serialize_str(value),
            Some(Kind::StructValue(value)) => Object::serialize_as(value, serializer),
            Some(Kind::ListValue(value)) => {
                let mut list = serializer.serialize_seq(Some(value.values.len()))?;
                for item in &value.values {
                    list.serialize_element(&Any(item))?;
                }
                list.end()
            }
        }
    }
}

/// A double as an integer where it is one: Tencent refuses `1.0` for a number of seconds.
#[allow(clippy::cast_possible_truncation)] // the range was looked at
fn number(value: f64) -> Option<Number> {
    const LIMIT: f64 = 9_007_199_254_740_992.0; // 2^53
    if value.fract() == 0.0 && value.abs() <= LIMIT {
        Some(Number::from(value as i64))
    } else {
        Number::from_f64(value)
    }
}

fn object(map: serde_json::Map<String, serde_json::Value>) -> Struct {
    Struct { fields: map.into_iter().map(|(key, item)| (key, value(item))).collect() }
}

fn value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        serde_json::Value::String(value) => Kind::StringValue(value),
        serde_json::Value::Array(list) => Kind::ListValue(ListValue { values: list.into_iter().map(value).collect() }),
        serde_json::Value::Object(map) => Kind::StructValue(object(map)),
    };
    Value { kind: Some(kind) }
}
