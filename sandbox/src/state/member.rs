//! The members of a group, kept so that a page costs the same wherever it starts.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, Serializer};

use crate::group_type::GroupType;
use crate::ids::Id;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    Owner,
    Admin,
    Member,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Member => "Member",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MsgFlag {
    AcceptAndNotify,
    AcceptNotNotify,
    Discard,
    AcceptNotNotifyExceptAt,
}

impl MsgFlag {
    /// The receive option of a new member.
    pub const fn default_in(kind: GroupType) -> Self {
        match kind {
            GroupType::ChatRoom | GroupType::AVChatRoom => Self::AcceptNotNotify,
            _ => Self::AcceptAndNotify,
        }
    }

    pub const NAMES: &'static [&'static str] =
        &["AcceptAndNotify", "AcceptNotNotify", "Discard", "AcceptNotNotifyExceptAt"];

    pub const fn name(self) -> &'static str {
        match self {
            Self::AcceptAndNotify => "AcceptAndNotify",
            Self::AcceptNotNotify => "AcceptNotNotify",
            Self::Discard => "Discard",
            Self::AcceptNotNotifyExceptAt => "AcceptNotNotifyExceptAt",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "AcceptAndNotify" => Some(Self::AcceptAndNotify),
            "AcceptNotNotify" => Some(Self::AcceptNotNotify),
            "Discard" => Some(Self::Discard),
            "AcceptNotNotifyExceptAt" => Some(Self::AcceptNotNotifyExceptAt),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub id: Id,
    pub role: Role,
    pub join_time: i64,
    /// The number up to which the member has read; the group knows whether it still holds.
    pub(super) read_seq: u64,
    /// Taken off the messages after `read_seq` that count: own ones are not unread. Below 0 where a number of unread messages
    /// was set and what does not count lies among the last so many.
    pub(super) not_unread: i64,
    /// The read reset of the group that `read_seq` has seen.
    pub(super) read_epoch: u64,
    pub msg_flag: MsgFlag,
    pub last_send_time: i64,
    pub name_card: Box<str>,
    pub custom: Option<BTreeMap<String, String>>,
    /// Position in the order of joining.
    order: u64,
}

impl Member {
    pub fn new(id: Id, role: Role, join_time: i64, read_seq: u64, msg_flag: MsgFlag) -> Self {
        Self {
            id,
            role,
            join_time,
            read_seq,
            not_unread: 0,
            read_epoch: 0,
            msg_flag,
            last_send_time: 0,
            name_card: "".into(),
            custom: None,
            order: 0,
        }
    }

    /// The owner comes first, then everybody in the order of joining.
    fn key(&self) -> u64 {
        if self.role == Role::Owner { 0 } else { self.order }
    }
}

/// A member's sort key and name.
type Place = (u64, Id);

/// Members by name, and their order as sorted vectors: positions are found by arithmetic, a joining member is appended, and
/// only a leaving one moves the later ones.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Vec<Member>")]
pub struct Roster {
    by_id: HashMap<Id, Member>,
    everybody: Vec<Place>,
    /// Owner and admins, so that asking for them does not scan.
    staff: Vec<Place>,
    ordinary: Vec<Place>,
    next_order: u64,
}

impl From<Vec<Member>> for Roster {
    fn from(members: Vec<Member>) -> Self {
        let mut roster = Self::default();
        let mut members = members;
        members.sort_by_key(|member| member.order);
        for member in members {
            roster.next_order = roster.next_order.max(member.order);
            roster.link(&member);
            roster.by_id.insert(member.id.clone(), member);
        }
        roster
    }
}

impl Serialize for Roster {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Roster {
    pub fn len(&self) -> usize {
        self.everybody.len()
    }

    pub fn get(&self, id: &str) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// For everything but the role, which [`Self::set_role`] changes.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_id.get_mut(id)
    }

    /// All members in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.resolve(&self.everybody)
    }

    /// Appends a member; the name must not be there yet.
    pub fn add(&mut self, mut member: Member) {
        self.next_order += 1;
        member.order = self.next_order;
        self.link(&member);
        self.by_id.insert(member.id.clone(), member);
    }

    /// The group does this, since more than the roster knows its members.
    pub(super) fn remove(&mut self, id: &str) -> Option<Member> {
        let member = self.by_id.remove(id)?;
        self.unlink(&member);
        Some(member)
    }

    pub fn set_role(&mut self, id: &str, role: Role) {
        if let Some(mut member) = self.by_id.remove(id) {
            self.unlink(&member);
            member.role = role;
            self.link(&member);
            self.by_id.insert(member.id.clone(), member);
        }
    }

    /// A page of the members that have one of the roles (all members when `roles` is empty).
    pub fn page(&self, roles: &[Role], offset: usize, limit: usize) -> Vec<&Member> {
        let (head, list) = self.lists(roles);
        let skipped = offset.saturating_sub(usize::from(head.is_some()));
        let head = head.filter(|_| offset == 0);
        self.take(head, list.get(skipped..).unwrap_or_default(), limit)
    }

    /// The same for cursors: a page from a place on, and the place after it while more follow. A place stays right
    /// while members come and go, which an offset does not.
    pub fn page_from(&self, roles: &[Role], from: u64, limit: usize) -> (Vec<&Member>, Option<u64>) {
        let (head, list) = self.lists(roles);
        let start = list.partition_point(|(key, _)| *key < from);
        let head = head.filter(|_| from == 0);
        let rest = list.get(start..).unwrap_or_default();
        let mut page = self.take(head, rest, limit.saturating_add(1));
        let next = if page.len() > limit { page.pop().map(Member::key) } else { None };
        (page, next)
    }

    /// The members of some roles: perhaps the owner, then the others as far as they lie in one list.
    fn lists(&self, roles: &[Role]) -> (Option<&Place>, &[Place]) {
        let has = |role| roles.is_empty() || roles.contains(&role);
        let owner = self.staff.first().filter(|(key, _)| *key == 0);
        let after_owner = usize::from(owner.is_some());
        match (has(Role::Owner), has(Role::Admin), has(Role::Member)) {
            (true, true, true) => (None, &self.everybody),
            (false, true, true) => (None, self.everybody.get(after_owner..).unwrap_or_default()),
            (true, false, true) => (owner, &self.ordinary),
            (false, false, true) => (None, &self.ordinary),
            (true, true, false) => (None, &self.staff),
            (false, true, false) => (None, self.staff.get(after_owner..).unwrap_or_default()),
            (true, false, false) => (owner, &[]),
            (false, false, false) => (None, &[]),
        }
    }

    fn take(&self, head: Option<&Place>, list: &[Place], limit: usize) -> Vec<&Member> {
        head.into_iter().chain(list).take(limit).filter_map(|(_, id)| self.by_id.get(id.as_str())).collect()
    }

    fn resolve<'a>(&'a self, list: &'a [Place]) -> impl Iterator<Item = &'a Member> {
        list.iter().filter_map(|(_, id)| self.by_id.get(id.as_str()))
    }

    fn link(&mut self, member: &Member) {
        let key = member.key();
        let side = if member.role == Role::Member { &mut self.ordinary } else { &mut self.staff };
        for list in [&mut self.everybody, side] {
            let at = list.partition_point(|(other, _)| *other < key);
            list.insert(at, (key, member.id.clone()));
        }
    }

    fn unlink(&mut self, member: &Member) {
        let key = member.key();
        let side = if member.role == Role::Member { &mut self.ordinary } else { &mut self.staff };
        for list in [&mut self.everybody, side] {
            if let Ok(at) = list.binary_search_by_key(&key, |(other, _)| *other) {
                list.remove(at);
            }
        }
    }
}
