//! Limits that differ between editions of the service, and the pacing of calls and messages.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::sync::lock;

/// What one call, group or message may hold. The defaults are the newest documented ones of the largest edition,
/// except where an older and larger value keeps older clients working.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Users that one add_group_member call may name.
    #[arg(long = "limit-add-members", default_value_t = 300)]
    pub add_members: usize,
    /// Members that one import_group_member call may name. Older editions of the documents say 100, 300 and 500.
    #[arg(long = "limit-import-members", default_value_t = 20)]
    #[serde(default = "import_members_unrecorded")]
    pub import_members: usize,
    /// Users that one send_group_system_notification call may name.
    #[arg(long = "limit-notification-recipients", default_value_t = 500)]
    pub notification_recipients: usize,
    /// Bytes of one message.
    #[arg(long = "limit-message-bytes", default_value_t = 12_288)]
    pub message_bytes: usize,
    /// Bytes of a group name.
    #[arg(long = "limit-name-bytes", default_value_t = 30)]
    pub name_bytes: usize,
    /// Bytes of a group introduction.
    #[arg(long = "limit-introduction-bytes", default_value_t = 240)]
    pub introduction_bytes: usize,
    /// Bytes of a group notification.
    #[arg(long = "limit-notification-bytes", default_value_t = 300)]
    pub notification_bytes: usize,
    /// Bytes of a group's face URL.
    #[arg(long = "limit-face-url-bytes", default_value_t = 100)]
    pub face_url_bytes: usize,
    /// Members of a group other than a community.
    #[arg(long = "limit-group-members", default_value_t = 6_000)]
    pub group_members: u64,
    /// Members of a community.
    #[arg(long = "limit-community-members", default_value_t = 100_000)]
    pub community_members: u64,
    /// Members of one permission group; 0 means no limit.
    #[arg(long = "limit-permission-group-members", default_value_t = 0)]
    pub permission_group_members: usize,
    /// Live groups of one app; 0 means no limit. The trial edition has 100.
    #[arg(long = "limit-groups", default_value_t = 0)]
    pub groups: usize,
    /// Live AVChatRoom groups of one app; 0 means no limit. The trial edition has 10.
    #[arg(long = "limit-live-rooms", default_value_t = 0)]
    pub live_rooms: usize,
    /// Groups that one user may be in; 0 means no limit.
    #[arg(long = "limit-joined-groups", default_value_t = 0)]
    pub joined_groups: usize,
    /// Groups that one app may gain in a day (UTC): created less dissolved; 0 means no limit.
    #[arg(long = "limit-new-groups", default_value_t = 10_000)]
    pub new_groups: i64,
    /// Stream messages that one app may begin in a day (UTC); 0 means no limit. The trial edition has 1,000.
    #[arg(long = "limit-stream-messages", default_value_t = 0)]
    pub stream_messages: usize,
    /// Accounts of one app; 0 means no limit. The trial edition has 100.
    #[arg(long = "limit-accounts", default_value_t = 0)]
    pub accounts: usize,
    /// Days for which the UserID of a deleted account cannot be imported. The trial edition has 0.
    #[arg(long = "limit-deleted-days", default_value_t = 90)]
    pub deleted_days: i64,
    /// Days that messages stay readable.
    #[arg(long = "limit-history-days", default_value_t = 90)]
    pub history_days: i64,
    /// Behaves like an edition below Pro: counters answer 10059; marks, admins and robots of live rooms and broadcasts
    /// are refused; the online list shows 30 members.
    #[arg(long)]
    pub basic_edition: bool,
    /// Bad UserSigs of one app and minute before the answer becomes 70050.
    #[arg(long = "limit-bad-signatures", default_value_t = 1_000)]
    pub bad_signatures: u32,
}

/// The cap of the sandboxes that did not record it: what their logs hold must be repeatable.
fn import_members_unrecorded() -> usize {
    300
}

impl Limits {
    /// With the larger texts of groups that newer documents of clients name, which the contract takes too.
    #[must_use]
    pub fn newest() -> Self {
        Self {
            name_bytes: 100,
            introduction_bytes: 400,
            notification_bytes: 400,
            face_url_bytes: 500,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            add_members: 300,
            import_members: 20,
            notification_recipients: 500,
            message_bytes: 12_288,
            name_bytes: 30,
            introduction_bytes: 240,
            notification_bytes: 300,
            face_url_bytes: 100,
            group_members: 6_000,
            community_members: 100_000,
            permission_group_members: 0,
            groups: 0,
            live_rooms: 0,
            joined_groups: 0,
            new_groups: 10_000,
            stream_messages: 0,
            accounts: 0,
            deleted_days: 90,
            history_days: 90,
            basic_edition: false,
            bad_signatures: 1_000,
        }
    }
}

/// Group messages a second in one group, all senders together.
pub const GROUP_MESSAGES_PER_SECOND: f64 = 40.0;

/// Token buckets in real time: a frozen clock must not stop the refill.
#[derive(Debug)]
pub struct Pace {
    state: Mutex<PaceState>,
    started: Instant,
}

#[derive(Debug)]
struct PaceState {
    scale: f64,
    /// When each key's bucket is full again, in seconds since the start.
    full_at: HashMap<String, f64>,
}

impl Pace {
    pub fn new(scale: f64) -> Self {
        Self { state: Mutex::new(PaceState { scale, full_at: HashMap::new() }), started: Instant::now() }
    }

    /// Multiplies every rate; 0 switches pacing off.
    pub fn set_scale(&self, scale: f64) {
        let mut state = lock(&self.state);
        state.scale = scale;
        state.full_at.clear();
    }

    pub fn scale(&self) -> f64 {
        lock(&self.state).scale
    }

    /// Takes one token of `key`; the bucket holds one second's worth, at least one.
    pub fn admit(&self, key: impl FnOnce() -> String, per_second: f64) -> bool {
        let mut state = lock(&self.state);
        if state.scale <= 0.0 {
            return true;
        }
        let rate = per_second * state.scale;
        let now = self.started.elapsed().as_secs_f64();
        if state.full_at.len() > 100_000 {
            state.full_at.retain(|_, at| *at > now);
        }
        let full_at = state.full_at.entry(key()).or_insert(now);
        let next = full_at.max(now) + 1.0 / rate;
        let depth = rate.max(1.0) / rate;
        let admitted = next - now <= depth + 1e-9;
        if admitted {
            *full_at = next;
        }
        admitted
    }
}
