//! How things of the contract are spelled in Rust: as prost spells them.

use crate::model::{Card, Field, Kind, snake};
use crate::options::Shape;

/// Rust's keywords, those that are reserved included.
const KEYWORDS: [&str; 47] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe",
    "unsized", "use", "virtual", "where", "while", "yield",
];
/// Keywords that cannot be written as `r#name`.
const NEVER_RAW: [&str; 4] = ["crate", "extern", "self", "super"];

/// A field's identifier.
pub fn ident(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        raw if KEYWORDS.contains(&raw) => format!("r#{name}"),
        other if NEVER_RAW.contains(&other) => format!("{name}_"),
        _ => name,
    }
}

/// Path of a message or enum below `pb`: `Outer.Inner` is `outer::Inner`.
pub fn path(name: &str) -> String {
    let mut parts: Vec<String> = name.split('.').map(str::to_owned).collect();
    let last = parts.len() - 1;
    for outer in &mut parts[..last] {
        *outer = ident(outer);
    }
    parts[last] = camel(&parts[last]);
    parts.join("::")
}

/// The enum of a oneof: `message_element::Element`.
pub fn oneof(message: &str, oneof: &str) -> String {
    let modules: Vec<String> = message.split('.').map(ident).collect();
    format!("{}::{}", modules.join("::"), camel(oneof))
}

/// `live_room` → `LiveRoom`; also evens out runs of capitals, as prost does.
pub fn camel(name: &str) -> String {
    super::model::pascal(&snake(name))
}

/// `GroupService.CreateGroup` → `GROUP_SERVICE_CREATE_GROUP`.
pub fn constant(service: &str, method: &str) -> String {
    format!("{}_{}", snake(service), snake(method)).to_uppercase()
}

/// The `serde_with` adapter that reads and writes a field's value.
pub fn codec(field: &Field) -> String {
    let item = item_codec(&field.kind, field.shape());
    let json = field.json.clone().unwrap_or_default();
    match (field.card, field.shape()) {
        (_, Shape::Bits) => match &field.kind {
            Kind::Enum(name) => format!("Bits<pb::{}>", path(name)),
            _ => item,
        },
        (Card::Repeated, Shape::KeyedObjects) => format!("Keyed<key::{}, {item}>", key_type(&json.key)),
        (Card::Repeated, _) => format!("Vec<{item}>"),
        (Card::Map, Shape::KeyValueList) => {
            let (key, value) = pair_keys(field);
            format!("Pairs<key::{}, key::{}, {item}>", key_type(&key), key_type(&value))
        }
        (Card::Map, _) => format!("std::collections::BTreeMap<Text, {item}>"),
        _ => item,
    }
}

/// The two keys of a key/value list.
pub fn pair_keys(field: &Field) -> (String, String) {
    let json = field.json.clone().unwrap_or_default();
    let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    (or(json.key, "Key"), or(json.value, "Value"))
}

/// The marker type that carries a key: `key` and `Key` must differ.
pub fn key_type(key: &str) -> String {
    let lower = key.chars().next().is_some_and(char::is_lowercase);
    format!("{}{}", if lower { "Lower" } else { "" }, camel(key))
}

fn item_codec(kind: &Kind, shape: Shape) -> String {
    match (kind, shape) {
        (Kind::Text | Kind::Bytes, _) => "Text".into(),
        (Kind::Bool, Shape::Flag) => "Flag".into(),
        (Kind::Bool, Shape::OnOff) => "OnOff".into(),
        (Kind::Bool, _) => "Bool".into(),
        (Kind::Int(_), _) => "Int".into(),
        (Kind::Float, _) => "Float".into(),
        (Kind::Timestamp, _) => "Seconds".into(),
        (Kind::Duration, _) => "Span".into(),
        (Kind::Struct, _) => "Object".into(),
        (Kind::Enum(name), Shape::Number) => format!("EnumNumber<pb::{}>", path(name)),
        (Kind::Enum(name), _) => format!("EnumText<pb::{}>", path(name)),
        (Kind::Message(_), _) => "Nested".into(),
    }
}
