//! Permission groups of a community: who may do what in it and in its topics.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::ids::Id;

/// What a member may need a permission for. Everything else is decided in clients, which the emulator has none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    ManageGroupInfo,
    ManageTopics,
    SendMessages,
    MentionAll,
}

impl Right {
    /// The bit of `Permission` and `DefaultPermission`.
    const fn in_community(self) -> u64 {
        match self {
            Self::ManageGroupInfo => 1,
            Self::ManageTopics => 16,
            Self::SendMessages => 64,
            Self::MentionAll => 128,
        }
    }

    /// The bit of a topic's permission; 0 where topics know no such right.
    const fn in_topic(self) -> u64 {
        match self {
            Self::ManageGroupInfo => 0,
            Self::ManageTopics => 1,
            Self::SendMessages => 8,
            Self::MentionAll => 64,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PermissionGroup {
    pub id: String,
    pub name: String,
    pub permission: u64,
    pub custom_string: String,
    pub create_time: i64,
    pub members: BTreeSet<Id>,
    /// The bits in single topics; nothing where they were taken away again.
    pub topics: BTreeMap<String, Option<u64>>,
    /// Position in the order of creation.
    number: u64,
}

impl PermissionGroup {
    pub fn new(id: String, name: String, permission: u64, custom_string: String, create_time: i64) -> Self {
        Self { id, name, permission, custom_string, create_time, ..Self::default() }
    }

    /// The members after `last`, and the last one of the page while more follow.
    pub fn members_after(&self, last: &str, limit: usize) -> (Vec<&Id>, Option<&Id>) {
        let mut rest = self.members.range::<str, _>((Bound::Excluded(last), Bound::Unbounded));
        let page: Vec<&Id> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(page.last().copied());
        (page, next)
    }
}

/// All permission groups of a community.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PermissionGroups {
    /// In the order of creation.
    groups: Vec<PermissionGroup>,
    last_number: u64,
    destroyed: BTreeSet<String>,
}

impl PermissionGroups {
    pub fn get(&self, id: &str) -> Option<&PermissionGroup> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut PermissionGroup> {
        self.groups.iter_mut().find(|group| group.id == id)
    }

    /// Whether there was a permission group of this id.
    pub fn was_destroyed(&self, id: &str) -> bool {
        self.destroyed.contains(id)
    }

    pub fn insert(&mut self, mut group: PermissionGroup) {
        self.destroyed.remove(&group.id);
        self.last_number += 1;
        group.number = self.last_number;
        self.groups.push(group);
    }

    pub fn remove(&mut self, id: &str) -> Option<PermissionGroup> {
        let at = self.groups.iter().position(|group| group.id == id)?;
        self.destroyed.insert(id.to_owned());
        Some(self.groups.remove(at))
    }

    /// The permission groups after a place, and the place to go on from while more follow.
    pub fn page_after(&self, place: u64, limit: usize) -> (&[PermissionGroup], Option<u64>) {
        let start = self.groups.partition_point(|group| group.number <= place);
        let rest = self.groups.get(start..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        let next = if page.len() < rest.len() { page.last().map(|group| group.number) } else { None };
        (page, next)
    }

    /// Removes a user who leaves the community from every permission group.
    pub fn forget(&mut self, user: &str) {
        for group in &mut self.groups {
            group.members.remove(user);
        }
    }

    /// Takes the permissions in a topic that is gone away.
    pub fn forget_topic(&mut self, topic: &str) {
        for bits in self.groups.iter_mut().filter_map(|group| group.topics.get_mut(topic)) {
            *bits = None;
        }
    }

    /// Whether a member has a right: in a topic that a permission group of the member names, its bits there count, else
    /// those of the community, and `default` for a member without any permission group.
    pub fn grant(&self, user: &str, right: Right, topic: Option<&str>, default: u64) -> bool {
        let own = || self.groups.iter().filter(|group| group.members.contains(user));
        let in_topic =
            topic.and_then(|topic| union(own().filter_map(|group| group.topics.get(topic).copied().flatten())));
        match in_topic {
            Some(bits) => bits & right.in_topic() != 0,
            None => union(own().map(|group| group.permission)).unwrap_or(default) & right.in_community() != 0,
        }
    }
}

/// All the bits of several sets; nothing of none.
fn union(sets: impl Iterator<Item = u64>) -> Option<u64> {
    sets.reduce(|all, bits| all | bits)
}
