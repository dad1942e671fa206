//! Turns the text of settings into values and collects everything that is wrong with them.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::error::{ConfigError, reason};
use super::key::Key;
use super::sources::Values;

/// Reads typed values. A value that cannot be read is reported and replaced by a harmless one, so that reading goes on
/// and finds the other errors too.
#[derive(Debug)]
pub struct Reader<'a> {
    values: &'a Values,
    /// What is wrong so far.
    pub errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    /// Starts with what is wrong with the sources.
    pub fn new(values: &'a Values, errors: Vec<ConfigError>) -> Self {
        Self { values, errors }
    }

    /// The value of a setting.
    pub fn get<T>(&mut self, key: &Key<T>) -> T {
        self.get_of("", key)
    }

    /// The same of an application, whose settings have the prefix `apps.NAME.`; without one it is that of the top level.
    pub fn get_of<T>(&mut self, prefix: &str, key: &Key<T>) -> T {
        let name = full(prefix, key);
        (key.parse)(self.values.get(&name).0).unwrap_or_else(|wrong| {
            let error = ConfigError::new(name, wrong.what, wrong.fix);
            // Settings that all applications share are read for each of them.
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
            (key.harmless)()
        })
    }

    /// Whether a setting has a text.
    pub fn is_set(&self, prefix: &str, key: &str) -> bool {
        !self.values.get(&format!("{prefix}{key}")).0.is_empty()
    }

    /// Reports what is wrong with a setting.
    pub fn wrong<T>(&mut self, key: &Key<T>, what: impl Into<String>, fix: impl Into<String>) {
        self.wrong_of("", key, what, fix);
    }

    /// The same of an application.
    pub fn wrong_of<T>(&mut self, prefix: &str, key: &Key<T>, what: impl Into<String>, fix: impl Into<String>) {
        self.errors.push(ConfigError::new(full(prefix, key), what, fix));
    }

    /// A secret, from the setting itself or from the file that the other one names; `None` when neither is set.
    pub fn secret_of(
        &mut self,
        prefix: &str,
        key: &Key<Option<String>>,
        file: &Key<Option<PathBuf>>,
    ) -> Option<SecretString> {
        let (key, file) = (full(prefix, key), full(prefix, file));
        let (text, path) = (self.values.get(&key).0, self.values.get(&file).0);
        match (text.is_empty(), path.is_empty()) {
            (false, false) => {
                let what = format!("both `{key}` and `{file}` are set");
                self.errors.push(ConfigError::new(key, what, "keep one of them"));
                None
            }
            (false, true) => Some(SecretString::from(text)),
            (true, false) => self.read_secret(file, Path::new(path)),
            (true, true) => None,
        }
    }

    fn read_secret(&mut self, setting: String, path: &Path) -> Option<SecretString> {
        let (what, fix) = match std::fs::read_to_string(path) {
            // Editors and `echo` end a file with a line break that is no part of the secret.
            Ok(text) if !text.trim_end().is_empty() => return Some(SecretString::from(text.trim_end())),
            Ok(_) => (format!("{} is empty", path.display()), "put the secret into it"),
            Err(error) => {
                // What names no file may be the secret itself, pasted into the wrong setting.
                let file = if path.exists() { path.display().to_string() } else { "the file".to_owned() };
                (format!("cannot read {file}: {}", reason(&error)), "name a readable file")
            }
        };
        self.errors.push(ConfigError::new(setting, what, fix));
        None
    }
}

fn full<T>(prefix: &str, key: &Key<T>) -> String {
    format!("{prefix}{}", key.setting.key)
}
