//! The way to Tencent: pace, sign, POST, judge the reply, retry by safety class.

mod call;
mod client;
mod error;
mod hosts;
mod observer;
pub mod pacing;
mod retry;
pub mod settings;
pub mod usersig;

pub use call::{Answer, Call, Priority, Read};
pub use client::{SetupError, Upstream};
pub use error::{Fault, Outcome, UpstreamError};
pub use hosts::{BaseUrl, NotABaseUrl};
pub use observer::{AttemptResult, NoObserver, Observer};
