//! How much slower than documented a lane runs, learnt from Tencent's refusals.

use std::time::Duration;

use tokio::time::Instant;

/// The share of the documented rate that is used: cut when Tencent refuses, growing back with time.
///
/// It is cut by as much as is refused. So it comes down to what Tencent allows where that is less than documented, and stays
/// where it is when a call is refused now and then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// What was used when the first of the latest refusals came, and when that was.
    share: f64,
    at: Instant,
    refused: u32,
    /// What the latest refusals leave of it.
    left: f64,
}

/// The most that is cut within the time of a reaction.
const CUT: f64 = 0.7;
const LEAST: f64 = 0.05;
/// Time to grow back from nothing to the whole rate.
const RECOVERY: Duration = Duration::from_secs(30);
/// How long refusals are counted together.
const REACTION: Duration = Duration::from_secs(1);

impl Share {
    pub(super) fn whole() -> Self {
        Self { share: 1.0, at: Instant::now(), refused: 0, left: 1.0 }
    }

    /// The share in use now, at most 1.
    pub(super) fn now(&self) -> f64 {
        let cut = (self.share * self.left).max(LEAST);
        (cut + self.at.elapsed().as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0)
    }

    /// Tencent refused one of the calls of the last second.
    pub(super) fn refused(&mut self, in_last_second: f64) {
        if self.refused == 0 || self.at.elapsed() >= REACTION {
            *self = Self { share: self.now(), at: Instant::now(), refused: 0, left: 1.0 };
        }
        self.refused += 1;
        let accepted = 1.0 - f64::from(self.refused) / in_last_second.max(1.0);
        self.left = accepted.max(CUT);
    }
}
