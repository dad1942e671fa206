//! Replies whose texts are not clean: half a surrogate pair where an emoji was cut, a raw control character, bytes that are no
//! UTF-8, an escape that JSON does not have. Strings are repaired one by one and the rest stays as it is, so that one bad name
//! card does not cost a page.

use std::borrow::Cow;
use std::ops::Range;

use super::{Drift, DriftKind};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What takes the place of half a character.
const REPLACEMENT: &str = "\u{fffd}";
/// How deep JSON may be to be read at all.
const MAX_DEPTH: usize = 128;

/// The same JSON with clean texts, and which they are; `None` when they are clean, or something else is wrong with it.
#[must_use]
pub fn repair(json: &[u8]) -> Option<(String, Drift)> {
    let body = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let mut drift = Drift::default();
    let mut text = String::with_capacity(body.len() + body.len() / 8);
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let end = if *byte == b'"' { end_of_string(body, at)? } else { at + 1 };
        let token = &body[at..end];
        match (byte, open.last_mut()) {
            (b'"', Some(Open::Object { key, named: false })) => *key = at + 1..end - 1,
            (b':', Some(Open::Object { named, .. })) => *named = true,
            (b',', Some(Open::Object { named, .. })) => *named = false,
            (b',', Some(Open::Array { index })) => *index += 1,
            (b'{', _) => open.push(Open::Object { key: 0..0, named: false }),
            (b'[', _) => open.push(Open::Array { index: 0 }),
            (b'}' | b']', _) => drop(open.pop()),
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return None;
        }
        match clean(token) {
            Ok(token) => text.push_str(token),
            // Outside of texts nothing can be repaired.
            Err(_) if *byte != b'"' => return None,
            Err(mended) => {
                drift.add(DriftKind::Mended, || path(body, &open), &String::from_utf8_lossy(token));
                text.push_str(&mended);
            }
        }
        at = end;
    }
    (body.len() < json.len() || !drift.is_empty()).then_some((text, drift))
}

/// An object or array that is not closed yet.
enum Open {
    Object {
        /// Where the last key stands.
        key: Range<usize>,
        /// Whether its colon was passed.
        named: bool,
    },
    Array {
        index: usize,
    },
}

/// Where the scan is.
fn path(body: &[u8], open: &[Open]) -> String {
    let mut path = String::new();
    for level in open {
        match level {
            Open::Object { key, .. } => {
                let dot = if path.is_empty() { "" } else { "." };
                path.push_str(dot);
                path.push_str(&String::from_utf8_lossy(&body[key.clone()]));
            }
            Open::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// Where the string that starts at a quote has ended.
fn end_of_string(body: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match body.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// A token unchanged, or repaired.
fn clean(token: &[u8]) -> Result<&str, String> {
    let lossy = String::from_utf8_lossy(token);
    let plain = |text: &str| !text.bytes().any(|byte| byte == b'\\' || byte < b' ');
    match lossy {
        Cow::Borrowed(text) if token.first() != Some(&b'"') || plain(text) => Ok(text),
        Cow::Borrowed(text) => match escaped(text) {
            mended if mended == text => Ok(text),
            mended => Err(mended),
        },
        Cow::Owned(text) => Err(escaped(&text)),
    }
}

/// A string with its escapes repaired, and an escape for each raw control character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (taken, mended) = match next {
            '\\' => escape(rest),
            '\0'..' ' => (1, Cow::Owned(format!("\\u{:04x}", u32::from(next)))),
            _ => (next.len_utf8(), Cow::Borrowed(&rest[..next.len_utf8()])),
        };
        out.push_str(&mended);
        rest = &rest[taken..];
    }
    out
}

/// How long the escape is that a text starts with, and what takes its place.
fn escape(text: &str) -> (usize, Cow<'_, str>) {
    let same = |length: usize| (length, Cow::Borrowed(&text[..length]));
    match text.as_bytes().get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => same(2),
        Some(b'u') => match unit(text) {
            Some(0xd800..0xdc00) if matches!(unit(&text[6..]), Some(0xdc00..0xe000)) => same(12),
            Some(0xd800..0xe000) => (6, REPLACEMENT.into()),
            Some(_) => same(6),
            // The escape itself was cut.
            None => (2 + text[2..].bytes().take(3).take_while(u8::is_ascii_hexdigit).count(), REPLACEMENT.into()),
        },
        // The backslash stands for itself.
        _ => (1, r"\\".into()),
    }
}

/// The UTF-16 unit of the escape that a text starts with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // A sign would be taken for a digit.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}
