//! The usual host and its backups.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Base URLs; the first is used as long as it can be reached.
#[derive(Debug)]
pub(super) struct Hosts {
    urls: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: usize,
    since: Instant,
}

/// How long a backup is used before the usual host gets another chance.
const RETURN_AFTER: Duration = Duration::from_secs(60);

impl Hosts {
    pub(super) fn new(urls: Vec<String>) -> Self {
        Self { urls, state: Mutex::new(State { current: 0, since: Instant::now() }) }
    }

    /// The base URL for the next attempt, with the number by which to report it.
    pub(super) fn pick(&self) -> (usize, &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current != 0 && state.since.elapsed() >= RETURN_AFTER {
            state.current = 0;
        }
        (state.current, self.urls.get(state.current).map_or("", String::as_str))
    }

    /// Moves on to the next host, unless another call did so already.
    pub(super) fn unreachable(&self, host: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current == host && self.urls.len() > 1 {
            *state = State { current: (host + 1) % self.urls.len(), since: Instant::now() };
        }
    }
}
