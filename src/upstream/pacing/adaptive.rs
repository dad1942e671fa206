//! How much slower than documented a lane runs, learnt from Tencent's refusals.

use std::time::Duration;

use tokio::time::Instant;

/// The share of the documented rate that is used: cut when Tencent refuses, growing back with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    share: f64,
    at: Instant,
    cut: Option<Instant>,
}

const CUT: f64 = 0.7;
const LEAST: f64 = 0.05;
/// Time to grow back from nothing to the whole rate.
const RECOVERY: Duration = Duration::from_secs(30);
/// Calls that were sent together are refused together: that is one reason to slow down and not many.
const REACTION: Duration = Duration::from_secs(1);

impl Share {
    pub(super) fn whole() -> Self {
        Self { share: 1.0, at: Instant::now(), cut: None }
    }

    /// The share in use now, at most 1.
    pub(super) fn now(&self) -> f64 {
        (self.share + self.at.elapsed().as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0)
    }

    /// Tencent refused a call.
    pub(super) fn cut(&mut self) {
        if self.cut.is_some_and(|cut| cut.elapsed() < REACTION) {
            return;
        }
        let now = Instant::now();
        *self = Self { share: (self.now() * CUT).max(LEAST), at: now, cut: Some(now) };
    }
}
