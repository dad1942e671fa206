//! The control API, its documentation, and the webhooks that it registers.

mod api;
mod documentation;
pub mod webhooks;
