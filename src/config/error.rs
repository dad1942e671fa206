//! What is said when settings are wrong.

use std::{fmt, io};

/// One thing that is wrong with the settings, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting.
    pub setting: String,
    /// What is wrong with it.
    pub what: String,
    /// How to put it right.
    pub fix: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigError {
    /// An error of a setting.
    #[must_use]
    pub fn new(setting: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { setting: setting.into(), what: what.into(), fix: fix.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key of a file may hold anything.
        write!(f, "{}: {}; {}", self.setting.escape_debug(), self.what, self.fix)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} error{} in the settings:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

/// Why something failed, without the number that means nothing to people.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
