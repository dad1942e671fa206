//! Settings of the log.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::key::Wrong;

/// Logs.
#[derive(Debug, Clone)]
pub struct Log {
    /// Which lines are written.
    pub filter: Targets,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// The targets of the gateway's own lines.
const OWN: [&str; 2] = ["tencent_im_grpc", "access"];

/// What a level or filter lets through. A level alone is the gateway's: below it, libraries would drown what it says. A
/// filter that names targets only leaves everything else at info.
///
/// # Errors
/// When the text is neither.
pub fn parse_filter(text: &str) -> Result<Targets, Wrong> {
    // Nothing at all would be parsed as a level too.
    let level = |text: &str| text.trim().parse::<LevelFilter>().ok().filter(|_| !text.trim().is_empty());
    if let Some(level) = level(text).filter(|level| *level > LevelFilter::INFO) {
        return Ok(Targets::new().with_default(LevelFilter::INFO).with_targets(OWN.map(|target| (target, level))));
    }
    let wrong = || {
        Wrong::new(
            format!("`{text}` is not a level or filter"),
            "write off, error, warn, info, debug or trace, or a filter such as info,h2=debug",
        )
    };
    // A misspelt level would be taken for a target, and silence all others.
    let directives = || text.split(',').map(str::trim);
    if !directives().all(|directive| directive.contains('=') || level(directive).is_some()) {
        return Err(wrong());
    }
    let targets: Targets = text.parse().map_err(|_| wrong())?;
    let rest = directives().any(|directive| level(directive).is_some());
    Ok(if rest { targets } else { targets.with_default(LevelFilter::INFO) })
}

pub(super) fn parse_format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        "auto" => Ok(LogFormat::Auto),
        other => Err(Wrong::new(format!("`{other}` is not a format"), "write json, pretty or auto")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for wrong in ["dbug", "", "info,nfo", "h2", "h2=loud"] {
            assert!(parse_filter(wrong).is_err(), "{wrong:?}");
        }
        for right in ["info", "warn", "off", "info,h2=debug", "access=debug, warn"] {
            assert!(parse_filter(right).is_ok(), "{right:?}");
        }
        assert_eq!(parse_filter("h2=trace").unwrap().default_level(), Some(LevelFilter::INFO));
    }
}
