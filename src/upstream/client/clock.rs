//! Tencent's clock, learnt from the `Date` of its replies: it alone tells what of Tencent's records is older than a call.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::DATE;
use tokio::time::Instant;

/// Tencent's time for each moment of this process.
#[derive(Debug)]
pub(super) struct TencentClock {
    start: Instant,
    /// What Tencent's clock showed at `start`, in Unix milliseconds.
    at_start: AtomicI64,
}

/// No reply had a `Date` so far.
const UNKNOWN: i64 = i64::MIN;
/// A record may show a time so much before the one at which it was made: it is in whole seconds, and the clocks of Tencent's
/// machines differ a little.
const TOLERANCE_MILLIS: i64 = 2000;

impl TencentClock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), at_start: AtomicI64::new(UNKNOWN) }
    }

    /// Reads the clock off a reply that has just come. It was sent a little later than its `Date` says.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let shown = date.and_then(|date| i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok());
        if let Some(shown) = shown {
            self.at_start.store(shown - self.since_start(Instant::now()), Ordering::Relaxed);
        }
    }

    /// The earliest Unix second that a record of Tencent's can have which was made after `moment`.
    pub(super) fn earliest_after(&self, moment: Instant) -> Option<i64> {
        let at_start = Some(self.at_start.load(Ordering::Relaxed)).filter(|known| *known != UNKNOWN)?;
        Some((at_start + self.since_start(moment) - TOLERANCE_MILLIS).div_euclid(1000))
    }

    fn since_start(&self, moment: Instant) -> i64 {
        i64::try_from(moment.saturating_duration_since(self.start).as_millis()).unwrap_or(i64::MAX)
    }
}
