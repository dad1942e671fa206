//! How much of something each caller holds, so that one cannot take what is meant for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The same bound for every caller. Clones share it.
#[derive(Clone)]
pub struct Shares(Arc<Bounded>);

struct Bounded {
    most: usize,
    /// Callers that hold nothing are not in it, so that it does not grow.
    held: Mutex<HashMap<Arc<str>, usize>>,
}

/// What a caller holds, until dropped.
pub struct Share {
    shares: Shares,
    caller: Arc<str>,
    amount: usize,
}

impl Shares {
    /// At most so much for each caller.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Bounded { most, held: Mutex::default() }))
    }

    /// The bound.
    pub fn most(&self) -> usize {
        self.0.most
    }

    /// Takes an amount, if the caller may have so much more.
    pub fn take(&self, caller: &Arc<str>, amount: usize) -> Option<Share> {
        let mut held = self.held();
        let before = held.get(caller).copied().unwrap_or_default();
        let after = before.checked_add(amount).filter(|after| *after <= self.0.most)?;
        held.insert(caller.clone(), after);
        Some(Share { shares: self.clone(), caller: caller.clone(), amount })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Becomes one with another share of the same caller.
    pub fn join(&mut self, mut other: Self) {
        self.amount += std::mem::take(&mut other.amount);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(left) = held.get_mut(&self.caller) {
            *left = left.saturating_sub(self.amount);
            if *left == 0 {
                held.remove(&self.caller);
            }
        }
    }
}
