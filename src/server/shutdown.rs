//! Asks the server to shut down, by a handle or by a signal.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Asks a server to shut down.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Finish the calls that run.
    asked: CancellationToken,
    /// Finish at once.
    urgent: CancellationToken,
}

/// The signals that ask to stop.
pub struct Signals {
    term: Signal,
    int: Signal,
    /// Files are read again without it; it must not harm running calls.
    hup: Signal,
}

impl Shutdown {
    /// Asks to drain and stop.
    pub fn trigger(&self) {
        self.asked.cancel();
    }

    /// Cuts pauses and drain short.
    pub fn hurry(&self) {
        self.asked.cancel();
        self.urgent.cancel();
    }

    /// Waits for a signal.
    pub(super) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Waits so long, unless it is urgent.
    pub(super) async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.urgent.cancelled() => {}
        }
    }
}

impl Signals {
    /// Listens to them from now on.
    pub fn new() -> io::Result<Self> {
        let [term, int, hup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { term: term?, int: int?, hup: hup? })
    }

    /// The first signal asks to stop, the second to hurry.
    pub async fn forward(mut self, shutdown: Shutdown) {
        self.next().await;
        shutdown.trigger();
        self.next().await;
        shutdown.hurry();
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = self.hup.recv() => {}
        }
    }
}
