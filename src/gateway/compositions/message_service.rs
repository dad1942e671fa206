//! MessageService: one message, messages of any number, and a history as a stream.

use std::collections::HashMap;

use crate::gateway::batch::{self, Order};
use crate::gateway::pages::{ByToken, Page, follow};
use crate::gateway::{Call, CallError, Pages};
use contract::batches::Batch;
use contract::pb;
use contract::wire::paging;

/// A reply without results says nothing of any message.
pub(in crate::gateway) async fn recall_messages(
    call: Call,
    request: pb::RecallMessagesRequest,
) -> Result<pb::RecallMessagesResponse, CallError> {
    let group_id = request.group_id.clone();
    let reply = call.send(request).await?;
    if reply.results.is_empty() {
        return Err(call.unnamed::<pb::RecallMessagesRequest>(&group_id));
    }
    Ok(reply)
}

pub(in crate::gateway) async fn recall_message(
    call: Call,
    request: pb::RecallMessageRequest,
) -> Result<pb::RecallMessageResponse, CallError> {
    let seq = request.seq.unwrap_or_default();
    let recall = pb::RecallMessagesRequest {
        group_id: request.group_id.clone(),
        seqs: vec![seq],
        topic_id: request.topic_id,
        reason: request.reason,
    };
    let reply = call.send(recall).await?;
    match reply.results.iter().find(|result| result.seq == seq) {
        Some(result) if result.error_code == 0 => Ok(pb::RecallMessageResponse {}),
        Some(result) => {
            let outcome = batch::item_outcome::<pb::RecallMessagesRequest>(result.error_code, result.reason());
            let said = format!("message {seq} was not recalled");
            let code = result.error_code.into();
            Err(call.refused::<pb::RecallMessagesRequest>(code, said, outcome, &request.group_id))
        }
        None => Err(call.unnamed::<pb::RecallMessagesRequest>(&request.group_id)),
    }
}

pub(in crate::gateway) async fn batch_recall_messages(
    call: Call,
    request: pb::BatchRecallMessagesRequest,
) -> Result<pb::BatchRecallMessagesResponse, CallError> {
    let recall = |seqs: &[u64]| pb::RecallMessagesRequest {
        group_id: request.group_id.clone(),
        seqs: seqs.to_vec(),
        topic_id: request.topic_id.clone(),
        reason: request.reason.clone(),
    };
    let results =
        batch::run(&call, &request.seqs, call.batch.cap(Batch::RecallMessages), Order::Any, recall, |seqs, reply| {
            let found = reply
                .map(|reply| reply.results.into_iter().map(|result| (result.seq, result)).collect::<HashMap<_, _>>());
            let status = |seq: &u64| match &found {
                Err(status) => status.clone(),
                Ok(found) => match found.get(seq) {
                    Some(result) if result.error_code == 0 => batch::done(),
                    Some(result) => {
                        let why = "the message was not recalled";
                        batch::refused::<pb::RecallMessagesRequest>(result.error_code, result.reason(), why)
                    }
                    None => batch::unnamed::<pb::RecallMessagesRequest>(),
                },
            };
            seqs.iter().map(|seq| pb::BatchRecallMessagesResult { seq: *seq, status: Some(status(seq)) }).collect()
        });
    Ok(pb::BatchRecallMessagesResponse { results: results.await })
}

pub(in crate::gateway) async fn stream_messages(
    call: Call,
    request: pb::StreamMessagesRequest,
) -> Result<Pages<pb::StreamMessagesResponse>, CallError> {
    call.check_token(paging::is_valid(paging::Style::SeqDown, &request.page_token))?;
    let page_token = request.page_token.clone();
    let fetch = ByToken(move |call: Call, page_token| {
        let page = pb::ListMessagesRequest {
            group_id: request.group_id.clone(),
            max_seq: request.max_seq,
            with_recalled: request.with_recalled,
            topic_id: request.topic_id.clone(),
            page_size: 0,
            page_token,
        };
        let floor = (request.min_seq, request.min_time.map_or(i64::MIN, |time| time.seconds));
        async move {
            let reply = call.send(page).await?;
            if reply.messages.is_empty() && reply.range_state() == pb::RangeState::Incomplete {
                return Err(call.incomplete());
            }
            Ok(down_to(floor, reply))
        }
    });
    Ok(follow(call, page_token, fetch, |page| pb::StreamMessagesResponse {
        messages: page.items,
        next_page_token: page.next,
    }))
}

/// Cuts a page at the lowest number and the earliest time wanted. Place-holders may have no time, and an odd message no
/// number: they do not end it.
fn down_to((min_seq, min_time): (u64, i64), reply: pb::ListMessagesResponse) -> Page<pb::HistoryMessage> {
    let whole = reply.messages.len();
    let below = |message: &pb::HistoryMessage| message.seq > 0 && message.seq < min_seq;
    let early = |message: &pb::HistoryMessage| message.send_time.is_some_and(|time| time.seconds < min_time);
    let items: Vec<_> = reply.messages.into_iter().take_while(|message| !below(message) && !early(message)).collect();
    let reached = items.len() < whole || items.iter().any(|message| message.seq > 0 && message.seq <= min_seq);
    Page { items, next: if reached { String::new() } else { reply.next_page_token } }
}
