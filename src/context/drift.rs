//! What the replies to one call held that the contract does not expect. A stream may read thousands of pages, so each place
//! is kept once, and no more than some.

use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::pb;
use contract::wire::{self, DriftKind};

/// Places that are kept. The trailer has room for fewer.
const MOST_ENTRIES: usize = 32;

/// The drift of a call so far.
#[derive(Debug, Default)]
pub struct Collected(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each place without its indices, and the first that was met there.
    entries: Vec<(String, pb::DriftEntry)>,
    more: u32,
}

impl Collected {
    /// Adds what one reply held.
    pub fn add(&self, command: &str, drift: &wire::Drift) {
        if drift.is_empty() {
            return;
        }
        let mut kept = self.kept();
        for entry in drift.entries() {
            let (place, kind) = (entry.place(), kind(entry.kind).into());
            let same =
                |(at, other): &(String, pb::DriftEntry)| *at == place && other.kind == kind && other.command == command;
            if kept.entries.len() >= MOST_ENTRIES || kept.entries.iter().any(same) {
                kept.more = kept.more.saturating_add(1);
                continue;
            }
            let entry = pb::DriftEntry {
                kind,
                command: command.to_owned(),
                path: entry.path.clone(),
                json: entry.json.clone(),
                cut: entry.cut,
            };
            kept.entries.push((place, entry));
        }
        kept.more = kept.more.saturating_add(drift.more());
    }

    /// Everything so far, if there is anything.
    pub fn get(&self) -> Option<pb::Drift> {
        let kept = self.kept();
        let entries: Vec<_> = kept.entries.iter().map(|(_, entry)| entry.clone()).collect();
        (!entries.is_empty()).then_some(pb::Drift { entries, more: kept.more })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(kind: DriftKind) -> pb::DriftKind {
    match kind {
        DriftKind::LeftOut => pb::DriftKind::LeftOut,
        DriftKind::Unknown => pb::DriftKind::Unknown,
        DriftKind::Mended => pb::DriftKind::Mended,
    }
}
