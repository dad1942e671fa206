//! Who is in a live room right now, as its clients and admins would see it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::sandbox::ids::Id;

/// The mark that keeps a user online.
pub const ALWAYS_ONLINE: u32 = 500;
/// The mark that hides a user from the list.
pub const HIDDEN: u32 = 600;
/// How long [`ALWAYS_ONLINE`] lasts.
const PINNED_SECONDS: i64 = 3 * 86_400;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Presence {
    present: BTreeMap<Id, Entry>,
    /// Users who are online without having entered, and until when.
    pinned: BTreeMap<Id, Entry>,
    marks: BTreeMap<Id, BTreeSet<u32>>,
    /// They stay what they are when they leave.
    pub admins: BTreeSet<Id>,
    last_stamp: i64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Entry {
    /// When the user came, in milliseconds. No two users came at once, so that pages can begin at any of them.
    stamp: i64,
    /// When the user goes without having left; 0 for those who leave by themselves.
    until: i64,
}

/// Somebody who is online.
#[derive(Debug, Clone)]
pub struct Online {
    pub id: Id,
    /// In milliseconds, unique in the room.
    pub stamp: i64,
}

impl Presence {
    pub fn enter(&mut self, id: Id, now: i64) {
        if !self.present.contains_key(&id) {
            let stamp = self.stamp(now);
            self.present.insert(id, Entry { stamp, until: 0 });
        }
    }

    /// Marks go with the user.
    pub fn leave(&mut self, user: &str) {
        self.present.remove(user);
        self.marks.remove(user);
    }

    /// Users who entered and have not left.
    pub fn entered(&self) -> impl Iterator<Item = &Id> {
        self.present.keys()
    }

    pub fn is_online(&self, user: &str, now: i64) -> bool {
        self.present.contains_key(user) || self.pinned.get(user).is_some_and(|entry| entry.until > now)
    }

    /// Everybody who is online, the latest first.
    pub fn online(&self, now: i64) -> Vec<Online> {
        let pinned =
            self.pinned.iter().filter(|(id, entry)| entry.until > now && !self.present.contains_key(id.as_str()));
        let mut all: Vec<Online> = self
            .present
            .iter()
            .chain(pinned)
            .map(|(id, entry)| Online { id: id.clone(), stamp: entry.stamp })
            .collect();
        all.sort_by_key(|online| std::cmp::Reverse(online.stamp));
        all
    }

    /// Keeps a user online for three days. Who is there already came when they came.
    pub fn pin(&mut self, id: Id, now: i64) {
        let here = self.present.get(&id).or_else(|| self.pinned.get(&id).filter(|entry| entry.until > now));
        let stamp = here.map(|entry| entry.stamp).unwrap_or_else(|| self.stamp(now));
        self.pinned.insert(id, Entry { stamp, until: now + PINNED_SECONDS });
    }

    pub fn unpin(&mut self, user: &str) {
        self.pinned.remove(user);
    }

    pub fn mark(&mut self, id: &Id, mark: u32) {
        self.marks.entry(id.clone()).or_default().insert(mark);
    }

    pub fn unmark(&mut self, user: &str, mark: u32) {
        if let Some(marks) = self.marks.get_mut(user) {
            marks.remove(&mark);
        }
    }

    pub fn has_mark(&self, user: &str, mark: u32) -> bool {
        self.marks.get(user).is_some_and(|marks| marks.contains(&mark))
    }

    /// How many users carry each mark.
    pub fn marked(&self) -> BTreeMap<u32, usize> {
        let mut counts = BTreeMap::new();
        for mark in self.marks.values().flatten() {
            *counts.entry(*mark).or_default() += 1;
        }
        counts
    }

    fn stamp(&mut self, now: i64) -> i64 {
        self.last_stamp = (now * 1_000).max(self.last_stamp + 1);
        self.last_stamp
    }
}
