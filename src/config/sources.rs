//! Collects the settings as text from flags, environment and file, and remembers where each came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Problem;
use super::table::{APP_KEYS, SETTINGS, env_name, find};

/// Where a value came from; the later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody set it.
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
    /// Merges the sources. Problems (unknown keys, an unreadable file) are added to `problems`, so that all are told at
    /// once.
    pub fn collect(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut values = Self::default();
        for setting in SETTINGS {
            values.set(setting.key, setting.default, Source::Default);
        }
        if let Some(path) = file {
            values.read_file(path, problems);
        }
        values.read_env(env, problems);
        for (key, value) in flags {
            values.set(key, value, Source::Flag);
        }
        values
    }

    /// The text of a setting and its source; empty when nobody set it.
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

    fn read_file(&mut self, path: &Path, problems: &mut Vec<Problem>) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let what = format!("cannot read {}: {error}", path.display());
                return problems.push(Problem::new("config", what, "name a readable TOML file"));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.read_table("", &table, problems),
            Err(error) => {
                // Only the place and the reason: the parser's own text quotes the line, and that may hold a secret.
                let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                let what = format!("{} is not TOML, line {line}: {}", path.display(), error.message());
                problems.push(Problem::new("config", what, "correct the line"));
            }
        }
    }

    fn read_table(&mut self, prefix: &str, table: &toml::Table, problems: &mut Vec<Problem>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(inner) => {
                    if let Some(app) = key.strip_prefix("apps.").filter(|app| !app.contains('.')) {
                        self.apps.insert(app.to_owned());
                    }
                    self.read_table(&key, inner, problems);
                }
                value if is_known(&key) => match text_of(value) {
                    Some(text) => self.set(&key, &text, Source::File),
                    None => problems.push(Problem::new(
                        &key,
                        "has a value of the wrong kind",
                        "write a text, number or list",
                    )),
                },
                _ => problems.push(Problem::new(&key, "is not a setting", &suggestion(&key))),
            }
        }
    }

    fn read_env(&mut self, env: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
        let mut known: BTreeMap<String, String> = SETTINGS.iter().map(|s| (s.env(), s.key.to_owned())).collect();
        for app in &self.apps {
            for key in APP_KEYS {
                let key = format!("apps.{app}.{key}");
                known.insert(env_name(&key), key);
            }
        }
        for (name, value) in env {
            match known.get(name) {
                Some(key) => self.set(&key.clone(), value, Source::Env),
                None if name == "TIM_CONFIG" || !name.starts_with("TIM_") || is_service_link(name) => {}
                None => {
                    let key = name.trim_start_matches("TIM_").to_ascii_lowercase();
                    problems.push(Problem::new(name, "is not a setting", &suggestion(&key)));
                }
            }
        }
    }
}

fn is_known(key: &str) -> bool {
    if let Some(rest) = key.strip_prefix("apps.") {
        return rest.split_once('.').is_some_and(|(_, key)| APP_KEYS.contains(&key));
    }
    find(key).is_some()
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

/// Kubernetes puts such variables into every pod for a service whose name starts with `tim`.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT")
}

fn suggestion(key: &str) -> String {
    let plain = |key: &str| key.replace(['.', '_', '-'], "");
    let wanted = plain(key);
    let near = SETTINGS.iter().map(|s| s.key).min_by_key(|candidate| distance(&plain(candidate), &wanted));
    match near.filter(|candidate| distance(&plain(candidate), &wanted) <= 3) {
        Some(near) => format!("did you mean `{near}`? `tencent-im-grpc config reference` lists all settings"),
        None => "remove it; `tencent-im-grpc config reference` lists all settings".to_owned(),
    }
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
