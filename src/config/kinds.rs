//! The kinds of settings: how a text becomes a value, and what is said when it does not.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;

use super::key::{Key, Shape, Wrong};

/// An address to listen on.
pub(super) const fn address(key: &'static str, default: &'static str) -> Key<SocketAddr> {
    Key::new(key, default, "ADDRESS:PORT", parse_address, no_address)
}

/// An address to listen on, or `off`.
pub(super) const fn optional_address(key: &'static str, default: &'static str) -> Key<Option<SocketAddr>> {
    Key::new(
        key,
        default,
        "ADDRESS:PORT",
        |text| if matches!(text, "off" | "") { Ok(None) } else { parse_address(text).map(Some) },
        || None,
    )
}

/// True or false.
pub(super) const fn switch(key: &'static str, default: &'static str) -> Key<bool> {
    Key::new(key, default, "BOOL", parse_switch, || false).written(Shape::Switch)
}

/// A text; `None` when it is not set. `value` is what it stands for, such as `NAME`.
pub(super) const fn text(key: &'static str, default: &'static str, value: &'static str) -> Key<Option<String>> {
    Key::new(key, default, value, |text| Ok(Some(text.to_owned()).filter(|text| !text.is_empty())), || None)
}

/// A text that only the application reads.
pub(super) const fn secret(key: &'static str) -> Key<Option<String>> {
    text(key, "", "SECRET").written(Shape::Secret)
}

/// A file.
pub(super) const fn path(key: &'static str) -> Key<Option<PathBuf>> {
    Key::new(key, "", "PATH", |text| Ok(Some(PathBuf::from(text)).filter(|_| !text.is_empty())), || None)
}

/// Words that commas separate.
pub(super) const fn list(key: &'static str, default: &'static str, value: &'static str) -> Key<Vec<String>> {
    Key::new(key, default, value, |text| Ok(words(text).map(str::to_owned).collect()), Vec::new)
}

/// A number that `parse` bounds.
pub(super) const fn number<T: Default>(
    key: &'static str,
    default: &'static str,
    value: &'static str,
    parse: fn(&str) -> Result<T, Wrong>,
) -> Key<T> {
    Key::new(key, default, value, parse, T::default)
}

/// A duration; `0` is one.
pub(super) const fn duration(key: &'static str, default: &'static str) -> Key<Duration> {
    Key::new(key, default, "DURATION", parse_duration, || Duration::ZERO)
}

/// A duration that is not zero.
pub(super) const fn positive(key: &'static str, default: &'static str) -> Key<Duration> {
    Key::new(
        key,
        default,
        "DURATION",
        |text| match parse_duration(text)? {
            Duration::ZERO => Err(Wrong::new("must not be zero", "write a longer time")),
            duration => Ok(duration),
        },
        || Duration::ZERO,
    )
}

/// A number of bytes.
pub(super) const fn size(key: &'static str, default: &'static str) -> Key<usize> {
    Key::new(key, default, "BYTES", parse_size, || 0)
}

/// Addresses and networks.
pub(super) const fn networks(key: &'static str) -> Key<Vec<IpNet>> {
    Key::new(key, "", "NETWORKS", |text| words(text).map(network).collect(), Vec::new)
}

/// Any other kind.
pub(super) const fn value<T>(
    key: &'static str,
    default: &'static str,
    value: &'static str,
    parse: fn(&str) -> Result<T, Wrong>,
    harmless: fn() -> T,
) -> Key<T> {
    Key::new(key, default, value, parse, harmless)
}

/// Numbers by name.
pub(super) const fn map<T>(
    key: &'static str,
    value: &'static str,
    parse: fn(&str) -> Result<BTreeMap<String, T>, Wrong>,
) -> Key<BTreeMap<String, T>> {
    Key::new(key, "", value, parse, BTreeMap::new).written(Shape::Map)
}

/// A number between two bounds.
pub(super) fn within<T: FromStr + PartialOrd + Display>(text: &str, least: T, most: T) -> Result<T, Wrong> {
    match text.parse::<T>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        parsed => {
            let what = match parsed.is_ok() || is_whole_number(text) {
                true => "is out of range",
                false if text.parse::<f64>().is_ok() => "is not a whole number",
                false => "is not a number",
            };
            Err(Wrong::new(format!("`{text}` {what}"), format!("write a number from {least} to {most}")))
        }
    }
}

/// The number of each name of `NAME=NUMBER,NAME=NUMBER`. `known` says what is wrong with a name.
pub(super) fn numbers<T: FromStr + PartialOrd + Display + Copy>(
    text: &str,
    known: impl Fn(&str) -> Result<(), Wrong>,
    least: T,
    most: T,
) -> Result<BTreeMap<String, T>, Wrong> {
    let mut map = BTreeMap::new();
    for entry in words(text) {
        let (name, number) = entry.split_once('=').ok_or_else(|| {
            Wrong::new(format!("`{entry}` is not a name and a number"), "write NAME=NUMBER, separated by commas")
        })?;
        let (name, number) = (name.trim(), number.trim());
        known(name)?;
        let number =
            within(number, least, most).map_err(|wrong| Wrong::new(format!("{name}: {}", wrong.what), wrong.fix))?;
        if map.insert(name.to_owned(), number).is_some() {
            return Err(Wrong::new(format!("`{name}` is there twice"), "keep one of them"));
        }
    }
    Ok(map)
}

/// Reads a duration such as `500ms`, `5s`, `1h 30m` or `90d`.
///
/// # Errors
/// When it is none.
pub fn parse_duration(text: &str) -> Result<Duration, Wrong> {
    humantime::parse_duration(text)
        .map_err(|_| Wrong::new(format!("`{text}` is not a duration"), "write one such as 500ms, 5s, 2m or 24h"))
}

fn parse_size(text: &str) -> Result<usize, Wrong> {
    let size = text.parse::<ByteSize>().ok().and_then(|size| usize::try_from(size.as_u64()).ok());
    // What does not fit is parsed as the largest number there is.
    size.filter(|bytes| *bytes > 0 && *bytes < usize::MAX)
        .ok_or_else(|| Wrong::new(format!("`{text}` is not a size"), "write one such as 4096, 16KiB or 4MiB"))
}

fn parse_switch(text: &str) -> Result<bool, Wrong> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        other => Err(Wrong::new(format!("`{other}` is neither true nor false"), "write true or false")),
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, Wrong> {
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| {
        Wrong::new(format!("`{text}` is not an address and port"), "write one such as 127.0.0.1:50051 or [::]:50051")
    })
}

fn no_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn network(text: &str) -> Result<IpNet, Wrong> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        Wrong::new(format!("`{text}` is not an address or network"), "write one such as 10.1.2.3 or 10.0.0.0/8")
    })
}

/// The words of a text that commas separate.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for wrong in ["5", "-5s", "s", ""] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_know_binary_units() {
        assert_eq!(parse_size("4MiB"), Ok(4 << 20));
        assert_eq!(parse_size("16384"), Ok(16384));
        for wrong in ["4XB", "99999999999999999999GiB", "0", ""] {
            assert!(parse_size(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_without_a_prefix_is_a_network_of_one() {
        let one = network("192.0.2.7").unwrap();
        assert!(one.contains(&"192.0.2.7".parse::<IpAddr>().unwrap()));
        assert!(!one.contains(&"192.0.2.6".parse::<IpAddr>().unwrap()));
        assert!(network("10.0.0.0/33").is_err());
    }
}
