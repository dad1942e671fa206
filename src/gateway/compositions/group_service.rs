//! GroupService: one group, any number of groups, and lists with profiles.

use std::collections::HashMap;

use crate::gateway::anchored::{self, Anchored, Growth, More, Slice};
use crate::gateway::batch::{self, Order};
use crate::gateway::listed::{self, Listed, id};
use crate::gateway::pages::follow;
use crate::gateway::{Call, CallError, Pages};
use crate::upstream::Outcome;
use contract::batches::Batch;
use contract::pb;

/// Groups of a page of ListGroups when the caller does not say.
const DEFAULT_PAGE: i32 = 100;
/// Most groups of a page of ListGroups: more profiles would outgrow what clients take.
const MAX_PAGE: i32 = 1_000;
/// Groups of a user that are read at a time.
const JOINED_PAGE: u32 = 100;

pub(in crate::gateway) async fn get_group(
    call: Call,
    request: pb::GetGroupRequest,
) -> Result<pb::GetGroupResponse, CallError> {
    let many = pb::GetGroupsRequest { group_ids: vec![request.group_id.clone()], filter: request.filter };
    let reply = call.send(many).await?;
    let found = reply.results.into_iter().find(|result| id(result) == request.group_id);
    match found {
        Some(result) if result.error_code == 0 => {
            Ok(pb::GetGroupResponse { group: result.group, members: result.members })
        }
        Some(result) => {
            let (code, message) = (result.error_code.into(), result.error_message);
            Err(call.refused::<pb::GetGroupsRequest>(code, message, Outcome::NotExecuted, &request.group_id))
        }
        None => Err(call.unnamed::<pb::GetGroupsRequest>(&request.group_id)),
    }
}

pub(in crate::gateway) async fn batch_get_groups(
    call: Call,
    request: pb::BatchGetGroupsRequest,
) -> Result<pb::BatchGetGroupsResponse, CallError> {
    let read =
        |group_ids: &[String]| pb::GetGroupsRequest { group_ids: group_ids.to_vec(), filter: request.filter.clone() };
    let results =
        batch::run(&call, &request.group_ids, call.batch.cap(Batch::GetGroups), Order::Any, read, |ids, reply| {
            match reply {
                Ok(reply) => {
                    let found: HashMap<String, pb::GroupResult> =
                        reply.results.into_iter().map(|result| (id(&result).to_owned(), result)).collect();
                    ids.iter().map(|id| one(id, found.get(id).cloned())).collect()
                }
                Err(status) => ids.iter().map(|id| failed(id, status.clone())).collect(),
            }
        });
    Ok(pb::BatchGetGroupsResponse { results: results.await })
}

pub(in crate::gateway) async fn list_groups(
    call: Call,
    request: pb::ListGroupsRequest,
) -> Result<pb::ListGroupsResponse, CallError> {
    let page_size = if request.page_size == 0 { DEFAULT_PAGE } else { request.page_size.min(MAX_PAGE) };
    let page = pb::ListGroupIdsRequest { r#type: request.r#type, page_size, page_token: request.page_token };
    let ids = call.send(page).await?;
    let filter = request.filter.unwrap_or_else(listed::profile_only);
    let results = listed::profiles(&call, &ids.group_ids, &filter).await?;
    Ok(pb::ListGroupsResponse { results, total_count: ids.total_count, next_page_token: ids.next_page_token })
}

pub(in crate::gateway) async fn stream_groups(
    call: Call,
    request: pb::StreamGroupsRequest,
) -> Result<Pages<pb::StreamGroupsResponse>, CallError> {
    call.check_token(listed::is_valid(&request.page_token))?;
    let fetch = Listed::new(request.r#type, request.filter);
    Ok(follow(call, request.page_token, fetch, |page| pb::StreamGroupsResponse {
        results: page.items,
        next_page_token: page.next,
    }))
}

pub(in crate::gateway) async fn stream_joined_groups(
    call: Call,
    request: pb::StreamJoinedGroupsRequest,
) -> Result<Pages<pb::StreamJoinedGroupsResponse>, CallError> {
    call.check_token(anchored::is_valid(&request.page_token))?;
    let page_token = request.page_token.clone();
    let fetch = Anchored::new(JOINED_PAGE, Growth::End, joined_id, move |call: Call, offset, size: u64| {
        let page = pb::ListJoinedGroupsRequest {
            user_id: request.user_id.clone(),
            r#type: request.r#type,
            with_live_rooms: request.with_live_rooms,
            with_inactive_groups: request.with_inactive_groups,
            filter: request.filter.clone(),
            support_topic: request.support_topic,
            page_size: i32::try_from(size).unwrap_or(i32::MAX),
            page_token: anchored::offset_token(offset),
        };
        async move {
            let (reply, lost) = call.send_counting(page).await?;
            if reply.groups.is_empty() && offset < reply.total_count {
                return Err(call.incomplete());
            }
            let more = More::by_total(reply.groups.len() + lost, size, &reply.next_page_token);
            Ok(Slice { items: reply.groups, lost: lost as u64, more })
        }
    });
    Ok(follow(call, page_token, fetch, |page| pb::StreamJoinedGroupsResponse {
        groups: page.items,
        next_page_token: page.next,
    }))
}

fn joined_id(group: &pb::JoinedGroup) -> &str {
    group.group.as_ref().map(|group| group.group_id.as_str()).unwrap_or_default()
}

fn one(id: &str, found: Option<pb::GroupResult>) -> pb::BatchGetGroupsResult {
    match found {
        Some(result) if result.error_code == 0 => pb::BatchGetGroupsResult {
            group_id: id.to_owned(),
            status: Some(batch::done()),
            group: result.group,
            members: result.members,
        },
        Some(result) => failed(
            id,
            batch::refused::<pb::GetGroupsRequest>(result.error_code, result.reason(), &result.error_message),
        ),
        None => failed(id, batch::unnamed::<pb::GetGroupsRequest>()),
    }
}

fn failed(id: &str, status: pb::BatchItemStatus) -> pb::BatchGetGroupsResult {
    pb::BatchGetGroupsResult { group_id: id.to_owned(), status: Some(status), group: None, members: Vec::new() }
}
