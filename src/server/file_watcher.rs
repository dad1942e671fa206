//! Files that are read again when they change. They are compared by content: mounted secrets change by links, with times
//! that may not move.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::config::reason;
use crate::telemetry::metrics::ReloadMetrics;

/// Files and what to do with a new content.
pub struct FileWatcher<F> {
    /// For the log, such as `the callers file`.
    pub what: &'static str,
    /// The files; they change together.
    pub paths: Vec<PathBuf>,
    /// How often to look.
    pub every: Duration,
    /// Puts a new content in force, or says why not.
    pub apply: F,
    /// Counts contents that cannot be used.
    pub metrics: ReloadMetrics,
}

impl<F: FnMut(&[Vec<u8>]) -> Result<(), String>> FileWatcher<F> {
    /// Watches for ever. `contents` is what is in force. A content that cannot be used is reported once and ignored.
    pub async fn run(mut self, mut contents: Vec<Vec<u8>>) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut readable, mut usable) = (true, true);
        loop {
            ticks.tick().await;
            let fresh = match read_all(&self.paths).await {
                Ok(fresh) => fresh,
                Err(error) => {
                    if readable {
                        self.metrics.failed();
                        tracing::error!(what = self.what, %error, "cannot be read; what is in force stays");
                    }
                    readable = false;
                    continue;
                }
            };
            // A file that is back as it was is in force, unless it could not be used.
            if !std::mem::replace(&mut readable, true) && usable {
                self.metrics.succeeded();
            }
            if fresh == contents {
                continue;
            }
            match (self.apply)(&fresh) {
                Ok(()) => {
                    usable = true;
                    self.metrics.succeeded();
                    tracing::info!(what = self.what, "read again");
                }
                Err(error) => {
                    usable = false;
                    self.metrics.failed();
                    tracing::error!(what = self.what, %error, "cannot be used; what is in force stays");
                }
            }
            contents = fresh;
        }
    }
}

/// The contents of files.
pub async fn read_all(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    let mut contents = Vec::with_capacity(paths.len());
    for path in paths {
        let content = tokio::fs::read(path).await.map_err(|error| format!("{}: {}", path.display(), reason(&error)))?;
        contents.push(content);
    }
    Ok(contents)
}
