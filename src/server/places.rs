//! A bounded number of places. When they are all taken, the peer that holds the most gives one back: so no peer can keep
//! others out, and there is no fixed bound for one address, which a whole mesh may share.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The places. Clones share them.
#[derive(Clone)]
pub struct Places(Arc<Inner>);

struct Inner {
    limit: usize,
    fairness: Fairness,
    next: AtomicU64,
    holders: Mutex<HashMap<u64, Holder>>,
}

/// Who gives a place back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fairness {
    /// The idlest of the largest holder, so that a new peer finds a place while another one is idle.
    IdleGivesWay,
    /// The longest of a holder that has more than the newcomer, so that holders become equal.
    LargestGivesWay,
    /// One with which nothing has happened for a while; if there is none, as the one above.
    StalledGivesWay,
}

/// After so long without activity a place is stalled.
const STALLED: Duration = Duration::from_secs(1);

struct Holder {
    peer: SocketAddr,
    activity: Arc<Activity>,
    revoked: CancellationToken,
}

/// What happens with one place.
pub struct Activity {
    /// What is done now; the place is kept meanwhile.
    busy: AtomicUsize,
    /// When something was last done.
    last: Mutex<Instant>,
}

/// One place, until dropped.
pub struct Place {
    places: Places,
    id: u64,
    activity: Arc<Activity>,
    revoked: CancellationToken,
}

/// Keeps a place from being given to another peer.
pub struct Busy(Arc<Activity>);

impl Places {
    /// So many places.
    pub fn new(limit: usize, fairness: Fairness) -> Self {
        Self(Arc::new(Inner { limit, fairness, next: AtomicU64::new(0), holders: Mutex::default() }))
    }

    /// How many places there are.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Takes a place, from another peer if necessary.
    pub fn enter(&self, peer: SocketAddr) -> Option<Place> {
        let mut holders = self.holders();
        if holders.len() >= self.0.limit {
            let id = victim(&holders, self.0.fairness, peer)?;
            // It leaves the list at once: what it still does to say goodbye is not its place any more.
            holders.remove(&id)?.revoked.cancel();
        }
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let revoked = CancellationToken::new();
        let activity = Arc::new(Activity { busy: AtomicUsize::new(0), last: Mutex::new(Instant::now()) });
        holders.insert(id, Holder { peer, activity: activity.clone(), revoked: revoked.clone() });
        Some(Place { places: self.clone(), id, activity, revoked })
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<u64, Holder>> {
        self.0.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("limit", &self.0.limit).finish_non_exhaustive()
    }
}

/// Who gives its place to a newcomer.
fn victim(holders: &HashMap<u64, Holder>, fairness: Fairness, newcomer: SocketAddr) -> Option<u64> {
    let (mut by_ip, mut by_peer) = (HashMap::<IpAddr, usize>::new(), HashMap::<SocketAddr, usize>::new());
    for holder in holders.values() {
        *by_ip.entry(holder.peer.ip()).or_default() += 1;
        *by_peer.entry(holder.peer).or_default() += 1;
    }
    let held = |peer: &SocketAddr| {
        (by_ip.get(&peer.ip()).copied().unwrap_or_default(), by_peer.get(peer).copied().unwrap_or_default())
    };
    let idle = || holders.iter().filter(|(_, holder)| !holder.activity.is_busy());
    // Of two that came in the same moment, the first.
    let rank = |(id, holder): &(&u64, &Holder)| (held(&holder.peer), Reverse((holder.activity.last(), **id)));
    let stalled = idle().filter(|(_, holder)| holder.activity.last().elapsed() >= STALLED).max_by_key(rank);
    if let (Fairness::StalledGivesWay, Some((id, _))) = (fairness, stalled) {
        return Some(*id);
    }
    let (id, largest) = idle().max_by_key(rank)?;
    let (ip, peer) = held(&largest.peer);
    let (own_ip, own_peer) = held(&newcomer);
    let fair = match fairness {
        Fairness::IdleGivesWay => true,
        _ if largest.peer.ip() == newcomer.ip() => peer > own_peer + 1,
        _ => ip > own_ip + 1,
    };
    fair.then_some(*id)
}

impl Place {
    /// Cancelled when another peer got the place.
    pub fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }

    /// Something is done that must not be cut off.
    pub fn busy(&self) -> Busy {
        self.activity.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.activity.clone())
    }

    /// What happens with it, for the layer that sees that.
    pub fn activity(&self) -> Arc<Activity> {
        self.activity.clone()
    }

    /// Whether something is done.
    pub fn is_busy(&self) -> bool {
        self.activity.is_busy()
    }

    /// For how long nothing has been done.
    pub fn idle_for(&self) -> Duration {
        if self.is_busy() { Duration::ZERO } else { self.activity.last().elapsed() }
    }
}

impl Activity {
    /// Something happens.
    pub fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.holders().remove(&self.id);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, ip], port))
    }

    #[test]
    fn the_idlest_of_the_largest_holder_gives_way() {
        let places = Places::new(3, Fairness::IdleGivesWay);
        let alone = places.enter(peer(1, 1)).unwrap();
        let first = places.enter(peer(2, 1)).unwrap();
        let second = places.enter(peer(2, 2)).unwrap();
        let _busy = first.busy();
        let _newcomer = places.enter(peer(3, 1)).unwrap();
        assert!(second.revoked().is_cancelled(), "the idle one of two");
        assert!(!alone.revoked().is_cancelled() && !first.revoked().is_cancelled());
    }

    #[test]
    fn who_is_busy_keeps_the_place() {
        let places = Places::new(1, Fairness::IdleGivesWay);
        let place = places.enter(peer(1, 1)).unwrap();
        let busy = place.busy();
        assert!(places.enter(peer(2, 1)).is_none());
        drop(busy);
        assert!(places.enter(peer(2, 1)).is_some());
    }

    #[test]
    fn the_largest_holder_takes_from_nobody() {
        let places = Places::new(4, Fairness::LargestGivesWay);
        let held: Vec<_> = (0..4).map(|_| places.enter(peer(1, 1)).unwrap()).collect();
        assert!(places.enter(peer(1, 1)).is_none(), "not from itself");
        let other = [places.enter(peer(1, 2)).unwrap(), places.enter(peer(1, 2)).unwrap()];
        assert!(places.enter(peer(1, 2)).is_none(), "two and two");
        assert_eq!(held.iter().filter(|place| place.revoked().is_cancelled()).count(), 2);
        assert!(places.enter(peer(2, 1)).is_some(), "another address");
        drop(other);
    }

    #[tokio::test(start_paused = true)]
    async fn the_stalled_give_way_to_anybody() {
        let places = Places::new(2, Fairness::StalledGivesWay);
        let silent = places.enter(peer(1, 1)).unwrap();
        let active = places.enter(peer(2, 1)).unwrap();
        assert!(places.enter(peer(3, 1)).is_none(), "nobody is stalled");
        tokio::time::advance(STALLED).await;
        active.activity().touch();
        let newcomer = places.enter(peer(3, 1)).unwrap();
        assert!(silent.revoked().is_cancelled() && !active.revoked().is_cancelled());
        assert!(places.enter(peer(4, 1)).is_none(), "nobody else is stalled");
        drop(newcomer);
    }
}
