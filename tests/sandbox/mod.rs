//! The sandbox: every statement of the reference about the emulated API, and the control API.

mod bans;
pub mod client;
mod community_examples;
mod community_through_gateway;
mod control;
mod durability;
mod examples;
mod examples_messages;
mod extensions;
mod groups;
mod imports;
mod kept;
mod members;
mod message_changes;
mod messages;
mod model;
mod permission_groups;
mod platform;
mod receipts;
mod robots;
mod size;
mod through_gateway;
mod topics;
mod webhooks;
