//! Messages to all live rooms: numbered, remembered for five minutes, and stored nowhere.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How long a repetition is recognised.
const DUPLICATE_SECONDS: i64 = 300;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Broadcasts {
    last_seq: u64,
    recent: VecDeque<Sent>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sent {
    time: i64,
    random: u32,
    content: String,
    seq: u64,
}

impl Broadcasts {
    /// The number of the same broadcast, if it was sent within five minutes.
    pub fn find(&mut self, random: u32, content: &str, now: i64) -> Option<u64> {
        while self.recent.pop_front_if(|sent| now - sent.time >= DUPLICATE_SECONDS).is_some() {}
        self.recent.iter().find(|sent| sent.random == random && sent.content == content).map(|sent| sent.seq)
    }

    /// Numbers a new one.
    pub fn add(&mut self, random: u32, content: String, now: i64) -> u64 {
        self.last_seq += 1;
        self.recent.push_back(Sent { time: now, random, content, seq: self.last_seq });
        self.last_seq
    }
}
