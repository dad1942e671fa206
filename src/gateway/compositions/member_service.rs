//! MemberService: members of any number, all members as a stream, and the lifting of mutes.

use std::collections::HashMap;

use prost_types::Duration;

use crate::gateway::anchored::{self, Anchored, Growth, More, Slice};
use crate::gateway::batch::{self, Order};
use crate::gateway::pages::{ByToken, Page, follow};
use crate::gateway::{Call, CallError, Mapped, Pages};
use contract::batches::Batch;
use contract::pb;
use contract::wire::paging;

/// Members of one message of a stream.
const STREAM_PAGE: u32 = 200;

pub(in crate::gateway) async fn stream_members(
    call: Call,
    request: pb::StreamMembersRequest,
) -> Result<Pages<pb::StreamMembersResponse>, CallError> {
    let community = paging::is_community(&request.group_id);
    let token = request.page_token.clone();
    let valid = if community { paging::is_valid(paging::Style::NextText, &token) } else { anchored::is_valid(&token) };
    call.check_token(valid)?;
    let page = move |page_size: u32, page_token| pb::ListMembersRequest {
        group_id: request.group_id.clone(),
        fields: request.fields.clone(),
        roles: request.roles.clone(),
        custom_data_keys: request.custom_data_keys.clone(),
        page_size: i32::try_from(page_size).unwrap_or(i32::MAX),
        page_token,
    };
    let reply = |page: Page<pb::Member>| pb::StreamMembersResponse { members: page.items, next_page_token: page.next };
    if community {
        let fetch = ByToken(move |call: Call, token| {
            let page = page(STREAM_PAGE, token);
            async move {
                let reply = call.send(page).await?;
                Ok(Page { items: reply.members, next: reply.next_page_token })
            }
        });
        return Ok(follow(call, token, fetch, reply));
    }
    let fetch = Anchored::new(
        STREAM_PAGE,
        Growth::End,
        |member: &pb::Member| &member.user_id,
        move |call: Call, offset, size| {
            let page = page(STREAM_PAGE, anchored::offset_token(offset));
            let filtered = !page.roles.is_empty();
            async move {
                let (reply, lost) = call.send_counting(page).await?;
                if reply.members.is_empty() && !filtered && offset < reply.member_count.into() {
                    return Err(call.incomplete());
                }
                let more = More::by_total(reply.members.len() + lost, size, &reply.next_page_token);
                Ok(Slice { items: reply.members, lost: lost as u64, more })
            }
        },
    );
    Ok(follow(call, token, fetch, reply))
}

pub(in crate::gateway) async fn batch_add_members(
    call: Call,
    request: pb::BatchAddMembersRequest,
) -> Result<pb::BatchAddMembersResponse, CallError> {
    let add = |user_ids: &[String]| pb::AddMembersRequest {
        group_id: request.group_id.clone(),
        members: user_ids.iter().map(|user_id| pb::MemberToAdd { user_id: user_id.clone() }).collect(),
        silent: request.silent,
    };
    let results =
        batch::run(&call, &request.user_ids, call.batch.cap(Batch::AddMembers), Order::Any, add, |users, reply| {
            let found = reply.map(|reply| {
                reply.results.into_iter().map(|result| (result.user_id, result.outcome)).collect::<HashMap<_, _>>()
            });
            let result = |user_id: &String| {
                let (status, outcome) = match &found {
                    Err(status) => (status.clone(), 0),
                    Ok(found) => {
                        let outcome = found.get(user_id).copied().unwrap_or_default();
                        (of_outcome::<pb::AddMembersRequest>(outcome, pb::AddMemberOutcome::Failed.into()), outcome)
                    }
                };
                pb::BatchAddMembersResult { user_id: user_id.clone(), status: Some(status), outcome }
            };
            users.iter().map(result).collect()
        });
    Ok(pb::BatchAddMembersResponse { results: results.await })
}

pub(in crate::gateway) async fn batch_remove_members(
    call: Call,
    request: pb::BatchRemoveMembersRequest,
) -> Result<pb::BatchRemoveMembersResponse, CallError> {
    let remove = |user_ids: &[String]| pb::RemoveMembersRequest {
        group_id: request.group_id.clone(),
        user_ids: user_ids.to_vec(),
        silent: request.silent,
        reason: request.reason.clone(),
    };
    let results = batch::run(
        &call,
        &request.user_ids,
        call.batch.cap(Batch::RemoveMembers),
        Order::Any,
        remove,
        |users, reply| {
            let status = batch::whole(reply.map(drop));
            users
                .iter()
                .map(|user_id| pb::BatchRemoveMembersResult { user_id: user_id.clone(), status: Some(status.clone()) })
                .collect()
        },
    );
    Ok(pb::BatchRemoveMembersResponse { results: results.await })
}

pub(in crate::gateway) async fn unmute_members(
    call: Call,
    request: pb::UnmuteMembersRequest,
) -> Result<pb::UnmuteMembersResponse, CallError> {
    let lift = pb::MuteMembersRequest {
        group_id: request.group_id,
        user_ids: request.user_ids,
        duration: Some(Duration::default()),
        topic_id: request.topic_id,
    };
    call.send(lift).await.map(|_| pb::UnmuteMembersResponse {})
}

pub(in crate::gateway) async fn batch_mute_members(
    call: Call,
    request: pb::BatchMuteMembersRequest,
) -> Result<pb::BatchMuteMembersResponse, CallError> {
    let mute = |user_ids: &[String]| pb::MuteMembersRequest {
        group_id: request.group_id.clone(),
        user_ids: user_ids.to_vec(),
        duration: request.duration,
        topic_id: request.topic_id.clone(),
    };
    let results =
        batch::run(&call, &request.user_ids, call.batch.cap(Batch::MuteMembers), Order::Any, mute, |users, reply| {
            let status = batch::whole(reply.map(drop));
            users
                .iter()
                .map(|user_id| pb::BatchMuteMembersResult { user_id: user_id.clone(), status: Some(status.clone()) })
                .collect()
        });
    Ok(pb::BatchMuteMembersResponse { results: results.await })
}

pub(in crate::gateway) async fn batch_get_roles(
    call: Call,
    request: pb::BatchGetRolesRequest,
) -> Result<pb::BatchGetRolesResponse, CallError> {
    let ask =
        |user_ids: &[String]| pb::GetRolesRequest { group_id: request.group_id.clone(), user_ids: user_ids.to_vec() };
    let results =
        batch::run(&call, &request.user_ids, call.batch.cap(Batch::GetRoles), Order::Any, ask, |users, reply| {
            let found = reply
                .map(|reply| reply.roles.into_iter().map(|role| (role.user_id, role.role)).collect::<HashMap<_, _>>());
            let result = |user_id: &String| {
                let (status, role) = match &found {
                    Err(status) => (status.clone(), 0),
                    Ok(found) => match found.get(user_id) {
                        Some(role) => (batch::done(), *role),
                        None => (batch::unnamed::<pb::GetRolesRequest>(), 0),
                    },
                };
                pb::BatchGetRolesResult { user_id: user_id.clone(), status: Some(status), role }
            };
            users.iter().map(result).collect()
        });
    Ok(pb::BatchGetRolesResponse { results: results.await })
}

pub(in crate::gateway) async fn batch_get_members(
    call: Call,
    request: pb::BatchGetMembersRequest,
) -> Result<pb::BatchGetMembersResponse, CallError> {
    let read = |user_ids: &[String]| pb::GetMembersRequest {
        group_id: request.group_id.clone(),
        user_ids: user_ids.to_vec(),
        fields: request.fields.clone(),
        roles: request.roles.clone(),
        custom_data_keys: request.custom_data_keys.clone(),
    };
    let results =
        batch::run(&call, &request.user_ids, call.batch.cap(Batch::GetMembers), Order::Any, read, |users, reply| {
            let (status, found) = match reply {
                Ok(reply) => (batch::done(), reply.members.into_iter().map(|m| (m.user_id.clone(), m)).collect()),
                Err(status) => (status, HashMap::new()),
            };
            let result = |user_id: &String| pb::BatchGetMembersResult {
                user_id: user_id.clone(),
                status: Some(status.clone()),
                member: found.get(user_id).cloned(),
            };
            users.iter().map(result).collect()
        });
    Ok(pb::BatchGetMembersResponse { results: results.await })
}

/// What an item's outcome means, of which 0 is one that the gateway does not know, and `failure` stands for a refusal. Only what
/// says success is done.
pub(super) fn of_outcome<R: Mapped>(outcome: i32, failure: i32) -> pb::BatchItemStatus {
    match outcome {
        0 => batch::unnamed::<R>(),
        outcome if outcome == failure => batch::refused_silently(),
        _ => batch::done(),
    }
}
