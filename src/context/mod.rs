//! The context of a call: who calls, until when, for which application. The server makes it, the gateway reads it, and both
//! note in it what the other or a log line needs to know.

mod drift;
mod method;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Extensions;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use method::{Entry, Family, Kind};

use contract::{pb, wire};
use drift::Collected;

/// One call. It lies in the request's extensions; clones share it.
#[derive(Debug, Clone)]
pub struct CallContext(Arc<Call>);

#[derive(Debug)]
struct Call {
    request_id: String,
    method: Arc<Entry>,
    started: Instant,
    ending: CancellationToken,
    caller: OnceLock<Identity>,
    deadline: OnceLock<Instant>,
    command: OnceLock<Box<str>>,
    upstream_code: AtomicI64,
    write_sent: AtomicBool,
    drift: Collected,
}

/// Who calls, and for which application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the caller in logs and limits.
    pub caller: Arc<str>,
    /// Name of the Tencent application that serves the call.
    pub app: Arc<str>,
}

/// No reply came from Tencent. Its codes are far from this one.
const NO_CODE: i64 = i64::MIN;
/// The deadline of a call that met no deadline layer, which only tests do.
const FALLBACK: Duration = Duration::from_secs(15);
const ANONYMOUS: &str = "anonymous";
const DEFAULT_APP: &str = "default";

impl CallContext {
    /// Starts a call. `ending` is cancelled shortly before its connection is closed by force.
    #[must_use]
    pub fn new(request_id: String, method: Arc<Entry>, ending: CancellationToken) -> Self {
        Self(Arc::new(Call {
            request_id,
            method,
            started: Instant::now(),
            ending,
            caller: OnceLock::new(),
            deadline: OnceLock::new(),
            command: OnceLock::new(),
            upstream_code: AtomicI64::new(NO_CODE),
            write_sent: AtomicBool::new(false),
            drift: Collected::default(),
        }))
    }

    /// The call that a request belongs to; a fresh one when no layer ran.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        let fresh = || Self::new(String::new(), Arc::new(Entry::unknown()), CancellationToken::new());
        extensions.get::<Self>().cloned().unwrap_or_else(fresh)
    }

    /// `x-request-id`, the caller's or our own.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Arc<Entry> {
        &self.0.method
    }

    /// When the call came in.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// Cancelled when the call must be answered at once, because its connection will be closed by force.
    #[must_use]
    pub fn ending(&self) -> &CancellationToken {
        &self.0.ending
    }

    /// Name of the caller.
    #[must_use]
    pub fn caller(&self) -> &str {
        self.0.caller.get().map_or(ANONYMOUS, |identity| &identity.caller)
    }

    /// Its name, to keep.
    #[must_use]
    pub fn caller_name(&self) -> Arc<str> {
        self.0.caller.get().map_or_else(|| ANONYMOUS.into(), |identity| identity.caller.clone())
    }

    /// Whether the caller is unknown.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.caller() == ANONYMOUS
    }

    /// Name of the Tencent application that the call is for.
    #[must_use]
    pub fn app(&self) -> &str {
        self.0.caller.get().map_or(DEFAULT_APP, |identity| &identity.app)
    }

    /// When the caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.0.deadline.get().copied().unwrap_or(self.0.started + FALLBACK)
    }

    /// Tells the access log which Tencent command was called; the first one counts.
    pub fn set_command(&self, command: &str) {
        self.0.command.get_or_init(|| command.into());
    }

    /// Tells the access log what Tencent answered; the last one counts.
    pub fn set_upstream_code(&self, code: i64) {
        self.0.upstream_code.store(code, Ordering::Relaxed);
    }

    /// Whether anything was sent to Tencent that is more than a read, and so may have been executed.
    #[must_use]
    pub fn write_sent(&self) -> &AtomicBool {
        &self.0.write_sent
    }

    /// The Tencent command, if one was called.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.0.command.get().map(AsRef::as_ref)
    }

    /// Tencent's last answer, if there was one.
    #[must_use]
    pub fn upstream_code(&self) -> Option<i64> {
        Some(self.0.upstream_code.load(Ordering::Relaxed)).filter(|code| *code != NO_CODE)
    }

    /// Notes what a reply of a Tencent command held that the contract does not expect.
    pub fn add_drift(&self, command: &str, drift: &wire::Drift) {
        self.0.drift.add(command, drift);
    }

    /// What all replies so far held that the contract does not expect.
    #[must_use]
    pub fn drift(&self) -> Option<pb::Drift> {
        self.0.drift.get()
    }

    /// Notes who calls, and for which application; the first one counts.
    pub fn set_identity(&self, identity: Identity) {
        let _ = self.0.caller.set(identity);
    }

    /// Notes when the caller stops waiting; the first one counts.
    pub fn set_deadline(&self, deadline: Instant) {
        let _ = self.0.deadline.set(deadline);
    }
}

impl Identity {
    /// A caller without authentication.
    #[must_use]
    pub fn anonymous(app: Arc<str>) -> Self {
        Self { caller: ANONYMOUS.into(), app }
    }
}
