//! Lists that are followed page by page to their end, as streams. One page is fetched ahead and no more, so that memory
//! grows neither with the list nor with the slowness of its reader; when the caller goes away, so does the fetching.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tracing::Instrument;

use super::{Call, CallError, Pages};
use crate::status::Problem;
use crate::upstream::Fault;
use contract::pb::ErrorReason;

/// How often a page is asked for again after the client has given it up, which tried several times itself.
const RETRIES: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// One page and where the next one starts; empty at the end.
#[derive(Debug)]
pub struct Page<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// Token of the next page.
    pub next: String,
}

/// Fetches one page.
pub trait Fetch<T>: Send + 'static {
    /// The page that the token names.
    fn fetch(&mut self, call: &Call, token: &str) -> impl Future<Output = Result<Page<T>, CallError>> + Send;
}

/// Follows a list from a token to its end.
///
/// The stream ends with OK only when the last page was delivered: a page that fails for good ends it with that error.
pub fn follow<T, R, F>(call: Call, token: String, mut fetch: F, reply: fn(Page<T>) -> R) -> Pages<R>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fetch<T>,
{
    let call = call.bulk();
    // The permit is taken before the page is fetched: what waits in the channel is the one page ahead.
    let (pages, received) = mpsc::channel(1);
    let work = async move {
        let mut token = token;
        // A mark that is moved ahead after twice as many pages each time: a cursor that goes in a circle reaches it again.
        let (mut mark, mut until, mut pages_since) = (token.clone(), 1_u64, 0);
        while let Ok(permit) = pages.reserve().await {
            let page = tokio::select! {
                () = pages.closed() => return,
                page = persist(&call, &mut fetch, &token) => page,
            };
            let page = match page {
                Ok(page) if !page.next.is_empty() && (page.next == token || page.next == mark) => Err(stuck(&call)),
                page => page,
            };
            let next = page.as_ref().map(|page| page.next.clone()).unwrap_or_default();
            permit.send(page.map(reply));
            if next.is_empty() {
                return;
            }
            token = next;
            pages_since += 1;
            if pages_since == until {
                mark.clone_from(&token);
                (until, pages_since) = (until * 2, 0);
            }
        }
    };
    let task = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
    drain(received, task)
}

/// Fetches a page, and again when it failed for a reason that passes. The stream's reader would do nothing else.
async fn persist<T, F: Fetch<T>>(call: &Call, fetch: &mut F, token: &str) -> Result<Page<T>, CallError> {
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter()
        .build();
    let mut read_again = false;
    loop {
        let error = match fetch.fetch(call, token).await {
            Err(error) if passes(&error) => error,
            Err(error) if is_odd(&error) && !std::mem::replace(&mut read_again, true) => error,
            result => return result,
        };
        match pauses.next() {
            Some(pause) if pause < call.remaining() => sleep(pause).await,
            _ => return Err(error),
        }
    }
}

/// Whether a page that failed may be had a little later.
fn passes(error: &CallError) -> bool {
    use ErrorReason as R;
    matches!(error.reason(), R::UpstreamUnavailable | R::UpstreamFault | R::RateLimited)
}

/// Whether a page was read and cannot be right, such as an empty one before the end. One that cannot be read at all was
/// asked for twice by the client.
fn is_odd(error: &CallError) -> bool {
    let unreadable = matches!(error, CallError::Upstream(error) if matches!(error.fault, Fault::Unreadable(_)));
    !unreadable && error.reason() == ErrorReason::UpstreamMalformedReply
}

fn drain<R: Send + 'static>(
    received: mpsc::Receiver<Result<R, CallError>>,
    task: AbortOnDropHandle<()>,
) -> BoxStream<'static, Result<R, CallError>> {
    stream::unfold((received, task), |(mut received, task)| async move {
        let page = received.recv().await?;
        Some((page, (received, task)))
    })
    .boxed()
}

/// A list that names the same place twice would be followed for ever.
fn stuck(call: &Call) -> CallError {
    let message = "Tencent's list names the same next page twice; what was delivered so far is not complete";
    call.problem(Problem::new(Code::Internal, ErrorReason::UpstreamMalformedReply, message))
}

/// A page by a mapped request: `F` makes the request for a token and takes the reply apart.
pub struct ByToken<F>(pub F);

impl<T, F, Fut> Fetch<T> for ByToken<F>
where
    T: Send + 'static,
    F: FnMut(Call, String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Page<T>, CallError>> + Send,
{
    fn fetch(&mut self, call: &Call, token: &str) -> impl Future<Output = Result<Page<T>, CallError>> + Send {
        (self.0)(call.clone(), token.to_owned())
    }
}
