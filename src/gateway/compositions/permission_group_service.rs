//! PermissionGroupService: permission groups and their members as streams.

use crate::gateway::pages::{ByToken, Page, follow};
use crate::gateway::{Call, CallError, Pages};
use contract::pb;
use contract::wire::paging;

pub(in crate::gateway) async fn stream_permission_groups(
    call: Call,
    request: pb::StreamPermissionGroupsRequest,
) -> Result<Pages<pb::StreamPermissionGroupsResponse>, CallError> {
    call.check_token(paging::is_valid(paging::Style::NextText, &request.page_token))?;
    let fetch = ByToken(move |call: Call, page_token| {
        let page = pb::ListPermissionGroupsRequest {
            group_id: request.group_id.clone(),
            permission_group_ids: Vec::new(),
            page_size: 0,
            page_token,
        };
        async move {
            let reply = call.send(page).await?;
            Ok(Page { items: reply.permission_groups, next: reply.next_page_token })
        }
    });
    Ok(follow(call, request.page_token, fetch, |page| pb::StreamPermissionGroupsResponse {
        permission_groups: page.items,
        next_page_token: page.next,
    }))
}

pub(in crate::gateway) async fn stream_permission_group_members(
    call: Call,
    request: pb::StreamPermissionGroupMembersRequest,
) -> Result<Pages<pb::StreamPermissionGroupMembersResponse>, CallError> {
    call.check_token(paging::is_valid(paging::Style::NextText, &request.page_token))?;
    let fetch = ByToken(move |call: Call, page_token| {
        let page = pb::ListPermissionGroupMembersRequest {
            group_id: request.group_id.clone(),
            permission_group_id: request.permission_group_id.clone(),
            page_size: 0,
            page_token,
        };
        async move {
            let reply = call.send(page).await?;
            Ok(Page { items: reply.members, next: reply.next_page_token })
        }
    });
    Ok(follow(call, request.page_token, fetch, |page| pb::StreamPermissionGroupMembersResponse {
        members: page.items,
        next_page_token: page.next,
    }))
}
