//! Log lines: JSON for machines, pretty ones on a terminal; the level can be changed while running.

use std::ffi::OsString;
use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use super::pretty::Pretty;
use super::traces::Traces;
use crate::config::{Log, LogFormat, parse_filter};

/// Changes the level of the running process.
#[derive(Debug, Clone)]
pub struct LevelHandle(reload::Handle<Targets, Registry>);

/// Why a level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// It is neither a level nor a filter.
    #[error("not a level or filter; write one such as info, debug or info,h2=debug")]
    Invalid,
    /// Logging is not set up any more.
    #[error("logging is not set up")]
    Gone,
}

/// Sets logging up for the process, and the export of spans.
///
/// # Errors
/// When it was set up before.
pub fn init(settings: &Log, traces: &Traces) -> Result<LevelHandle, TryInitError> {
    let (filter, handle) = reload::Layer::new(settings.filter.clone());
    let pretty = match settings.format {
        LogFormat::Json => false,
        LogFormat::Pretty => true,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if pretty {
        lines
            .event_format(Pretty)
            .with_ansi(is_colored(std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR")))
            .boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces.layer()).try_init()?;
    log_panics();
    traces.warn_of_ignored();
    Ok(LevelHandle(handle))
}

/// Only a terminal shows colors, unless NO_COLOR is set and not empty (<https://no-color.org>).
fn is_colored(terminal: bool, no_color: Option<OsString>) -> bool {
    terminal && no_color.is_none_or(|value| value.is_empty())
}

impl LevelHandle {
    /// The filter in force.
    #[must_use]
    pub fn current(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Sets the level or filter.
    ///
    /// # Errors
    /// When the text is none.
    pub fn set(&self, filter: &str) -> Result<(), LevelError> {
        let filter = parse_filter(filter).map_err(|_| LevelError::Invalid)?;
        self.0.modify(|current| *current = filter).map_err(|_| LevelError::Gone)
    }
}

/// Panics become log lines like everything else. Only the place is logged: the message of a panic may quote data.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_is_heeded() {
        assert!(is_colored(true, None) && is_colored(true, Some(OsString::new())));
        assert!(!is_colored(true, Some("1".into())));
        assert!(!is_colored(false, None));
    }
}
