//! Group counters: named numbers of 64 bits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, done, integer, objects, optional_text, text, texts};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::schema::Kind::{Integer, Objects, Text, Texts, Word};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;

const SERVICE: &str = "group_open_http_svc";

const KEYS: &[Field] = &[req("GroupId", Text), opt("GroupCounterKeys", Texts)];
const UPDATE: &[Field] = &[
    req("GroupId", Text),
    req("GroupCounter", Objects(&[req("Key", Text), req("Value", Integer)])),
    opt("Mode", Word(&["Set", "Increase", "Decrease"])),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "get_group_counter", KEYS, get_group_counter).read_only(),
    Command::new(SERVICE, "update_group_counter", UPDATE, update_group_counter),
    Command::new(SERVICE, "delete_group_counter", KEYS, delete_group_counter),
];

const COUNTERS: usize = 20;
const KEY_BYTES: usize = 128;

fn get_group_counter(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let counters = &subject(ctx, body)?.counters;
    let found: Vec<Value> = match texts(body, "GroupCounterKeys") {
        None => counters.iter().map(|(key, value)| counter(key, *value)).collect(),
        Some(keys) => keys.into_iter().filter_map(|key| Some(counter(key, *counters.get(key)?))).collect(),
    };
    answer(json!({"GroupCounter": found}))
}

/// All counters of a call change, or none.
fn update_group_counter(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let mut counters = subject(ctx, body)?.counters.clone();
    let items = objects(body, "GroupCounter");
    if !(1..=COUNTERS).contains(&items.clone().count()) {
        return Err(ApiError::field("GroupCounter", "must have 1 to 20 items"));
    }
    let mode = optional_text(body, "Mode").unwrap_or("Set");
    let mut changed = Vec::new();
    for item in items {
        let key = text(item, "Key");
        if key.is_empty() || key.len() > KEY_BYTES {
            return Err(ApiError::field("GroupCounter[].Key", "must have 1 to 128 bytes"));
        }
        let value = integer(item, "Value").and_then(|value| updated(&counters, key, mode, value));
        let value = value.ok_or_else(|| ApiError::field("GroupCounter[].Value", "leaves the range of 64 bits"))?;
        counters.insert(key.to_owned(), value);
        changed.push(counter(key, value));
    }
    if counters.len() > COUNTERS {
        return Err(ApiError::new(10063, "a group has at most 20 counters"));
    }
    ctx.app.group_mut(text(body, "GroupId"))?.counters = counters;
    answer(json!({"GroupCounter": changed}))
}

fn delete_group_counter(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    subject(ctx, body)?;
    let counters = &mut ctx.app.group_mut(text(body, "GroupId"))?.counters;
    match texts(body, "GroupCounterKeys") {
        None => counters.clear(),
        Some(keys) => counters.retain(|key, _| !keys.contains(&key.as_str())),
    }
    done()
}

/// The group, where its type and the edition have counters.
fn subject<'c>(ctx: &'c Ctx<'_>, body: &Body) -> Result<&'c Group, ApiError> {
    if ctx.limits.basic_edition {
        return Err(ApiError::new(10059, "counters need the Pro, Pro Plus or Enterprise edition"));
    }
    let group = ctx.app.group(text(body, "GroupId"))?;
    if group.kind == GroupType::Community {
        return Err(ApiError::not_allowed("a community has no counters"));
    }
    Ok(group)
}

/// A counter that is not there counts from 0.
fn updated(counters: &BTreeMap<String, i64>, key: &str, mode: &str, value: i64) -> Option<i64> {
    let before = counters.get(key).copied().unwrap_or(0);
    match mode {
        "Increase" => before.checked_add(value),
        "Decrease" => before.checked_sub(value),
        _ => Some(value),
    }
}

fn counter(key: &str, value: i64) -> Value {
    json!({"Key": key, "Value": value})
}
