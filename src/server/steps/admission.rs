//! Bounds how many calls are served at once. What is over the bound is refused at once instead of waiting in a queue that
//! nobody bounds.

use std::pin::Pin;
use std::sync::Arc;
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

/// Admits calls while there is room.
pub struct Admission {
    room: Arc<Semaphore>,
    most: usize,
}

/// A response that keeps its place until it has been sent.
struct Held {
    inner: Body,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// Room for `most` calls.
    pub fn new(most: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(most)), most }
    }
}

impl Step for Admission {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        // Probes and descriptors must answer when the server is full, too.
        if call.method().family() != Family::Contract {
            return next.run(request);
        }
        let Ok(place) = self.room.clone().try_acquire_owned() else {
            let message = format!("{} calls are being served; no more are taken", self.most);
            let status = Problem::overloaded("gateway", message, PAUSE).request_id(call.request_id()).into_status();
            return Box::pin(async move { refusal::response(status) });
        };
        let answer = next.run(request);
        Box::pin(async move { answer.await.map(|inner| Body::new(Held { inner, _place: place })) })
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
