//! Log lines that strangers cause, bounded: the first ones of each second are written, and how many more there were is one
//! line. Otherwise every peer that reaches the port could fill a disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// Decides which lines of one kind are written.
#[derive(Debug)]
pub struct Sampler {
    what: &'static str,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    written: u32,
    left_out: u64,
}

/// Lines of each second that are written.
const WRITTEN: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

impl Sampler {
    /// For lines of one kind, such as `refused calls`.
    pub fn new(what: &'static str) -> Self {
        Self { what, window: Mutex::new(Window { since: Instant::now(), written: 0, left_out: 0 }) }
    }

    /// Whether the next line is written.
    pub fn admit(&self) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.elapsed() >= SECOND {
            (window.since, window.written) = (Instant::now(), 0);
        }
        if window.written < WRITTEN {
            window.written += 1;
            return true;
        }
        window.left_out += 1;
        false
    }

    /// Writes, each second, how many lines were left out.
    pub async fn summarize(&self) {
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let left_out = self.take_left_out();
            if left_out > 0 {
                tracing::warn!(left_out, "more {}", self.what);
            }
        }
    }

    fn take_left_out(&self) -> u64 {
        std::mem::take(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner).left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_has_ten_lines_and_a_sum() {
        let sampler = Sampler::new("lines");
        assert_eq!((0..1000).filter(|_| sampler.admit()).count(), 10);
        assert_eq!((sampler.take_left_out(), sampler.take_left_out()), (990, 0));
        tokio::time::advance(SECOND).await;
        assert!(sampler.admit());
    }
}
