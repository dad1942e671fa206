//! How many calls left in the last second.

use tokio::time::Instant;

/// Counts by whole seconds. The last one is this second and what is not over yet of a window that began in the one before,
/// as if calls were spread evenly over that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recent {
    start: Instant,
    second: u64,
    now: u32,
    before: u32,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), second: 0, now: 0, before: 0 }
    }

    /// A call leaves.
    pub(super) fn count(&mut self) {
        let second = self.start.elapsed().as_secs();
        match second - self.second {
            0 => {}
            1 => (self.before, self.now) = (self.now, 0),
            _ => (self.before, self.now) = (0, 0),
        }
        self.second = second;
        self.now += 1;
    }

    /// Calls of the last second.
    pub(super) fn in_last_second(&self) -> f64 {
        let elapsed = self.start.elapsed();
        let left = 1.0 - f64::from(elapsed.subsec_nanos()) / 1e9;
        match elapsed.as_secs() - self.second {
            0 => f64::from(self.now) + f64::from(self.before) * left,
            1 => f64::from(self.now) * left,
            _ => 0.0,
        }
    }
}
