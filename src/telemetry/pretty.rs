//! Log lines for people: one line of a terminal each. The line of a call shows what one looks for first, and no more than
//! fits; JSON lines hold everything.

use std::fmt::{self, Debug, Write as _};
use std::ops::Range;
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes such lines.
#[derive(Debug, Clone, Copy)]
pub struct Pretty;

/// The columns of a terminal that lines of calls fit into.
const COLUMNS: usize = 120;
/// Hours to milliseconds in a time of RFC 3339.
const TIME: Range<usize> = 11..23;
/// The beginning of a request id, which is enough to find it in a log that one searches.
const ID: usize = 12;
/// The targets of the gateway's own lines begin with this; those of libraries are shown.
const OWN: &str = env!("CARGO_CRATE_NAME");

/// The fields of a line, in their order.
#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        // On a terminal the day is known.
        let time = time.get(TIME).unwrap_or(&time);
        let level = event.metadata().level();
        let text = match event.metadata().target() {
            "access" => cut(fields.of_call(), COLUMNS - time.len() - " ERROR ".len()),
            target if target.starts_with(OWN) => fields.text(),
            target => format!("{target}: {}", fields.text()),
        };
        if writer.has_ansi_escapes() {
            writeln!(writer, "\x1b[2m{time}\x1b[0m {}{level:>5}\x1b[0m {text}", color(*level))
        } else {
            writeln!(writer, "{time} {level:>5} {text}")
        }
    }
}

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    /// The message, and every other field with its name.
    fn text(&self) -> String {
        let mut text = self.get("message").unwrap_or_default().to_owned();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "message") {
            let _ = write!(text, " {name}={value}");
        }
        text
    }

    /// What one looks for first comes first.
    fn of_call(&self) -> String {
        let method = self.get("method").unwrap_or_default();
        let method = method.rsplit_once('.').map_or(method, |(_, method)| method);
        let mut text = format!("{method} {}", self.get("code").unwrap_or_default());
        if let Some(ms) = self.get("ms") {
            let _ = write!(text, " {ms}ms");
        }
        if let Some(reason) = self.get("reason") {
            let _ = write!(text, " {reason}");
        }
        match (self.get("command"), self.get("upstream_code")) {
            (Some(command), Some(code)) if code != "0" => {
                let _ = write!(text, " {command}={code}");
            }
            (Some(command), _) => {
                let _ = write!(text, " {command}");
            }
            _ => {}
        }
        if let Some(id) = self.get("request_id") {
            let _ = write!(text, " id={}", cut(id.to_owned(), ID));
        }
        if let Some(caller) = self.get("caller") {
            let _ = write!(text, " by={caller}");
        }
        text
    }

    /// No value breaks a line, or speaks to the terminal.
    fn add(&mut self, field: &Field, value: &str) {
        let mut text = String::with_capacity(value.len());
        for c in value.chars() {
            if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
        }
        self.0.push((field.name(), text));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

fn cut(text: String, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text;
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}

fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().event_format(Pretty).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.with_ansi(false)), log);
        let bytes = lines.0.lock().unwrap().clone();
        // The time has a width of its own.
        String::from_utf8(bytes).unwrap().lines().map(|line| line["00:00:00.000 ".len()..].to_owned()).collect()
    }

    #[test]
    fn a_call_shows_what_one_looks_for() {
        let lines = lines(|| {
            let (method, request_id) = ("tencentim.group.v1.GroupService/GetGroup", "0123456789abcdef");
            tracing::info!(target: "access", trace_id = "t", request_id, method, code = "OK", ms = 1.5, command = "get_group_info", upstream_code = 0, "call");
            tracing::warn!(target: "access", request_id, method, code = "NotFound", reason = "GROUP_NOT_FOUND", ms = 1.5, caller = "orders", command = "get_group_info", upstream_code = 10010, "call");
        });
        let expected = [
            " INFO GroupService/GetGroup OK 1.5ms get_group_info id=0123456789a…",
            " WARN GroupService/GetGroup NotFound 1.5ms GROUP_NOT_FOUND get_group_info=10010 id=0123456789a… by=orders",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn no_call_is_wider_than_a_terminal() {
        let lines = lines(|| {
            let long = "x".repeat(300);
            tracing::error!(target: "access", request_id = long, method = "a.B/C", code = "Internal", reason = long, ms = 99999.999, caller = "群".repeat(50), "call");
        });
        assert_eq!(lines[0].chars().count(), 120 - "00:00:00.000 ".len());
    }

    #[test]
    fn no_value_speaks_to_the_terminal() {
        let lines = lines(|| tracing::info!(entry = "a\n\u{1b}[2J", "two\nlines"));
        assert_eq!(lines, [r" INFO two\nlines entry=a\n\u{1b}[2J"]);
    }
}
