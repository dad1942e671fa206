//! What the contract says of each method: its Tencent command, safety class, limits and scope.

use crate::footprint::Shape;

/// One constant for each method, generated from the proto options.
pub mod methods {
    use super::{Command, Method, Safety, Scope};
    use crate::footprint::shapes;

    include!(concat!(env!("OUT_DIR"), "/methods.rs"));

    /// The method of a request path, without its leading slash.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Method> {
        METHODS.iter().find(|method| method.path == path)
    }

    /// The command of a path `v4/{service}/{name}`, if the contract has it.
    #[must_use]
    pub fn find_command(service: &str, name: &str) -> Option<Command<'static>> {
        METHODS
            .iter()
            .filter_map(|method| method.command)
            .find(|command| command.service == service && command.name == name)
    }
}

/// One RPC of the contract. Generated from the proto options, one constant for each method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// `package.Service/Method`, as it stands in the request path without the leading slash.
    pub path: &'static str,
    /// Scope that a caller's credential needs.
    pub scope: Scope,
    /// Whether the call may be repeated.
    pub safety: Safety,
    /// Whether the reply is a stream.
    pub streaming: bool,
    /// What its request may repeat.
    pub request: &'static Shape,
    /// The Tencent command; `None` for a composition.
    pub command: Option<Command<'static>>,
}

/// A Tencent command: `v4/{service}/{name}`, with its documented limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// Such as `group_open_http_svc`.
    pub service: &'a str,
    /// Such as `create_group`.
    pub name: &'a str,
    /// What metrics call it: its name, or one name for all commands that the contract does not have, so that no caller can
    /// make labels up.
    pub label: &'static str,
    /// Whether the call may be repeated, from the method's `idempotency_level`.
    pub safety: Safety,
    /// Calls per second and application.
    pub rate_per_second: u32,
    /// Calls per second for each group, where Tencent documents one.
    pub group_rate_per_second: Option<u32>,
}

/// Whether a call may be repeated when its outcome is unknown (`idempotency_level` of the method).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// `NO_SIDE_EFFECTS`: it only reads.
    Read,
    /// `IDEMPOTENT`: doing it twice leaves the same state as doing it once.
    Idempotent,
    /// `IDEMPOTENCY_UNKNOWN`: only repeated when it is certain that nothing was executed.
    Unsafe,
}

/// What a caller's credential must allow (`Scope` of the proto options).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read-only methods.
    Read,
    /// Sends, edits and recalls messages.
    Message,
    /// Changes members, roles, mutes and bans.
    Member,
    /// Creates, changes, destroys and imports groups and what belongs to them.
    Admin,
    /// Calls a command by name, outside the typed contract.
    Raw,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Message, Self::Member, Self::Admin, Self::Raw];

    /// Its name in the callers file and in errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Message => "message",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Raw => "raw",
        }
    }
}
