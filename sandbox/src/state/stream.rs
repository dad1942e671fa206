//! Messages that are sent in growing chunks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Seconds after which a stream that got no chunk has ended.
pub const GAP_SECONDS: i64 = 15;

/// Seconds for which a stream is remembered, so that a repeated call finds it.
const KEPT_SECONDS: i64 = 300;

/// The numbers that distinguish a repeated call from a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub random: u64,
    pub first: i64,
    pub last: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stream {
    pub seq: u64,
    /// Of all chunks so far.
    pub bytes: usize,
    /// The call that came last.
    pub part: Part,
    pub time: i64,
    pub finished: bool,
}

impl Stream {
    /// Whether it takes no more chunks.
    pub fn has_ended(&self, now: i64) -> bool {
        self.finished || now - self.time > GAP_SECONDS
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Streams {
    made: u64,
    streams: BTreeMap<String, Stream>,
}

impl Streams {
    /// The id of the next stream.
    pub fn next_id(&self) -> String {
        format!("stream-{}", self.made + 1)
    }

    pub fn open(&mut self, stream: Stream) {
        let id = self.next_id();
        self.made += 1;
        let now = stream.time;
        self.streams.retain(|_, old| now - old.time < KEPT_SECONDS);
        self.streams.insert(id, stream);
    }

    pub fn get(&self, id: &str) -> Option<&Stream> {
        self.streams.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Stream> {
        self.streams.get_mut(id)
    }

    /// The stream of a message.
    pub fn of_message(&self, seq: u64) -> Option<&str> {
        self.streams.iter().find(|(_, stream)| stream.seq == seq).map(|(id, _)| id.as_str())
    }
}
