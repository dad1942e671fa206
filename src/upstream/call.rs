//! What the gateway hands over for one call, and what it gets back.

use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use tokio::time::Instant;

use contract::command::{Command, Safety};
use contract::wire::{Reply, Unreadable};

/// One call of a Tencent command.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The command.
    pub command: &'a Command<'a>,
    /// The request's JSON.
    pub body: Bytes,
    /// The group that it is about, for the limits that Tencent has for each group.
    pub group_id: Option<&'a str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Who calls: callers share the quota fairly.
    pub caller: &'a str,
    /// Whether it is interactive.
    pub priority: Priority,
    /// Whether it may be repeated: the method's class, or `Idempotent` when something in the request guards against
    /// executing it twice (a message's random number, a group id of the caller's own).
    pub safety: Safety,
    /// The id that callers and logs know the call by.
    pub request_id: &'a str,
    /// Becomes true before something is sent that is more than a read.
    pub write_sent: Option<&'a AtomicBool>,
}

/// What a call is answered with, beside the message that its reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether an earlier attempt may have been executed: Tencent then answered a repetition.
    pub repeated_in_doubt: bool,
}

/// Reads a reply and keeps its message, so that the way to Tencent is the same for all of them.
pub type Read<'a> = &'a mut (dyn FnMut(&[u8]) -> Result<Reply<()>, Unreadable> + Send);

/// Which calls go first when the quota is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Interactive: a caller waits for the reply.
    Interactive,
    /// Part of a job that may take its time.
    Bulk,
}
