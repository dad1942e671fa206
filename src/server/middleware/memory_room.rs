//! The memory that requests may take, and who has taken it. When there is none left, requests that come too slowly give
//! theirs back, those of the largest holder first: otherwise a few peers that send almost everything and then nothing
//! would keep everybody else out until their deadlines.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::admission::PAUSE;
use super::caller_quota::{CallerQuota, Lease};
use crate::context::CallContext;
use crate::status::Problem;
use contract::pb::ErrorReason;

/// The memory. Clones share it.
#[derive(Clone)]
pub struct MemoryRoom {
    free: Arc<Semaphore>,
    limit: usize,
    callers: CallerQuota,
    requests: Arc<Mutex<HashMap<u64, Weak<Incoming>>>>,
    next: Arc<AtomicU64>,
}

/// One request, and what it has taken.
pub struct Incoming {
    id: u64,
    peer: Option<IpAddr>,
    pace: Mutex<Pace>,
    complete: AtomicBool,
    taken: Mutex<Option<(OwnedSemaphorePermit, Lease)>>,
    revoked: CancellationToken,
    requests: Arc<Mutex<HashMap<u64, Weak<Incoming>>>>,
}

/// A request that brings fewer bytes in a second, and keeps memory that others wait for, is too slow.
const SLOWEST: f64 = 16.0 * 1024.0;
/// For so long a request may pause, however fast it came before.
const PAUSE_ALLOWED: f64 = 2.0;

/// How fast a request comes: bytes that are ahead of the slowest pace.
struct Pace {
    ahead: f64,
    at: Instant,
}

impl MemoryRoom {
    /// So many bytes, and so many for each caller.
    pub fn new(limit: usize, limit_per_caller: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            callers: CallerQuota::new(limit_per_caller),
            requests: Arc::default(),
            next: Arc::default(),
        }
    }

    /// A request begins to come in.
    pub fn begin(&self, peer: Option<IpAddr>) -> Arc<Incoming> {
        Arc::new(Incoming {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            peer,
            pace: Mutex::new(Pace { ahead: SLOWEST * PAUSE_ALLOWED, at: Instant::now() }),
            complete: AtomicBool::new(false),
            taken: Mutex::new(None),
            revoked: CancellationToken::new(),
            requests: self.requests.clone(),
        })
    }

    /// Takes so much for `received` bytes that came in.
    pub fn take(
        &self,
        call: &CallContext,
        request: &Arc<Incoming>,
        weight: u64,
        received: usize,
    ) -> Result<(), Problem> {
        lock(&request.pace).received(received);
        let most = self.callers.limit().min(self.limit);
        let bytes = usize::try_from(weight).unwrap_or(usize::MAX);
        let before = request.bytes();
        if before.saturating_add(bytes) > most {
            let message = format!("the request takes more than {most} bytes of memory: send fewer items at once");
            return Err(Problem::new(Code::ResourceExhausted, ErrorReason::RequestTooLarge, message).not_executed());
        }
        let permit = self.acquire(bytes).or_else(|| self.reclaim(request).and_then(|()| self.acquire(bytes)));
        let permit = permit.ok_or_else(|| {
            let message =
                format!("requests that take {} bytes of memory are being served; no more are taken", self.limit);
            Problem::overloaded("gateway", message, PAUSE)
        })?;
        let caller = call.caller_name();
        let lease = self.callers.take(&caller, bytes).ok_or_else(|| {
            let most = self.callers.limit();
            let message =
                format!("requests of this caller that take {most} bytes of memory are being served; no more are taken");
            Problem::overloaded(format!("caller:{caller}"), message, PAUSE)
        })?;
        if before == 0 {
            lock(&self.requests).insert(request.id, Arc::downgrade(request));
        }
        request.add(permit, lease);
        Ok(())
    }

    /// The error of a request whose memory was given to others.
    pub fn too_slow() -> Problem {
        let message = "the request came too slowly while others waited for its memory: send it again, faster";
        Problem::overloaded("gateway", message, PAUSE)
    }

    fn acquire(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Takes memory back from the slow requests of the caller that holds the most of it; `None` when no request is slow.
    fn reclaim(&self, newcomer: &Arc<Incoming>) -> Option<()> {
        let requests: Vec<_> = lock(&self.requests).values().filter_map(Weak::upgrade).collect();
        let slow = || requests.iter().filter(|request| request.id != newcomer.id && request.is_slow());
        let mut held = HashMap::<Option<IpAddr>, usize>::new();
        for request in slow() {
            *held.entry(request.peer).or_default() += request.bytes();
        }
        let (largest, _) = held.into_iter().max_by_key(|(_, bytes)| *bytes)?;
        for request in slow().filter(|request| request.peer == largest) {
            request.revoked.cancel();
            drop(lock(&request.taken).take());
        }
        Some(())
    }
}

impl Incoming {
    /// Cancelled when its memory was given to others.
    pub fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }

    /// It has come in as a whole, and its handler works on it.
    pub fn complete(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        lock(&self.taken).as_ref().map_or(0, |(permit, _)| permit.num_permits())
    }

    fn is_slow(&self) -> bool {
        !self.complete.load(Ordering::Relaxed) && lock(&self.pace).ahead() <= 0.0
    }

    fn add(&self, permit: OwnedSemaphorePermit, more: Lease) {
        match &mut *lock(&self.taken) {
            Some((before, lease)) => {
                before.merge(permit);
                lease.merge(more);
            }
            nothing => *nothing = Some((permit, more)),
        }
    }
}

impl Pace {
    fn ahead(&self) -> f64 {
        self.ahead - SLOWEST * self.at.elapsed().as_secs_f64()
    }

    fn received(&mut self, bytes: usize) {
        self.ahead = (self.ahead().max(0.0) + bytes as f64).min(SLOWEST * PAUSE_ALLOWED);
        self.at = Instant::now();
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        lock(&self.requests).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
