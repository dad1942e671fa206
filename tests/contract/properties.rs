//! What holds of every message: it survives the way through Tencent's JSON, and no reply, however broken, is more than an
//! error.

use std::collections::BTreeMap;

use contract::{pb, wire};
use proptest::prelude::*;
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::dynamic;

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
pub fn arbitrary(random: &mut StdRng, descriptor: &MessageDescriptor, depth: u32) -> DynamicMessage {
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
    matches!(field.name(), "request_id" | "page_token" | "next_page_token" | "reason")
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
        Kind::Message(kind) => Value::Message(arbitrary(random, &kind, depth + 1)),
        other => panic!("no values for {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn every_message_survives_the_way_through_json(seed: u64) {
        let pool = dynamic::pool();
        let mut random = StdRng::seed_from_u64(seed);
        for (name, (through, _)) in messages() {
            let descriptor = pool.get_message_by_name(&format!("tencentim.group.v1.{name}")).unwrap();
            let message = arbitrary(&mut random, &descriptor, 0);
            let back = through(&prost_reflect::prost::Message::encode_to_vec(&message)).unwrap();
            let back = DynamicMessage::decode(descriptor, back.as_slice()).unwrap();
            prop_assert!(back == message, "{name}: {}\n came back as {}", dynamic::json(&message), dynamic::json(&back));
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, read) in messages().values() {
            read(&bytes);
        }
    }

    #[test]
    fn no_json_makes_the_decoder_panic(seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let pool = dynamic::pool();
        for (name, (_, read)) in messages() {
            let descriptor = pool.get_message_by_name(&format!("tencentim.group.v1.{name}")).unwrap();
            read(hostile(&mut random, &descriptor, 0).to_string().as_bytes());
        }
    }
}

/// An object with the contract's keys and values of any type.
pub fn hostile(random: &mut StdRng, descriptor: &MessageDescriptor, depth: u32) -> serde_json::Value {
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
            (_, Kind::Message(inner)) if depth < 3 => json!([hostile(random, &inner, depth + 1)]),
            _ => json!(u64::MAX),
        };
        object.insert(key, value);
    }
    Json::Object(object)
}

#[test]
fn elements_within_elements_do_not_exhaust_the_stack() {
    let mut json = r#"{"MsgType":"TIMTextElem","MsgContent":{}}"#.to_owned();
    for _ in 0..12_000 {
        json = format!(r#"{{"MsgType":"TIMRelayElem","MsgContent":{{"MsgList":[{{"MsgBody":[{json}]}}]}}}}"#);
    }
    let reply = format!(r#"{{"ErrorCode":0,"RspMsgList":[{{"MsgBody":[{json}]}}]}}"#);
    let reply = wire::decode_reply::<pb::ListMessagesResponse>(reply.as_bytes()).unwrap();
    assert_eq!(reply.message.messages[0].elements.len(), 1);
}

#[test]
fn both_spellings_in_one_reply_are_no_fault() {
    let json =
        br#"{"ErrorCode":0,"GroupInfo":[{"GroupId":"g","ErrorCode":0,"ShutUpAllMember":"Off","MuteAllMember":"On"}]}"#;
    let reply = wire::decode_reply::<pb::GetGroupsResponse>(json).unwrap();
    assert!(reply.message.results[0].group.as_ref().unwrap().mute_all_members, "the newest spelling wins");
}
