//! The types of groups, and the rules that follow from the type alone.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GroupType {
    Private,
    Public,
    ChatRoom,
    AVChatRoom,
    Community,
}

impl GroupType {
    /// The words that requests may use.
    pub const NAMES: &'static [&'static str] =
        &["Private", "Public", "ChatRoom", "AVChatRoom", "Community", "Work", "Meeting"];

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Private" | "Work" => Self::Private,
            "Public" => Self::Public,
            "ChatRoom" | "Meeting" => Self::ChatRoom,
            "AVChatRoom" => Self::AVChatRoom,
            "Community" => Self::Community,
            _ => return None,
        })
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
            Self::ChatRoom => "ChatRoom",
            Self::AVChatRoom => "AVChatRoom",
            Self::Community => "Community",
        }
    }

    pub const fn stores_members(self) -> bool {
        !matches!(self, Self::AVChatRoom)
    }

    pub const fn stores_history(self) -> bool {
        !matches!(self, Self::AVChatRoom)
    }

    pub const fn counts_unread(self) -> bool {
        !matches!(self, Self::ChatRoom | Self::AVChatRoom)
    }

    pub const fn can_mute(self) -> bool {
        !matches!(self, Self::Private)
    }

    pub const fn has_admins(self) -> bool {
        !matches!(self, Self::Private | Self::AVChatRoom)
    }

    /// Whether joining and leaving puts a notice into the history.
    pub const fn stores_member_notices(self) -> bool {
        matches!(self, Self::Private | Self::Public | Self::Community)
    }

    /// `ApplyJoinOption` when the creator names none, or may not choose.
    pub const fn default_apply_option(self) -> &'static str {
        match self {
            Self::Private => "DisableApply",
            Self::Public => "NeedPermission",
            _ => "FreeAccess",
        }
    }

    pub const fn default_invite_option(self) -> &'static str {
        match self {
            Self::Private | Self::Community => "FreeAccess",
            _ => "DisableInvite",
        }
    }

    /// The most members that a group of the type may have.
    pub const fn member_cap(self, limits: &Limits) -> u64 {
        match self {
            Self::Community => limits.community_members,
            Self::AVChatRoom => 0,
            _ => limits.group_members,
        }
    }
}
