//! A topic of a community: a profile, an own history, and where each member stands in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::{Duplicates, History};
use crate::ids::Id;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Topic {
    pub name: String,
    pub face_url: String,
    pub notification: String,
    pub introduction: String,
    pub custom_string: String,
    pub create_time: i64,
    pub mute_all: bool,
    pub history: History,
    pub duplicates: Duplicates,
    pub mutes: BTreeMap<Id, i64>,
    /// The numbers up to which single users have read.
    reads: BTreeMap<Id, u64>,
    /// The number up to which everybody else has.
    read_by_all: u64,
}

impl Topic {
    pub fn new(create_time: i64) -> Self {
        Self { create_time, ..Self::default() }
    }

    /// The number up to which a user has read.
    pub fn read_seq(&self, user: &str) -> u64 {
        self.reads.get(user).copied().unwrap_or(self.read_by_all)
    }

    /// A user who joins the community has nothing unread.
    pub fn admit(&mut self, user: &Id) {
        let last = self.history.last_seq();
        if last == self.read_by_all {
            self.reads.remove(user);
        } else {
            self.reads.insert(user.clone(), last);
        }
    }

    pub fn forget(&mut self, user: &str) {
        self.reads.remove(user);
    }

    /// Sets everybody's unread count to 0.
    pub fn mark_all_read(&mut self) {
        self.reads.clear();
        self.read_by_all = self.history.last_seq();
    }

    /// Notes that a user sent the message `seq`: a user who had read everything before it still has.
    pub fn note_sent(&mut self, user: &Id, seq: u64) {
        if self.read_seq(user) + 1 == seq {
            self.reads.insert(user.clone(), seq);
        }
    }

    /// When the mute of a user ends, or 0 when the user may speak.
    pub fn muted_until(&self, user: &str, now: i64) -> i64 {
        self.mutes.get(user).copied().filter(|until| *until > now).unwrap_or(0)
    }
}
