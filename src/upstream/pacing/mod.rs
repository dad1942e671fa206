//! Keeps calls within the rates that Tencent documents, so that it need not refuse them.
//!
//! Calls wait in a lane: one for each command, one for each group where Tencent limits groups. A lane is fair between
//! callers and lets bulk jobs go last. Where its tokens come from is a [`Quota`]: this process alone, or one that all
//! replicas share.

mod adaptive;
mod gcra;
mod lane;
mod lanes;
mod queue;
mod recent;
#[cfg(feature = "redis")]
mod redis;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::call::Priority;
use contract::command::Command;

pub use gcra::LocalQuota;
pub use lanes::LanePacer;
#[cfg(feature = "redis")]
pub use redis::{RedisQuota, RedisUrlError};

/// Holds calls back until the quota has room for them.
pub trait Pacer: fmt::Debug + Send + Sync {
    /// Waits for room. Dropping the future gives up the place in the queue.
    fn acquire<'a>(&'a self, ticket: Ticket<'a>) -> BoxFuture<'a, Result<(), Throttled>>;

    /// Tencent refused a call by rate, despite the pacing: slow down for a while.
    fn throttled(&self, command: &Command<'_>, group_id: Option<&str>, code: i64);

    /// What each command's rate, as far as this process uses it, left of the last second, by the command's label.
    fn quota_left(&self) -> BTreeMap<&'static str, f64> {
        BTreeMap::new()
    }
}

/// A call that wants to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Ticket<'a> {
    /// Its command.
    pub command: &'a Command<'a>,
    /// The group it concerns.
    pub group_id: Option<&'a str>,
    /// Who calls.
    pub caller: &'a str,
    /// Whether it is interactive.
    pub priority: Priority,
    /// When waiting becomes pointless.
    pub deadline: Instant,
}

/// The quota has no room for a call before its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled {
    /// Which limit it is.
    pub limit: Limit,
    /// When there is likely to be room.
    pub retry_after: Duration,
}

/// What a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The calls of one command.
    Command,
    /// The calls for one group.
    Group,
}

/// How many calls may be sent: one in each interval, and a few at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Time between two calls.
    pub interval: Duration,
    /// How many calls may follow each other at once.
    pub burst: u32,
}

/// Where tokens come from.
pub trait Quota: fmt::Debug + Send + Sync {
    /// The bucket of this name. Two with the same name share their tokens as far as the quota reaches.
    fn bucket(&self, name: &str, pace: Pace) -> Box<dyn Bucket>;
}

/// The tokens of one limit.
pub trait Bucket: fmt::Debug + Send + Sync {
    /// Takes a token. `slowdown` (at least 1) stretches the interval.
    fn take(&self, slowdown: f64) -> BoxFuture<'_, Take>;

    /// Whether it is as good as new, so that it may be forgotten.
    fn full(&self) -> bool;
}

/// What became of taking a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// There was one.
    Granted,
    /// There will be one after this time.
    Wait(Duration),
}

impl Pace {
    /// The pace that never exceeds `limit` calls in any second, the burst included.
    #[must_use]
    pub fn within(limit: f64) -> Self {
        // What arrives may arrive a little closer together than it was sent.
        const SLACK: f64 = 0.95;
        let limit = limit.max(0.001);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a twentieth of a rate is small")]
        let burst = ((limit * (1.0 - SLACK)).round() as u32).max(1);
        let rate = if burst == 1 { limit * SLACK } else { limit - f64::from(burst) };
        Self { interval: Duration::from_secs_f64(1.0 / rate), burst }
    }

    /// This process's part of the pace, when `replicas` divide it.
    #[cfg(feature = "redis")]
    fn among(self, replicas: u32) -> Self {
        Self { interval: self.interval * replicas, burst: (self.burst / replicas).max(1) }
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::Command => "command",
            Limit::Group => "group",
        };
        write!(f, "the quota of the {what} leaves no room before the deadline")
    }
}
