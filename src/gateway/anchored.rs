//! Lists that Tencent pages by a count of items, followed so that a change in the middle of it loses nobody.
//!
//! When somebody who was delivered already leaves, everybody behind moves up by one, and the next page by count would
//! skip one. So each page starts one item early: its first item must be the last one delivered. If it is not, the place is
//! looked for by the ids delivered last, further back. Everybody who stays is delivered exactly once; who joins
//! meanwhile may or may not be.

use std::collections::{HashSet, VecDeque};

use tonic::{Code, Status};

use super::Call;
use super::pages::{Fetch, Page};
use crate::pb::ErrorReason;
use crate::status::Problem;

/// How many delivered ids are remembered to find the place again.
const REMEMBERED: usize = 400;
/// How many of them a token carries.
const IN_TOKEN: usize = 4;

/// Some items of a list that is paged by count.
#[derive(Debug)]
pub struct Slice<T> {
    /// The items from the asked offset on.
    pub items: Vec<T>,
    /// Whether the list goes on behind them.
    pub more: bool,
}

/// Where a list is read and how.
pub struct Anchored<T, F> {
    fetch: F,
    id: fn(&T) -> &str,
    /// Most items of one slice; at least 2, or a page could not overlap.
    size: u64,
    /// Ids delivered last, the latest at the back.
    delivered: VecDeque<String>,
}

impl<T, F> Anchored<T, F> {
    /// `fetch` gets a call, an offset and a size.
    pub fn new(size: u32, id: fn(&T) -> &str, fetch: F) -> Self {
        Self { fetch, id, size: u64::from(size).max(2), delivered: VecDeque::new() }
    }

    /// Cuts what was delivered already off a slice. `None` when the place cannot be told from it.
    ///
    /// The delivered ones are at the start, so that somebody who left and came back to the list's end is no landmark. Only
    /// a slice further back may start with some that were delivered too long ago to be remembered.
    fn undelivered(&self, mut slice: Vec<T>, further_back: bool) -> Option<Vec<T>> {
        if self.delivered.is_empty() {
            return Some(slice);
        }
        let delivered: HashSet<&str> = self.delivered.iter().map(String::as_str).collect();
        let first = slice.iter().position(|item| delivered.contains((self.id)(item)))?;
        if first > 0 && !further_back {
            return None;
        }
        slice.drain(..first);
        slice.retain(|item| !delivered.contains((self.id)(item)));
        Some(slice)
    }

    fn remember(&mut self, items: &[T]) {
        let recent = items.len().saturating_sub(REMEMBERED);
        self.delivered.extend(items[recent..].iter().map(|item| (self.id)(item).to_owned()));
        let surplus = self.delivered.len().saturating_sub(REMEMBERED);
        self.delivered.drain(..surplus);
    }

    /// The token of the place behind `offset` items: the offset, and the ids delivered last.
    fn token(&self, offset: u64) -> String {
        let from = self.delivered.len().saturating_sub(IN_TOKEN);
        let ids: Vec<&str> = self.delivered.range(from..).map(String::as_str).collect();
        format!("a{offset}\n{}", ids.join("\n"))
    }
}

impl<T, F, Fut> Fetch<T> for Anchored<T, F>
where
    T: Send + Sync + 'static,
    F: FnMut(Call, u64, u64) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Slice<T>, Status>> + Send,
{
    async fn fetch(&mut self, call: &Call, token: &str) -> Result<Page<T>, Status> {
        let mut ids = token.split('\n');
        let offset: u64 = ids.next().and_then(|first| first.strip_prefix('a')?.parse().ok()).unwrap_or_default();
        if self.delivered.is_empty() {
            self.delivered.extend(ids.map(str::to_owned));
        }
        let mut start = offset.saturating_sub(1);
        loop {
            let slice = (self.fetch)(call.clone(), start, self.size).await?;
            let end = start + slice.items.len() as u64;
            match self.undelivered(slice.items, start + 1 < offset) {
                Some(items) => {
                    self.remember(&items);
                    let next = if slice.more { self.token(end) } else { String::new() };
                    return Ok(Page { items, next });
                }
                // Everybody delivered last left, and the list was read back to its start.
                None if start == 0 => return Err(moved(call)),
                None => start = start.saturating_sub(self.size - 1),
            }
        }
    }
}

/// Whether a token is one of these lists.
pub fn is_valid(token: &str) -> bool {
    let first = token.split('\n').next().unwrap_or_default();
    token.is_empty() || first.strip_prefix('a').is_some_and(|offset| offset.parse::<u64>().is_ok())
}

/// The token by which a list command is asked for an offset.
pub fn offset_token(offset: u64) -> String {
    if offset == 0 { String::new() } else { format!("o{offset}") }
}

/// The place to continue at is gone.
pub fn moved(call: &Call) -> Status {
    let message = "the list changed too much to be continued here; start again without a page token";
    call.problem(Problem::new(Code::Aborted, ErrorReason::Conflict, message))
}
