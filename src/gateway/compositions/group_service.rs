//! GroupService: one group, any number of groups, and lists with profiles.

use std::collections::HashMap;

use tonic::Status;

use crate::gateway::anchored::{self, Anchored, Slice};
use crate::gateway::batch::{self, Order};
use crate::gateway::pages::{ByToken, Page, follow};
use crate::gateway::{Call, Replies};
use crate::pb;

/// "No such group."
const NOT_FOUND: i64 = 10010;
/// Groups that Tencent reads in one call.
const GROUPS: usize = 50;
/// Groups of a page of ListGroups when the caller does not say.
const DEFAULT_PAGE: i32 = 100;
/// Most groups of a page of ListGroups: more profiles would outgrow what clients take.
const MAX_PAGE: i32 = 1_000;
/// Groups of one message of a stream.
const STREAM_PAGE: i32 = 200;
/// Groups of a user that are read at a time.
const JOINED_PAGE: u32 = 500;

pub(in crate::gateway) async fn get_group(
    call: Call,
    request: pb::GetGroupRequest,
) -> Result<pb::GetGroupResponse, Status> {
    let many = pb::GetGroupsRequest { group_ids: vec![request.group_id.clone()], filter: request.filter };
    let reply = call.send(many).await?;
    let found = reply.results.into_iter().find(|result| id(result) == request.group_id);
    match found {
        Some(result) if result.error_code == 0 => {
            Ok(pb::GetGroupResponse { group: result.group, members: result.members })
        }
        Some(result) => {
            Err(call.refused::<pb::GetGroupsRequest>(result.error_code.into(), result.error_message, &request.group_id))
        }
        None => Err(call.unnamed()),
    }
}

pub(in crate::gateway) async fn batch_get_groups(
    call: Call,
    request: pb::BatchGetGroupsRequest,
) -> Result<pb::BatchGetGroupsResponse, Status> {
    let read =
        |group_ids: &[String]| pb::GetGroupsRequest { group_ids: group_ids.to_vec(), filter: request.filter.clone() };
    let results = batch::run(&call, &request.group_ids, GROUPS, Order::Any, read, |ids, reply| match reply {
        Ok(reply) => {
            let mut found: HashMap<String, pb::GroupResult> =
                reply.results.into_iter().map(|result| (id(&result).to_owned(), result)).collect();
            ids.iter().map(|id| one(id, found.remove(id))).collect()
        }
        Err(status) => ids.iter().map(|id| failed(id, status.clone())).collect(),
    });
    Ok(pb::BatchGetGroupsResponse { results: results.await })
}

pub(in crate::gateway) async fn list_groups(
    call: Call,
    request: pb::ListGroupsRequest,
) -> Result<pb::ListGroupsResponse, Status> {
    let page_size = if request.page_size == 0 { DEFAULT_PAGE } else { request.page_size.min(MAX_PAGE) };
    let page = pb::ListGroupIdsRequest { r#type: request.r#type, page_size, page_token: request.page_token };
    let ids = call.send(page).await?;
    let results = with_details(&call, &ids.group_ids, request.filter).await?;
    Ok(pb::ListGroupsResponse { results, total_count: ids.total_count, next_page_token: ids.next_page_token })
}

pub(in crate::gateway) async fn stream_groups(
    call: Call,
    request: pb::StreamGroupsRequest,
) -> Result<Replies<pb::StreamGroupsResponse>, Status> {
    // Ids may be listed once a second only, so they are fetched many at a time and handed out with profiles in parts.
    let fetch = ByToken(move |call: Call, page_token| {
        let page = pb::ListGroupsRequest {
            r#type: request.r#type,
            filter: request.filter.clone(),
            page_size: STREAM_PAGE,
            page_token,
        };
        async move {
            let reply = list_groups(call, page).await?;
            Ok(Page { items: reply.results, next: reply.next_page_token })
        }
    });
    Ok(follow(call, request.page_token, fetch, |page| pb::StreamGroupsResponse {
        results: page.items,
        next_page_token: page.next,
    }))
}

pub(in crate::gateway) async fn stream_joined_groups(
    call: Call,
    request: pb::StreamJoinedGroupsRequest,
) -> Result<Replies<pb::StreamJoinedGroupsResponse>, Status> {
    call.check_token(anchored::is_valid(&request.page_token))?;
    let page_token = request.page_token.clone();
    let fetch = Anchored::new(JOINED_PAGE, joined_id, move |call: Call, offset, size: u64| {
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
            let reply = call.send(page).await?;
            let more = !reply.next_page_token.is_empty();
            Ok(Slice { items: reply.groups, more })
        }
    });
    Ok(follow(call, page_token, fetch, |page| pb::StreamJoinedGroupsResponse {
        groups: page.items,
        next_page_token: page.next,
    }))
}

/// The profiles of listed groups, in the list's order. A group that vanished in between is left out; another failure of
/// one group stays in its result.
async fn with_details(
    call: &Call,
    ids: &[String],
    filter: Option<pb::GroupFilter>,
) -> Result<Vec<pb::GroupResult>, Status> {
    let filter = filter.unwrap_or_else(profile_only);
    let mut results = Vec::with_capacity(ids.len());
    for group_ids in ids.chunks(GROUPS) {
        let read = pb::GetGroupsRequest { group_ids: group_ids.to_vec(), filter: Some(filter.clone()) };
        let reply = call.send(read).await?;
        let gone = |result: &pb::GroupResult| i64::from(result.error_code) == NOT_FOUND;
        results.extend(reply.results.into_iter().filter(|result| !gone(result)));
    }
    Ok(results)
}

/// Everything of the profile and no members.
fn profile_only() -> pb::GroupFilter {
    // The zero value asks for nothing; the others are numbered without a gap.
    let group_fields = (1..).map_while(|number| pb::GroupField::try_from(number).ok()).map(i32::from).collect();
    pb::GroupFilter { group_fields, ..pb::GroupFilter::default() }
}

fn id(result: &pb::GroupResult) -> &str {
    result.group.as_ref().map(|group| group.group_id.as_str()).unwrap_or_default()
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
        Some(result) => failed(id, batch::refused(result.error_code.into(), &result.error_message)),
        None => failed(id, batch::unnamed()),
    }
}

fn failed(id: &str, status: pb::BatchItemStatus) -> pb::BatchGetGroupsResult {
    pb::BatchGetGroupsResult { group_id: id.to_owned(), status: Some(status), group: None, members: Vec::new() }
}
