//! A stateful emulator of Tencent IM's group REST API, for tests and first steps without an account.
//!
//! It is a second opinion on that API: nothing here comes from the gateway or its contract.

mod body;
pub mod cli;
mod clock;
mod command;
mod context;
mod control;
mod engine;
mod error;
mod events;
mod faults;
mod group_type;
mod handlers;
mod http;
mod ids;
mod journal;
mod limits;
mod listener;
mod message_body;
mod namespace;
mod parity;
mod registry;
mod reply_edit;
mod running;
mod schema;
mod seed;
mod settings;
mod snapshot;
mod state;
mod store;
mod sync;
mod tls;
mod usersig;
mod webhook;

pub use limits::Limits;
pub use listener::ConnectionLimits;
pub use running::{Running, StartError, start};
pub use settings::{AppSettings, DEFAULT_APP, DefaultApp, Settings};
