//! The streams of HTTP/2, each a task that can be ended from within. HTTP/2 asks a response for nothing more while the
//! reader's window is shut, so that an error at its end would never be sent: only the end of the task resets the stream and
//! frees what is buffered for it.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;

/// Runs each stream as a task.
#[derive(Debug, Clone, Copy)]
pub struct Streams;

tokio::task_local! {
    static GIVEN_UP: CancellationToken;
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        let given_up = CancellationToken::new();
        let ended = given_up.clone();
        tokio::spawn(GIVEN_UP.scope(given_up, async move {
            tokio::select! {
                _ = stream => {}
                () = ended.cancelled() => {}
            }
        }));
    }
}

/// What ends the stream that the caller runs in. With HTTP/1.1 there is none, and it does nothing.
pub fn current() -> CancellationToken {
    GIVEN_UP.try_with(Clone::clone).unwrap_or_default()
}
