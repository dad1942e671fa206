//! Emits what of each request may repeat, so that a request can be weighed before it is decoded.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::model::{Card, Field, Kind, Model, snake};
use crate::rust::path;

/// The Rust text of the shapes.
pub fn emit(model: &Model) -> String {
    let mut out = String::new();
    for message in model.messages.values().filter(|m| m.in_request) {
        let parts: Vec<String> = message.fields.iter().filter_map(|field| part(model, field)).collect();
        let _ = writeln!(
            out,
            "/// `{0}`.\npub static {1}: Shape = Shape(&[{2}]);",
            message.name,
            constant(&message.name),
            parts.join(", ")
        );
    }
    out
}

/// The constant of a message: `Outer.Inner` is `OUTER_INNER`.
pub fn constant(message: &str) -> String {
    message.split('.').map(snake).collect::<Vec<_>>().join("_").to_uppercase()
}

/// What a field adds to its message; nothing where that is no more than its bytes.
fn part(model: &Model, field: &Field) -> Option<String> {
    let number = field.number;
    let kind = rust_type(&field.kind);
    let within = within(&field.kind);
    let inner = within.as_deref().map_or("None".to_owned(), |shape| format!("Some({shape})"));
    Some(match (field.card, &field.kind) {
        (Card::Repeated, Kind::Bool | Kind::Int(_) | Kind::Float | Kind::Enum(_)) => {
            format!("Part::numbers({number}, size_of::<{kind}>())")
        }
        (Card::Repeated, _) => format!("Part::list({number}, size_of::<{kind}>(), {inner})"),
        (Card::Map, _) => {
            let value = within.map_or("NOTHING".to_owned(), |shape| format!("Shape(&[Part::one(2, 0, {shape})])"));
            format!("Part::list({number}, size_of::<(String, {kind})>(), Some(&{value}))")
        }
        (Card::Plain | Card::Optional, _) => {
            // prost boxes what may hold itself.
            let boxed = matches!(&field.kind, Kind::Message(name) if holds_itself(model, name));
            let size = if boxed { format!("size_of::<{kind}>()") } else { "0".to_owned() };
            format!("Part::one({number}, {size}, {})", within?)
        }
    })
}

fn rust_type(kind: &Kind) -> String {
    match kind {
        Kind::Text => "String".to_owned(),
        Kind::Bool => "bool".to_owned(),
        Kind::Int(name) => (*name).to_owned(),
        Kind::Float => "f64".to_owned(),
        Kind::Bytes => "Vec<u8>".to_owned(),
        Kind::Timestamp => "prost_types::Timestamp".to_owned(),
        Kind::Duration => "prost_types::Duration".to_owned(),
        Kind::Struct => "prost_types::Struct".to_owned(),
        Kind::Enum(_) => "i32".to_owned(),
        Kind::Message(name) => format!("pb::{}", path(name)),
    }
}

fn within(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Struct => Some("&STRUCT".to_owned()),
        Kind::Message(name) => Some(format!("&{}", constant(name))),
        _ => None,
    }
}

fn holds_itself(model: &Model, name: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(next) = open.pop() {
        for field in model.messages.get(&next).iter().flat_map(|message| &message.fields) {
            match &field.kind {
                Kind::Message(inner) if inner == name => return true,
                Kind::Message(inner) if seen.insert(inner.clone()) => open.push(inner.clone()),
                _ => {}
            }
        }
    }
    false
}
