//! Bounds the time until a new connection shows what it speaks, so that silent ones cannot pile up, and ends connections
//! that flood the server with frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::frame_budget::FrameBudget;

/// A stream whose first bytes must come in time, and whose frames are counted.
#[derive(Debug)]
pub struct GuardedIo<I> {
    inner: I,
    frames: FrameBudget,
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

/// The length of HTTP/2's connection preface; no HTTP/1.1 request is shorter.
const LENGTH: usize = 24;

impl<I> GuardedIo<I> {
    /// Gives the stream until `deadline`.
    pub fn new(inner: I, deadline: Instant) -> Self {
        Self { inner, frames: FrameBudget::new(), missing: LENGTH, deadline: Box::pin(sleep_until(deadline)) }
    }

    fn wrote(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.frames.sent(*bytes);
        }
        polled
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for GuardedIo<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf);
        if this.missing > 0 {
            this.missing = this.missing.saturating_sub(buf.filled().len() - before);
            if polled.is_pending() && this.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        if let Err(flood) = this.frames.received(&buf.filled()[before..]) {
            return Poll::Ready(Err(io::Error::other(flood)));
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for GuardedIo<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.wrote(polled)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
