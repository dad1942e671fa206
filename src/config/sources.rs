//! Collects the settings as text from flags, environment and file, and remembers where each came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::{ConfigError, reason};
use super::gone;
use super::key::{Shape, env_name, flag_name};
use super::suggest::nearest;
use super::table::{APP_SETTINGS, SETTINGS, find};

/// Where a value came from; the later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// It is not set.
    Default,
    /// The TOML file.
    File,
    /// An environment variable.
    Env,
    /// A flag of the command line.
    Flag,
}

/// Settings as text, by key; the keys of further applications are `apps.NAME.KEY`.
#[derive(Debug, Clone, Default)]
pub struct Values {
    values: BTreeMap<String, (String, Source)>,
    apps: BTreeSet<String>,
}

impl Values {
    /// Merges the sources. What is wrong with them (unknown keys, an unreadable file) is added to `errors`, so that
    /// everything is said at once.
    pub fn collect(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let mut values = Self::default();
        for setting in SETTINGS {
            values.set(setting.key, setting.default, Source::Default);
        }
        if let Some(path) = file {
            values.read_file(path, errors);
        }
        values.read_env(env, errors);
        for (key, value) in flags {
            match find(key) {
                Some(_) => values.set(key, value, Source::Flag),
                None => errors.push(unknown(&format!("--{}", flag_name(key)), key)),
            }
        }
        values
    }

    /// The text of a setting and its source; empty when it is not set.
    pub fn get(&self, key: &str) -> (&str, Source) {
        self.values.get(key).map_or(("", Source::Default), |(text, source)| (text.as_str(), *source))
    }

    /// Names of the `[apps.NAME]` tables.
    pub fn apps(&self) -> impl Iterator<Item = &str> {
        self.apps.iter().map(String::as_str)
    }

    fn set(&mut self, key: &str, value: &str, source: Source) {
        self.values.insert(key.to_owned(), (value.to_owned(), source));
    }

    fn read_file(&mut self, path: &Path, errors: &mut Vec<ConfigError>) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let what = format!("cannot read {}: {}", path.display(), reason(&error));
                return errors.push(ConfigError::new("config", what, "name a readable TOML file"));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.read_table("", &table, errors),
            Err(error) => {
                // Only the place and the reason: the parser's own text quotes the line, and that may hold a secret.
                let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                let what = format!("{} is not TOML, line {line}: {}", path.display(), error.message());
                errors.push(ConfigError::new("config", what, "correct the line"));
            }
        }
    }

    fn read_table(&mut self, prefix: &str, table: &toml::Table, errors: &mut Vec<ConfigError>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match (shape(&key), value) {
                (Some(Shape::Map), toml::Value::Table(entries)) => match map_of(entries) {
                    Some(text) => self.set(&key, &text, Source::File),
                    None => errors.push(ConfigError::new(&key, "has a value of the wrong kind", "write numbers")),
                },
                (None, toml::Value::Table(inner)) if !is_gone(&key) => {
                    if let Some(app) = key.strip_prefix("apps.").filter(|app| !app.contains('.')) {
                        self.apps.insert(app.to_owned());
                    }
                    self.read_table(&key, inner, errors);
                }
                (Some(_), value) => match text_of(value) {
                    Some(text) => self.set(&key, &text, Source::File),
                    None => errors.push(ConfigError::new(
                        &key,
                        "has a value of the wrong kind",
                        "write a text, a number or a list",
                    )),
                },
                (None, _) => errors.push(unknown(&key, &key)),
            }
        }
    }

    fn read_env(&mut self, env: &BTreeMap<String, String>, errors: &mut Vec<ConfigError>) {
        let mut known: BTreeMap<String, String> = SETTINGS.iter().map(|s| (s.env(), s.key.to_owned())).collect();
        for app in &self.apps {
            for setting in APP_SETTINGS {
                let key = format!("apps.{app}.{}", setting.key);
                known.insert(env_name(&key), key);
            }
        }
        for (name, value) in env {
            match known.get(name) {
                Some(key) => self.set(&key.clone(), value, Source::Env),
                None if name == "TIM_CONFIG" || !name.starts_with("TIM_") || is_service_link(name) => {}
                None => {
                    let gone = gone::GONE.iter().find(|gone| env_name(gone.key) == *name);
                    let key = name.trim_start_matches("TIM_").to_ascii_lowercase();
                    errors.push(unknown(name, gone.map_or(&key, |gone| gone.key)));
                }
            }
        }
    }
}

/// How the setting of a key is written; `None` when there is none.
fn shape(key: &str) -> Option<Shape> {
    let setting = match key.strip_prefix("apps.").and_then(|rest| rest.split_once('.')) {
        Some((_, key)) => APP_SETTINGS.iter().find(|setting| setting.key == key),
        None => find(key),
    };
    setting.map(|setting| setting.shape)
}

fn is_gone(key: &str) -> bool {
    gone::find(key).is_some()
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => items.iter().map(text_of).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// A table of numbers, as it is written in a flag.
fn map_of(table: &toml::Table) -> Option<String> {
    let entry = |(name, value): (&String, &toml::Value)| match value {
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::String(_) => {
            Some(format!("{name}={}", text_of(value)?))
        }
        _ => None,
    };
    table.iter().map(entry).collect::<Option<Vec<_>>>().map(|entries| entries.join(","))
}

/// Kubernetes puts such variables into every pod for a service whose name starts with `tim`.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT")
}

/// What to say of a key that is not a setting; `name` is what it was called where it is set.
fn unknown(name: &str, key: &str) -> ConfigError {
    const ALL: &str = "`tencent-im-grpc config reference` lists all settings";
    if let Some(gone) = gone::find(key) {
        return gone.error(name);
    }
    let section = format!("{key}.");
    if SETTINGS.iter().any(|setting| setting.key.starts_with(&section)) {
        return ConfigError::new(name, "is a table", format!("write [{key}] above its settings; {ALL}"));
    }
    // The keys of an application are fewer, and those of the top level are none of them.
    let (prefix, key, settings) = match key.strip_prefix("apps.").and_then(|rest| rest.split_once('.')) {
        Some((app, key)) => (format!("apps.{app}."), key, APP_SETTINGS),
        None => (String::new(), key, SETTINGS),
    };
    let fix = match nearest(key, settings.iter().map(|setting| setting.key)) {
        Some(near) if name.starts_with("TIM_") => {
            format!("did you mean `{}`? {ALL}", env_name(&format!("{prefix}{near}")))
        }
        Some(near) => format!("did you mean `{prefix}{near}`? {ALL}"),
        None => format!("remove it; {ALL}"),
    };
    ConfigError::new(name, "is not a setting", fix)
}
