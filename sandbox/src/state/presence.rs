//! Who is in a live room right now, as its clients and admins would see it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::Id;

/// The mark that keeps a user online.
pub const ALWAYS_ONLINE: u32 = 500;
/// The mark that hides a user from the list.
pub const HIDDEN: u32 = 600;
/// How long [`ALWAYS_ONLINE`] lasts.
const PINNED_SECONDS: i64 = 3 * 86_400;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Presence {
    present: BTreeMap<Id, Entry>,
    /// Users who are online without having entered, and until when.
    pinned: BTreeMap<Id, Entry>,
    /// The users of both by when they came, so that a page need not sort them. A pinned user who enters is here twice.
    #[serde(skip)]
    arrivals: BTreeMap<i64, Id>,
    marks: BTreeMap<Id, BTreeSet<u32>>,
    /// They stay what they are when they leave.
    pub admins: BTreeSet<Id>,
    last_stamp: i64,
}

/// What a snapshot holds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Stored {
    present: BTreeMap<Id, Entry>,
    pinned: BTreeMap<Id, Entry>,
    marks: BTreeMap<Id, BTreeSet<u32>>,
    admins: BTreeSet<Id>,
    last_stamp: i64,
}

impl From<Stored> for Presence {
    fn from(stored: Stored) -> Self {
        let Stored { present, pinned, marks, admins, last_stamp } = stored;
        let arrivals = present.iter().chain(&pinned).map(|(id, entry)| (entry.stamp, id.clone())).collect();
        Self { present, pinned, arrivals, marks, admins, last_stamp }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Entry {
    /// When the user came, in milliseconds. No two users came at once, so that pages can begin at any of them.
    stamp: i64,
    /// When the user goes without having left; 0 for those who leave by themselves.
    until: i64,
}

/// A user who is online.
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
            self.arrivals.insert(stamp, id.clone());
            self.present.insert(id, Entry { stamp, until: 0 });
        }
    }

    /// Marks go with the user.
    pub fn leave(&mut self, user: &str) {
        let entry = self.present.remove(user);
        self.forget_arrival(user, entry);
        self.marks.remove(user);
    }

    /// Users who entered and have not left.
    pub fn entered(&self) -> impl Iterator<Item = &Id> {
        self.present.keys()
    }

    pub fn is_online(&self, user: &str, now: i64) -> bool {
        self.came(user, now).is_some()
    }

    /// When a user who is online came.
    fn came(&self, user: &str, now: i64) -> Option<i64> {
        let pinned = || self.pinned.get(user).filter(|entry| entry.until > now);
        self.present.get(user).or_else(pinned).map(|entry| entry.stamp)
    }

    /// All users who are online, the latest first.
    pub fn online(&self, now: i64) -> impl Iterator<Item = Online> + '_ {
        let arrivals = self.arrivals.iter().rev().filter(move |(stamp, id)| self.came(id, now) == Some(**stamp));
        arrivals.map(|(stamp, id)| Online { id: id.clone(), stamp: *stamp })
    }

    pub fn count_online(&self, now: i64) -> usize {
        let only_pinned = |(id, entry): &(&Id, &Entry)| entry.until > now && !self.present.contains_key(id.as_str());
        self.present.len() + self.pinned.iter().filter(only_pinned).count()
    }

    /// Keeps a user online for three days. A user who is there already keeps the time of arrival.
    pub fn pin(&mut self, id: Id, now: i64) {
        let stamp = self.came(&id, now).unwrap_or_else(|| self.stamp(now));
        self.unpin(&id);
        self.arrivals.insert(stamp, id.clone());
        self.pinned.insert(id, Entry { stamp, until: now + PINNED_SECONDS });
    }

    pub fn unpin(&mut self, user: &str) {
        let entry = self.pinned.remove(user);
        self.forget_arrival(user, entry);
    }

    /// Unless the user's other entry has the same one.
    fn forget_arrival(&mut self, user: &str, entry: Option<Entry>) {
        let others = [self.present.get(user), self.pinned.get(user)];
        if let Some(Entry { stamp, .. }) = entry
            && others.into_iter().flatten().all(|other| other.stamp != stamp)
        {
            self.arrivals.remove(&stamp);
        }
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
