//! Everything of one SDKAppID: accounts and groups, and the indexes that lists page over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize, Serializer};

use super::account::Account;
use super::broadcast::Broadcasts;
use super::custom_fields::CustomFields;
use super::group::Group;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::ids::{Id, is_group_id, server_group_id, server_permission_group_id, server_topic_id};
use crate::limits::Limits;

#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct App {
    pub sdkappid: u64,
    pub seed: u64,
    pub admins: BTreeSet<Id>,
    #[serde(serialize_with = "by_name")]
    pub accounts: HashMap<Id, Account>,
    pub group_fields: CustomFields,
    pub member_fields: CustomFields,
    pub profile_fields: CustomFields,
    /// When accounts were deleted whose UserIDs rest since.
    deleted: BTreeMap<Id, i64>,
    #[serde(serialize_with = "by_creation")]
    groups: HashMap<Id, Group>,
    /// Groups by number: all, and of each type.
    #[serde(skip)]
    by_number: BTreeMap<u64, Id>,
    #[serde(skip)]
    by_type: BTreeMap<GroupType, BTreeSet<u64>>,
    last_number: u64,
    ids_made: u64,
    growth: Growth,
    pub robots: BTreeSet<Id>,
    /// Stream messages of one day.
    streams: DayCount,
    pub broadcasts: Broadcasts,
}

/// How often something was done on one day (UTC).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct DayCount {
    day: i64,
    count: usize,
}

/// How many groups were created less those dissolved on one day (UTC).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Growth {
    day: i64,
    groups: i64,
}

fn by_name<S: Serializer>(accounts: &HashMap<Id, Account>, serializer: S) -> Result<S::Ok, S::Error> {
    accounts.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

fn by_creation<S: Serializer>(groups: &HashMap<Id, Group>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut groups: Vec<&Group> = groups.values().collect();
    groups.sort_by_key(|group| group.number);
    groups.serialize(serializer)
}

/// What a snapshot holds; the indexes are rebuilt from it.
#[derive(Deserialize)]
struct Stored {
    sdkappid: u64,
    seed: u64,
    admins: BTreeSet<Id>,
    accounts: HashMap<Id, Account>,
    group_fields: CustomFields,
    member_fields: CustomFields,
    #[serde(default)]
    profile_fields: CustomFields,
    #[serde(default)]
    deleted: BTreeMap<Id, i64>,
    groups: Vec<Group>,
    last_number: u64,
    ids_made: u64,
    #[serde(default)]
    growth: Growth,
    #[serde(default)]
    robots: BTreeSet<Id>,
    #[serde(default)]
    streams: DayCount,
    #[serde(default)]
    broadcasts: Broadcasts,
}

impl From<Stored> for App {
    fn from(stored: Stored) -> Self {
        let mut app = Self::new(stored.sdkappid, stored.seed, stored.admins);
        app.accounts = stored.accounts;
        app.group_fields = stored.group_fields;
        app.member_fields = stored.member_fields;
        app.profile_fields = stored.profile_fields;
        app.deleted = stored.deleted;
        for group in stored.groups {
            app.insert(group);
        }
        app.last_number = stored.last_number;
        app.ids_made = stored.ids_made;
        app.growth = stored.growth;
        app.robots = stored.robots;
        app.streams = stored.streams;
        app.broadcasts = stored.broadcasts;
        app
    }
}

impl App {
    pub fn new(sdkappid: u64, seed: u64, admins: BTreeSet<Id>) -> Self {
        let accounts = admins.iter().map(|admin| (admin.clone(), Account::default())).collect();
        Self {
            sdkappid,
            seed,
            admins,
            accounts,
            group_fields: CustomFields::default(),
            member_fields: CustomFields::default(),
            profile_fields: CustomFields::default(),
            deleted: BTreeMap::new(),
            groups: HashMap::new(),
            by_number: BTreeMap::new(),
            by_type: BTreeMap::new(),
            last_number: 0,
            ids_made: 0,
            growth: Growth::default(),
            robots: BTreeSet::new(),
            streams: DayCount::default(),
            broadcasts: Broadcasts::default(),
        }
    }

    /// What even a command that fails or only reads can leave behind: made ids, imported accounts and declared fields.
    pub fn traces(&self) -> (u64, usize, [usize; 3]) {
        let fields = [&self.group_fields, &self.member_fields, &self.profile_fields];
        (self.ids_made, self.accounts.len(), fields.map(|fields| fields.declared.len()))
    }

    /// How many groups the app has gained on the day of `now`.
    pub fn gained(&self, now: i64) -> i64 {
        if self.growth.day == now.div_euclid(86_400) { self.growth.groups } else { 0 }
    }

    /// Counts a group that is created (1) or dissolved (-1).
    pub fn count_growth(&mut self, groups: i64, now: i64) {
        let groups = self.gained(now) + groups;
        self.growth = Growth { day: now.div_euclid(86_400), groups };
    }

    /// How many stream messages were begun on the day of `now`.
    pub fn streams_begun(&self, now: i64) -> usize {
        if self.streams.day == now.div_euclid(86_400) { self.streams.count } else { 0 }
    }

    pub fn count_stream(&mut self, now: i64) {
        self.streams = DayCount { day: now.div_euclid(86_400), count: self.streams_begun(now) + 1 };
    }

    /// The live group of an id: 10015 for an id that breaks the syntax, 10010 when there is none.
    pub fn group(&self, id: &str) -> Result<&Group, ApiError> {
        if !is_group_id(id) {
            return Err(ApiError::bad_group_id());
        }
        self.groups.get(id).ok_or_else(ApiError::no_such_group)
    }

    pub fn group_mut(&mut self, id: &str) -> Result<&mut Group, ApiError> {
        if !is_group_id(id) {
            return Err(ApiError::bad_group_id());
        }
        self.groups.get_mut(id).ok_or_else(ApiError::no_such_group)
    }

    pub fn group_by_number(&self, number: u64) -> Option<&Group> {
        self.groups.get(self.by_number.get(&number)?)
    }

    pub fn count(&self, kind: Option<GroupType>) -> usize {
        match kind {
            None => self.by_number.len(),
            Some(kind) => self.by_type.get(&kind).map_or(0, BTreeSet::len),
        }
    }

    /// Numbers of the groups of a type after `number`, in order.
    pub fn numbers_after(&self, number: u64, kind: Option<GroupType>) -> Box<dyn Iterator<Item = u64> + '_> {
        let after = (std::ops::Bound::Excluded(number), std::ops::Bound::Unbounded);
        match kind {
            None => Box::new(self.by_number.range(after).map(|(number, _)| *number)),
            Some(kind) => {
                Box::new(self.by_type.get(&kind).into_iter().flat_map(move |numbers| numbers.range(after).copied()))
            }
        }
    }

    pub fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// A server-made id that no live group has.
    pub fn make_group_id(&mut self, kind: GroupType) -> String {
        loop {
            self.ids_made += 1;
            let id = server_group_id(self.seed ^ self.sdkappid, self.ids_made, kind);
            if !self.groups.contains_key(id.as_str()) {
                return id;
            }
        }
    }

    /// A server-made id; callers cannot choose one of its form.
    pub fn make_topic_id(&mut self, group: &str) -> String {
        self.ids_made += 1;
        server_topic_id(self.seed ^ self.sdkappid, self.ids_made, group)
    }

    pub fn make_permission_group_id(&mut self) -> String {
        self.ids_made += 1;
        server_permission_group_id(self.seed ^ self.sdkappid, self.ids_made)
    }

    pub fn insert(&mut self, group: Group) {
        self.last_number = self.last_number.max(group.number);
        self.by_number.insert(group.number, group.id.clone());
        self.by_type.entry(group.kind).or_default().insert(group.number);
        for member in group.members.iter() {
            if let Some(account) = self.accounts.get_mut(&member.id) {
                account.groups.insert(group.number);
            }
        }
        self.groups.insert(group.id.clone(), group);
    }

    /// Dissolves a group; its id is free again.
    pub fn remove(&mut self, id: &str) -> Option<Group> {
        let group = self.groups.remove(id)?;
        self.by_number.remove(&group.number);
        if let Some(numbers) = self.by_type.get_mut(&group.kind) {
            numbers.remove(&group.number);
        }
        for user in group.members.iter().map(|member| &member.id).chain(group.presence.entered()) {
            if let Some(account) = self.accounts.get_mut(user) {
                account.groups.remove(&group.number);
            }
        }
        Some(group)
    }

    /// Whether a deleted account of this name was deleted so lately that it cannot be taken yet.
    pub fn is_resting(&self, user: &str, now: i64, limits: &Limits) -> bool {
        self.deleted.get(user).is_some_and(|deleted| now < deleted + limits.deleted_days * 86_400)
    }

    /// Deletes an account with its memberships. Groups of its own stay, without an owner.
    pub fn delete_account(&mut self, user: &str, now: i64) {
        if self.accounts.remove(user).is_none() {
            return;
        }
        self.robots.remove(user);
        self.deleted.insert(Id::from(user), now);
        for group in self.groups.values_mut() {
            group.expel(user);
            group.presence.leave(user);
            group.presence.admins.remove(user);
            if group.owner.as_deref() == Some(user) {
                group.owner = None;
            }
        }
    }

    /// Takes a user out of the live rooms and offline in the communities, as the end of the connection does.
    pub fn disconnect(&mut self, user: &str) {
        let Some(account) = self.accounts.get_mut(user) else {
            return;
        };
        for number in account.groups.clone() {
            if let Some(group) = self.by_number.get(&number).and_then(|id| self.groups.get_mut(id)) {
                group.presence.leave(user);
                if group.kind == GroupType::AVChatRoom {
                    account.groups.remove(&number);
                }
            }
        }
    }

    /// The shared name of an account that exists.
    pub fn account_id(&self, user: &str) -> Option<Id> {
        self.accounts.get_key_value(user).map(|(id, _)| id.clone())
    }
}
