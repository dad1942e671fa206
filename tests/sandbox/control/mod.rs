//! The control API, its documentation, and the webhooks that it registers.

mod api;
mod documentation;
mod drift;
mod guard;
mod message_webhooks;
mod receiver;
pub mod webhooks;
