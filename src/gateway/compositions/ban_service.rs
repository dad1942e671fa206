//! BanService: bans of any number of users, and all bans as a stream.

use crate::gateway::anchored::{self, Anchored, Growth, More, Slice};
use crate::gateway::batch::{self, Order};
use crate::gateway::pages::follow;
use crate::gateway::{Call, CallError, Pages};
use contract::batches::Batch;
use contract::pb;
use contract::wire::paging;

/// Bans of one message of a stream.
const PAGE: u32 = 100;

pub(in crate::gateway) async fn stream_banned_members(
    call: Call,
    request: pb::StreamBannedMembersRequest,
) -> Result<Pages<pb::StreamBannedMembersResponse>, CallError> {
    call.check_token(anchored::is_valid(&request.page_token))?;
    let page_token = request.page_token.clone();
    let fetch = Anchored::new(PAGE, Growth::Anywhere, banned_id, move |call: Call, offset, size: u64| {
        let page = pb::ListBannedMembersRequest {
            group_id: request.group_id.clone(),
            page_size: i32::try_from(size).unwrap_or(i32::MAX),
            page_token: paging::from_count(offset),
        };
        async move {
            let (reply, lost) = call.send_counting(page).await?;
            let more = More::by_token(&reply.next_page_token);
            Ok(Slice { items: reply.banned_members, lost: lost as u64, more })
        }
    });
    Ok(follow(call, page_token, fetch, |page| pb::StreamBannedMembersResponse {
        banned_members: page.items,
        next_page_token: page.next,
    }))
}

pub(in crate::gateway) async fn batch_ban_members(
    call: Call,
    request: pb::BatchBanMembersRequest,
) -> Result<pb::BatchBanMembersResponse, CallError> {
    let ban = |user_ids: &[String]| pb::BanMembersRequest {
        group_id: request.group_id.clone(),
        user_ids: user_ids.to_vec(),
        duration: request.duration,
        description: request.description.clone(),
    };
    let results =
        batch::run(&call, &request.user_ids, call.batch.cap(Batch::BanMembers), Order::Any, ban, |users, reply| {
            each(users, reply.map(drop))
        })
        .await;
    Ok(pb::BatchBanMembersResponse { results })
}

pub(in crate::gateway) async fn batch_unban_members(
    call: Call,
    request: pb::BatchUnbanMembersRequest,
) -> Result<pb::BatchUnbanMembersResponse, CallError> {
    let unban = |user_ids: &[String]| pb::UnbanMembersRequest {
        group_id: request.group_id.clone(),
        user_ids: user_ids.to_vec(),
    };
    let results =
        batch::run(&call, &request.user_ids, call.batch.cap(Batch::UnbanMembers), Order::Any, unban, |users, reply| {
            each(users, reply.map(drop))
        })
        .await;
    Ok(pb::BatchUnbanMembersResponse { results })
}

/// Tencent reports no single users here: what became of the call became of each.
fn each(users: &[String], reply: Result<(), pb::BatchItemStatus>) -> Vec<pb::BatchBanMembersResult> {
    let status = batch::whole(reply);
    users
        .iter()
        .map(|user_id| pb::BatchBanMembersResult { user_id: user_id.clone(), status: Some(status.clone()) })
        .collect()
}

fn banned_id(member: &pb::BannedMember) -> &str {
    &member.user_id
}
