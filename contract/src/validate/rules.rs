//! The single rules. Their names are protovalidate's; lengths count UTF-8 bytes, as Tencent does.

use std::collections::HashMap;
use std::hash::Hash;

use prost_types::{Duration, Timestamp};
use serde_json::value::RawValue;

use super::{Faults, Path};
use crate::wire::paging;

/// 9999-12-31T23:59:59Z, the last moment of a protobuf Timestamp.
const LAST_SECOND: i64 = 253_402_300_799;

/// `required`: the field is set and not empty.
pub fn required(missing: bool, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if missing {
        faults.add(at, field, "is required");
    }
}

/// A required `oneof`: one of its fields is set.
pub fn one_of(missing: bool, fields: &str, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if missing {
        faults.add(at, field, format_args!("is required: set one of {fields}"));
    }
}

/// `max_bytes` of a string.
pub fn max_bytes(value: &str, most: usize, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if value.len() > most {
        faults.add(at, field, format_args!("has {} UTF-8 bytes; at most {most} are allowed", value.len()));
    }
}

/// `not_prefix` of a string.
pub fn not_prefix(value: &str, prefix: &str, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if value.starts_with(prefix) {
        faults.add(at, field, format_args!("must not start with {prefix:?}"));
    }
}

/// `max_items` of a list or map.
pub fn max_items(items: usize, most: usize, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if items > most {
        faults.add(at, field, format_args!("has {items} items; at most {most} are allowed in one call"));
    }
}

/// Each string of a list: not empty where `required`, at most `most` bytes (0: no limit).
pub fn texts(values: &[String], required: bool, most: usize, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    let list = at.field(field);
    for (index, value) in values.iter().enumerate() {
        if required && value.is_empty() {
            faults.add_at(&list.index(index), "must not be empty");
        }
        if most > 0 && value.len() > most {
            let text = format_args!("has {} UTF-8 bytes; at most {most} are allowed", value.len());
            faults.add_at(&list.index(index), text);
        }
    }
}

/// A key and, if it is text, its value in a map.
pub fn pair(
    key: &str,
    value: Option<&str>,
    key_bytes: usize,
    value_bytes: usize,
    at: &Path<'_>,
    field: &'static str,
    faults: &mut Faults,
) {
    let map = at.field(field);
    let at = map.key(key);
    if key_bytes > 0 && (key.is_empty() || key.len() > key_bytes) {
        faults.add_at(&at, format_args!("is a key of {} UTF-8 bytes; 1 to {key_bytes} are allowed", key.len()));
    }
    if let Some(value) = value.filter(|value| value_bytes > 0 && value.len() > value_bytes) {
        faults.add_at(&at, format_args!("has {} UTF-8 bytes; at most {value_bytes} are allowed", value.len()));
    }
}

/// `unique`: no two items alike.
pub fn unique<T: Eq + Hash>(items: impl Iterator<Item = T>, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    let mut first = HashMap::new();
    let list = at.field(field);
    for (index, item) in items.enumerate() {
        if let Some(earlier) = first.get(&item) {
            faults.add_at(&list.index(index), format_args!("repeats item {earlier}"));
        } else {
            first.insert(item, index);
        }
    }
}

/// `gte` and `lte` of a number.
pub fn range(
    value: i64,
    least: Option<i64>,
    most: Option<i64>,
    at: &Path<'_>,
    field: &'static str,
    faults: &mut Faults,
) {
    if let Some(least) = least.filter(|least| value < *least) {
        faults.add(at, field, format_args!("is {value}; at least {least} is allowed"));
    }
    if let Some(most) = most.filter(|most| value > *most) {
        faults.add(at, field, format_args!("is {value}; at most {most} is allowed"));
    }
}

/// A value of the enum, or unset.
pub fn defined<E: TryFrom<i32>>(value: i32, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if E::try_from(value).is_err() {
        faults.add(at, field, format_args!("{value} is no value of this enum"));
    }
}

/// Values of the enum in a list, none of them unset.
pub fn all_defined<E: TryFrom<i32>>(values: &[i32], at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    let list = at.field(field);
    for (index, value) in values.iter().enumerate() {
        if *value == 0 || E::try_from(*value).is_err() {
            faults.add_at(&list.index(index), format_args!("{value} is no value of this enum that can be asked for"));
        }
    }
}

/// A moment between 1970 and 9999.
pub fn timestamp(value: &Timestamp, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    if !(0..=LAST_SECOND).contains(&value.seconds) || !(0..1_000_000_000).contains(&value.nanos) {
        faults.add(at, field, "is no moment between 1970 and 9999");
    }
}

/// A length of time that is not negative, within `gte` and `lte` whole seconds.
pub fn duration(
    value: &Duration,
    least: Option<i64>,
    most: Option<i64>,
    at: &Path<'_>,
    field: &'static str,
    faults: &mut Faults,
) {
    let well_formed = value.seconds >= 0 && (0..1_000_000_000).contains(&value.nanos);
    if !well_formed {
        faults.add(at, field, "must not be negative");
        return;
    }
    let seconds = value.seconds.saturating_add(i64::from(value.nanos > 0));
    if let Some(least) = least.filter(|least| seconds < *least) {
        faults.add(at, field, format_args!("is {seconds} s; at least {least} s are allowed"));
    }
    if let Some(most) = most.filter(|most| seconds > *most) {
        faults.add(at, field, format_args!("is {seconds} s; at most {most} s are allowed"));
    }
}

/// A token of this list, as an earlier page gave it.
pub fn page_token(style: paging::Style, token: &str, at: &Path<'_>, faults: &mut Faults) {
    if !paging::is_valid(style, token) {
        faults.add(at, "page_token", "is no token of this list; pass next_page_token of the page before, unchanged");
    }
}

/// Text that holds a JSON object; empty is allowed.
pub fn json_object(text: &str, at: &Path<'_>, field: &'static str, faults: &mut Faults) {
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok();
    if !text.is_empty() && !is_object {
        faults.add(at, field, "must hold a JSON object");
    }
}
