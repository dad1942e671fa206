//! A response that keeps a resource until it was sent, or given up.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// The response and the resource.
pub struct ResponseGuard<T> {
    inner: Body,
    _kept: T,
}

impl<T> ResponseGuard<T> {
    /// Keeps `kept` as long as the response.
    pub fn new(inner: Body, kept: T) -> Self {
        Self { inner, _kept: kept }
    }
}

impl<T: Unpin> http_body::Body for ResponseGuard<T> {
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
