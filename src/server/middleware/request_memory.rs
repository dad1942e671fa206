//! Bounds what requests take in memory at once. The number of calls alone does not: each may bring a message of the largest
//! size, made of the smallest items, and take its time over it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

use super::admission::PAUSE;
use super::caller_quota::{CallerQuota, Lease};
use super::response_guard::ResponseGuard;
use super::stack::{Middleware, Next, ResponseFuture};
use crate::config::Limits;
use crate::context::CallContext;
use crate::server::catalog::{Family, Kind};
use crate::server::message_scanner::{MessageScanner, Scanned};
use crate::status::Problem;
use contract::footprint::Footprint;
use contract::pb::ErrorReason;

/// Takes room for every message as soon as its length is announced, more when it turns out to hold many items, and refuses
/// the call when there is none. All of that is before the message is decoded.
#[derive(Clone)]
pub struct RequestMemory {
    room: Arc<Semaphore>,
    most: usize,
    callers: CallerQuota,
    /// Longer messages are refused anyway.
    largest: usize,
    /// How long a request may take until it is complete where the deadline of its call is that of a stream.
    patience: Duration,
}

/// The room that one call has taken; nothing before its first message.
#[derive(Default)]
struct Taken(Mutex<Option<(OwnedSemaphorePermit, Lease)>>);

/// A request whose messages take room.
struct Weighed {
    inner: Body,
    scanner: MessageScanner,
    /// Of the message that is coming in.
    footprint: Option<Footprint>,
    call: CallContext,
    step: RequestMemory,
    taken: Arc<Taken>,
    late: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl RequestMemory {
    /// Room as the limits say, `most_per_caller` of it for each caller.
    pub fn new(limits: Limits, most_per_caller: usize, patience: Duration) -> Self {
        let most = limits.max_request_memory;
        Self {
            room: Arc::new(Semaphore::new(most)),
            most,
            callers: CallerQuota::new(most_per_caller),
            largest: limits.max_request_bytes,
            patience,
        }
    }

    /// Takes so many bytes more for a call.
    fn take(&self, call: &CallContext, taken: &Taken, bytes: u64) -> Result<(), Problem> {
        let most = self.callers.limit().min(self.most);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if taken.bytes().saturating_add(bytes) > most {
            let message = format!("the request takes more than {most} bytes of memory: send fewer items at once");
            return Err(Problem::new(Code::ResourceExhausted, ErrorReason::RequestTooLarge, message).not_executed());
        }
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = self.room.clone().try_acquire_many_owned(permits).map_err(|_| {
            let message =
                format!("requests that take {} bytes of memory are being served; no more are taken", self.most);
            Problem::overloaded("gateway", message, PAUSE)
        })?;
        let caller = call.caller_name();
        let lease = self.callers.take(&caller, bytes).ok_or_else(|| {
            let most = self.callers.limit();
            let message =
                format!("requests of this caller that take {most} bytes of memory are being served; no more are taken");
            Problem::overloaded(format!("caller:{caller}"), message, PAUSE)
        })?;
        taken.add(permit, lease);
        Ok(())
    }
}

impl Middleware for RequestMemory {
    fn name(&self) -> &'static str {
        "request_memory"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        // The messages of the other services are tiny, by their own bound.
        if call.method().family() != Family::Contract {
            return next.run(request);
        }
        let taken = Arc::new(Taken::default());
        let kept = taken.clone();
        let late = (call.method().kind != Kind::Unary).then(|| Box::pin(sleep_until(call.started() + self.patience)));
        let step = self.clone();
        let (scanner, footprint) = (MessageScanner::default(), None);
        let weighed = |inner| Weighed { inner, scanner, footprint, call, step, taken, late, over: false };
        let answer = next.run(request.map(|inner| Body::new(weighed(inner))));
        // A handler may use what it was asked to the end of its answer.
        Box::pin(async move { answer.await.map(|inner| Body::new(ResponseGuard::new(inner, kept))) })
    }
}

impl Taken {
    fn bytes(&self) -> usize {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.as_ref().map_or(0, |(permit, _)| permit.num_permits())
    }

    fn add(&self, permit: OwnedSemaphorePermit, more: Lease) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *taken {
            Some((before, lease)) => {
                before.merge(permit);
                lease.merge(more);
            }
            nothing => *nothing = Some((permit, more)),
        }
    }
}

impl Weighed {
    /// Takes room for what these bytes bring.
    fn weigh(&mut self, data: &[u8]) -> Result<(), Problem> {
        let Self { scanner, footprint, step, call, taken, .. } = self;
        let mut weight = 0u64;
        scanner.scan(data, |found| match found {
            Scanned::Begins { length, .. } if length as usize <= step.largest => {
                weight += u64::from(length) * Footprint::COPIES as u64;
                *footprint = call.method().rule.map(|rule| Footprint::new(rule.request, length));
            }
            Scanned::Begins { .. } => *footprint = None,
            Scanned::Bytes(bytes) => {
                let added = footprint.as_mut().map_or(0, |footprint| footprint.see(bytes));
                weight = weight.saturating_add(added);
            }
            Scanned::Ends => {}
        });
        if weight == 0 { Ok(()) } else { step.take(call, taken, weight) }
    }

    fn refuse(&mut self, problem: Problem) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.over = true;
        // What has come so far is of no use any more.
        self.inner = Body::empty();
        Poll::Ready(Some(Err(problem.request_id(self.call.request_id()).into_status())))
    }
}

impl http_body::Body for Weighed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let weighed = frame.data_ref().map_or(Ok(()), |data| this.weigh(data));
                match weighed {
                    Ok(()) => Poll::Ready(Some(Ok(frame))),
                    Err(problem) => this.refuse(problem),
                }
            }
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => match this.late.as_mut().map(|late| late.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => this.refuse(Problem::request_too_slow()),
                _ => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
