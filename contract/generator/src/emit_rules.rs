//! Emits `Validate` for every message that a request holds.

use std::fmt::Write as _;

use crate::model::{Card, Field, Kind, Message, Model};
use crate::options::{FieldRule, Shape};
use crate::rust::{camel, ident, oneof, path};

/// The Rust text of the validation.
pub fn emit(model: &Model) -> String {
    let mut out = String::new();
    for message in model.messages.values().filter(|m| m.in_request) {
        let _ = write!(
            out,
            "impl Validate for pb::{} {{\n    #[allow(unused_variables)]\n    \
             fn validate(&self, at: &Path<'_>, faults: &mut Faults) {{\n",
            path(&message.name)
        );
        for field in message.fields.iter().filter(|f| f.oneof.is_none()) {
            field_rules(model, message, field, &mut out);
        }
        for real in &message.oneofs {
            oneof_rules(message, &real.name, real.rule.as_ref().is_some_and(|r| r.required), &mut out);
        }
        out.push_str("    }\n}\n\n");
    }
    out
}

fn field_rules(model: &Model, message: &Message, field: &Field, out: &mut String) {
    let name = &field.name;
    let value = format!("self.{}", ident(name));
    let rule = field.rule.clone().unwrap_or_default();
    let line = |out: &mut String, text: String| {
        let _ = writeln!(out, "        {text}");
    };
    if rule.required {
        line(out, format!("rules::required({}, at, {name:?}, faults);", is_missing(field, &value)));
    }
    if let (Some(page), "page_token") = (&message.paging, name.as_str())
        && page.is_request
    {
        let style = super::emit_json::style(page);
        line(out, format!("rules::page_token(paging::Style::{style}, &{value}, at, faults);"));
    }
    if name == "page_size" && matches!(field.kind, Kind::Int("i32" | "i64")) {
        line(out, format!("rules::range(i64::from({value}), Some(0), None, at, {name:?}, faults);"));
    }
    if let (Shape::Random, Some(source)) = (field.shape(), field.json.as_ref().map(|j| &j.derive_from))
        && !source.is_empty()
    {
        let both = format!("{value}.is_some() && !self.{}.is_empty()", ident(source));
        line(out, format!("if {both} {{ faults.add(at, {name:?}, \"must be absent beside {source}\"); }}"));
    }
    match field.card {
        Card::Plain => single(field, &rule, &value, out),
        Card::Optional => {
            let mut inner = String::new();
            single(field, &rule, "(*value)", &mut inner);
            if !inner.is_empty() {
                line(out, format!("if let Some(value) = &{value} {{\n{inner}        }}"));
            }
        }
        Card::Repeated | Card::Map => many(model, field, &rule, &value, out),
    }
}

/// Checks of one value that is there.
fn single(field: &Field, rule: &FieldRule, value: &str, out: &mut String) {
    let name = &field.name;
    let mut line = |text: String| {
        let _ = writeln!(out, "        {text}");
    };
    match &field.kind {
        Kind::Text => {
            if rule.max_bytes > 0 {
                line(format!("rules::max_bytes(&{value}, {}, at, {name:?}, faults);", rule.max_bytes));
            }
            if !rule.not_prefix.is_empty() {
                line(format!("rules::not_prefix(&{value}, {:?}, at, {name:?}, faults);", rule.not_prefix));
            }
        }
        Kind::Enum(kind) => line(format!("rules::defined::<pb::{}>({value}, at, {name:?}, faults);", path(kind))),
        Kind::Int(_) if rule.gte.is_some() || rule.lte.is_some() => line(format!(
            "rules::range(i64::try_from({value}).unwrap_or(i64::MAX), {:?}, {:?}, at, {name:?}, faults);",
            rule.gte, rule.lte
        )),
        Kind::Timestamp => line(format!("rules::timestamp(&{value}, at, {name:?}, faults);")),
        Kind::Duration => {
            line(format!("rules::duration(&{value}, {:?}, {:?}, at, {name:?}, faults);", rule.gte, rule.lte));
        }
        Kind::Message(_) if field.shape() == Shape::Inline => line(format!("{value}.validate(at, faults);")),
        Kind::Message(_) => line(format!("{value}.validate(&at.field({name:?}), faults);")),
        _ => {}
    }
}

fn many(model: &Model, field: &Field, rule: &FieldRule, value: &str, out: &mut String) {
    let name = &field.name;
    let mut line = |text: String| {
        let _ = writeln!(out, "        {text}");
    };
    if rule.max_items > 0 {
        line(format!("rules::max_items({value}.len(), {}, at, {name:?}, faults);", rule.max_items));
    }
    if field.card == Card::Map {
        if rule.max_key_bytes > 0 || (rule.max_bytes > 0 && field.kind == Kind::Text) {
            let bytes = if field.kind == Kind::Text { "Some(value.as_str())" } else { "None" };
            line(format!(
                "for (key, value) in &{value} {{ rules::pair(key, {bytes}, {}, {}, at, {name:?}, faults); }}",
                rule.max_key_bytes, rule.max_bytes
            ));
        }
        return;
    }
    match &field.kind {
        Kind::Text => {
            if rule.required || rule.max_bytes > 0 {
                line(format!("rules::texts(&{value}, {}, {}, at, {name:?}, faults);", rule.required, rule.max_bytes));
            }
            if rule.unique {
                line(format!("rules::unique({value}.iter().map(String::as_str), at, {name:?}, faults);"));
            }
        }
        Kind::Enum(kind) => {
            line(format!("rules::all_defined::<pb::{}>(&{value}, at, {name:?}, faults);", path(kind)));
            if rule.unique {
                line(format!("rules::unique({value}.iter().copied(), at, {name:?}, faults);"));
            }
        }
        Kind::Message(kind) => {
            line(format!(
                "for (index, item) in {value}.iter().enumerate() {{ item.validate(&at.field({name:?}).index(index), faults); }}"
            ));
            if let (true, Some(first)) = (rule.unique, model.messages.get(kind).and_then(|m| m.fields.first())) {
                let key = ident(&first.name);
                let item = if first.kind == Kind::Text { format!("i.{key}.as_str()") } else { format!("i.{key}") };
                line(format!("rules::unique({value}.iter().map(|i| {item}), at, {name:?}, faults);"));
            }
        }
        _ if rule.unique => line(format!("rules::unique({value}.iter().copied(), at, {name:?}, faults);")),
        _ => {}
    }
}

fn oneof_rules(message: &Message, name: &str, required: bool, out: &mut String) {
    let arms = oneof(&message.name, name);
    let value = format!("self.{}", ident(name));
    let members = || message.fields.iter().filter(|f| f.oneof.as_deref() == Some(name));
    if required {
        let names = members().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "        rules::one_of({value}.is_none(), {names:?}, at, {name:?}, faults);");
    }
    let mut inner = String::new();
    for arm in members() {
        let mut checks = String::new();
        single(arm, &arm.rule.clone().unwrap_or_default(), "(*value)", &mut checks);
        if arm.shape() == Shape::Unknown {
            checks.push_str("        rules::json_object(&value.content_json, at, \"content_json\", faults);\n");
        }
        if !checks.is_empty() {
            let _ = writeln!(
                inner,
                "            Some(pb::{arms}::{}(value)) => {{\n{checks}            }}",
                camel(&arm.name)
            );
        }
    }
    let _ = writeln!(out, "        match &{value} {{\n{inner}            _ => {{}}\n        }}");
}

/// The Rust condition under which a required field is missing.
fn is_missing(field: &Field, value: &str) -> String {
    match (field.card, &field.kind) {
        (Card::Optional, Kind::Text) => format!("{value}.is_none()"),
        (Card::Optional, Kind::Enum(_)) => format!("{value}.unwrap_or_default() == 0"),
        (Card::Optional, _) => format!("{value}.is_none()"),
        (Card::Repeated | Card::Map, _) | (_, Kind::Text) => format!("{value}.is_empty()"),
        _ => format!("{value} == 0"),
    }
}
