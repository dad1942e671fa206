//! A group: its type's rules, profile, members and messages.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::member::{Member, MsgFlag, Role, Roster};
use super::message::{Duplicates, History, Message};
use super::permission_group::{PermissionGroups, Right};
use super::presence::Presence;
use super::stream::Streams;
use super::topic::Topic;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::ids::{Id, TOPIC_MARK};

/// A message of an AVChatRoom: known for an hour, for recalls only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiveMessage {
    pub seq: u64,
    pub time: i64,
    pub recalled: bool,
}

/// The numbering of an AVChatRoom, which stores nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LiveRoom {
    pub last_seq: u64,
    pub recent: VecDeque<LiveMessage>,
}

/// The last time that everybody's unread count went to 0, kept once for the group and not in each member.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct ReadReset {
    epoch: u64,
    seq: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Group {
    /// Position in the order of creation, unique in the app for ever.
    pub number: u64,
    pub id: Id,
    pub kind: GroupType,
    pub name: String,
    pub introduction: String,
    pub notification: String,
    pub face_url: String,
    pub owner: Option<Id>,
    pub create_time: i64,
    pub info_seq: u64,
    pub last_info_time: i64,
    pub max_members: u64,
    pub apply_join_option: String,
    pub invite_join_option: String,
    pub mute_all: bool,
    pub history_before_join: Option<String>,
    pub support_topic: bool,
    pub enable_permission: bool,
    pub default_permission: u64,
    pub custom: BTreeMap<String, String>,
    pub members: Roster,
    pub history: History,
    read_reset: ReadReset,
    pub live: LiveRoom,
    pub duplicates: Duplicates,
    /// Ends of mutes, kept apart from the members: a mute outlives leaving.
    pub mutes: BTreeMap<Id, i64>,
    pub topics: BTreeMap<String, Topic>,
    #[serde(default)]
    pub permission_groups: PermissionGroups,
    /// A Work group is invisible to all but its owner until its first message.
    pub active: bool,
    #[serde(default)]
    pub presence: Presence,
    #[serde(default)]
    pub attributes: Attributes,
    #[serde(default)]
    pub counters: BTreeMap<String, i64>,
    /// Ends of bans; a ban that is over has no effect.
    #[serde(default)]
    pub bans: BTreeMap<Id, i64>,
    /// Clients cannot load messages up to this number.
    #[serde(default)]
    pub hidden_until: u64,
    #[serde(default)]
    pub streams: Streams,
}

impl Group {
    pub fn new(number: u64, id: Id, kind: GroupType, now: i64) -> Self {
        Self {
            number,
            id,
            kind,
            name: String::new(),
            introduction: String::new(),
            notification: String::new(),
            face_url: String::new(),
            owner: None,
            create_time: now,
            info_seq: 1,
            last_info_time: now,
            max_members: 0,
            apply_join_option: kind.default_apply_option().to_owned(),
            invite_join_option: kind.default_invite_option().to_owned(),
            mute_all: false,
            history_before_join: None,
            support_topic: false,
            enable_permission: false,
            default_permission: 0,
            custom: BTreeMap::new(),
            members: Roster::default(),
            history: History::default(),
            read_reset: ReadReset::default(),
            live: LiveRoom::default(),
            duplicates: Duplicates::default(),
            mutes: BTreeMap::new(),
            topics: BTreeMap::new(),
            permission_groups: PermissionGroups::default(),
            active: kind != GroupType::Private,
            presence: Presence::default(),
            attributes: Attributes::default(),
            counters: BTreeMap::new(),
            bans: BTreeMap::new(),
            hidden_until: 0,
            streams: Streams::default(),
        }
    }

    pub fn next_seq(&self) -> u64 {
        if self.kind.stores_history() { self.history.next_seq() } else { self.live.last_seq + 1 }
    }

    /// Notes a change of the profile.
    pub fn touch(&mut self, now: i64) {
        self.info_seq += 1;
        self.last_info_time = now;
    }

    pub fn is_full(&self) -> bool {
        self.members.len() as u64 >= self.max_members
    }

    /// Lets a user in at the current end of the history.
    pub fn admit(&mut self, id: Id, role: Role, now: i64) {
        let mut member = Member::new(id, role, now, self.history.last_seq(), MsgFlag::default_in(self.kind));
        member.read_epoch = self.read_reset.epoch;
        for topic in self.topics.values_mut() {
            topic.admit(&member.id);
        }
        self.members.add(member);
    }

    /// Takes a member out, with everything that is tied to being one.
    pub fn expel(&mut self, user: &str) -> Option<Member> {
        let member = self.members.remove(user)?;
        if member.role == Role::Owner {
            self.owner = None;
        }
        for topic in self.topics.values_mut() {
            topic.forget(user);
        }
        self.permission_groups.forget(user);
        self.presence.leave(user);
        Some(member)
    }

    /// A topic: 10007 in a group that holds none, 10015 for an id that breaks the syntax, 10010 when there is none.
    pub fn topic(&self, id: &str) -> Result<&Topic, ApiError> {
        self.check_topic_id(id)?;
        self.topics.get(id).ok_or_else(no_such_topic)
    }

    pub fn topic_mut(&mut self, id: &str) -> Result<&mut Topic, ApiError> {
        self.check_topic_id(id)?;
        self.topics.get_mut(id).ok_or_else(no_such_topic)
    }

    fn check_topic_id(&self, id: &str) -> Result<(), ApiError> {
        if !self.support_topic {
            return Err(ApiError::not_allowed("only a community that supports topics has them"));
        }
        if !id.strip_prefix(self.id.as_str()).is_some_and(|rest| rest.starts_with(TOPIC_MARK)) {
            return Err(ApiError::new(10015, "invalid topic id: it must start with the GroupId and @TOPIC#_"));
        }
        Ok(())
    }

    /// Whether a member has a right, which is asked for only where permission groups are on. Owner and admins have all.
    pub fn permits(&self, member: &Member, right: Right, topic: Option<&str>) -> bool {
        !self.enable_permission
            || member.role != Role::Member
            || self.permission_groups.grant(&member.id, right, topic, self.default_permission)
    }

    /// Stores the notice of a join or leave where the type has one; it does not count as unread.
    pub fn store_member_notice(&mut self, now: i64) {
        if self.active && self.kind.stores_member_notices() {
            self.history.push(Message::new(None, now, 0, "[]"), false);
        }
    }

    /// When the mute of a user ends, or 0 when the user may speak.
    pub fn muted_until(&self, user: &str, now: i64) -> i64 {
        self.mutes.get(user).copied().filter(|until| *until > now).unwrap_or(0)
    }

    /// Whether a user is kept out.
    pub fn is_banned(&self, user: &str, now: i64) -> bool {
        self.bans.get(user).is_some_and(|until| *until > now)
    }

    /// The number up to which a member has read.
    pub fn read_seq(&self, member: &Member) -> u64 {
        if member.read_epoch == self.read_reset.epoch { member.read_seq } else { self.read_reset.seq }
    }

    /// Unread messages of a member.
    pub fn unread(&self, member: &Member) -> u64 {
        if !self.kind.counts_unread() {
            return 0;
        }
        let not_unread = if member.read_epoch == self.read_reset.epoch { member.not_unread } else { 0 };
        self.history.unread_after(self.read_seq(member)).saturating_add_signed(-not_unread)
    }

    /// Sets how many messages a member has not read, at most all that count. The read number lies so far before the end as is
    /// documented, even if what does not count lies in between.
    pub fn set_unread(&mut self, user: &str, unread: u64) {
        let unread = unread.min(self.history.unread_after(0));
        let seq = self.history.last_seq() - unread;
        let counted = self.history.unread_after(seq);
        self.set_read_seq(user, seq);
        if let Some(member) = self.members.get_mut(user) {
            member.not_unread = counted as i64 - unread as i64;
        }
    }

    /// Sets the number up to which a member has read.
    fn set_read_seq(&mut self, user: &str, seq: u64) {
        let epoch = self.read_reset.epoch;
        if let Some(member) = self.members.get_mut(user) {
            member.read_seq = seq;
            member.not_unread = 0;
            member.read_epoch = epoch;
        }
    }

    /// Sets everybody's unread count to 0.
    pub fn mark_all_read(&mut self) {
        self.read_reset = ReadReset { epoch: self.read_reset.epoch + 1, seq: self.history.last_seq() };
    }

    /// The members whom a message reaches.
    pub fn recipients(&self, seq: u64) -> impl Iterator<Item = Id> + '_ {
        let targets = self.history.get(seq).and_then(|message| message.to.as_deref());
        let reached = move |member: &&Member| targets.is_none_or(|targets| targets.contains(&member.id));
        self.members.iter().filter(reached).map(|member| member.id.clone())
    }

    /// Notes that a member sent the message `seq`, which is not unread to its sender.
    pub fn note_sent(&mut self, user: &str, seq: u64, counts: bool, now: i64) {
        let Some(read) = self.members.get(user).map(|member| self.read_seq(member)) else {
            return;
        };
        if read + 1 == seq {
            self.set_read_seq(user, seq);
        } else if self.members.get(user).is_some_and(|member| member.read_epoch != self.read_reset.epoch) {
            self.set_read_seq(user, read);
        }
        if let Some(member) = self.members.get_mut(user) {
            member.last_send_time = now;
            member.not_unread += i64::from(counts && read + 1 != seq);
        }
    }
}

fn no_such_topic() -> ApiError {
    ApiError::new(10010, "this topic does not exist")
}
