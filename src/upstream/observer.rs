//! What the upstream client reports to metrics, and to the tests.

use std::fmt::Debug;
use std::time::Duration;

use contract::wire::DriftEntry;

/// Hears about every attempt, retry and wait. All methods do nothing unless implemented; none may block.
pub trait Observer: Debug + Send + Sync {
    /// An HTTP request is about to be sent.
    fn attempt_started(&self, _command: &'static str) {}
    /// The HTTP request that was started is over, however it ended.
    fn attempt_finished(&self, _command: &'static str, _result: AttemptResult, _elapsed: Duration) {}
    /// A call is repeated.
    fn retried(&self, _command: &'static str) {}
    /// A call would have been repeated, but the retry budget is spent.
    fn retry_budget_spent(&self, _command: &'static str) {}
    /// A call waited this long for the quota.
    fn queued(&self, _command: &'static str, _waited: Duration) {}
    /// A call was refused because its deadline leaves no time to wait for the quota.
    fn queue_refused(&self, _command: &'static str) {}
    /// A reply held this, which the contract does not expect.
    fn drifted(&self, _command: &'static str, _entry: &DriftEntry) {}
    /// The shared quota cannot be reached (`true`), so that this replica keeps to its share; or it can be again.
    fn quota_degraded(&self, _degraded: bool) {}
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptResult {
    /// Tencent replied with this code; 0 is success.
    Code(i64),
    /// No connection could be made.
    Unreachable,
    /// The connection broke.
    Lost,
    /// It took too long.
    TimedOut,
    /// Another HTTP status than 200.
    Http(u16),
    /// The reply could not be understood.
    Malformed,
    /// The caller went away.
    Cancelled,
}

/// Reports nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}
