//! The effective settings as text, without secrets.

use std::fmt;
use std::path::Path;

use super::key::{Shape, env_name, flag_name};
use super::sources::{Source, Values};
use super::table::{APP_SETTINGS, SECRET_KEY, SETTINGS};

/// What every setting is and where it came from. Secrets are dropped when it is made.
#[derive(Debug, Clone)]
pub struct Effective(Vec<Line>);

#[derive(Debug, Clone)]
struct Line {
    key: String,
    text: String,
    source: Source,
}

const REDACTED: &str = "<redacted>";

impl Effective {
    pub(super) fn new(values: &Values) -> Self {
        let line = |key: String, secret: bool| {
            let (text, source) = values.get(&key);
            // No setting but a secret may hold a password; one that does all the same is wrong, and not shown. Nor is the
            // name of a secret's file that is none: it may be the secret itself.
            let pasted = is_secret_file(&key) && !Path::new(text).exists();
            let secret = !text.is_empty() && (secret || pasted || has_password(text));
            Line { text: if secret { REDACTED.to_owned() } else { without_queries(text) }, source, key }
        };
        let mut lines: Vec<_> =
            SETTINGS.iter().map(|setting| line(setting.key.to_owned(), setting.is_secret())).collect();
        for app in values.apps() {
            lines.extend(
                APP_SETTINGS.iter().map(|setting| line(format!("apps.{app}.{}", setting.key), setting.is_secret())),
            );
        }
        Self(lines)
    }

    /// Keys and texts, for the log.
    pub fn changed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|line| line.source != Source::Default).map(|line| (line.key.as_str(), line.text.as_str()))
    }
}

/// A TOML document that says the same, with the source of each value that is not the default.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for line in &self.0 {
            let (table, key) = line.key.rsplit_once('.').unwrap_or(("", &line.key));
            if table != section {
                writeln!(f, "\n[{table}]")?;
                section = table;
            }
            let text = toml::Value::String(line.text.clone());
            match line.source {
                Source::Default => writeln!(f, "{key} = {text}")?,
                Source::File => writeln!(f, "{key} = {text} # from the file")?,
                Source::Env => writeln!(f, "{key} = {text} # from {}", env_name(&line.key))?,
                Source::Flag => writeln!(f, "{key} = {text} # from --{}", flag_name(&line.key))?,
            }
        }
        Ok(())
    }
}

/// Whether a setting names the file of a secret.
fn is_secret_file(key: &str) -> bool {
    let secret = |name: &str| SETTINGS.iter().any(|setting| setting.is_secret() && setting.key == name);
    key.strip_suffix("_file").is_some_and(|key| {
        secret(key) || key.starts_with("apps.") && key.rsplit('.').next() == Some(SECRET_KEY.setting.key)
    })
}

fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| rest.split('/').next().is_some_and(|authority| authority.contains('@')))
}

/// The text without the queries of its URLs, where tokens may stand.
fn without_queries(text: &str) -> String {
    let urls = text.split(',').map(|url| match url.split_once('?') {
        Some((address, _)) if url.contains("://") => format!("{address}?{REDACTED}"),
        _ => url.to_owned(),
    });
    urls.collect::<Vec<_>>().join(",")
}

/// All settings as Markdown, a table for each heading, for the documentation.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    let mut heading = "";
    for setting in SETTINGS {
        if setting.heading != heading {
            heading = setting.heading;
            let before = if text.is_empty() { "" } else { "\n" };
            text += &format!("{before}### {heading}\n\n");
            text += "| setting | flag | environment | default | meaning |\n|---|---|---|---|---|\n";
        }
        let flag = match setting.shape {
            Shape::Secret => "never".to_owned(),
            // Its value can be left out, and then means true; so it must be joined to the flag.
            Shape::Switch => format!("`--{}[=BOOL]`", setting.flag()),
            Shape::Plain | Shape::Map => format!("`--{} {}`", setting.flag(), setting.value),
        };
        let default = match setting.default {
            "" => "not set".to_owned(),
            default => format!("`{default}`"),
        };
        text += &format!("| `{}` | {flag} | `{}` | {default} | {} |\n", setting.key, setting.env(), setting.help);
    }
    text
}
