//! One limit and the calls that wait for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::adaptive::Share;
use super::queue::{FairQueue, Place};
use super::recent::Recent;
use super::{Bucket, Limit, Pace, Take, Throttled};

/// A limit with its queue.
///
/// A call that finds room and no call waiting passes at once. Otherwise it queues, and one task hands out the tokens as
/// they come: the next holder of a token is chosen when the token is there, so that the first call by then is served.
pub(super) struct Lane {
    limit: Limit,
    /// Calls a second that the limit allows.
    rate: f64,
    pace: Pace,
    bucket: Box<dyn Bucket>,
    state: Mutex<State>,
    released: Notify,
}

struct State {
    queue: FairQueue<oneshot::Sender<Turn>>,
    next_id: u64,
    /// A task hands out tokens.
    serving: bool,
    /// A turn is out, and no other is given before it ends.
    held: bool,
    share: Share,
    recent: Recent,
}

/// The right to go on. A lane whose turns are exclusive gives the next one when this one is dropped.
pub(super) struct Turn(Option<Arc<Lane>>);

/// Takes a call out of the queue when its caller stops waiting.
struct Waiting<'a> {
    lane: &'a Lane,
    place: Place<'a>,
    id: u64,
}

/// How many calls may wait, in all and for each caller. More than can be served within any sensible deadline.
const MOST_WAITING: usize = 16_384;
const MOST_WAITING_PER_CALLER: usize = 4_096;
/// Shortest time that a caller is advised to wait.
const SHORTEST_ADVICE: Duration = Duration::from_millis(100);

impl Lane {
    /// A lane of group calls gives exclusive turns: its calls pass on to their command's lane one after the other, so
    /// that they cannot pile up there and then leave faster than their group allows.
    pub(super) fn new(limit: Limit, rate: f64, pace: Pace, bucket: Box<dyn Bucket>) -> Arc<Self> {
        let state = State {
            queue: FairQueue::new(),
            next_id: 0,
            serving: false,
            held: false,
            share: Share::whole(),
            recent: Recent::new(),
        };
        Arc::new(Self { limit, rate, pace, bucket, state: Mutex::new(state), released: Notify::new() })
    }

    /// Waits for a turn.
    pub(super) async fn acquire(self: &Arc<Self>, place: Place<'_>, deadline: Instant) -> Result<Turn, Throttled> {
        let mut wait = Duration::ZERO;
        if let Some(turn) = self.try_hold() {
            match self.bucket.take(self.slowdown()).await {
                Take::Granted => {
                    self.lock().recent.count();
                    return Ok(turn);
                }
                Take::Wait(time) => wait = time,
            }
        }
        let (waiting, turn) = self.enqueue(place, wait, deadline)?;
        let granted = timeout_at(deadline, turn).await;
        drop(waiting);
        match granted {
            Ok(Ok(turn)) => Ok(turn),
            // The serving task only goes away with the runtime.
            Ok(Err(_)) | Err(_) => Err(self.throttled(self.estimate(&self.lock(), place))),
        }
    }

    /// Tencent refused a call of this lane by rate.
    pub(super) fn slow_down(&self) {
        let mut state = self.lock();
        let in_last_second = state.recent.in_last_second();
        state.share.refused(in_last_second);
    }

    /// How many more calls the limit, as slow as it is at the moment, would have allowed in the last second.
    pub(super) fn left(&self) -> f64 {
        let state = self.lock();
        (self.rate * state.share.now() - state.recent.in_last_second()).max(0.0)
    }

    /// Whether nothing would be lost with this lane.
    pub(super) fn idle(&self) -> bool {
        let state = self.lock();
        let quiet = state.queue.is_empty() && !state.serving && !state.held;
        quiet && state.share.now() >= 1.0 && self.bucket.full()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slowdown(&self) -> f64 {
        1.0 / self.lock().share.now()
    }

    fn exclusive(&self) -> bool {
        self.limit == Limit::Group
    }

    /// A turn, if no call waits before this one.
    fn try_hold(self: &Arc<Self>) -> Option<Turn> {
        let mut state = self.lock();
        let free = state.queue.is_empty() && !state.serving && !state.held;
        free.then(|| self.hold(&mut state))
    }

    fn hold(self: &Arc<Self>, state: &mut State) -> Turn {
        state.held = self.exclusive();
        Turn(self.exclusive().then(|| self.clone()))
    }

    fn enqueue<'a>(
        self: &'a Arc<Self>,
        place: Place<'a>,
        wait: Duration,
        deadline: Instant,
    ) -> Result<(Waiting<'a>, oneshot::Receiver<Turn>), Throttled> {
        let mut state = self.lock();
        let estimate = wait + self.estimate(&state, place);
        let full = state.queue.len() >= MOST_WAITING || state.queue.len_of(place) >= MOST_WAITING_PER_CALLER;
        if full || Instant::now() + estimate >= deadline {
            return Err(self.throttled(estimate));
        }
        let id = state.next_id;
        state.next_id += 1;
        let (sender, receiver) = oneshot::channel();
        state.queue.push(place, id, sender);
        if !std::mem::replace(&mut state.serving, true) {
            tokio::spawn(self.clone().serve(wait));
        }
        Ok((Waiting { lane: self, place, id }, receiver))
    }

    /// How long a new call would wait for those before it.
    fn estimate(&self, state: &State, place: Place<'_>) -> Duration {
        let ahead = u32::try_from(state.queue.ahead(place)).unwrap_or(u32::MAX);
        self.pace.interval.mul_f64(f64::from(ahead) / state.share.now())
    }

    fn throttled(&self, wait: Duration) -> Throttled {
        Throttled { limit: self.limit, retry_after: wait.max(SHORTEST_ADVICE) }
    }

    /// Hands out tokens until no call waits.
    async fn serve(self: Arc<Self>, first_wait: Duration) {
        sleep(first_wait).await;
        while self.wait_for_release().await {
            match self.bucket.take(self.slowdown()).await {
                Take::Wait(time) => sleep(time).await,
                Take::Granted => self.grant(),
            }
        }
    }

    /// Waits until no turn is out; `false` when no call waits any more and serving has ended.
    async fn wait_for_release(&self) -> bool {
        loop {
            let released = self.released.notified();
            {
                let mut state = self.lock();
                if state.queue.is_empty() {
                    state.serving = false;
                    return false;
                }
                if !state.held {
                    return true;
                }
            }
            released.await;
        }
    }

    fn grant(self: &Arc<Self>) {
        loop {
            let (waiter, turn) = {
                let mut state = self.lock();
                let Some(waiter) = state.queue.pop() else {
                    return;
                };
                state.recent.count();
                let turn = self.hold(&mut state);
                (waiter, turn)
            };
            // A call that stopped waiting in this moment leaves the token to the next.
            match waiter.send(turn) {
                Ok(()) => return,
                Err(turn) => drop(turn),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(lane) = self.0.take() {
            lane.lock().held = false;
            lane.released.notify_one();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lane.lock().queue.remove(self.place, self.id);
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("limit", &self.limit).field("pace", &self.pace).finish_non_exhaustive()
    }
}
