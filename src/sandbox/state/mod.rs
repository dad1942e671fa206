//! What the emulated server remembers of one app.

pub mod app;
pub mod group;
pub mod member;
pub mod message;
