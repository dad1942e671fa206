//! ImportService: members and messages of any number. One call follows the other; after messages that failed none are
//! sent, for one that overtakes an earlier one makes Tencent refuse the earlier for its time.

use std::collections::HashMap;
use std::time::SystemTime;

use prost_types::Timestamp;

use super::member_service::of_outcome;
use crate::gateway::batch::{self, Order};
use crate::gateway::import_times::{self, Refusals};
use crate::gateway::turns::Key;
use crate::gateway::{Call, CallError};
use contract::batches::Batch;
use contract::pb;

/// Tencent refused a message.
const NOT_IMPORTED: &str = "the message was not imported";

pub(in crate::gateway) async fn batch_import_members(
    call: Call,
    request: pb::BatchImportMembersRequest,
) -> Result<pb::BatchImportMembersResponse, CallError> {
    let import = |members: &[pb::MemberToImport]| pb::ImportMembersRequest {
        group_id: request.group_id.clone(),
        members: members.to_vec(),
    };
    let results = batch::run(
        &call,
        &request.members,
        call.batch.cap(Batch::ImportMembers),
        Order::InTurn,
        import,
        |members, reply| {
            let found = reply.map(|reply| {
                reply.results.into_iter().map(|result| (result.user_id, result.outcome)).collect::<HashMap<_, _>>()
            });
            let result = |member: &pb::MemberToImport| {
                let (status, outcome) = match &found {
                    Err(status) => (status.clone(), 0),
                    Ok(found) => {
                        let outcome = found.get(&member.user_id).copied().unwrap_or_default();
                        (
                            of_outcome::<pb::ImportMembersRequest>(outcome, pb::ImportMemberOutcome::Failed.into()),
                            outcome,
                        )
                    }
                };
                pb::BatchImportMembersResult { user_id: member.user_id.clone(), status: Some(status), outcome }
            };
            members.iter().map(result).collect()
        },
    );
    Ok(pb::BatchImportMembersResponse { results: results.await })
}

pub(in crate::gateway) async fn import_messages(
    call: Call,
    mut request: pb::ImportMessagesRequest,
) -> Result<pb::ImportMessagesResponse, CallError> {
    let times = import_times::settle(&mut request.messages, request.move_equal_times);
    let mut reply = call.send(request).await?;
    let mut refusals = Refusals::new(now());
    for (index, (result, time)) in reply.results.iter_mut().zip(times).enumerate() {
        result.send_time = Some(moment(time));
        match result.error_code {
            0 => refusals.imported(index, time),
            code => result.error_message = refusals.cause(time, code),
        }
    }
    Ok(reply)
}

pub(in crate::gateway) async fn batch_import_messages(
    call: Call,
    mut request: pb::BatchImportMessagesRequest,
) -> Result<pb::BatchImportMessagesResponse, CallError> {
    let times = import_times::settle(&mut request.messages, request.move_equal_times);
    let import = |messages: &[pb::MessageToImport]| pb::ImportMessagesRequest {
        group_id: request.group_id.clone(),
        messages: messages.to_vec(),
        update_recent_contacts: request.update_recent_contacts,
        topic_id: request.topic_id.clone(),
        move_equal_times: false,
    };
    let call = batch::in_time(&call);
    // One batch after the other for a group, in the order in which they came to this replica.
    let key =
        Key { app: call.app().to_owned(), group_id: request.group_id.clone(), topic_id: request.topic_id.clone() };
    let Some(_turn) = call.imports.acquire(key, call.deadline()).await else {
        let result = pb::BatchImportMessagesResult { status: Some(batch::no_turn()), ..Default::default() };
        return Ok(pb::BatchImportMessagesResponse { results: vec![result; request.messages.len()] });
    };
    let results = batch::run(
        &call,
        &request.messages,
        call.batch.cap(Batch::ImportMessages),
        Order::Strict,
        import,
        |messages, reply| {
            let found = reply.map(|reply| reply.results);
            let result = |index: usize| {
                let (status, seq) = match &found {
                    Err(status) => (status.clone(), 0),
                    Ok(found) => match found.get(index) {
                        Some(result) if result.error_code == 0 => (batch::done(), result.seq),
                        Some(result) => {
                            let (code, reason) = (result.error_code, result.reason());
                            (batch::refused::<pb::ImportMessagesRequest>(code, reason, NOT_IMPORTED), 0)
                        }
                        None => (batch::unnamed::<pb::ImportMessagesRequest>(), 0),
                    },
                };
                pb::BatchImportMessagesResult { status: Some(status), seq, send_time: None }
            };
            (0..messages.len()).map(result).collect()
        },
    );
    let mut results = results.await;
    let mut refusals = Refusals::new(now());
    for (index, (result, time)) in results.iter_mut().zip(times).enumerate() {
        let Some(status) = &mut result.status else { continue };
        match status.state() {
            pb::BatchState::NotAttempted => continue,
            pb::BatchState::Done => refusals.imported(index, time),
            // The code is the message's own, and not that of its whole call.
            _ if status.error_message == NOT_IMPORTED => status.error_message = refusals.cause(time, status.error_code),
            _ => {}
        }
        result.send_time = Some(moment(time));
    }
    Ok(pb::BatchImportMessagesResponse { results })
}

/// The current second.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}
