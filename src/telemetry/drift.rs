//! Where Tencent's replies are not as the contract has them, as a metric.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use contract::wire::{DriftEntry, DriftKind};

/// Fields of the contract that are shown, of all commands together.
const MOST_FIELDS: usize = 1024;
/// Keys that the contract does not know which are shown. Whoever replies may make them up.
const MOST_UNKNOWN: usize = 256;
/// What stands for all others.
const OTHER: &str = "other";

/// Replies by command and place.
#[derive(Debug, Default)]
pub struct DriftMetric {
    replies: Family<PlaceLabels, Counter>,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    fields: HashSet<PlaceLabels>,
    unknown: HashSet<PlaceLabels>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlaceLabels {
    command: &'static str,
    /// Without indices.
    path: String,
}

impl DriftMetric {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Replies of Tencent that hold what the contract does not expect, by command and place";
        registry.register("tim_upstream_drift", help, self.replies.clone());
    }

    /// Counts a reply for a place.
    pub(super) fn count(&self, command: &'static str, entry: &DriftEntry) {
        let labels = PlaceLabels { command, path: entry.place() };
        let labels =
            if self.shows(&labels, entry.kind) { labels } else { PlaceLabels { command, path: OTHER.to_owned() } };
        self.replies.get_or_create(&labels).inc();
    }

    fn shows(&self, labels: &PlaceLabels, kind: DriftKind) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (places, most) = match kind {
            DriftKind::LeftOut => (&mut shown.fields, MOST_FIELDS),
            DriftKind::Unknown | DriftKind::Mended => (&mut shown.unknown, MOST_UNKNOWN),
        };
        places.contains(labels) || (places.len() < most && places.insert(labels.clone()))
    }
}
