//! Emits `Validate` for every message that a request holds.

use std::fmt::Write as _;

use crate::model::{Card, Field, Kind, Message, Model};
use crate::options::{Condition, FieldRule, Shape};
use crate::rust::{camel, ident, oneof, path};

/// The Rust text of the validation.
pub fn emit(model: &Model) -> String {
    let mut out = String::new();
    for message in model.messages.values().filter(|m| m.in_request) {
        let _ = write!(
            out,
            "impl Validate for pb::{} {{\n    #[allow(unused_variables)]\n    \
             fn validate(&self, at: &Path<'_>, violations: &mut Violations) {{\n",
            path(&message.name)
        );
        let rules = Rules { model, message };
        out.push_str(&rules.whole());
        for field in message.fields.iter().filter(|f| f.oneof.is_none()) {
            out.push_str(&rules.field(field));
        }
        for real in &message.oneofs {
            let required = real.rule.as_ref().is_some_and(|rule| rule.required);
            out.push_str(&rules.oneof(&real.name, required));
        }
        out.push_str("    }\n}\n\n");
    }
    out
}

/// A call of a rule. `here` is the path of the value.
fn check(rule: &str, arguments: &str) -> String {
    format!("        rules::{rule}({arguments}, &here, violations);\n")
}

/// The checks under a condition; empty without any.
fn when(condition: &str, checks: &str) -> String {
    if checks.is_empty() { String::new() } else { format!("        if {condition} {{\n{checks}        }}\n") }
}

/// The checks of a field, whose path they call `here`.
fn at_field(name: &str, checks: &str) -> String {
    if checks.is_empty() {
        return String::new();
    }
    format!("        {{\n        let here = at.field({name:?});\n{checks}        }}\n")
}

/// The checks of each item of a list.
fn each(value: &str, checks: &str) -> String {
    if checks.is_empty() {
        return String::new();
    }
    format!(
        "        for (index, value) in {value}.iter().enumerate() {{\n        \
         let here = here.index(index);\n{checks}        }}\n"
    )
}

/// A value that is borrowed: an item of a list, what an optional field holds.
const ITEM: &str = "value";

/// The rules of one message.
struct Rules<'a> {
    model: &'a Model,
    message: &'a Message,
}

impl Rules<'_> {
    /// What the message must satisfy as a whole.
    fn whole(&self) -> String {
        let Some(rule) = &self.message.rule else { return String::new() };
        let counted = || self.message.fields.iter().filter(|f| !rule.any_besides.contains(&f.name));
        let none: Vec<String> = counted().map(|field| missing(field, &own(field))).collect();
        let names: Vec<&str> = counted().map(|field| field.name.as_str()).collect();
        format!("        rules::any_of({}, {:?}, at, violations);\n", none.join(" && "), names.join(", "))
    }

    fn field(&self, field: &Field) -> String {
        let value = own(field);
        let rule = field.rule.clone().unwrap_or_default();
        let mut checks = self.presence(field, &rule, &value);
        if let (Some(page), "page_token") = (&self.message.paging, field.name.as_str())
            && page.is_request
        {
            let style = super::emit_json::style(page);
            checks.push_str(&check("page_token", &format!("paging::Style::{style}, &{value}")));
        }
        if field.name == "page_size" && matches!(field.kind, Kind::Int("i32" | "i64")) {
            checks.push_str(&check("range", &format!("i64::from({value}), Some(0), None, &[]")));
        }
        match field.card {
            Card::Plain => checks.push_str(&self.single(field, &rule, &value)),
            Card::Optional => {
                let inner = self.single(field, &rule, ITEM);
                checks.push_str(&when(&format!("let Some(value) = &{value}"), &inner));
            }
            Card::Repeated => checks.push_str(&self.list(field, &rule, &value)),
            Card::Map => checks.push_str(&map(field, &rule, &value)),
        }
        at_field(&field.name, &checks)
    }

    /// Whether the field must be set, or must not.
    fn presence(&self, field: &Field, rule: &FieldRule, value: &str) -> String {
        let missing = missing(field, value);
        let mut checks = String::new();
        if rule.required {
            checks.push_str(&check("required", &missing));
        }
        if let (Shape::Random, Some(source)) = (field.shape(), field.json.as_ref().map(|j| &j.derive_from))
            && let Some(source) = self.message.field(source)
        {
            let condition = Condition { field: source.name.clone(), value: String::new() };
            checks.push_str(
                &self.under(&condition, |holds, words| ("absent_if", format!("{holds} && !({missing}), {words}"))),
            );
        }
        if let Some(condition) = &rule.absent_if {
            checks.push_str(
                &self.under(condition, |holds, words| ("absent_if", format!("{holds} && !({missing}), {words}"))),
            );
        }
        if let Some(condition) = &rule.absent_unless {
            let unless = |holds, words| ("absent_unless", format!("!({holds}) && !({missing}), {words}"));
            checks.push_str(&self.under(condition, unless));
        }
        if let Some(condition) = &rule.required_unless {
            let unless = |holds, words| ("required_unless", format!("!({holds}) && {missing}, {words}"));
            checks.push_str(&self.under(condition, unless));
        }
        checks
    }

    /// A rule that depends on a condition: made of the condition in Rust and in words.
    fn under(&self, condition: &Condition, rule: impl Fn(String, String) -> (&'static str, String)) -> String {
        let (name, arguments) = rule(self.holds(condition), format!("{:?}", words(condition)));
        check(name, &arguments)
    }

    /// A condition in Rust.
    fn holds(&self, condition: &Condition) -> String {
        let Some(field) = self.message.field(&condition.field) else { return "false".to_owned() };
        let value = own(field);
        let is = match &field.kind {
            _ if condition.value.is_empty() => return format!("!({})", missing(field, &value)),
            Kind::Enum(name) => self
                .model
                .enums
                .get(name)
                .and_then(|found| found.number(&condition.value))
                .map_or_else(String::new, |number| number.to_string()),
            _ => condition.value.clone(),
        };
        if field.card == Card::Optional { format!("{value} == Some({is})") } else { format!("{value} == {is}") }
    }

    /// Checks of one value that is there.
    fn single(&self, field: &Field, rule: &FieldRule, value: &str) -> String {
        let copied = if value == ITEM { format!("*{ITEM}") } else { value.to_owned() };
        match &field.kind {
            Kind::Text => self.text(rule, value),
            Kind::Enum(kind) => {
                let allowed = self.allowed(kind, rule);
                check("choice", &format!("{copied}, &[{allowed}]"))
            }
            Kind::Int(_) => range(rule, &copied),
            Kind::Float => check("finite", &copied),
            Kind::Timestamp => check("timestamp", &format!("&{value}")),
            Kind::Duration => check("duration", &format!("&{value}, {:?}, {:?}", rule.gte, rule.lte)),
            Kind::Struct => check("exact", &format!("&{value}")),
            Kind::Message(_) if field.shape() == Shape::Inline => {
                format!("        {value}.validate(at, violations);\n")
            }
            Kind::Message(_) => format!("        {value}.validate(&here, violations);\n"),
            Kind::Bool | Kind::Bytes => String::new(),
        }
    }

    fn text(&self, rule: &FieldRule, value: &str) -> String {
        let mut checks = String::new();
        if rule.max_bytes > 0 {
            checks.push_str(&check("max_bytes", &format!("&{value}, {}", rule.max_bytes)));
        }
        if rule.characters != Default::default() {
            checks.push_str(&check("characters", &format!("&{value}, Characters::{:?}", rule.characters)));
        }
        let condition = rule.prefix_if.as_ref();
        if !rule.prefix.is_empty() {
            let case = condition.map(|condition| format!(" while {}", words(condition))).unwrap_or_default();
            let prefix = check("prefix", &format!("&{value}, {:?}, {case:?}", rule.prefix));
            checks.push_str(&condition.map_or(prefix.clone(), |condition| when(&self.holds(condition), &prefix)));
        }
        if !rule.not_prefix.is_empty() {
            let case = condition.map(|condition| format!(" unless {}", words(condition))).unwrap_or_default();
            let prefix = check("not_prefix", &format!("&{value}, {:?}, {case:?}", rule.not_prefix));
            let unless = |condition| when(&format!("!({})", self.holds(condition)), &prefix);
            checks.push_str(&condition.map_or(prefix.clone(), unless));
        }
        if let Some(extends) = &rule.extends {
            let (other, joint, not) = (&extends.field, &extends.joint, &extends.not_contains);
            let other_value = ident(other);
            let arguments = format!("&{value}, &self.{other_value}, {other:?}, {joint:?}, &{not:?}");
            checks.push_str(&check("extends", &arguments));
        }
        checks
    }

    /// The values of an enum that a field may have, with their names.
    fn allowed(&self, kind: &str, rule: &FieldRule) -> String {
        let values = self.model.enums.get(kind).map(|found| found.values.as_slice()).unwrap_or_default();
        let mut allowed = String::new();
        for (name, number, value) in values.iter().filter(|(_, number, _)| *number != 0) {
            let read_only = value.as_ref().is_some_and(|value| value.read_only);
            let named = rule.allowed.is_empty() || rule.allowed.contains(name);
            if named && !read_only && !rule.not_allowed.contains(name) {
                let _ = write!(allowed, "({number}, {name:?}), ");
            }
        }
        allowed
    }

    fn list(&self, field: &Field, rule: &FieldRule, value: &str) -> String {
        let mut checks = size(rule, value);
        let mut items = String::new();
        let mut keys = format!("{value}.iter().copied()");
        match &field.kind {
            Kind::Text => {
                if rule.required {
                    items.push_str(&check("not_empty", "value"));
                }
                items.push_str(&self.text(rule, ITEM));
                keys = format!("{value}.iter().map(String::as_str)");
            }
            Kind::Enum(kind) => {
                items.push_str(&check("chosen", &format!("*value, &[{}]", self.allowed(kind, rule))));
                for (name, number, _) in self.alone(kind) {
                    checks.push_str(&check("alone", &format!("&{value}, {number}, {name:?}")));
                }
            }
            Kind::Message(kind) => {
                items.push_str("        value.validate(&here, violations);\n");
                for arm in self.model.messages.get(kind).iter().flat_map(|message| &message.fields) {
                    checks.push_str(&in_list(kind, arm, value));
                }
                if let Some(first) = self.model.messages.get(kind).and_then(|message| message.fields.first()) {
                    let key = ident(&first.name);
                    let key = if first.kind == Kind::Text { format!("{key}.as_str()") } else { key };
                    keys = format!("{value}.iter().map(|item| item.{key})");
                }
            }
            _ => items.push_str(&self.single(field, rule, ITEM)),
        }
        checks.push_str(&each(value, &items));
        if rule.unique {
            checks.push_str(&check("unique", &keys));
        }
        checks
    }

    /// The values of an enum that stand for a whole list.
    fn alone(&self, kind: &str) -> impl Iterator<Item = &(String, i32, Option<crate::options::ValueRule>)> {
        let values = self.model.enums.get(kind).map(|found| found.values.as_slice()).unwrap_or_default();
        values.iter().filter(|(_, _, value)| value.as_ref().is_some_and(|value| value.alone))
    }

    fn oneof(&self, name: &str, required: bool) -> String {
        let arms = oneof(&self.message.name, name);
        let value = format!("self.{}", ident(name));
        let members = || self.message.fields.iter().filter(|f| f.oneof.as_deref() == Some(name));
        let mut out = String::new();
        if required {
            let names = members().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
            out.push_str(&at_field(name, &check("one_of", &format!("{value}.is_none(), {names:?}"))));
        }
        let mut inner = String::new();
        for arm in members() {
            let mut checks = self.single(arm, &arm.rule.clone().unwrap_or_default(), ITEM);
            if arm.shape() == Shape::Unknown {
                checks.push_str("        let here = here.field(\"content_json\");\n");
                checks.push_str(&check("json_object", "&value.content_json"));
            }
            let checks = at_field(&arm.name, &checks);
            if !checks.is_empty() {
                let arm = camel(&arm.name);
                let _ = writeln!(inner, "            Some(pb::{arms}::{arm}(value)) => {{\n{checks}            }}");
            }
        }
        let _ = writeln!(out, "        match &{value} {{\n{inner}            _ => {{}}\n        }}");
        out
    }
}

/// A condition in words.
fn words(condition: &Condition) -> String {
    let value = if condition.value.is_empty() { "set" } else { &condition.value };
    format!("{} is {value}", condition.field)
}

/// A field's value.
fn own(field: &Field) -> String {
    format!("self.{}", ident(&field.name))
}

fn range(rule: &FieldRule, value: &str) -> String {
    if rule.gte.is_none() && rule.lte.is_none() {
        return String::new();
    }
    let number = format!("i64::try_from({value}).unwrap_or(i64::MAX)");
    check("range", &format!("{number}, {:?}, {:?}, &{:?}", rule.gte, rule.lte, rule.or_in))
}

fn size(rule: &FieldRule, value: &str) -> String {
    if rule.max_items == 0 {
        return String::new();
    }
    check("max_items", &format!("{value}.len(), {}", rule.max_items))
}

/// How many elements of a list may be of one arm.
fn in_list(message: &str, arm: &Field, list: &str) -> String {
    let most = arm.rule.as_ref().map_or(0, |rule| rule.max_in_list);
    let Some(name) = arm.oneof.as_ref().filter(|_| most > 0) else { return String::new() };
    let is_arm = format!("Some(pb::{}::{}(_))", oneof(message, name), camel(&arm.name));
    let found = format!("{list}.iter().filter(|item| matches!(item.{}, {is_arm})).count()", ident(name));
    check("max_in_list", &format!("{found}, {most}, {:?}", arm.name))
}

fn map(field: &Field, rule: &FieldRule, value: &str) -> String {
    let mut checks = size(rule, value);
    if rule.max_total_bytes > 0 {
        checks.push_str(&check("max_total_bytes", &format!("&{value}, {}", rule.max_total_bytes)));
    }
    let mut pairs = String::new();
    if rule.max_key_bytes > 0 {
        let arguments = format!("key, {}, Characters::{:?}", rule.max_key_bytes, rule.key_characters);
        pairs.push_str(&check("key", &arguments));
    }
    if rule.max_bytes > 0 && field.kind == Kind::Text {
        pairs.push_str(&check("max_bytes", &format!("value, {}", rule.max_bytes)));
    }
    if !pairs.is_empty() {
        let _ = write!(
            checks,
            "        for (key, value) in &{value} {{\n        let here = here.key(key);\n{pairs}        }}\n"
        );
    }
    checks
}

/// The Rust condition under which a field is not set.
fn missing(field: &Field, value: &str) -> String {
    match (field.card, &field.kind) {
        (Card::Optional, Kind::Enum(_)) => format!("{value}.unwrap_or_default() == 0"),
        (Card::Optional, _) => format!("{value}.is_none()"),
        (Card::Repeated | Card::Map, _) | (_, Kind::Text) => format!("{value}.is_empty()"),
        (_, Kind::Bool) => format!("!{value}"),
        (_, Kind::Float) => format!("{value} == 0.0"),
        _ => format!("{value} == 0"),
    }
}
