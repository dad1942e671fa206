//! Shared identifier strings, and the ids that the server makes.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::group_type::GroupType;

/// A UserID or GroupId; clones share one allocation, so that a million messages do not hold a million names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

impl Id {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Deref for Id {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// The sender of notices, which no user sent.
pub const SYSTEM_ACCOUNT: &str = "@TIM#SYSTEM";

/// Longest GroupId in bytes.
pub const GROUP_ID_BYTES: usize = 48;

/// Whether an id may name a group at all: printable ASCII, not empty, at most 48 bytes.
pub fn is_group_id(id: &str) -> bool {
    is_printable(id) && id.len() <= GROUP_ID_BYTES
}

/// Whether a caller may choose this id for a new group of the type.
pub fn is_custom_group_id(id: &str, kind: GroupType) -> bool {
    let own = match kind {
        GroupType::Community => {
            id.strip_prefix("@TGS#_").is_some_and(|rest| !rest.is_empty() && !rest.starts_with("@TGS#"))
        }
        _ => !id.starts_with("@TGS#"),
    };
    own && is_group_id(id)
}

/// What a TopicId has between its GroupId and its own part.
pub const TOPIC_MARK: &str = "@TOPIC#_";
/// How a PermissionGroupId starts.
const PERMISSION_GROUP_MARK: &str = "@PMG#_";

/// Whether a caller may choose this id for a new topic of the group. Server-made ids have the mark twice.
pub fn is_custom_topic_id(id: &str, group: &str) -> bool {
    let own = id.strip_prefix(group).and_then(|rest| rest.strip_prefix(TOPIC_MARK));
    own.is_some_and(|own| {
        is_printable(own) && !own.starts_with("@TOPIC#") && !own.contains("@TGS#_") && !own.contains("@TOPIC#_@TOPIC#")
    })
}

/// Whether a caller may choose this id for a new permission group.
pub fn is_custom_permission_group_id(id: &str) -> bool {
    id.strip_prefix(PERMISSION_GROUP_MARK).is_some_and(|own| is_printable(own) && !own.starts_with("@PMG#"))
}

/// Whether a permission group could have this id.
pub fn is_permission_group_id(id: &str) -> bool {
    id.strip_prefix(PERMISSION_GROUP_MARK).is_some_and(is_printable)
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

/// The `n`-th server-made id of a topic in the group.
pub fn server_topic_id(seed: u64, n: u64, group: &str) -> String {
    format!("{group}{TOPIC_MARK}@TOPIC#c{}", token(seed, n))
}

/// The `n`-th server-made id of a permission group.
pub fn server_permission_group_id(seed: u64, n: u64) -> String {
    format!("{PERMISSION_GROUP_MARK}@PMG#c{}", token(seed, n))
}

/// The `n`-th server-made id: the same seed gives the same ids in every run.
pub fn server_group_id(seed: u64, n: u64, kind: GroupType) -> String {
    let prefix = match kind {
        GroupType::Private => "@TGS#1",
        GroupType::Public => "@TGS#2",
        GroupType::ChatRoom => "@TGS#3",
        GroupType::AVChatRoom => "@TGS#a",
        GroupType::Community => "@TGS#_@TGS#c",
    };
    format!("{prefix}{}", token(seed, n))
}

/// Thirteen characters out of a mixing function that maps distinct numbers to distinct numbers.
fn token(seed: u64, n: u64) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut mixed = mix(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..13)
        .map(|_| {
            let digit = char::from(ALPHABET[(mixed & 31) as usize]);
            mixed >>= 5;
            digit
        })
        .collect()
}

/// The id of a message as clients know it: an internal number of the sender, the second and the `Random`.
pub fn message_id(from: &str, time: i64, random: u32) -> String {
    /// Internal numbers of accounts lie above it.
    const ACCOUNTS: u64 = 1 << 57;
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let account = ACCOUNTS + (mix(from.bytes().fold(0xcbf2_9ce4_8422_2325, fnv)) >> 24);
    format!("{account}-{time}-{random}")
}

/// The key of a stored message: its number, its `Random` and the second.
pub fn message_key(seq: u64, time: i64, random: u32) -> String {
    format!("{seq}_{random}_{time}")
}

/// SplitMix64's finaliser.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
