//! Listens to everything that the tests make the gateway say, and ends the test run when a secret is among it: log lines and
//! spans at every level, panics, metrics, errors, and the logs and exported spans of gateways in separate processes.
//!
//! Secrets are known by their looks, so that those which a test makes up as it runs need not be told.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::Once;

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http_body_util::BodyExt;
use percent_encoding::percent_decode;
use tonic::service::Routes;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 64;

/// The first secret in a text.
pub fn secret(text: &str) -> Option<&str> {
    // Most of what is said ends here; every line of a library's trace comes by.
    if !text.contains("eJ") && !text.contains("eyJ") && !holds_long_hex(text.as_bytes()) {
        return None;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "*-_.%".contains(c);
    text.split(|c| !is_part(c)).find(|word| is_key(word) || is_user_sig(word) || is_token(word))
}

/// Whether there are so many hexadecimal digits in a row as a key has. At most one of so many bytes is looked at, mostly.
fn holds_long_hex(bytes: &[u8]) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    let mut at = KEY_DIGITS - 1;
    while let Some(byte) = bytes.get(at) {
        if is_hex(byte) {
            let before = bytes[..at].iter().rev().take_while(|byte| is_hex(byte)).count();
            let after = bytes[at..].iter().take_while(|byte| is_hex(byte)).count();
            if before + after >= KEY_DIGITS {
                return true;
            }
            at += after;
        }
        at += KEY_DIGITS;
    }
    false
}

/// 256 bits in hexadecimal: the secret key, the secret of a Bearer key, the hash of one.
fn is_key(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= KEY_DIGITS)
}

/// Base64 of what zlib compressed, with the three characters that Tencent changes.
fn is_user_sig(word: &str) -> bool {
    word.starts_with("eJ") && word.len() > 100
}

/// Three parts, of which the first two are objects in base64.
fn is_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    matches!(parts[..], [header, claims, signature, ..] if header.starts_with("eyJ") && claims.starts_with("eyJ") && signature.len() > 20)
}

/// Ends the test run if there is a secret in what was said. A panic would not do: the gateway catches it.
pub fn check(what: &str, text: &str) {
    if let Some(secret) = secret(text) {
        let place = secret.as_ptr() as usize - text.as_ptr() as usize;
        let before: String = text[..place].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
        // Not by a macro, whose output a test that has not failed keeps to itself.
        let _ = writeln!(std::io::stderr(), "\n{what} holds a secret after: {before}");
        std::process::abort();
    }
}

/// Listens to all log lines, spans and panics of this process from now on.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A test that sets logging up for itself looks at it itself.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Listener));
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            check("a panic", &panic.to_string());
            usual(panic);
        }));
    });
}

/// Routes whose errors are listened to.
pub fn listen(routes: Routes) -> Routes {
    let listen = |response: Response<Body>| async {
        check_status(response.headers());
        response.map(|body| {
            Body::new(body.map_frame(|frame| {
                frame.trailers_ref().inspect(|trailers| check_status(trailers));
                frame
            }))
        })
    };
    Routes::from(routes.into_axum_router().layer(axum::middleware::map_response(listen)))
}

fn check_status(headers: &HeaderMap) {
    for (name, value) in headers {
        let text = percent_decode(value.as_bytes()).decode_utf8_lossy();
        check(&format!("{name} of an answer"), &text);
        if let Ok(details) = STANDARD_NO_PAD.decode(text.trim_end_matches('=')) {
            check(&format!("{name} of an answer"), &String::from_utf8_lossy(&details));
        }
    }
}

/// Looks at every field of every event and span.
struct Listener;

/// The fields as text.
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

fn hear(target: &str, record: impl FnOnce(&mut dyn Visit)) {
    let mut fields = Fields(String::new());
    record(&mut fields);
    check(target, &fields.0);
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        hear(span.metadata().target(), |fields| span.record(fields));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        hear("a span", |fields| values.record(fields));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        hear(event.metadata().target(), |fields| event.record(fields));
    }
}

#[test]
fn secrets_are_known_wherever_they_stand() {
    let key = "0123456789abcdef".repeat(4);
    let token = format!("eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.{}", "s".repeat(43));
    let user_sig = format!("eJ{}", "x".repeat(120));
    for secret in [&key, &token, &user_sig] {
        for before in 0..200 {
            for text in [format!("{}{secret}", "-/ ".repeat(before)), format!("{} {secret}&", "a".repeat(before))] {
                assert!(super::watch::secret(&text).is_some(), "{text}");
            }
        }
    }
    for harmless in [&key[1..], &"0123456789abcdef ".repeat(40), &"eJ eyJ ".repeat(40), &"x".repeat(1000)] {
        assert_eq!(secret(harmless), None);
    }
}
