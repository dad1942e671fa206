//! At what sizes batches are split.

use std::collections::BTreeMap;

use contract::batches;

use super::key::Wrong;
use super::kinds::numbers;
use super::suggest::did_you_mean;

/// How many items go in one call of Tencent, and how many calls of one batch are under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Calls at once.
    pub concurrency: usize,
    /// In the order of [`batches::Batch::ALL`].
    caps: [usize; batches::Batch::ALL.len()],
}

impl Batch {
    /// The documented caps, except for those of the methods in `caps`.
    pub(super) fn new(concurrency: usize, caps: &BTreeMap<String, usize>) -> Self {
        let cap = |batch: batches::Batch| caps.get(batch.method()).copied().unwrap_or(batch.documented_cap());
        Self { concurrency, caps: batches::Batch::ALL.map(cap) }
    }

    /// How many items of a batch go in one call.
    #[must_use]
    pub fn cap(&self, batch: batches::Batch) -> usize {
        self.caps[batch as usize]
    }
}

/// Reads caps by method.
pub(super) fn parse_caps(text: &str) -> Result<BTreeMap<String, usize>, Wrong> {
    /// More in one call would outgrow what Tencent takes and answers, whatever it raises for an application.
    const MOST: usize = 10_000;
    let names = batches::Batch::ALL.map(batches::Batch::method);
    let known = |name: &str| match names.contains(&name) {
        true => Ok(()),
        false => Err(Wrong::new(format!("`{name}` is not a batch"), did_you_mean(name, names))),
    };
    numbers(text, known, 1, MOST)
}
