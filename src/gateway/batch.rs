//! Batches of any size: split at what Tencent takes in one call, with one result per item in the caller's order. A part
//! that fails marks its items; the others keep their results. When the deadline comes near, the reply is full, or there is no such
//! group, what was not begun is said so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::{StreamExt, stream};
use prost::Message;

use super::call::{Call, Mapped};
use super::error::CallError;
use crate::upstream::{Fault, Outcome, UpstreamError};
use contract::codes::{self, Disposition};
use contract::command::Safety;
use contract::pb::{BatchItemStatus, BatchState, ErrorReason};

/// Kept back from the deadline, so that the results still reach the caller; a quarter of a short one.
const MARGIN: Duration = Duration::from_millis(250);
/// Results that say in words what went wrong; with more of them the reply could outgrow what clients take.
const EXPLAINED: usize = 1_000;
/// Why an item was not read.
const FULL: &str = "not read: the reply is full, ask for fewer at once";

/// How the parts follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Several at once.
    Any,
    /// One after the other.
    InTurn,
    /// One after the other; the first that fails ends the batch, because what comes after it would overtake it.
    Strict,
}

/// A result with its item's status.
pub trait ItemResult: Message {
    /// The status, where there is one.
    fn status(&mut self) -> Option<&mut BatchItemStatus>;
}

macro_rules! item_results {
    ($($message:ident),+) => {
        $(impl ItemResult for contract::pb::$message {
            fn status(&mut self) -> Option<&mut BatchItemStatus> {
                self.status.as_mut()
            }
        })+
    };
}

item_results!(
    BatchAddMembersResult,
    BatchBanMembersResult,
    BatchGetGroupsResult,
    BatchGetMembersResult,
    BatchGetRolesResult,
    BatchImportMembersResult,
    BatchImportMessagesResult,
    BatchMuteMembersResult,
    BatchRecallMessagesResult,
    BatchRemoveMembersResult
);

/// Runs a batch. `request` makes the call for some of the items, `results` turns its reply into one result per item, or
/// the failure of the whole call into as many.
pub async fn run<I, R, T: ItemResult>(
    call: &Call,
    items: &[I],
    cap: usize,
    order: Order,
    request: impl Fn(&[I]) -> R,
    results: impl Fn(&[I], Result<R::Reply, BatchItemStatus>) -> Vec<T>,
) -> Vec<T>
where
    R: Mapped,
{
    let call = in_time(call);
    let ended = &OnceLock::new();
    // What was written is reported in any case; what was read only as far as there is room.
    let room = (R::COMMAND.safety == Safety::Read).then(|| {
        let bare = size(&results(items, Err(full(""))));
        call.largest_reply.saturating_sub(bare + EXPLAINED * FULL.len())
    });
    let mut kept = BatchReply { room, explained: 0, ended };
    let keep = |part: &[I], reply: Result<R::Reply, BatchItemStatus>| {
        kept.end_of_all(&reply);
        kept.keep(results(part, reply), |words| results(part, Err(full(words))))
    };
    let parts = match order {
        Order::Any => {
            let too_large = |status: &BatchItemStatus| status.reason() == ErrorReason::ResponseTooLarge;
            let send = |call: Call, request| async move {
                match ended.get() {
                    Some(failure) => Err(behind(failure)),
                    None => attempt(&call, request).await,
                }
            };
            in_parts(&call, items, cap, request, send, too_large, keep).await
        }
        Order::InTurn | Order::Strict => in_turn(&call, items, cap, order, request, ended, keep).await,
    };
    parts.into_iter().flatten().collect()
}

/// The results so far, as far as they bound the rest.
struct BatchReply<'a> {
    /// Bytes that they may still hold beside their items; `None` is no bound.
    room: Option<usize>,
    /// How many say in words what went wrong.
    explained: usize,
    /// Why nothing more is begun.
    ended: &'a OnceLock<BatchItemStatus>,
}

impl BatchReply<'_> {
    /// If the group does not exist, it does not exist for the other parts either.
    fn end_of_all<R>(&self, reply: &Result<R, BatchItemStatus>) {
        if let Err(failure) = reply
            && failure.reason() == ErrorReason::GroupNotFound
        {
            let _ = self.ended.set(failure.clone());
        }
    }

    /// Keeps the results of a part, or the `bare` ones if there is no room for them.
    fn keep<T: ItemResult>(&mut self, mut results: Vec<T>, bare: impl Fn(&str) -> Vec<T>) -> Vec<T> {
        if let Some(room) = &mut self.room {
            match room.checked_sub(size(&results).saturating_sub(size(&bare("")))) {
                Some(left) => *room = left,
                None => {
                    results = bare(FULL);
                    let _ = self.ended.set(full(FULL));
                }
            }
        }
        for status in
            results.iter_mut().filter_map(ItemResult::status).filter(|status| !status.error_message.is_empty())
        {
            self.explained += 1;
            if self.explained > EXPLAINED {
                // A new one, because an emptied one keeps its memory.
                status.error_message = String::new();
            }
        }
        results
    }
}

/// What results take of a reply.
fn size<T: Message>(results: &[T]) -> usize {
    /// The tag and the length of each.
    const HEAD: usize = 5;
    results.iter().map(|result| HEAD + result.encoded_len()).sum()
}

/// The call with a deadline that leaves time for the results.
pub fn in_time(call: &Call) -> Call {
    let margin = MARGIN.min(call.remaining() / 4);
    call.clone().bulk().ahead(margin)
}

async fn in_turn<'a, I, R: Mapped, K>(
    call: &Call,
    items: &'a [I],
    cap: usize,
    order: Order,
    request: impl Fn(&[I]) -> R,
    ended: &OnceLock<BatchItemStatus>,
    mut keep: impl FnMut(&'a [I], Result<R::Reply, BatchItemStatus>) -> K,
) -> Vec<K> {
    let mut all = Vec::with_capacity(items.len().div_ceil(cap.max(1)));
    for part in items.chunks(cap.max(1)) {
        let reply = match ended.get() {
            Some(failure) => Err(behind(failure)),
            None => attempt(call, request(part)).await,
        };
        if let (Order::Strict, Err(failure)) = (order, &reply) {
            let _ = ended.set(failure.clone());
        }
        all.push(keep(part, reply));
    }
    all
}

/// Makes a call for each part, several at once, and keeps what it makes of each reply, in order. A part whose reply would be
/// too large is asked for in halves, down to single items: one large item hides no others.
pub async fn in_parts<'a, I, R, E, Fut, K>(
    call: &Call,
    items: &'a [I],
    cap: usize,
    request: impl Fn(&[I]) -> R,
    send: impl Fn(Call, R) -> Fut,
    too_large: impl Fn(&E) -> bool,
    mut keep: impl FnMut(&'a [I], Result<R::Reply, E>) -> K,
) -> Vec<K>
where
    R: Mapped,
    Fut: Future<Output = Result<R::Reply, E>>,
{
    let mut settled = Vec::new();
    let mut pending: Vec<(usize, &[I])> = items.chunks(cap.max(1)).enumerate().collect();
    pending.iter_mut().for_each(|(start, _)| *start *= cap.max(1));
    while !pending.is_empty() {
        // Collected first: the futures of a stream that borrows closures are hard on the compiler.
        let attempts: Vec<_> = pending.iter().map(|(_, part)| send(call.clone(), request(part))).collect();
        let replies = stream::iter(attempts).buffered(call.batch.concurrency);
        let mut replies = std::pin::pin!(replies.zip(stream::iter(pending)));
        let mut halves = Vec::new();
        while let Some((reply, (start, part))) = replies.next().await {
            match reply {
                Err(error) if part.len() > 1 && too_large(&error) => {
                    let (front, back) = part.split_at(part.len() / 2);
                    halves.extend([(start, front), (start + front.len(), back)]);
                }
                reply => settled.push((start, keep(part, reply))),
            }
        }
        pending = halves;
    }
    settled.sort_by_key(|(start, _)| *start);
    settled.into_iter().map(|(_, kept)| kept).collect()
}

async fn attempt<R: Mapped>(call: &Call, request: R) -> Result<R::Reply, BatchItemStatus> {
    if call.ending().is_cancelled() {
        return Err(cut_off(false));
    }
    if call.remaining().is_zero() {
        return Err(not_attempted());
    }
    let sent = Arc::new(AtomicBool::new(false));
    let part = call.part(R::COMMAND.safety, sent.clone());
    tokio::select! {
        biased;
        reply = part.send(request) => reply.map_err(failed),
        () = call.ending().cancelled() => Err(cut_off(sent.load(Ordering::Relaxed))),
    }
}

/// The item was done.
pub fn done() -> BatchItemStatus {
    BatchItemStatus { state: BatchState::Done.into(), ..BatchItemStatus::default() }
}

/// What became of the call became of each of its items.
pub fn whole(reply: Result<(), BatchItemStatus>) -> BatchItemStatus {
    reply.map_or_else(|failed| failed, |()| done())
}

/// Tencent refused the item and did not say why.
pub fn refused_silently() -> BatchItemStatus {
    BatchItemStatus {
        state: BatchState::Failed.into(),
        reason: ErrorReason::PreconditionFailed.into(),
        error_code: 0,
        error_message: "Tencent refused this item without a code".to_owned(),
    }
}

/// Tencent's reply does not name the item, or not what became of it: nothing was read, or what was written is not known.
pub fn unnamed<R: Mapped>() -> BatchItemStatus {
    let (state, reason) = match R::COMMAND.safety {
        Safety::Read => (BatchState::Failed, ErrorReason::UpstreamMalformedReply),
        Safety::Idempotent | Safety::Unsafe => (BatchState::Unknown, ErrorReason::OutcomeUnknown),
    };
    BatchItemStatus {
        state: state.into(),
        reason: reason.into(),
        error_code: 0,
        error_message: "Tencent's reply does not say what became of this item".to_owned(),
    }
}

/// Tencent refused the item with its own code and reason.
pub fn refused<R: Mapped>(code: i32, reason: ErrorReason, message: &str) -> BatchItemStatus {
    let state = match item_outcome::<R>(code, reason) {
        Outcome::NotExecuted => BatchState::Failed,
        Outcome::Unknown => BatchState::Unknown,
    };
    BatchItemStatus { state: state.into(), reason: reason.into(), error_code: code, error_message: message.to_owned() }
}

/// Whether an item that Tencent refused may have been executed: its code may stand for a fault of Tencent's, and the refusal may
/// be that of a repeated call.
pub fn item_outcome<R: Mapped>(code: i32, reason: ErrorReason) -> Outcome {
    let disposition = codes::lookup(code.into()).disposition;
    let uncertain =
        reason == ErrorReason::OutcomeUnknown || matches!(disposition, Disposition::Broken | Disposition::Unknown);
    if uncertain && R::COMMAND.safety != Safety::Read { Outcome::Unknown } else { Outcome::NotExecuted }
}

/// The time was over before the item's turn came.
fn not_attempted() -> BatchItemStatus {
    BatchItemStatus {
        state: BatchState::NotAttempted.into(),
        reason: ErrorReason::DeadlineExceeded.into(),
        error_code: 0,
        error_message: "not begun: the deadline was near".to_owned(),
    }
}

/// Another batch for the same group kept the turn until the deadline was near.
pub fn no_turn() -> BatchItemStatus {
    BatchItemStatus {
        error_message: "not begun: another import into this group did not end in time".to_owned(),
        ..not_attempted()
    }
}

/// The connection is closed by force, before or after a write was sent.
fn cut_off(sent: bool) -> BatchItemStatus {
    let (state, reason, message) = match sent {
        false => (BatchState::NotAttempted, ErrorReason::ShuttingDown, "not done: the gateway closes the connection"),
        true => {
            let message = "the gateway closes the connection before Tencent has answered";
            (BatchState::Unknown, ErrorReason::OutcomeUnknown, message)
        }
    };
    BatchItemStatus { state: state.into(), reason: reason.into(), error_code: 0, error_message: message.to_owned() }
}

/// There is no room for what the item holds.
fn full(words: &str) -> BatchItemStatus {
    BatchItemStatus {
        state: BatchState::NotAttempted.into(),
        reason: ErrorReason::ResponseTooLarge.into(),
        error_code: 0,
        error_message: words.to_owned(),
    }
}

/// The item would have overtaken one that failed, or failed like it, and has the same reason not to be done.
fn behind(failure: &BatchItemStatus) -> BatchItemStatus {
    if failure.state() == BatchState::NotAttempted {
        return failure.clone();
    }
    BatchItemStatus {
        state: BatchState::NotAttempted.into(),
        reason: failure.reason,
        error_code: 0,
        error_message: format!("not begun: an item before it failed: {}", failure.error_message),
    }
}

/// What the failure of a whole call means for each of its items.
fn failed(error: CallError) -> BatchItemStatus {
    let (state, code) = match &error {
        CallError::Upstream(error) if never_sent(error) => (BatchState::NotAttempted, None),
        CallError::Upstream(error) if error.outcome == Outcome::Unknown => (BatchState::Unknown, error.upstream_code()),
        CallError::Upstream(error) => (BatchState::Failed, error.upstream_code()),
        CallError::Gateway(_) => (BatchState::Failed, None),
    };
    BatchItemStatus {
        state: state.into(),
        reason: error.reason().into(),
        error_code: code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default(),
        error_message: error.message(),
    }
}

/// Whether the time ran out, or the queue was full, before anything was sent.
fn never_sent(error: &UpstreamError) -> bool {
    error.attempts == 0 && matches!(error.fault, Fault::Deadline { .. } | Fault::Throttled(_))
}
