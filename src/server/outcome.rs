//! Watches a response to its end: unary errors carry their status in the headers, everything else in the trailers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tracing::Span;

use super::messages::Messages;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its status.
    pub code: Code,
    /// The reason that an error gives.
    pub reason: Option<String>,
    /// Messages that were sent.
    pub messages: u64,
}

/// Is told once how the call ended, even when the client goes away in the middle or the handler panics.
pub struct Watch<F: FnOnce(Outcome)> {
    done: Option<F>,
    messages: Messages,
}

struct Watched<F: FnOnce(Outcome)> {
    inner: Body,
    watch: Watch<F>,
    span: Span,
}

impl<F: FnOnce(Outcome) + Send + Unpin + 'static> Watch<F> {
    /// Starts watching; dropped before an end is known, it tells CANCELLED.
    pub fn new(done: F) -> Self {
        Self { done: Some(done), messages: Messages::default() }
    }

    /// Goes on with the response.
    pub fn follow(mut self, response: Response<Body>) -> Response<Body> {
        if let Some(code) = code_of(response.headers()) {
            self.finish(code, reason_of(code, response.headers()));
            return response;
        }
        if !response.status().is_success() {
            // Not a gRPC answer at all, such as one to a request of the wrong content type.
            self.finish(Code::Unknown, None);
            return response;
        }
        let span = Span::current();
        response.map(|inner| Body::new(Watched { inner, watch: self, span }))
    }
}

impl<F: FnOnce(Outcome)> Watch<F> {
    fn finish(&mut self, code: Code, reason: Option<String>) {
        if let Some(done) = self.done.take() {
            done(Outcome { code, reason, messages: self.messages.count() });
        }
    }
}

impl<F: FnOnce(Outcome)> Drop for Watch<F> {
    fn drop(&mut self) {
        self.finish(if std::thread::panicking() { Code::Internal } else { Code::Cancelled }, None);
    }
}

/// The status in headers or trailers.
pub fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

fn reason_of(code: Code, headers: &HeaderMap) -> Option<String> {
    if code == Code::Ok { None } else { reason(&Status::from_header_map(headers)?) }
}

fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// The code as Go spells it, which is what dashboards expect.
pub fn code_label(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

impl<F: FnOnce(Outcome) + Send + Unpin + 'static> http_body::Body for Watched<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.watch.messages.see(data, |_| {});
                } else if let Some((code, trailers)) = frame.trailers_ref().and_then(|t| Some((code_of(t)?, t))) {
                    this.watch.finish(code, reason_of(code, trailers));
                }
            }
            Poll::Ready(Some(Err(status))) => this.watch.finish(status.code(), reason(status)),
            Poll::Ready(None) => this.watch.finish(Code::Unknown, None),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
