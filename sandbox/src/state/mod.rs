//! What the emulated server remembers of one app.

pub mod account;
pub mod app;
pub mod attributes;
pub mod broadcast;
pub mod custom_fields;
pub mod extension;
pub mod group;
pub mod member;
pub mod message;
pub mod permission_group;
pub mod presence;
pub mod receipt;
pub mod shared;
pub mod stream;
pub mod topic;
