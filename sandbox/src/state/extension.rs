//! The key-value extensions of one message.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Pairs in one answer, and hence keys that may share a version: reading goes on at the next version.
pub const PAIRS_PER_ANSWER: usize = 200;

/// A key's value, absent once deleted, and its version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pair {
    pub value: Option<String>,
    pub seq: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Extensions {
    /// Deleted keys stay until all is cleared, so that a version never comes twice.
    pairs: BTreeMap<String, Pair>,
    pub latest_seq: u64,
    pub clear_seq: u64,
    /// Of the message as a whole: one more with each call. Webhooks alone carry it.
    #[serde(default)]
    pub version: u64,
    /// The running minute and its writes. Like every rate it starts again with the process.
    #[serde(skip)]
    minute: (i64, u32),
}

impl Extensions {
    /// Counts one write; whether the minute has room for it.
    pub fn admit_write(&mut self, now: i64, most: f64) -> bool {
        let minute = now.div_euclid(60);
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        if f64::from(self.minute.1) >= most {
            return false;
        }
        self.minute.1 += 1;
        true
    }

    /// How many pairs there would be with these keys.
    pub fn count_with<'k>(&self, keys: impl Iterator<Item = &'k str>) -> usize {
        let is_new = |key: &&str| self.pairs.get(*key).is_none_or(|pair| pair.value.is_none());
        let new: BTreeSet<&str> = keys.filter(is_new).collect();
        self.live().count() + new.len()
    }

    /// Writes a key: version 1 (or the first after a clearing) at first, one more with each later write, moved on where
    /// a whole answer of keys has that version already.
    pub fn set(&mut self, key: &str, value: &str) -> &Pair {
        self.write(key, Some(value.to_owned()))
    }

    /// Deletes a key; one that is not there stays as it is.
    pub fn delete(&mut self, key: &str) -> Pair {
        match self.pairs.get(key) {
            Some(pair) if pair.value.is_some() => self.write(key, None).clone(),
            other => other.cloned().unwrap_or_default(),
        }
    }

    fn write(&mut self, key: &str, value: Option<String>) -> &Pair {
        let mut seq = self.pairs.get(key).map_or(self.clear_seq, |pair| pair.seq) + 1;
        while self.live().filter(|(_, pair)| pair.seq == seq).count() >= PAIRS_PER_ANSWER {
            seq += 1;
        }
        self.latest_seq = self.latest_seq.max(seq);
        let pair = self.pairs.entry(key.to_owned()).or_default();
        *pair = Pair { value, seq };
        pair
    }

    pub fn clear(&mut self) {
        self.pairs.clear();
        self.clear_seq = self.latest_seq;
    }

    /// The pairs from a version on, ordered by version and as many whole versions as an answer holds; whether these are all.
    pub fn page(&self, start_seq: u64) -> (Vec<(&str, &Pair)>, bool) {
        let mut pairs: Vec<(&str, &Pair)> = self.live().filter(|(_, pair)| pair.seq >= start_seq).collect();
        pairs.sort_by_key(|(_, pair)| pair.seq);
        let Some((_, first_left_out)) = pairs.get(PAIRS_PER_ANSWER) else {
            return (pairs, true);
        };
        let end = pairs.partition_point(|(_, pair)| pair.seq < first_left_out.seq);
        pairs.truncate(end);
        (pairs, false)
    }

    fn live(&self) -> impl Iterator<Item = (&str, &Pair)> {
        self.pairs.iter().filter(|(_, pair)| pair.value.is_some()).map(|(key, pair)| (key.as_str(), pair))
    }
}
