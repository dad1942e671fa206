//! What each command does, by the statements of the reference.

mod attributes;
mod bans;
mod counters;
mod extensions;
mod groups;
mod imports;
mod live_rooms;
mod members;
mod message_changes;
mod messages;
mod permission_groups;
mod receipts;
mod robots;
pub mod topics;
