//! Watches each call to its end, and calls the observers. Unary errors carry their status in the headers, everything else
//! in the trailers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::{Code, Status};
use tracing::Instrument;

use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::CallContext;
use crate::server::catalog::Kind;
use crate::server::message_scanner::MessageScanner;
use crate::server::observers::{CallObserver, ObservedCall, Outcome, code_of, reason_of, span};

/// Opens the call's span, and calls every observer when the call begins and ends.
#[derive(Clone)]
pub struct Observe {
    observers: Arc<[Box<dyn CallObserver>]>,
}

/// A call whose end is not reported yet.
struct Watched {
    observers: Arc<[Box<dyn CallObserver>]>,
    call: ObservedCall,
    /// Messages that came in.
    received: Arc<AtomicU64>,
    sent: MessageScanner,
    sent_count: u64,
    told: bool,
}

struct ObservedResponse {
    inner: Body,
    watched: Watched,
}

impl Observe {
    /// Tells these observers, in this order.
    pub fn new(observers: Vec<Box<dyn CallObserver>>) -> Self {
        Self { observers: observers.into() }
    }
}

impl Middleware for Observe {
    fn name(&self) -> &'static str {
        "observe"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let context = CallContext::of(request.extensions());
        let (span, trace_id) = span::open(&context, request.headers());
        for observer in &*self.observers {
            observer.started(&context);
        }
        let many = matches!(context.method().kind, Kind::ClientStream | Kind::BidiStream);
        // As in Go: the one message of a unary call counts even when a layer refuses the call before it is read.
        let received = Arc::new(AtomicU64::new(u64::from(!many)));
        let request = if many { counted(request, received.clone()) } else { request };
        let call = ObservedCall { context, span: span.clone(), trace_id };
        let watched = Watched {
            observers: self.observers.clone(),
            call,
            received,
            sent: MessageScanner::default(),
            sent_count: 0,
            told: false,
        };
        let response = span.in_scope(|| next.run(request));
        Box::pin(async move { watched.follow(response.await) }.instrument(span))
    }
}

/// The request, whose messages are counted.
fn counted(request: Request<Body>, received: Arc<AtomicU64>) -> Request<Body> {
    request.map(|body| {
        let mut scanner = MessageScanner::default();
        Body::new(body.map_frame(move |frame| {
            if let Some(data) = frame.data_ref() {
                received.fetch_add(scanner.count_in(data), Ordering::Relaxed);
            }
            frame
        }))
    })
}

impl Watched {
    /// Goes on with the response.
    fn follow(mut self, response: Response<Body>) -> Response<Body> {
        if self.status_in(response.headers()) {
            return response;
        }
        if !response.status().is_success() {
            // No response of gRPC at all.
            self.finish(Code::Unknown, None);
            return response;
        }
        response.map(|inner| Body::new(ObservedResponse { inner, watched: self }))
    }

    /// Tells the status of headers or trailers, if it is there.
    fn status_in(&mut self, headers: &HeaderMap) -> bool {
        let Some(code) = code_of(headers) else { return false };
        let status = if code == Code::Ok { None } else { Status::from_header_map(headers) };
        self.finish(code, status.as_ref().and_then(reason_of));
        true
    }

    fn finish(&mut self, code: Code, reason: Option<String>) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let received = self.received.load(Ordering::Relaxed);
        let outcome = Outcome { code, reason, received, sent: self.sent_count };
        self.call.span.in_scope(|| {
            for observer in &*self.observers {
                observer.ended(&self.call, &outcome);
            }
        });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.finish(if std::thread::panicking() { Code::Internal } else { Code::Cancelled }, None);
    }
}

impl http_body::Body for ObservedResponse {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { inner, watched } = self.get_mut();
        let span = watched.call.span.clone();
        let _entered = span.enter();
        let polled = Pin::new(inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    watched.sent_count += watched.sent.count_in(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    watched.status_in(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => watched.finish(status.code(), reason_of(status)),
            Poll::Ready(None) => watched.finish(Code::Unknown, None),
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
