//! Checks that several topics share: counts, pages and custom fields.

use std::collections::BTreeMap;

use crate::body::{Body, integer, objects, text};
use crate::context::Ctx;
use crate::error::ApiError;
use crate::state::custom_fields::{GROUP_CUSTOM_FIELDS, MEMBER_CUSTOM_FIELDS};

/// 10005 when a list names more accounts than one call may.
pub fn check_count(count: usize, most: usize) -> Result<(), ApiError> {
    if count > most { Err(ApiError::new(10005, format!("too many accounts: {count}, at most {most}"))) } else { Ok(()) }
}

/// The `Limit` of a page: absent and 0 mean the largest.
pub fn check_page(body: &Body, most: usize) -> Result<usize, ApiError> {
    match integer(body, "Limit").map_or(Ok(0), usize::try_from) {
        Ok(0) => Ok(most),
        Ok(limit) if limit <= most => Ok(limit),
        _ => Err(ApiError::field("Limit", &format!("must be 1 to {most}"))),
    }
}

/// Merges custom fields key by key; an empty value removes its key.
pub fn merge_custom(into: &mut BTreeMap<String, String>, from: &[(String, String)]) {
    for (key, value) in from {
        if value.is_empty() {
            into.remove(key);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

/// The custom fields of a request, once every key is a declared one.
pub fn group_custom(ctx: &mut Ctx<'_>, body: &Body) -> Result<Vec<(String, String)>, ApiError> {
    let open = ctx.open_fields;
    pairs(body, "AppDefinedData", |key| {
        let fields = &mut ctx.app.group_fields;
        if open { fields.declare(key, GROUP_CUSTOM_FIELDS) } else { fields.check(key) }
    })
}

pub fn member_custom(ctx: &mut Ctx<'_>, body: &Body) -> Result<Vec<(String, String)>, ApiError> {
    let open = ctx.open_fields;
    pairs(body, "AppMemberDefinedData", |key| {
        let fields = &mut ctx.app.member_fields;
        if open { fields.declare(key, MEMBER_CUSTOM_FIELDS) } else { fields.check(key) }
    })
}

fn pairs(
    body: &Body,
    list: &str,
    mut admit: impl FnMut(&str) -> Result<(), ApiError>,
) -> Result<Vec<(String, String)>, ApiError> {
    objects(body, list)
        .map(|item| {
            let key = text(item, "Key");
            admit(key)?;
            Ok((key.to_owned(), text(item, "Value").to_owned()))
        })
        .collect()
}
