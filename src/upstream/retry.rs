//! When a call is repeated, and when it would only make things worse.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tower::retry::budget::{Budget as _, TpsBudget};

use super::error::Fault;
use contract::command::Safety;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A rate limit counts by the second: asking again much sooner is refused again.
const THROTTLE_PAUSE: Duration = Duration::from_millis(250);
/// Tencent gives a call three seconds, so that nothing comes after this time any more.
const TENCENTS_PATIENCE: Duration = Duration::from_millis(3_500);
/// The window over which calls earn retries, and what may be repeated in it whatever the number of calls.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BUDGET_RESERVE_PER_SECOND: u32 = 10;

/// Growing pauses with jitter: each lies between one and two times the last one doubled.
#[derive(Debug)]
pub(super) struct Pauses(ExponentialBackoff);

/// Bounds retries to a share of all calls, so that an outage is not made worse by them.
pub(super) struct Budget(TpsBudget);

impl Pauses {
    pub(super) fn new() -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter();
        Self(builder.build())
    }

    /// The pause before the next attempt.
    pub(super) fn next(&mut self, fault: &Fault) -> Duration {
        let pause = self.0.next().unwrap_or(LONGEST_PAUSE);
        let jittered = |time: Duration| time.mul_f64(1.0 + rand::random::<f64>());
        let floor = if fault.throttled() { jittered(THROTTLE_PAUSE) } else { Duration::ZERO };
        pause.max(floor).max(fault.retry_after().unwrap_or_default())
    }
}

/// Whether an attempt that failed like this may be repeated at all.
pub(super) fn repeatable(safety: Safety, fault: &Fault) -> bool {
    match safety {
        Safety::Read => fault.passes() || matches!(fault, Fault::Unreadable(_)),
        Safety::Idempotent => fault.passes(),
        Safety::Unsafe => fault.passes() && !fault.uncertain(),
    }
}

/// How much of the time that is left an attempt may take. One that hangs must not be the end of a call that `may_repeat`.
pub(super) fn share_of(left: Duration, may_repeat: bool) -> Duration {
    if may_repeat { left.min(TENCENTS_PATIENCE.max(left / 2)) } else { left }
}

impl Budget {
    /// `share` is the share of calls that may be repeated.
    pub(super) fn new(share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1 needs no precision")]
        let share = share.clamp(0.0, 1.0) as f32;
        Self(TpsBudget::new(BUDGET_WINDOW, BUDGET_RESERVE_PER_SECOND, share))
    }

    /// A call earns its share of a retry.
    pub(super) fn earn(&self) {
        self.0.deposit();
    }

    /// Spends one retry, if there is one.
    pub(super) fn spend(&self) -> bool {
        self.0.withdraw()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").finish_non_exhaustive()
    }
}
