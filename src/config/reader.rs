//! Turns the text of settings into values and collects everything that is wrong with them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use super::Problem;
use super::sources::Values;

/// Reads typed values. A value that cannot be read is reported and replaced by a harmless one, so that reading goes on
/// and finds the other problems too.
#[derive(Debug)]
pub struct Reader<'a> {
    values: &'a Values,
    /// What is wrong so far.
    pub problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Starts with the problems that the sources had.
    pub fn new(values: &'a Values, problems: Vec<Problem>) -> Self {
        Self { values, problems }
    }

    /// Reports a problem.
    pub fn problem(&mut self, key: &str, what: impl Into<String>, fix: impl AsRef<str>) {
        self.problems.push(Problem::new(key, what, fix.as_ref()));
    }

    /// A text; `None` when it is not set.
    pub fn text(&self, key: &str) -> Option<String> {
        Some(self.values.get(key).0).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A path; `None` when it is not set.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// A comma-separated list.
    pub fn list(&self, key: &str) -> Vec<String> {
        self.values.get(key).0.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A yes or no.
    pub fn flag(&mut self, key: &str) -> bool {
        match self.values.get(key).0 {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            other => {
                self.problem(key, format!("`{other}` is neither true nor false"), "write true or false");
                false
            }
        }
    }

    /// A number between two bounds.
    pub fn number<T: FromStr + PartialOrd + Copy + std::fmt::Display>(&mut self, key: &str, least: T, most: T) -> T {
        let text = self.values.get(key).0;
        match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => number,
            parsed => {
                let what = match parsed.is_ok() || is_whole_number(text) {
                    true => "is out of range",
                    false if text.parse::<f64>().is_ok() => "is not a whole number",
                    false => "is not a number",
                };
                self.problem(key, format!("`{text}` {what}"), format!("write a number from {least} to {most}"));
                least
            }
        }
    }

    /// A length of time such as `500ms`, `5s`, `2m` or `24h`.
    pub fn duration(&mut self, key: &str) -> Duration {
        let text = self.values.get(key).0;
        parse_duration(text).unwrap_or_else(|| {
            self.problem(key, format!("`{text}` is not a length of time"), "write one such as 500ms, 5s, 2m or 24h");
            Duration::ZERO
        })
    }

    /// A length of time that must not be zero.
    pub fn positive(&mut self, key: &str) -> Duration {
        let duration = self.duration(key);
        if duration.is_zero() && parse_duration(self.values.get(key).0).is_some() {
            self.problem(key, "must not be zero", "write a longer time");
        }
        duration
    }

    /// A number of bytes such as `4096`, `16KiB` or `4MiB`.
    pub fn bytes(&mut self, key: &str) -> usize {
        let text = self.values.get(key).0;
        parse_bytes(text).unwrap_or_else(|| {
            self.problem(key, format!("`{text}` is not a size"), "write one such as 4096, 16KiB or 4MiB");
            0
        })
    }

    /// An address to listen on; `None` when it is `off`.
    pub fn optional_address(&mut self, key: &str) -> Option<SocketAddr> {
        match self.values.get(key).0 {
            "off" | "" => None,
            _ => Some(self.address(key)),
        }
    }

    /// An address to listen on.
    pub fn address(&mut self, key: &str) -> SocketAddr {
        let text = self.values.get(key).0;
        let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        text.parse().unwrap_or_else(|_| {
            self.problem(key, format!("`{text}` is not an address"), "write one such as 127.0.0.1:50051 or [::]:50051");
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
        })
    }

    /// A secret, from the setting itself or from the file that `KEY_file` names; `None` when neither is set.
    pub fn secret(&mut self, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        match (self.text(key), self.path(&file_key)) {
            (Some(_), Some(_)) => {
                self.problem(key, format!("both `{key}` and `{file_key}` are set"), "keep one of them");
                None
            }
            (Some(secret), None) => Some(SecretString::from(secret)),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                // Editors and `echo` end a file with a line break that is no part of the secret.
                Ok(text) if !text.trim_end().is_empty() => Some(SecretString::from(text.trim_end().to_owned())),
                Ok(_) => {
                    self.problem(&file_key, format!("{} is empty", path.display()), "put the secret into it");
                    None
                }
                Err(error) => {
                    // What names no file may be the secret itself, pasted into the wrong setting.
                    let file = if path.exists() { path.display().to_string() } else { "the file".to_owned() };
                    self.problem(&file_key, format!("cannot read {file}: {error}"), "name a readable file");
                    None
                }
            },
            (None, None) => None,
        }
    }
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a length of time such as `500ms`, `5s`, `2m`, `24h` or `90d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "ms" => number / 1000.0,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86400.0,
        "" if number == 0.0 => 0.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

fn parse_bytes(text: &str) -> Option<usize> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("-5s"), None);
        assert_eq!(parse_duration("s"), None);
    }

    #[test]
    fn sizes_know_binary_units() {
        assert_eq!(parse_bytes("4MiB"), Some(4 << 20));
        assert_eq!(parse_bytes("16384"), Some(16384));
        assert_eq!(parse_bytes("4XB"), None);
        assert_eq!(parse_bytes("99999999999999999999GiB"), None);
    }
}
