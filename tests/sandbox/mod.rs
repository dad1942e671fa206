//! The sandbox: every statement of the reference about the emulated API, and the control API.

pub mod client;
mod control;
mod durability;
mod examples;
mod groups;
mod imports;
mod members;
mod messages;
mod model;
mod platform;
mod size;
mod webhooks;
