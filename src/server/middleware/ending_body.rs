//! A response stream that ends with an error when something happens.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

use crate::context::CallContext;
use crate::status::Problem;

/// The stream, and what ends it.
pub struct EndingBody {
    inner: Body,
    end: BoxFuture<'static, Problem>,
    call: CallContext,
    over: bool,
}

impl EndingBody {
    /// Ends the stream with the error that `end` returns.
    pub fn new(inner: Body, call: CallContext, end: impl Future<Output = Problem> + Send + 'static) -> Self {
        Self { inner, end: Box::pin(end), call, over: false }
    }
}

impl http_body::Body for EndingBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let problem = ready!(this.end.as_mut().poll(cx));
        this.over = true;
        // The handler's stream ends here, and with it whatever it still does upstream.
        this.inner = Body::empty();
        let status = problem.request_id(this.call.request_id()).into_status();
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }
}
