//! Turns for work that must not overlap: one holder for each key at a time, in the order in which they came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

/// What takes turns: the messages of a topic in a group of an app.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Name of the app.
    pub app: String,
    /// The group.
    pub group_id: String,
    /// The topic; empty for the group itself.
    pub topic_id: String,
}

/// The turns of this process. Other replicas have their own.
#[derive(Debug, Default)]
pub struct Turns {
    /// A key is kept as long as its turn is held or waited for.
    by_key: Mutex<HashMap<Key, Arc<Turn<()>>>>,
}

/// The turn of a key, until it is dropped.
#[derive(Debug)]
pub struct Held<'a> {
    // Dropped first: `_place` looks whether anybody still uses the turn.
    _turn: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

/// A place in the queue of a key. The last one to leave it forgets the key.
#[derive(Debug)]
struct Place<'a> {
    turns: &'a Turns,
    key: Key,
}

impl Turns {
    /// Waits for the turn of a key; `None` if it does not come in time.
    pub async fn acquire(&self, key: Key, deadline: Instant) -> Option<Held<'_>> {
        let turn = self.lock().entry(key.clone()).or_default().clone();
        let place = Place { turns: self, key };
        let turn = timeout_at(deadline, turn.lock_owned()).await.ok()?;
        Some(Held { _turn: turn, _place: place })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Turn<()>>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        if turns.get(&self.key).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(app: &str) -> Key {
        Key { app: app.to_owned(), group_id: "g".to_owned(), topic_id: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn one_holds_a_turn_and_others_wait_until_their_deadline() {
        let turns = Turns::default();
        let soon = || Instant::now() + Duration::from_secs(1);
        let held = turns.acquire(key("a"), soon()).await;
        assert!(held.is_some());
        assert!(turns.acquire(key("a"), soon()).await.is_none());
        assert!(turns.acquire(key("b"), soon()).await.is_some(), "another app has turns of its own");
        drop(held);
        assert!(turns.acquire(key("a"), soon()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_nobody_uses_is_forgotten() {
        let turns = Turns::default();
        let soon = Instant::now() + Duration::from_secs(1);
        let held = turns.acquire(key("a"), soon).await;
        assert!(turns.acquire(key("a"), soon).await.is_none());
        drop(held);
        assert!(turns.lock().is_empty());
    }
}
