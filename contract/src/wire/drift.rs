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

    /// Adds a place, or only counts it where there are many.
    pub fn add(&mut self, kind: DriftKind, path: impl FnOnce() -> String, json: &str) {
        if self.entries.len() >= MOST_ENTRIES {
            self.more = self.more.saturating_add(1);
            return;
        }
        let mut path = path();
        path.truncate(path.floor_char_boundary(MOST_PATH));
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
