//! What each command does, by topic.

pub mod account;
pub mod attribute;
pub mod ban;
pub mod broadcast;
mod checks;
pub mod counter;
pub mod extension;
pub mod group;
pub mod history;
pub mod import;
pub mod lists;
pub mod live_room;
pub mod member;
pub mod message;
pub mod message_change;
pub mod mute;
pub mod online_status;
pub mod permission_group;
pub mod profile;
pub mod receipt;
pub mod robot;
pub mod stream;
pub mod topic;
pub mod topic_permission;
mod view;
