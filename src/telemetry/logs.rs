//! Log lines: JSON for machines, pretty ones on a terminal; the level can be changed while running.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use super::traces::Traces;
use crate::config::{Log, LogFormat};

/// The targets of the gateway's own lines.
const OWN: [&str; 2] = ["tencent_im_grpc", "access"];

/// Changes the level of the running process.
#[derive(Debug, Clone)]
pub struct LevelHandle(reload::Handle<Targets, Registry>);

/// Why a level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// It is no level and no filter.
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
    let filter = targets(&settings.filter).unwrap_or_default();
    let (filter, handle) = reload::Layer::new(filter);
    let pretty = match settings.format {
        LogFormat::Json => false,
        LogFormat::Pretty => true,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if pretty {
        lines.compact().with_ansi(std::io::stderr().is_terminal()).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces.layer()).try_init()?;
    log_panics();
    traces.warn_of_ignored();
    Ok(LevelHandle(handle))
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
        let filter = targets(filter)?;
        self.0.modify(|current| *current = filter).map_err(|_| LevelError::Gone)
    }
}

/// What a level or filter lets through. A level alone is the gateway's: below it, libraries would drown what it says. A
/// filter that names targets only leaves everything else at info.
///
/// # Errors
/// When the text is neither.
pub fn targets(text: &str) -> Result<Targets, LevelError> {
    // Nothing at all would be parsed as a level too.
    let level = |text: &str| text.trim().parse::<LevelFilter>().ok().filter(|_| !text.trim().is_empty());
    if let Some(level) = level(text).filter(|level| *level > LevelFilter::INFO) {
        return Ok(Targets::new().with_default(LevelFilter::INFO).with_targets(OWN.map(|target| (target, level))));
    }
    // A misspelt level would be taken for a target of its own, and silence all others.
    let directives = || text.split(',').map(str::trim);
    if !directives().all(|directive| directive.contains('=') || level(directive).is_some()) {
        return Err(LevelError::Invalid);
    }
    let targets: Targets = text.parse().map_err(|_| LevelError::Invalid)?;
    let rest = directives().any(|directive| level(directive).is_some());
    Ok(if rest { targets } else { targets.with_default(LevelFilter::INFO) })
}

/// Panics become log lines like everything else. Only the place is told: what a panic says may quote data.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::targets;

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for wrong in ["dbug", "", "info,nfo", "h2", "h2=loud"] {
            assert!(targets(wrong).is_err(), "{wrong:?}");
        }
        for right in ["info", "warn", "off", "info,h2=debug", "access=debug, warn"] {
            assert!(targets(right).is_ok(), "{right:?}");
        }
        assert_eq!(targets("h2=trace").unwrap().default_level(), Some(LevelFilter::INFO));
    }
}
