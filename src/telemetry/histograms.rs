//! Histograms of durations, all with the same bounds.

use std::hash::Hash;

use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;

/// Makes histograms with bounds in seconds from 1 ms to 60 s.
#[derive(Debug, Clone, Copy, Default)]
pub struct Buckets;

const BOUNDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Histograms of seconds.
pub fn seconds<L: Clone + Eq + Hash>() -> Family<L, Histogram, Buckets> {
    Family::new_with_constructor(Buckets)
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BOUNDS)
    }
}
