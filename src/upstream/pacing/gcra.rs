//! The generic cell rate algorithm, in this process.
//!
//! Not from a crate: it has to follow tokio's clock and change its rate while it runs, and is a dozen lines.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::time::Instant;

use super::{Bucket, Pace, Quota, Take};

/// A quota of this process alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalQuota;

/// A bucket of this process alone.
#[derive(Debug)]
pub(super) struct LocalBucket {
    pace: Pace,
    /// When the bucket is full again.
    full_at: Mutex<Instant>,
}

impl Quota for LocalQuota {
    fn bucket(&self, _name: &str, pace: Pace) -> Box<dyn Bucket> {
        Box::new(LocalBucket::new(pace))
    }
}

impl LocalBucket {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, full_at: Mutex::new(Instant::now()) }
    }

    pub(super) fn take_now(&self, slowdown: f64) -> Take {
        let interval = self.pace.interval.mul_f64(slowdown.max(1.0));
        let tolerance = interval * (self.pace.burst - 1);
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let base = (*full_at).max(now);
        let wait = (base - now).saturating_sub(tolerance);
        if wait > Duration::ZERO {
            return Take::Wait(wait);
        }
        *full_at = base + interval;
        Take::Granted
    }
}

impl Bucket for LocalBucket {
    fn take(&self, slowdown: f64) -> BoxFuture<'_, Take> {
        ready(self.take_now(slowdown)).boxed()
    }

    fn full(&self) -> bool {
        *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) <= Instant::now()
    }
}
