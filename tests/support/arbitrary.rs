//! Messages and JSON made at random from the contract's descriptors, and the JSON functions of each message by its name.

use std::collections::BTreeMap;

use contract::{pb, wire};
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use rand::RngExt;
use rand::rngs::StdRng;

use super::dynamic;

/// Protobuf bytes through JSON and back, for a message by its name.
pub type Through = fn(&[u8]) -> Result<Vec<u8>, String>;

fn through<T: wire::JsonMessage + prost::Message + Default>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let message = T::decode(bytes).map_err(|error| error.to_string())?;
    let json = wire::encode(&message).map_err(|error| error.to_string())?;
    let back: T = wire::decode(&json).map_err(|error| format!("{error} in {}", String::from_utf8_lossy(&json)))?;
    Ok(back.encode_to_vec())
}

/// JSON that may be anything.
pub type Read = fn(&[u8]) -> bool;

pub fn messages() -> BTreeMap<&'static str, (Through, Read)> {
    let mut all: BTreeMap<&'static str, (Through, Read)> = BTreeMap::new();
    macro_rules! add {
        ($name:literal, $path:path) => {{
            use pb::*;
            all.insert($name, (through::<$path>, |json| wire::decode_reply::<$path>(json).is_ok()));
        }};
    }
    contract::for_each_json_message!(add);
    all
}

/// A message with nearly every field set, as the JSON can hold it.
pub fn message(random: &mut StdRng, descriptor: &MessageDescriptor, depth: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    if let Some(oneof) = descriptor.oneofs().find(|oneof| !oneof.is_synthetic()) {
        // The last arm takes what the others do not; its text is not canonical.
        let arms: Vec<_> = oneof.fields().filter(|field| field.name() != "unknown").collect();
        let arm = &arms[random.random_range(0..if depth > 2 { 1 } else { arms.len() })];
        message.set_field(arm, value(random, arm, depth));
        return message;
    }
    for field in descriptor.fields().filter(|field| !is_derived(field)) {
        let recursive = depth > 4 && matches!(field.kind(), Kind::Message(_));
        if !recursive {
            message.set_field(&field, value(random, &field, depth));
        }
    }
    message
}

/// Fields that JSON does not carry as they are: the gateway fills or computes them.
fn is_derived(field: &FieldDescriptor) -> bool {
    let parent = field.parent_message();
    matches!(field.name(), "request_id" | "page_token" | "next_page_token" | "reason" | "move_equal_times")
        || field.full_name() == "tencentim.group.v1.ImportMessageResult.error_message"
        || (field.name() == "error_code" && parent.fields().any(|f| f.name() == "reason"))
}

fn value(random: &mut StdRng, field: &FieldDescriptor, depth: u32) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { unreachable!() };
        let of = entry.map_entry_value_field();
        let pairs = (0..3).map(|number| (MapKey::String(format!("k{number}")), single(random, &of, depth)));
        return Value::Map(pairs.collect());
    }
    if field.is_list() {
        if let Kind::Enum(kind) = field.kind() {
            // As bits come back: in order, and none twice.
            return Value::List(spelled(&kind).into_iter().map(Value::EnumNumber).collect());
        }
        return Value::List((0..2).map(|_| single(random, field, depth)).collect());
    }
    single(random, field, depth)
}

/// Numbers that have a spelling of their own: not 0, and not "none".
fn spelled(kind: &EnumDescriptor) -> Vec<i32> {
    kind.values().filter(|v| v.number() != 0 && !v.name().ends_with("_NONE")).map(|v| v.number()).collect()
}

fn single(random: &mut StdRng, field: &FieldDescriptor, depth: u32) -> Value {
    match field.kind() {
        Kind::String => {
            let hostile = ["\"", "\\", "\n", "\u{0}", "群", "🙂", "a", "</", "{}", "\u{202e}"];
            Value::String(
                (0..random.random_range(1..6)).map(|_| hostile[random.random_range(0..hostile.len())]).collect(),
            )
        }
        // The one size that no command replaces by another.
        Kind::Int32 if field.name() == "page_size" => Value::I32(1),
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(random.random()),
        Kind::Int64 => Value::I64(random.random()),
        Kind::Uint32 => Value::U32(random.random()),
        Kind::Uint64 => Value::U64(random.random()),
        Kind::Double => Value::F64(f64::from(random.random::<i32>()) / 1024.0),
        Kind::Enum(kind) => {
            let numbers = spelled(&kind);
            Value::EnumNumber(numbers[random.random_range(0..numbers.len())])
        }
        Kind::Message(kind) if kind.full_name() == "google.protobuf.Struct" => {
            Value::Message(dynamic::message(&kind, &serde_json::json!({"a": [1, null, true, {"b": "c"}], "d": 1.5})))
        }
        Kind::Message(kind) if kind.full_name().starts_with("google.protobuf.") => {
            let mut time = DynamicMessage::new(kind);
            time.set_field_by_name("seconds", Value::I64(random.random_range(1..4_294_967_295)));
            Value::Message(time)
        }
        Kind::Message(kind) => Value::Message(message(random, &kind, depth + 1)),
        other => panic!("no values for {other:?}"),
    }
}

/// An object with the contract's keys and values of any type.
pub fn json(random: &mut StdRng, descriptor: &MessageDescriptor, depth: u32) -> serde_json::Value {
    use serde_json::{Value as Json, json};
    let mut object = serde_json::Map::from_iter([("ErrorCode".to_owned(), json!(0))]);
    for field in descriptor.fields() {
        let key: String = field.name().split('_').map(|w| w[..1].to_uppercase() + &w[1..]).collect();
        let value = match (random.random_range(0..10), field.kind()) {
            (0, _) => Json::Null,
            (1, _) => json!(-1),
            (2, _) => json!(1e300),
            (3, _) => json!("18446744073709551616"),
            (4, _) => json!([[], {}, null]),
            (5, _) => json!({"Key": {}, "MsgType": 7, "MsgContent": [1]}),
            (_, Kind::Message(inner)) if depth < 3 => json!([json(random, &inner, depth + 1)]),
            _ => json!(u64::MAX),
        };
        object.insert(key, value);
    }
    Json::Object(object)
}
