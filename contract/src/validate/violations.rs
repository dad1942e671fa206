//! What is wrong with a request, and where.

use std::fmt;

/// Most violations that one answer lists: they travel in a header, and clients bound the size of those.
pub const MAX_REPORTED: usize = 32;

/// The violations of one answer are listed until their text has so many bytes.
const MAX_REPORTED_BYTES: usize = 3072;

/// Characters of a map's key that a path shows: answers must stay short.
const LONGEST_KEY: usize = 64;

/// Where a message stands in the request. A list on the stack: a valid request allocates nothing.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The request itself.
    Root,
    /// A field of a message.
    Field(&'a Path<'a>, &'static str),
    /// An item of a list.
    Index(&'a Path<'a>, usize),
    /// A value of a map.
    Key(&'a Path<'a>, &'a str),
}

impl Path<'_> {
    /// The path of a field.
    #[must_use]
    pub fn field(&self, name: &'static str) -> Path<'_> {
        Path::Field(self, name)
    }

    /// The path of an item.
    #[must_use]
    pub fn index(&self, index: usize) -> Path<'_> {
        Path::Index(self, index)
    }

    /// The path of the value that a map has for a key.
    #[must_use]
    pub fn key<'a>(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) => match key.char_indices().nth(LONGEST_KEY) {
                Some((end, _)) => write!(f, "{parent}[{:?}…]", &key[..end]),
                None => write!(f, "{parent}[{key:?}]"),
            },
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `members[3].user_id` or `attributes["topic"]`; empty for the whole request.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// What is wrong with a request.
#[derive(Debug, Default)]
pub struct Violations {
    listed: Vec<Violation>,
    bytes: usize,
    more: usize,
}

impl Violations {
    /// Adds a violation of what stands at a path.
    pub fn add(&mut self, at: &Path<'_>, description: impl fmt::Display) {
        if self.listed.len() >= MAX_REPORTED || self.bytes >= MAX_REPORTED_BYTES {
            self.more += 1;
            return;
        }
        let violation = Violation { field: at.to_string(), description: description.to_string() };
        self.bytes += violation.field.len() + violation.description.len();
        self.listed.push(violation);
    }

    /// The violations found, at most [`MAX_REPORTED`] of them.
    #[must_use]
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// How many more there are.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// Whether the request is right.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}
