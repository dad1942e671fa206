//! The single rules. Their names are protovalidate's where it has the rule; lengths count UTF-8 bytes, as Tencent does.
//! Each takes the path of the value, and says what is allowed.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use prost_types::value::Kind;
use prost_types::{Duration, Struct, Timestamp, Value};
use serde_json::value::RawValue;

use super::violations::{Path, Violations};
use crate::wire::paging;

/// 9999-12-31T23:59:59Z, the last moment of a protobuf Timestamp.
const LAST_SECOND: i64 = 253_402_300_799;

/// 2^53 - 1: a double that is larger may stand for another whole number, from which it was rounded.
const LARGEST_EXACT: f64 = 9_007_199_254_740_991.0;

/// The characters that a string may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Characters {
    /// Any.
    Any,
    /// 0x20 to 0x7e.
    PrintableAscii,
    /// Letters, digits and `_`, of ASCII.
    Word,
    /// Lower-case letters, digits and `_`, of ASCII.
    LowerWord,
}

impl Characters {
    fn take(self, text: &str) -> bool {
        text.bytes().all(|byte| match self {
            Self::Any => true,
            Self::PrintableAscii => matches!(byte, 0x20..=0x7e),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::LowerWord => byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_',
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Any => "any characters",
            Self::PrintableAscii => "printable ASCII characters (0x20 to 0x7e)",
            Self::Word => "letters, digits and _ (of ASCII)",
            Self::LowerWord => "lower-case letters, digits and _ (of ASCII)",
        }
    }
}

/// `required`: the field is set and not empty.
pub fn required(missing: bool, at: &Path<'_>, violations: &mut Violations) {
    if missing {
        violations.add(at, "is required");
    }
}

/// A required `oneof`: one of its fields is set.
pub fn one_of(missing: bool, fields: &str, at: &Path<'_>, violations: &mut Violations) {
    if missing {
        violations.add(at, format_args!("is required: set one of {fields}"));
    }
}

/// `any_besides` of a message: one of these fields is set.
pub fn any_of(missing: bool, fields: &str, at: &Path<'_>, violations: &mut Violations) {
    if missing {
        violations.add(at, format_args!("changes nothing: set at least one of {fields}"));
    }
}

/// `absent_if`: the field is not set while the condition holds.
pub fn absent_if(broken: bool, condition: &str, at: &Path<'_>, violations: &mut Violations) {
    if broken {
        violations.add(at, format_args!("must not be set while {condition}"));
    }
}

/// `absent_unless`: the field is only set while the condition holds.
pub fn absent_unless(broken: bool, condition: &str, at: &Path<'_>, violations: &mut Violations) {
    if broken {
        violations.add(at, format_args!("must not be set unless {condition}"));
    }
}

/// `required_unless`: the field is set or the condition holds.
pub fn required_unless(broken: bool, condition: &str, at: &Path<'_>, violations: &mut Violations) {
    if broken {
        violations.add(at, format_args!("is required unless {condition}"));
    }
}

/// `required` of a list of strings: none is empty.
pub fn not_empty(value: &str, at: &Path<'_>, violations: &mut Violations) {
    if value.is_empty() {
        violations.add(at, "must not be empty");
    }
}

/// `max_bytes` of a string.
pub fn max_bytes(value: &str, most: usize, at: &Path<'_>, violations: &mut Violations) {
    if value.len() > most {
        violations.add(at, format_args!("has {} UTF-8 bytes; at most {most} are allowed", value.len()));
    }
}

/// `characters` of a string.
pub fn characters(value: &str, allowed: Characters, at: &Path<'_>, violations: &mut Violations) {
    if !allowed.take(value) {
        violations.add(at, format_args!("has other characters than {}", allowed.words()));
    }
}

/// `prefix` of a string that is set; `case` says in words when it holds.
pub fn prefix(value: &str, prefix: &str, case: &str, at: &Path<'_>, violations: &mut Violations) {
    if !value.is_empty() && !value.starts_with(prefix) {
        violations.add(at, format_args!("must start with {prefix:?}{case}"));
    }
}

/// `not_prefix` of a string; `case` says in words when it does not hold.
pub fn not_prefix(value: &str, prefix: &str, case: &str, at: &Path<'_>, violations: &mut Violations) {
    if value.starts_with(prefix) {
        violations.add(at, format_args!("must not start with {prefix:?}{case}"));
    }
}

/// `extends`: an id that is set starts with another one, whose field is `field`, and the joint.
pub fn extends(
    value: &str,
    other: &str,
    field: &str,
    joint: &str,
    not_contains: &[&str],
    at: &Path<'_>,
    violations: &mut Violations,
) {
    if value.is_empty() {
        return;
    }
    let rest = value.strip_prefix(other).filter(|rest| rest.len() > joint.len() && rest.starts_with(joint));
    let Some(rest) = rest else {
        violations.add(at, format_args!("must be {field}, then {joint:?}, then a part of your own"));
        return;
    };
    for word in not_contains.iter().filter(|word| rest.contains(**word)) {
        violations.add(at, format_args!("must not contain {word:?} behind {field}"));
    }
}

/// `max_items` of a list or map.
pub fn max_items(items: usize, most: usize, at: &Path<'_>, violations: &mut Violations) {
    if items > most {
        violations.add(at, format_args!("has {items} items; at most {most} are allowed in one call"));
    }
}

/// `max_in_list` of an arm of a oneof, of which a list has so many elements.
pub fn max_in_list(elements: usize, most: usize, arm: &str, at: &Path<'_>, violations: &mut Violations) {
    if elements > most {
        violations.add(at, format_args!("has {elements} elements of the kind {arm}; at most {most} is allowed"));
    }
}

/// `max_total_bytes` of a map.
pub fn max_total_bytes(map: &BTreeMap<String, String>, most: usize, at: &Path<'_>, violations: &mut Violations) {
    let total: usize = map.values().map(String::len).sum();
    if total > most {
        violations.add(at, format_args!("has values of {total} UTF-8 bytes together; at most {most} are allowed"));
    }
}

/// `max_key_bytes` and `key_characters` of a map, whose value for the key is at `at`.
pub fn key(key: &str, most: usize, allowed: Characters, at: &Path<'_>, violations: &mut Violations) {
    if key.is_empty() || key.len() > most {
        violations.add(at, format_args!("has a key of {} UTF-8 bytes; 1 to {most} are allowed", key.len()));
    }
    if !allowed.take(key) {
        violations.add(at, format_args!("has a key with other characters than {}", allowed.words()));
    }
}

/// `unique`: no two items alike.
pub fn unique<T: Eq + Hash>(items: impl Iterator<Item = T>, at: &Path<'_>, violations: &mut Violations) {
    let mut first = HashMap::new();
    for (index, item) in items.enumerate() {
        if let Some(earlier) = first.get(&item) {
            violations.add(&at.index(index), format_args!("repeats item {earlier}"));
        } else {
            first.insert(item, index);
        }
    }
}

/// `gte` and `lte` of a number, and `or_in` beside them.
pub fn range(
    value: i64,
    least: Option<i64>,
    most: Option<i64>,
    or_in: &[i64],
    at: &Path<'_>,
    violations: &mut Violations,
) {
    let in_range = least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most);
    if in_range || or_in.contains(&value) {
        return;
    }
    let range = match (least, most) {
        (Some(least), Some(most)) if least == most => format!("only {least} is allowed"),
        (Some(least), Some(most)) => format!("{least} to {most} are allowed"),
        (Some(least), None) => format!("at least {least} is allowed"),
        (None, most) => format!("at most {} is allowed", most.unwrap_or_default()),
    };
    let others = or_in.iter().map(|number| format!(", and {number}")).collect::<String>();
    violations.add(at, format_args!("is {value}; {range}{others}"));
}

/// A value of an enum that is one of the allowed ones, or unset.
pub fn choice(value: i32, allowed: &[(i32, &str)], at: &Path<'_>, violations: &mut Violations) {
    if value != 0 {
        chosen(value, allowed, at, violations);
    }
}

/// A value of an enum in a list: one of the allowed ones.
pub fn chosen(value: i32, allowed: &[(i32, &str)], at: &Path<'_>, violations: &mut Violations) {
    if !allowed.iter().any(|(number, _)| *number == value) {
        let names = allowed.iter().map(|(number, name)| format!("{name} ({number})")).collect::<Vec<_>>().join(", ");
        violations.add(at, format_args!("is {value}; allowed: {names}"));
    }
}

/// `alone`: a value that stands for the whole list has no others beside it.
pub fn alone(values: &[i32], value: i32, name: &str, at: &Path<'_>, violations: &mut Violations) {
    if values.len() > 1 && values.contains(&value) {
        violations.add(at, format_args!("has other values beside {name}, which must stand alone"));
    }
}

/// A number that JSON can hold.
pub fn finite(value: f64, at: &Path<'_>, violations: &mut Violations) {
    if !value.is_finite() {
        violations.add(at, "is not a finite number, which is all that JSON can hold");
    }
}

/// A Struct whose numbers arrive as the caller meant them.
pub fn exact(object: &Struct, at: &Path<'_>, violations: &mut Violations) {
    for (key, value) in &object.fields {
        exact_value(value, &at.key(key), violations);
    }
}

fn exact_value(value: &Value, at: &Path<'_>, violations: &mut Violations) {
    match &value.kind {
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() > LARGEST_EXACT => {
            violations.add(at, "is a whole number beyond 2^53 - 1, which a Struct does not hold exactly");
        }
        Some(Kind::NumberValue(number)) => finite(*number, at, violations),
        Some(Kind::StructValue(object)) => exact(object, at, violations),
        Some(Kind::ListValue(list)) => {
            for (index, value) in list.values.iter().enumerate() {
                exact_value(value, &at.index(index), violations);
            }
        }
        _ => {}
    }
}

/// A moment between 1970 and 9999.
pub fn timestamp(value: &Timestamp, at: &Path<'_>, violations: &mut Violations) {
    if !(0..=LAST_SECOND).contains(&value.seconds) || !(0..1_000_000_000).contains(&value.nanos) {
        violations.add(at, "is not a moment between 1970 and 9999");
    }
}

/// A duration that is not negative, within `gte` and `lte` whole seconds.
pub fn duration(value: &Duration, least: Option<i64>, most: Option<i64>, at: &Path<'_>, violations: &mut Violations) {
    let well_formed = value.seconds >= 0 && (0..1_000_000_000).contains(&value.nanos);
    if !well_formed {
        violations.add(at, "must not be negative");
        return;
    }
    let seconds = value.seconds.saturating_add(i64::from(value.nanos > 0));
    if let Some(least) = least.filter(|least| seconds < *least) {
        violations.add(at, format_args!("is {seconds} s; at least {least} s are allowed"));
    }
    if let Some(most) = most.filter(|most| seconds > *most) {
        violations.add(at, format_args!("is {seconds} s; at most {most} s are allowed"));
    }
}

/// A token of this list, as an earlier page gave it.
pub fn page_token(style: paging::Style, token: &str, at: &Path<'_>, violations: &mut Violations) {
    if !paging::is_valid(style, token) {
        violations.add(at, "is not a token of this list; pass next_page_token of the page before, unchanged");
    }
}

/// Text that holds a JSON object; empty is allowed.
pub fn json_object(text: &str, at: &Path<'_>, violations: &mut Violations) {
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok();
    if !text.is_empty() && !is_object {
        violations.add(at, "must hold a JSON object");
    }
}
