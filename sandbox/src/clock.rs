//! The clock that drives expiry: the machine's, shifted, or frozen.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sync::lock;

#[derive(Debug, Clone, Copy)]
enum Mode {
    /// The machine's time plus an offset in seconds.
    Running {
        offset: i64,
    },
    Frozen {
        now: i64,
    },
}

/// Unix seconds as the emulated server sees them.
#[derive(Debug)]
pub struct Clock(Mutex<Mode>);

impl Default for Clock {
    fn default() -> Self {
        Self(Mutex::new(Mode::Running { offset: 0 }))
    }
}

impl Clock {
    pub fn now(&self) -> i64 {
        match *lock(&self.0) {
            Mode::Running { offset } => machine_time() + offset,
            Mode::Frozen { now } => now,
        }
    }

    pub fn is_frozen(&self) -> bool {
        matches!(*lock(&self.0), Mode::Frozen { .. })
    }

    /// Stops at `at`, or at the present moment.
    pub fn freeze(&self, at: Option<i64>) {
        let now = at.unwrap_or_else(|| self.now());
        *lock(&self.0) = Mode::Frozen { now };
    }

    /// Runs on from the moment it shows.
    pub fn resume(&self) {
        let offset = self.now() - machine_time();
        *lock(&self.0) = Mode::Running { offset };
    }

    /// Back to the machine's time.
    pub fn reset(&self) {
        *lock(&self.0) = Mode::Running { offset: 0 };
    }

    /// Jumps to `now` and keeps running or standing as before.
    pub fn set(&self, now: i64) {
        let mut mode = lock(&self.0);
        *mode = match *mode {
            Mode::Running { .. } => Mode::Running { offset: now - machine_time() },
            Mode::Frozen { .. } => Mode::Frozen { now },
        };
    }

    pub fn advance(&self, seconds: i64) {
        match &mut *lock(&self.0) {
            Mode::Running { offset } => *offset += seconds,
            Mode::Frozen { now } => *now += seconds,
        }
    }
}

fn machine_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
