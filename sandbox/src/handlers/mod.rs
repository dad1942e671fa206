//! What each command does, by topic, and what handlers share.

pub mod account;
pub mod attribute;
pub mod ban;
pub mod broadcast;
pub mod counter;
pub mod extension;
pub mod group;
pub mod history;
pub mod import;
pub mod lists;
pub mod live_room;
pub mod member;
pub mod message;
pub mod message_change;
pub mod mute;
pub mod permission_group;
pub mod receipt;
pub mod robot;
pub mod stream;
pub mod topic;
pub mod topic_permission;
mod view;

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::ApiError;
use super::events::Events;
use super::ids::Id;
use super::limits::{Limits, Pace};
use super::registry::{Body, Outcome};
use super::state::app::{Account, App};
use super::state::permission_group::Right;

/// What a command works with.
pub struct Ctx<'a> {
    pub app: &'a mut App,
    pub limits: &'a Limits,
    /// Unix seconds on the emulator's clock.
    pub now: i64,
    /// The app admin that signed the request.
    pub caller: &'a str,
    /// Whether unknown users become accounts on their first mention.
    pub auto_import: bool,
    /// Whether custom fields declare themselves on their first use.
    pub open_fields: bool,
    /// Absent while recorded commands are replayed: they were admitted once.
    pub pace: Option<&'a Pace>,
    /// What clients and webhooks learn of it.
    pub events: Events,
    /// Whether the command can have changed something; a handler that did not says so.
    pub changed: bool,
}

impl Ctx<'_> {
    /// The account of a user, imported now if the emulator is set to do so.
    pub fn account(&mut self, user: &str) -> Option<Id> {
        if let Some(id) = self.app.account_id(user) {
            return Some(id);
        }
        if !self.auto_import || user.is_empty() {
            return None;
        }
        let id = Id::from(user);
        self.app.accounts.insert(id.clone(), Account::default());
        Some(id)
    }

    /// The account of a user, or 10019.
    pub fn known_account(&mut self, user: &str) -> Result<Id, ApiError> {
        self.account(user).ok_or_else(|| ApiError::no_such_account(user))
    }

    /// Notes that a user is in a group now.
    pub fn note_joined(&mut self, user: &str, group: u64) {
        if let Some(account) = self.app.accounts.get_mut(user) {
            account.groups.insert(group);
        }
    }

    /// Refuses the acting user of a request: 10019 when there is no such user, 10007 in a community with permission groups
    /// when the user is neither an app admin nor a member with the right.
    pub fn check_operator(
        &mut self,
        group: &str,
        body: &Body,
        right: Right,
        topic: Option<&str>,
    ) -> Result<(), ApiError> {
        let Some(user) = optional_text(body, "From_Account").filter(|user| !user.is_empty()) else {
            return Ok(());
        };
        let id = self.known_account(user)?;
        let group = self.app.group(group)?;
        let permitted = !group.enable_permission
            || self.app.admins.contains(&id)
            || group.members.get(user).is_some_and(|member| group.permits(member, right, topic));
        if permitted { Ok(()) } else { Err(ApiError::not_allowed("the acting user lacks the permission")) }
    }

    pub fn note_left(&mut self, user: &str, group: u64) {
        if let Some(account) = self.app.accounts.get_mut(user) {
            account.groups.remove(&group);
        }
    }

    /// Whether a user may not join yet another group.
    pub fn joined_too_many(&self, user: &str) -> bool {
        let most = self.limits.joined_groups;
        most > 0 && self.app.accounts.get(user).is_some_and(|account| account.groups.len() >= most)
    }
}

/// A text, or "" when the key is absent.
pub fn text<'b>(body: &'b Body, key: &str) -> &'b str {
    optional_text(body, key).unwrap_or_default()
}

pub fn optional_text<'b>(body: &'b Body, key: &str) -> Option<&'b str> {
    body.get(key).and_then(Value::as_str)
}

/// The topic that a request names, if any.
pub fn topic_id(body: &Body) -> Option<&str> {
    optional_text(body, "TopicId").filter(|topic| !topic.is_empty())
}

pub fn integer(body: &Body, key: &str) -> Option<i64> {
    body.get(key).and_then(Value::as_i64)
}

pub fn unsigned(body: &Body, key: &str) -> Option<u64> {
    body.get(key).and_then(Value::as_u64)
}

/// Whether an integer switch is above 0.
pub fn switch(body: &Body, key: &str) -> bool {
    unsigned(body, key).is_some_and(|value| value > 0)
}

pub fn texts<'b>(body: &'b Body, key: &str) -> Option<Vec<&'b str>> {
    body.get(key).and_then(Value::as_array).map(|items| items.iter().filter_map(Value::as_str).collect())
}

pub fn objects<'b>(body: &'b Body, key: &str) -> impl Iterator<Item = &'b Body> + Clone {
    body.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// The object of a `json!` literal as an answer.
pub fn answer(value: Value) -> Outcome {
    match value {
        Value::Object(body) => Ok(body),
        _ => Ok(Body::new()),
    }
}

/// An answer that says nothing beyond success.
pub fn done() -> Outcome {
    Ok(Body::new())
}

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

/// Most custom fields of groups and of members in one app.
pub const GROUP_CUSTOM_FIELDS: usize = 10;
pub const MEMBER_CUSTOM_FIELDS: usize = 5;

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
