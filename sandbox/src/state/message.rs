//! The stored messages of a group or topic, and the memory that drops duplicates.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::extension::Extensions;
use super::receipt::Receipt;
use super::shared::{self, Named};
use crate::ids::{Id, message_id};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageState {
    Normal,
    /// Deleted for good: a placeholder remains.
    Deleted,
    Recalled,
}

/// One stored message. Its number is its place in the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Nobody for system messages.
    pub from: Option<Id>,
    pub time: i64,
    /// When it entered the history; later than `time` for an imported message. Its age counts from here.
    pub stored: i64,
    pub random: u32,
    /// As history shows it: 1 High, 2 Normal, 3 Low.
    pub priority: u8,
    pub state: MessageState,
    /// The elements as JSON text; text is a third of the size of parsed values.
    pub body: Box<str>,
    pub cloud_custom_data: Option<Box<str>>,
    /// The recipients of a targeted message.
    pub to: Option<Box<[Id]>>,
    /// Whether key-value extensions may be set on it.
    pub extensible: bool,
    /// How many messages up to this one count as unread for those who have not read them.
    counted: u32,
}

impl Message {
    pub fn new(from: Option<Id>, time: i64, random: u32, body: &str) -> Self {
        Self {
            from,
            time,
            stored: time,
            random,
            priority: 2,
            state: MessageState::Normal,
            body: body.into(),
            cloud_custom_data: None,
            to: None,
            extensible: false,
            counted: 0,
        }
    }

    /// Its id as clients know it; a system message has none.
    pub fn id(&self) -> Option<String> {
        self.from.as_deref().map(|from| message_id(from, self.time, self.random))
    }
}

impl Named for Message {
    fn name(&mut self) -> Option<&mut Id> {
        self.from.as_mut()
    }
}

/// Messages numbered from 1 without gaps.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct History {
    #[serde(deserialize_with = "shared::read")]
    messages: Vec<Message>,
    /// 0 when nothing was sent.
    pub last_message_time: i64,
    /// Of the messages that have any, by number.
    #[serde(default)]
    pub receipts: BTreeMap<u64, Receipt>,
    #[serde(default)]
    pub extensions: BTreeMap<u64, Extensions>,
}

impl History {
    /// The number that the next stored message gets.
    pub fn next_seq(&self) -> u64 {
        self.messages.len() as u64 + 1
    }

    pub fn last_seq(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Stores a message and returns its number; `counts` says whether it counts as unread.
    pub fn push(&mut self, mut message: Message, counts: bool) -> u64 {
        message.counted = self.messages.last().map_or(0, |last| last.counted) + u32::from(counts);
        self.messages.push(message);
        self.last_seq()
    }

    pub fn get(&self, seq: u64) -> Option<&Message> {
        self.messages.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    pub fn get_mut(&mut self, seq: u64) -> Option<&mut Message> {
        self.messages.get_mut(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// The newest `count` messages.
    pub fn newest_mut(&mut self, count: usize) -> &mut [Message] {
        let start = self.messages.len().saturating_sub(count);
        &mut self.messages[start..]
    }

    /// How many messages after `read_seq` count as unread.
    pub fn unread_after(&self, read_seq: u64) -> u64 {
        let counted = |seq| self.get(seq).map_or(0, |message| u64::from(message.counted));
        counted(self.last_seq()).saturating_sub(counted(read_seq))
    }
}

/// Seconds for which a repeated `Random` of one sender is the same message.
pub const DUPLICATE_SECONDS: i64 = 300;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sent {
    from: Id,
    random: u32,
    time: i64,
    seq: u64,
}

impl Named for Sent {
    fn name(&mut self) -> Option<&mut Id> {
        Some(&mut self.from)
    }
}

/// The messages of the last five minutes by sender and `Random`.
#[derive(Debug, Default)]
pub struct Duplicates {
    queue: VecDeque<Sent>,
    index: HashMap<(Id, u32), (i64, u64)>,
}

impl<'de> Deserialize<'de> for Duplicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let queue: VecDeque<Sent> = shared::read(deserializer)?.into();
        let index = queue.iter().map(|sent| ((sent.from.clone(), sent.random), (sent.time, sent.seq))).collect();
        Ok(Self { queue, index })
    }
}

impl Serialize for Duplicates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.queue.serialize(serializer)
    }
}

impl Duplicates {
    /// Time and number of the first message with this sender and `Random`, if it is younger than five minutes.
    pub fn find(&mut self, from: &Id, random: u32, now: i64) -> Option<(i64, u64)> {
        while let Some(sent) = self.queue.pop_front_if(|sent| now - sent.time >= DUPLICATE_SECONDS) {
            let key = (sent.from, sent.random);
            if self.index.get(&key).is_some_and(|(time, _)| *time == sent.time) {
                self.index.remove(&key);
            }
        }
        self.index.get(&(from.clone(), random)).copied()
    }

    pub fn remember(&mut self, from: &Id, random: u32, time: i64, seq: u64) {
        self.index.insert((from.clone(), random), (time, seq));
        self.queue.push_back(Sent { from: from.clone(), random, time, seq });
    }
}
