//! How much of a resource each caller holds, so that one caller cannot take what is meant for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One bound that holds for each caller. Clones share the counts.
#[derive(Clone)]
pub struct CallerQuota(Arc<Inner>);

struct Inner {
    limit: usize,
    /// A caller that holds nothing is not in the map, so that the map does not grow.
    held: Mutex<HashMap<Arc<str>, usize>>,
}

/// What a caller holds, until dropped.
pub struct Lease {
    quota: CallerQuota,
    caller: Arc<str>,
    amount: usize,
}

impl CallerQuota {
    /// Each caller may hold `limit` at once.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, held: Mutex::default() }))
    }

    /// The bound.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Takes an amount, if the caller may hold so much more.
    pub fn take(&self, caller: &Arc<str>, amount: usize) -> Option<Lease> {
        let mut held = self.held();
        let before = held.get(caller).copied().unwrap_or_default();
        let after = before.checked_add(amount).filter(|after| *after <= self.0.limit)?;
        held.insert(caller.clone(), after);
        Some(Lease { quota: self.clone(), caller: caller.clone(), amount })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Merges another lease of the same caller into this one.
    pub fn merge(&mut self, mut other: Self) {
        self.amount += std::mem::take(&mut other.amount);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.quota.held();
        if let Some(left) = held.get_mut(&self.caller) {
            *left = left.saturating_sub(self.amount);
            if *left == 0 {
                held.remove(&self.caller);
            }
        }
    }
}
