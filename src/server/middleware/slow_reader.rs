//! Ends responses that are not read. HTTP/2 asks a response for nothing while the reader's window is shut, so that no layer
//! below can look at the clock: its place among the calls, its message and what feeds it would stay for as long as the
//! connection does. And it takes over whatever it was given, however small the window: so it is given little at a time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::CallContext;
use crate::server::catalog::Kind;
use crate::server::streams;
use crate::status::Problem;

/// Drops what is unread when the deadline is over.
#[derive(Debug, Clone, Copy)]
pub struct SlowReader;

/// A response that can be taken away from its reader.
struct TimedResponse {
    /// `None` once it was taken away.
    body: Arc<Mutex<Option<Unread>>>,
    /// Tells the clock, by being dropped, that the response is over.
    _over: oneshot::Sender<()>,
    /// Does the same to the request.
    _asked: Option<DropGuard>,
}

/// A request of many messages, which ends with its response: its reader would wait for the next one otherwise, and keep
/// the stream.
struct Asked {
    inner: Body,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What of a response was not handed over yet.
struct Unread {
    body: Body,
    /// The rest of a frame.
    rest: Bytes,
}

/// The most that is handed over at once. A multiple of three: gRPC-Web as text encodes each piece by itself.
const PIECE: usize = 16_383;
/// The most that is handed over with no more to come for now.
const LAST_PIECE: usize = 1024;
/// How long after the deadline a response may stay unread: a client that reads gets the error of the deadline first.
const GRACE: Duration = Duration::from_secs(1);

impl Middleware for SlowReader {
    fn name(&self) -> &'static str {
        "slow_reader"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        if call.method().is_endless() {
            return next.run(request);
        }
        let (request, over) = match call.method().kind {
            Kind::Unary | Kind::ServerStream => (request, None),
            Kind::ClientStream | Kind::BidiStream => {
                let over = CancellationToken::new();
                let asked = |inner| Asked { inner, over: Box::pin(over.clone().cancelled_owned()) };
                (request.map(|inner| Body::new(asked(inner))), Some(over.drop_guard()))
            }
        };
        let answer = next.run(request);
        Box::pin(async move {
            let response = answer.await;
            if response.body().is_end_stream() {
                return response;
            }
            response.map(|body| Body::new(TimedResponse::new(body, over, call.deadline() + GRACE)))
        })
    }
}

impl TimedResponse {
    fn new(body: Body, asked: Option<DropGuard>, limit: Instant) -> Self {
        let body = Arc::new(Mutex::new(Some(Unread { body, rest: Bytes::new() })));
        let stream = streams::current();
        let (over, ended) = oneshot::channel::<()>();
        let watched = Arc::downgrade(&body);
        tokio::spawn(async move {
            if timeout_at(limit, ended).await.is_err()
                && let Some(body) = watched.upgrade()
            {
                let unread = lock(&body).take();
                drop(unread);
                stream.cancel();
            }
        });
        Self { body, _over: over, _asked: asked }
    }
}

impl Unread {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) if data.len() > LAST_PIECE => self.rest = data,
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    /// The next piece. The last one is small, because it is asked for only when those before it were taken by the reader; and it
    /// is a copy, so that it does not keep the whole frame.
    fn piece(&mut self) -> Bytes {
        if self.rest.len() <= LAST_PIECE {
            return Bytes::copy_from_slice(&std::mem::take(&mut self.rest));
        }
        self.rest.split_to(PIECE.min((self.rest.len() - 1) / 3 * 3))
    }
}

impl http_body::Body for Asked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over.as_mut().poll(cx).is_ready() {
            this.inner = Body::empty();
            return Poll::Ready(None);
        }
        Pin::new(&mut this.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

impl http_body::Body for TimedResponse {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *lock(&self.body) {
            Some(unread) => unread.poll_frame(cx),
            None => Poll::Ready(Some(Err(Problem::deadline_exceeded().into_status()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.body).as_ref().is_some_and(|unread| unread.rest.is_empty() && unread.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &*lock(&self.body) {
            Some(Unread { body, rest }) if rest.is_empty() => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
