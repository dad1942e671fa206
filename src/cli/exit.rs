//! How the process ends.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;

use crate::config::ConfigErrors;

/// Bad usage or settings, as in `sysexits.h`.
pub(super) const USAGE: u8 = 64;
const FAILURE: u8 = 1;

/// Ends because of what was asked for.
pub(super) fn usage(error: &dyn Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(USAGE)
}

/// Ends because of what happened.
pub(super) fn failure(error: &dyn Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(FAILURE)
}

/// Ends because of the settings.
pub(super) fn wrong_settings(errors: &ConfigErrors) -> ExitCode {
    usage(errors)
}

/// Runs something short on this thread.
pub(super) fn block_on(task: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(task),
        Err(error) => failure(&error),
    }
}
