//! The sandbox: every statement of the reference about the emulated API, and the control API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod attributes;
mod bans;
mod client;
mod clients;
mod community_examples;
mod control;
mod counters;
mod crash;
mod documentation;
mod drift;
mod examples;
mod examples_live;
mod examples_messages;
mod extensions;
mod groups;
mod guard;
mod imports;
mod kept;
mod live_rooms;
mod members;
mod message_changes;
mod message_webhooks;
mod messages;
mod model;
mod permission_groups;
mod platform;
mod receipts;
mod receiver;
mod robots;
mod strictness;
mod topics;
mod walls;
mod webhooks;
