//! What the emulated server remembers of one app.

pub mod app;
pub mod extension;
pub mod group;
pub mod member;
pub mod message;
pub mod permission_group;
pub mod receipt;
pub mod stream;
pub mod topic;
