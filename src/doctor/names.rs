//! What an examination makes is named by a prefix of its own, so that nothing of anybody else is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::{Answer, Probe};
use rand::RngExt as _;

/// The names of one examination. They follow from its prefix.
#[derive(Debug, Clone)]
pub struct Names {
    prefix: String,
    by_name: BTreeMap<&'static str, String>,
}

/// The accounts.
pub(super) const USERS: [&str; 3] = ["ann", "ben", "cat"];
/// The groups.
pub(super) const GROUPS: [&str; 6] = ["public", "private", "chat", "room", "old", "community"];
/// The robot.
pub(super) const ROBOT: &str = "robot";

/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const RANDOM_LETTERS: usize = 8;
/// The longest prefix that all ids have room for.
const MOST_LETTERS: usize = 20;

impl Names {
    /// New ones, at random.
    #[must_use]
    pub fn random() -> Self {
        let mut rng = rand::rng();
        let letters = (0..RANDOM_LETTERS).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
        Self::of(format!("doctor-{}", letters.collect::<String>()))
    }

    /// Those of an earlier examination; `None` when no examination had this prefix.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric();
        let rest = prefix.strip_prefix("doctor-")?;
        let right = !rest.is_empty() && prefix.len() <= MOST_LETTERS && rest.chars().all(plain);
        right.then(|| Self::of(prefix.to_owned()))
    }

    fn of(prefix: String) -> Self {
        let mut by_name: BTreeMap<&'static str, String> =
            USERS.iter().chain(&GROUPS).map(|name| (*name, format!("{prefix}-{name}"))).collect();
        by_name.insert("community", format!("@TGS#_{prefix}"));
        by_name.insert("topic", format!("@TGS#_{prefix}@TOPIC#_news"));
        by_name.insert("archive", format!("@TGS#_{prefix}@TOPIC#_archive"));
        by_name.insert("permissions", format!("@PMG#_{prefix}"));
        by_name.insert(ROBOT, format!("@RBT#{prefix}"));
        Self { prefix, by_name }
    }

    /// What all names have in common.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The id behind a name.
    pub(super) fn id(&self, name: &str) -> &str {
        self.by_name.get(name).map_or("", String::as_str)
    }

    /// All ids with their names, the longest first.
    pub(super) fn all(&self) -> Vec<(&'static str, &str)> {
        let mut all: Vec<_> = self.by_name.iter().map(|(name, id)| (*name, id.as_str())).collect();
        all.sort_by_key(|(_, id)| std::cmp::Reverse(id.len()));
        all
    }

    /// The body of a probe, with `$name` replaced by what it stands for.
    ///
    /// # Errors
    /// The name of the thing that has not been made.
    pub(super) fn fill(&self, probe: &Probe, made: &Made) -> Result<String, String> {
        let mut parts = probe.body.split('$');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            let value = match made.kept.get(name) {
                Some(value) => value,
                None if made.has(name) || probe.makes == Some(name) => self.id(name),
                None => return Err(name.to_owned()),
            };
            filled.push_str(value);
            filled.push_str(rest);
        }
        Ok(filled)
    }
}

/// What there is at a moment of the examination.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// What may be there, whether or not its making was answered.
    begun: BTreeSet<&'static str>,
    /// What is there for certain.
    finished: BTreeSet<&'static str>,
    /// Values of replies.
    kept: BTreeMap<&'static str, String>,
}

impl Made {
    /// Everything that an examination may make.
    pub(super) fn everything() -> Self {
        Self { begun: GROUPS.into_iter().chain([ROBOT]).collect(), ..Self::default() }
    }

    /// Something is about to be made.
    pub(super) fn begin(&mut self, name: Option<&'static str>) {
        self.begun.extend(name);
    }

    /// Remembers what a successful probe made or returned.
    pub(super) fn learn(&mut self, probe: &Probe, answer: &Answer) {
        if answer.result.is_err() {
            return;
        }
        self.finished.extend(probe.makes);
        if let Some((key, name)) = probe.keeps
            && let Some(value) = answer.json.get(key)
        {
            self.kept.insert(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }

    /// What may have to be removed.
    pub(super) fn may_be_there(&self, name: &str) -> bool {
        self.begun.contains(name)
    }

    fn has(&self, name: &str) -> bool {
        USERS.contains(&name) || self.finished.contains(name)
    }
}
