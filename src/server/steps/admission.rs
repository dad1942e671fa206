//! Bounds how many calls are served at once. What is over the bound is refused at once instead of waiting in a queue that
//! nobody bounds.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;

use crate::server::catalog::Family;
use crate::server::chain::{Answer, Next, Step};
use crate::server::context::CallContext;
use crate::server::refusal;
use crate::status::Problem;

/// When a refused caller may try again.
const PAUSE: Duration = Duration::from_millis(500);

/// Admits calls while there is room, for all and for each caller.
pub struct Admission {
    room: Arc<Semaphore>,
    most: usize,
    callers: Arc<Shares>,
}

/// Who has how many calls under way. Callers without any are not in it, so that it does not grow.
struct Shares {
    most: usize,
    counts: Mutex<HashMap<Arc<str>, usize>>,
}

/// What a call holds until its response has been sent.
struct Place {
    _permit: OwnedSemaphorePermit,
    shares: Arc<Shares>,
    caller: Arc<str>,
}

/// A response with its place.
struct Held {
    inner: Body,
    _place: Place,
}

impl Admission {
    /// Room for `most` calls, `most_per_caller` of them of one caller.
    pub fn new(most: usize, most_per_caller: usize) -> Self {
        let callers = Arc::new(Shares { most: most_per_caller, counts: Mutex::default() });
        Self { room: Arc::new(Semaphore::new(most)), most, callers }
    }

    fn admit(&self, call: &CallContext) -> Result<Place, Problem> {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            let message = format!("{} calls are being served; no more are taken", self.most);
            return Err(Problem::overloaded("gateway", message, PAUSE));
        };
        let caller = call.caller_name();
        if !self.callers.take(&caller) {
            let message = format!("{} calls of this caller are being served; no more are taken", self.callers.most);
            return Err(Problem::overloaded(format!("caller:{caller}"), message, PAUSE));
        }
        Ok(Place { _permit: permit, shares: self.callers.clone(), caller })
    }
}

impl Step for Admission {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        // Probes and descriptors must answer when the server is full, too.
        if call.method().family() != Family::Contract {
            return next.run(request);
        }
        match self.admit(&call) {
            Ok(place) => {
                let answer = next.run(request);
                Box::pin(async move { answer.await.map(|inner| Body::new(Held { inner, _place: place })) })
            }
            Err(problem) => {
                let answer = refusal::response(problem, &call);
                Box::pin(async move { answer })
            }
        }
    }
}

impl Shares {
    fn take(&self, caller: &Arc<str>) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(caller.clone()).or_default();
        let room = *count < self.most;
        *count += usize::from(room);
        room
    }

    fn give_back(&self, caller: &Arc<str>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                counts.remove(caller);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shares.give_back(&self.caller);
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
