//! What was asked and answered, for testers to look at and count.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sync::lock;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Counts all requests from 1, so that a tester can ask for what came later.
    pub number: u64,
    pub time: i64,
    pub sdkappid: Option<u64>,
    pub service: String,
    pub command: String,
    pub identifier: String,
    pub body: String,
    pub reply: String,
    /// `ErrorCode` of the reply.
    pub code: i64,
    /// The fault rule that went off.
    pub fault: Option<&'static str>,
    pub micros: u64,
}

/// Which entries to show or count; absent criteria match everything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    pub sdkappid: Option<u64>,
    pub command: Option<String>,
    pub code: Option<i64>,
    /// Only what came after this number.
    pub after: Option<u64>,
    /// Only bodies whose key of this name ...
    pub key: Option<String>,
    /// ... has this value: text as it is, anything else as JSON.
    pub value: Option<String>,
    pub fault: Option<String>,
    /// What a count is expected to be.
    pub exactly: Option<usize>,
    /// At most so many entries, the newest.
    pub limit: Option<usize>,
}

impl Filter {
    fn matches(&self, entry: &Entry) -> bool {
        self.sdkappid.is_none_or(|own| entry.sdkappid == Some(own))
            && self.command.as_ref().is_none_or(|command| *command == entry.command)
            && self.code.is_none_or(|code| code == entry.code)
            && self.after.is_none_or(|after| entry.number > after)
            && self.fault.as_deref().is_none_or(|fault| entry.fault == Some(fault))
            && self.key.as_ref().is_none_or(|key| self.matches_key(key, &entry.body))
    }

    fn matches_key(&self, key: &str, body: &str) -> bool {
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return false;
        };
        let Some(found) = body.get(key) else {
            return false;
        };
        let shown = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        self.value.as_ref().is_none_or(|value| shown == *value)
    }
}

/// The newest requests.
#[derive(Debug)]
pub struct Journal {
    capacity: usize,
    entries: Mutex<(u64, VecDeque<Entry>)>,
}

impl Journal {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    pub fn is_off(&self) -> bool {
        self.capacity == 0
    }

    pub fn record(&self, mut entry: Entry) {
        let (last, entries) = &mut *lock(&self.entries);
        *last += 1;
        entry.number = *last;
        if entries.len() >= self.capacity {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    pub fn count(&self, filter: &Filter) -> usize {
        lock(&self.entries).1.iter().filter(|entry| filter.matches(entry)).count()
    }

    /// Matching entries, oldest first.
    pub fn select(&self, filter: &Filter) -> Vec<Entry> {
        let entries = lock(&self.entries);
        let mut found: Vec<Entry> = entries
            .1
            .iter()
            .rev()
            .filter(|entry| filter.matches(entry))
            .take(filter.limit.unwrap_or(1_000))
            .cloned()
            .collect();
        found.reverse();
        found
    }

    pub fn clear(&self) {
        lock(&self.entries).1.clear();
    }
}
