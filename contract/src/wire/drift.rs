//! What the contract does not expect in a reply: reading goes on past it, and it is reported.

/// How many places a reply's drift names.
const MOST_ENTRIES: usize = 32;
/// How much of a value is kept, in bytes.
const MOST_TEXT: usize = 1024;
/// How long a path may be, in bytes.
const MOST_PATH: usize = 256;

/// What a reply held that was left out, or that the contract does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    entries: Vec<DriftEntry>,
    more: u32,
}

/// One such place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftEntry {
    /// Where it stands in Tencent's JSON, such as `MemberList[3].NameCard`.
    pub path: String,
    /// The JSON text that stands there, cut where it is long.
    pub json: String,
    /// Whether `json` is cut.
    pub cut: bool,
    /// What is the matter with it.
    pub kind: DriftKind,
}

/// What is the matter with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// The value does not fit, so it was left out: its field has its default.
    LeftOut,
    /// The contract does not know the key.
    Unknown,
    /// The text is not clean, such as half an emoji: it was repaired and read.
    Mended,
}

impl Drift {
    /// Whether everything was expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The places, in the order of the reply.
    #[must_use]
    pub fn entries(&self) -> &[DriftEntry] {
        &self.entries
    }

    /// How many more places there are that [`Drift::entries`] does not name.
    #[must_use]
    pub fn more(&self) -> u32 {
        self.more
    }

    /// Adds a place, or only counts it where there are many, or where it differs from another by an index alone.
    pub fn add(&mut self, kind: DriftKind, path: impl FnOnce() -> String, json: &str) {
        if self.entries.len() >= MOST_ENTRIES {
            self.more = self.more.saturating_add(1);
            return;
        }
        let mut path = path();
        path.truncate(path.floor_char_boundary(MOST_PATH));
        if self.entries.iter().any(|entry| entry.kind == kind && same_place(&entry.path, &path)) {
            self.more = self.more.saturating_add(1);
            return;
        }
        let text = &json[..json.floor_char_boundary(MOST_TEXT)];
        self.entries.push(DriftEntry { path, json: text.to_owned(), cut: text.len() < json.len(), kind });
    }

    /// Adds what another reply of the same call held.
    pub fn append(&mut self, other: Self) {
        let room = MOST_ENTRIES.saturating_sub(self.entries.len());
        let beyond = other.entries.len().saturating_sub(room);
        self.entries.extend(other.entries.into_iter().take(room));
        self.more = self.more.saturating_add(other.more).saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
    }
}

impl DriftEntry {
    /// The path without its indices, such as `MemberList[].NameCard`, fit for logs and metrics: a key that is no plain name
    /// may be somebody's data.
    #[must_use]
    pub fn place(&self) -> String {
        let path: String = without_indices(&self.path).collect();
        let names: Vec<&str> = path.split('.').map(|name| if is_plain(name) { name } else { "?" }).collect();
        names.join(".")
    }

    /// The type of the JSON that stands there.
    #[must_use]
    pub fn json_type(&self) -> &'static str {
        match self.json.as_bytes().first() {
            Some(b'"') => "string",
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            _ => "number",
        }
    }
}

fn is_plain(name: &str) -> bool {
    let key = name.trim_end_matches("[]");
    (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn same_place(one: &str, other: &str) -> bool {
    without_indices(one).eq(without_indices(other))
}

fn without_indices(path: &str) -> impl Iterator<Item = char> {
    let mut inside = false;
    path.chars().filter(move |character| {
        match character {
            '[' => inside = true,
            ']' => inside = false,
            _ => return !(inside && character.is_ascii_digit()),
        }
        true
    })
}
