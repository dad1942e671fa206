//! Takes out of a text what must not stand in a bug report.

use serde_json::Value;

use super::names::Names;
use super::probe::{Place, Probe};

/// The longest word that is no id.
const LONGEST_WORD: usize = 32;
/// The longest number that is no id: Tencent's codes have six digits.
const MOST_DIGITS: usize = 6;
/// How much of a value the terminal shows, in bytes.
const MOST_SHOWN: usize = 80;

/// A place in a reply, as the terminal and the report show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    /// The place.
    pub place: Place,
    /// The place and what came there, without anybody's data.
    pub redacted: String,
}

impl Drifted {
    /// The place and what came there as it stands, for the operator's own eyes.
    pub(super) fn exactly(&self) -> String {
        format!("{} {}: {}", self.place.path, self.place.what, shortened(&self.place.json))
    }
}

/// Knows the ids of an examination.
#[derive(Debug, Clone)]
pub struct Redactor {
    /// What to replace by what, the longest first.
    known: Vec<(String, String)>,
}

impl Redactor {
    /// For the names of an examination, the admin in whose name it calls, and the application.
    #[must_use]
    pub fn new(names: &Names, identifier: &str, sdk_app_id: u64) -> Self {
        let mut known: Vec<_> = names.all().iter().map(|(name, id)| ((*id).to_owned(), format!("${name}"))).collect();
        known.push((names.prefix().to_owned(), "$prefix".to_owned()));
        known.push((sdk_app_id.to_string(), "$application".to_owned()));
        if !identifier.is_empty() {
            known.push((identifier.to_owned(), "$admin".to_owned()));
        }
        Self { known }
    }

    /// A text of Tencent: what looks like an id, a number that is longer than a code, or anything but plain words becomes `…`.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let text = self.replaced(text);
        text.split_whitespace().map(|word| if is_plain(word) { word } else { "…" }).collect::<Vec<_>>().join(" ")
    }

    /// A value of a reply: its words only where they can only be those of the examination or of Tencent.
    pub(super) fn drifted(&self, probe: &Probe, place: Place) -> Drifted {
        let redacted = match serde_json::from_str(&place.json) {
            Ok(value) => self.value(&value, probe.reads_others),
            Err(_) => "a long value".to_owned(),
        };
        let path = self.replaced(&place.path);
        let path = path.split('.').map(|key| if is_plain(key) { key } else { "…" }).collect::<Vec<_>>().join(".");
        Drifted { redacted: format!("`{path}` {}: {redacted}", place.what), place }
    }

    fn value(&self, value: &Value, of_others: bool) -> String {
        match value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) if is_plain(&number.to_string()) && !of_others => number.to_string(),
            Value::Number(number) => format!("a number of {} characters", number.to_string().len()),
            Value::String(text) if !of_others && is_word(&self.replaced(text)) => {
                format!("\"{}\"", self.replaced(text))
            }
            Value::String(text) => format!("a text of {} bytes", text.len()),
            Value::Array(items) => format!("a list of {}", items.len()),
            Value::Object(fields) => {
                let keys: Vec<_> = fields.keys().map(|key| if is_word(key) { key.as_str() } else { "…" }).collect();
                format!("an object with {}", keys.join(", "))
            }
        }
    }

    fn replaced(&self, text: &str) -> String {
        self.known.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }
}

/// A word of ASCII letters, as the values of enums are; or one of the examination's own names.
fn is_word(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    text.len() <= LONGEST_WORD && text.chars().all(letter)
}

/// A word of a message: letters and marks, or a number that is a code or a count.
fn is_plain(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    let mark = |c: char| c.is_ascii_punctuation() && !matches!(c, '@' | '%' | '=');
    let known = word.chars().all(|c| c.is_ascii_alphanumeric() || mark(c));
    known && word.len() <= LONGEST_WORD && (digits == 0 || (letters == 0 && digits <= MOST_DIGITS))
}

fn shortened(json: &str) -> String {
    let text = &json[..json.floor_char_boundary(MOST_SHOWN)];
    if text.len() < json.len() { format!("{text}…") } else { text.to_owned() }
}
