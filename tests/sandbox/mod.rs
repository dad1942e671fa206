//! The sandbox: every statement of the reference about the emulated API, and the control API.

mod attributes;
mod bans;
pub mod client;
mod control;
mod counters;
mod durability;
mod examples;
mod examples_live;
mod examples_messages;
mod extensions;
mod groups;
mod imports;
mod kept;
mod live_rooms;
mod members;
mod message_changes;
mod messages;
mod model;
mod platform;
mod receipts;
mod robots;
mod size;
mod through_gateway;
mod through_gateway_live;
mod webhooks;
