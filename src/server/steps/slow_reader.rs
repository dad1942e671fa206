//! Ends responses that nobody reads. HTTP/2 asks a response for nothing while the reader's window is shut, so that no layer
//! below can look at the clock: its place among the calls, its message and what feeds it would stay for as long as the
//! connection does.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;

use crate::server::chain::{Answer, Next, Step};
use crate::server::context::CallContext;
use crate::status::Problem;

/// Drops what is unread when the deadline is over.
#[derive(Debug, Clone, Copy)]
pub struct SlowReader;

/// A response that can be taken away from its reader.
struct Held {
    /// `None` once it was taken away.
    body: Arc<Mutex<Option<Body>>>,
    /// Tells the clock, by being dropped, that the response is over.
    _over: oneshot::Sender<()>,
}

/// How long after the deadline a response may stay unread: whoever reads gets the error of the deadline first.
const GRACE: Duration = Duration::from_secs(1);

impl Step for SlowReader {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        let answer = next.run(request);
        if call.method().is_endless() {
            return answer;
        }
        Box::pin(async move {
            let response = answer.await;
            if response.body().is_end_stream() {
                return response;
            }
            response.map(|body| Body::new(Held::new(body, call.deadline() + GRACE)))
        })
    }
}

impl Held {
    fn new(body: Body, limit: Instant) -> Self {
        let body = Arc::new(Mutex::new(Some(body)));
        let (over, ended) = oneshot::channel::<()>();
        let watched = Arc::downgrade(&body);
        tokio::spawn(async move {
            if timeout_at(limit, ended).await.is_err()
                && let Some(body) = watched.upgrade()
            {
                let unread = lock(&body).take();
                drop(unread);
            }
        });
        Self { body, _over: over }
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *lock(&self.body) {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(Err(Problem::deadline_exceeded().into_status()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.body).as_ref().is_some_and(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.body).as_ref().map_or_else(SizeHint::default, http_body::Body::size_hint)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
