//! What a command works with: the app's state, the settings that matter to it, and what it causes.

use crate::body::{Body, optional_text};
use crate::error::ApiError;
use crate::events::Events;
use crate::ids::Id;
use crate::limits::{Limits, Pace};
use crate::state::account::Account;
use crate::state::app::App;
use crate::state::permission_group::Right;

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
        if !self.auto_import || user.is_empty() || self.app.is_resting(user, self.now, self.limits) {
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
