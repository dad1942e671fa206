//! A command of the API: its path, fields, handler and pace.

use crate::body::{Body, Outcome};
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::Hook;
use crate::schema::Field;

/// Executes a command.
pub type Handler = fn(&mut Ctx<'_>, &Body) -> Outcome;

/// What the app's webhook is asked before a command is executed; `None` for a command that will fail anyway.
pub type Before = fn(&Ctx<'_>, &Body) -> Option<Hook>;

/// A command of the API.
#[derive(Debug)]
pub struct Command {
    pub service: &'static str,
    pub name: &'static str,
    pub fields: &'static [Field],
    pub handler: Handler,
    /// Calls a second for each app.
    pub rate: f64,
    pub writes: bool,
    pub before: Option<Before>,
    /// The family's own code for a failure; absent where the common ones apply.
    pub code: Option<fn(&ApiError) -> i64>,
}

impl Command {
    pub const fn new(service: &'static str, name: &'static str, fields: &'static [Field], handler: Handler) -> Self {
        Self { service, name, fields, handler, rate: 200.0, writes: true, before: None, code: None }
    }

    /// The app's webhook is asked first.
    pub const fn before(mut self, before: Before) -> Self {
        self.before = Some(before);
        self
    }

    /// Failures have other codes than elsewhere.
    pub const fn codes(mut self, code: fn(&ApiError) -> i64) -> Self {
        self.code = Some(code);
        self
    }

    pub const fn rate(mut self, per_second: f64) -> Self {
        self.rate = per_second;
        self
    }

    pub const fn read_only(mut self) -> Self {
        self.writes = false;
        self
    }
}
