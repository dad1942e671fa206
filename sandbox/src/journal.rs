//! What was asked and answered, for testers to look at and count.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sync::lock;

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
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// Bytes of bodies and replies that are kept, whatever their number.
const BYTES: usize = 64 * 1024 * 1024;

impl Entry {
    fn bytes(&self) -> usize {
        self.body.len() + self.reply.len()
    }
}

impl Journal {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    pub fn is_off(&self) -> bool {
        self.capacity == 0
    }

    pub fn record(&self, mut entry: Entry) {
        let kept = &mut *lock(&self.kept);
        kept.last += 1;
        entry.number = kept.last;
        kept.bytes += entry.bytes();
        kept.entries.push_back(entry);
        while kept.entries.len() > self.capacity || kept.bytes > BYTES {
            let Some(oldest) = kept.entries.pop_front() else {
                break;
            };
            kept.bytes -= oldest.bytes();
        }
    }

    /// Whether any request is like this.
    pub fn holds(&self, like: impl Fn(&Entry) -> bool) -> bool {
        lock(&self.kept).entries.iter().any(like)
    }

    pub fn count(&self, filter: &Filter) -> usize {
        lock(&self.kept).entries.iter().filter(|entry| filter.matches(entry)).count()
    }

    /// Matching entries, oldest first.
    pub fn select(&self, filter: &Filter) -> Vec<Entry> {
        let kept = lock(&self.kept);
        let mut found: Vec<Entry> = kept
            .entries
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
        let kept = &mut *lock(&self.kept);
        kept.entries.clear();
        kept.bytes = 0;
    }
}
