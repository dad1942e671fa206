//! Lists that Tencent pages by a count of items, followed so that a change in the middle of it loses no item.
//!
//! When an item that was delivered already leaves, all items behind it move up by one, and the next page by count would
//! skip one. So each page starts some items early: it must begin with some that were delivered, in the order in which
//! they were. If it does not, the place is looked for by the ids delivered last, further back. Every item that stays is
//! delivered exactly once; who joins meanwhile may or may not be.
//!
//! An item that left and came back is at the end of the list, behind others who were not delivered yet, and must not
//! be taken for the place. Such a one stands alone there, and mostly further behind than before.

use std::collections::{HashMap, VecDeque};

use tonic::Code;

use super::pages::{Fetch, Page};
use super::{Call, CallError};
use crate::status::Problem;
use contract::pb::ErrorReason;

/// How many delivered items are remembered to find the place again.
const REMEMBERED: usize = 400;
/// How many of them a token carries.
const IN_TOKEN: usize = 12;
/// How many items early a page starts: one in so many may leave between two pages without a further call.
const OVERLAP: u64 = 8;
/// How many delivered items in a row make a place.
const IN_A_ROW: usize = 3;

/// Where a list grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// At its end: no item moves further back. If all do, one was inserted in front, and the list cannot be continued.
    End,
    /// Anywhere.
    Anywhere,
}

/// Some items of a list that is paged by count.
#[derive(Debug)]
pub struct Slice<T> {
    /// The items from the asked offset on.
    pub items: Vec<T>,
    /// How many more stand among them that could not be read.
    pub lost: u64,
    /// Whether the list goes on behind them.
    pub more: More,
}

/// Whether a list goes on behind a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// The slice was the last one.
    No,
    /// A total says so. Totals lag: a slice with no new item is the last one in any case.
    Perhaps,
    /// It does.
    Yes,
}

impl More {
    /// What a page of a list with a total says: a full one is not the last, and behind a shorter one its token shows the
    /// total's hint.
    pub fn by_total(items: usize, size: u64, next_page_token: &str) -> Self {
        match next_page_token {
            "" => Self::No,
            _ if items as u64 >= size => Self::Yes,
            _ => Self::Perhaps,
        }
    }

    /// What the token of the next page says where Tencent hands out a position.
    pub fn by_token(next_page_token: &str) -> Self {
        if next_page_token.is_empty() { Self::No } else { Self::Yes }
    }
}

/// Where a list is read and how.
pub struct Anchored<T, F> {
    fetch: F,
    id: fn(&T) -> &str,
    /// Most items of one slice; more than pages overlap by.
    size: u64,
    growth: Growth,
    /// Items delivered last, the latest at the back.
    delivered: VecDeque<Delivered>,
}

struct Delivered {
    id: String,
    /// Where it stood in the list.
    position: u64,
}

impl<T, F> Anchored<T, F> {
    /// `fetch` gets a call, an offset and a size.
    pub fn new(size: u32, growth: Growth, id: fn(&T) -> &str, fetch: F) -> Self {
        Self { fetch, id, size: u64::from(size).max(2 * OVERLAP), growth, delivered: VecDeque::new() }
    }

    /// The items of a slice that were not delivered yet, with their positions. `None` when the place cannot be distinguished from
    /// it. Only a slice further back may start with some that were delivered too long ago to be remembered.
    fn undelivered(&self, start: u64, slice: Vec<T>, further_back: bool) -> Option<Vec<(u64, T)>> {
        let rank: HashMap<&str, usize> =
            self.delivered.iter().enumerate().map(|(rank, delivered)| (delivered.id.as_str(), rank)).collect();
        let mut slice: Vec<(u64, T)> = (start..).zip(slice).collect();
        if rank.is_empty() {
            return Some(slice);
        }
        // The rank of a delivered item that stands where it stood, or further in front because others left.
        let stayed =
            |position, rank: usize| self.growth == Growth::Anywhere || position <= self.delivered[rank].position;
        let landmark =
            |(position, item): &(u64, T)| rank.get((self.id)(item)).copied().filter(|rank| stayed(*position, *rank));
        let first = slice.iter().position(|item| landmark(item).is_some())?;
        if first > 0 && !further_back {
            return None;
        }
        let ranks: Vec<usize> = slice[first..].iter().map_while(landmark).collect();
        let in_order = 1 + ranks.windows(2).take_while(|pair| pair[0] < pair[1]).count();
        if in_order < IN_A_ROW.min(self.delivered.len()) {
            return None;
        }
        slice.drain(..first + in_order);
        slice.retain(|(_, item)| !rank.contains_key((self.id)(item)));
        Some(slice)
    }

    fn remember(&mut self, items: &[(u64, T)]) {
        let recent = items.len().saturating_sub(REMEMBERED);
        let recent = items[recent..].iter();
        self.delivered
            .extend(recent.map(|(position, item)| Delivered { id: (self.id)(item).to_owned(), position: *position }));
        let surplus = self.delivered.len().saturating_sub(REMEMBERED);
        self.delivered.drain(..surplus);
    }

    /// The token of the place behind `offset` items: the offset, and the items delivered last with their positions.
    fn token(&self, offset: u64) -> String {
        let from = self.delivered.len().saturating_sub(IN_TOKEN);
        let mut token = format!("a{offset}");
        for Delivered { id, position } in self.delivered.range(from..) {
            token.push_str(&format!("\n{position} {id}"));
        }
        token
    }
}

impl<T, F, Fut> Fetch<T> for Anchored<T, F>
where
    T: Send + Sync + 'static,
    F: FnMut(Call, u64, u64) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Slice<T>, CallError>> + Send,
{
    async fn fetch(&mut self, call: &Call, token: &str) -> Result<Page<T>, CallError> {
        let (offset, delivered) = parse(token).unwrap_or_default();
        if self.delivered.is_empty() {
            self.delivered.extend(delivered);
        }
        let expected = offset.saturating_sub(OVERLAP);
        let mut start = expected;
        loop {
            let slice = (self.fetch)(call.clone(), start, self.size).await?;
            let end = start + slice.items.len() as u64 + slice.lost;
            match self.undelivered(start, slice.items, start < expected) {
                Some(items) => {
                    // Where among them the lost ones stand is not known: each item is at most so much further back.
                    let items: Vec<_> =
                        items.into_iter().map(|(position, item)| (position + slice.lost, item)).collect();
                    self.remember(&items);
                    let next = match slice.more {
                        More::No => String::new(),
                        More::Perhaps if items.is_empty() => String::new(),
                        More::Perhaps | More::Yes => self.token(end),
                    };
                    return Ok(Page { items: items.into_iter().map(|(_, item)| item).collect(), next });
                }
                // The list was read back to its start and the place is not in it.
                None if start == 0 => return Err(moved(call)),
                None => start = start.saturating_sub(self.size - OVERLAP),
            }
        }
    }
}

/// Whether a token is one of these lists.
pub fn is_valid(token: &str) -> bool {
    token.is_empty() || parse(token).is_some()
}

/// The offset of a token, and what was delivered before it.
fn parse(token: &str) -> Option<(u64, Vec<Delivered>)> {
    let mut lines = token.strip_prefix('a')?.split('\n');
    let offset = lines.next()?.parse().ok()?;
    let delivered = lines.map(|line| {
        let (position, id) = line.split_once(' ')?;
        Some(Delivered { id: id.to_owned(), position: position.parse().ok()? })
    });
    Some((offset, delivered.collect::<Option<_>>()?))
}

/// The token by which a list command is asked for an offset.
pub fn offset_token(offset: u64) -> String {
    if offset == 0 { String::new() } else { format!("o{offset}") }
}

/// The place to continue at is gone.
pub fn moved(call: &Call) -> CallError {
    let message = "the list changed too much to be continued here; start again without a page token";
    call.problem(Problem::new(Code::Aborted, ErrorReason::Conflict, message))
}
