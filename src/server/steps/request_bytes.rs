//! Bounds how many bytes of requests are held at once. The number of calls alone does not: each may bring a message of the
//! largest size, and take its time over it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

use super::admission::PAUSE;
use super::held::Held;
use super::shares::{Share, Shares};
use crate::config::Limits;
use crate::server::catalog::{Family, Kind};
use crate::server::chain::{Answer, Next, Step};
use crate::server::context::CallContext;
use crate::server::messages::Messages;
use crate::status::Problem;

/// Takes room for every message as soon as its length is announced, and refuses the call when there is none.
#[derive(Clone)]
pub struct RequestBytes {
    room: Arc<Semaphore>,
    most: usize,
    callers: Shares,
    /// Longer messages are refused anyway.
    largest: usize,
    /// How long a request may take until it is complete where the deadline of its call is that of a stream.
    patience: Duration,
}

/// The room that one call has taken; nothing before its first message.
#[derive(Default)]
struct Taken(Mutex<Option<(OwnedSemaphorePermit, Share)>>);

/// A request whose messages take room.
struct Counted {
    inner: Body,
    messages: Messages,
    call: CallContext,
    step: RequestBytes,
    taken: Arc<Taken>,
    late: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl RequestBytes {
    /// Room as the limits say, `most_per_caller` of it for each caller.
    pub fn new(limits: Limits, most_per_caller: usize, patience: Duration) -> Self {
        let most = limits.max_request_bytes_in_flight;
        Self {
            room: Arc::new(Semaphore::new(most)),
            most,
            callers: Shares::new(most_per_caller),
            largest: limits.max_request_bytes,
            patience,
        }
    }

    fn take(&self, call: &CallContext, length: u32) -> Result<(OwnedSemaphorePermit, Share), Problem> {
        let permit = self.room.clone().try_acquire_many_owned(length).map_err(|_| {
            let message = format!("requests of {} bytes are being served; no more are taken", self.most);
            Problem::overloaded("gateway", message, PAUSE)
        })?;
        let caller = call.caller_name();
        let share = self.callers.take(&caller, length as usize).ok_or_else(|| {
            let most = self.callers.most();
            let message = format!("requests of {most} bytes of this caller are being served; no more are taken");
            Problem::overloaded(format!("caller:{caller}"), message, PAUSE)
        })?;
        Ok((permit, share))
    }
}

impl Step for RequestBytes {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        // The messages of the other services are tiny, by their own bound.
        if call.method().family() != Family::Contract {
            return next.run(request);
        }
        let taken = Arc::new(Taken::default());
        let kept = taken.clone();
        let late = (call.method().kind != Kind::Unary).then(|| Box::pin(sleep_until(call.started() + self.patience)));
        let step = self.clone();
        let counted = |inner| Counted { inner, messages: Messages::default(), call, step, taken, late, over: false };
        let answer = next.run(request.map(|inner| Body::new(counted(inner))));
        // A handler may use what it was asked to the end of its answer.
        Box::pin(async move { answer.await.map(|inner| Body::new(Held::new(inner, kept))) })
    }
}

impl Taken {
    fn add(&self, room: (OwnedSemaphorePermit, Share)) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *taken {
            Some((permit, share)) => {
                permit.merge(room.0);
                share.join(room.1);
            }
            nothing => *nothing = Some(room),
        }
    }
}

impl Counted {
    /// Takes room for the messages that begin in these bytes.
    fn count(&mut self, data: &[u8]) -> Result<(), Problem> {
        let Self { messages, step, call, taken, .. } = self;
        let mut refused = None;
        messages.see(data, |length| {
            if refused.is_some() || length == 0 || length as usize > step.largest {
                return;
            }
            match step.take(call, length) {
                Ok(room) => taken.add(room),
                Err(problem) => refused = Some(problem),
            }
        });
        refused.map_or(Ok(()), Err)
    }

    fn refuse(&mut self, problem: Problem) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.over = true;
        // What has come so far is of no use any more.
        self.inner = Body::empty();
        Poll::Ready(Some(Err(problem.request_id(self.call.request_id()).into_status())))
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let counted = frame.data_ref().map_or(Ok(()), |data| this.count(data));
                match counted {
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
