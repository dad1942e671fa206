//! What only AVChatRooms have.

use serde_json::json;

use super::{Ctx, answer, text};
use crate::sandbox::error::ApiError;
use crate::sandbox::registry::Kind::Text;
use crate::sandbox::registry::{Body, Command, Outcome, req};
use crate::sandbox::state::group::GroupType;

pub static COMMANDS: &[Command] =
    &[Command::new("group_open_http_svc", "get_online_member_num", &[req("GroupId", Text)], get_online_member_num)
        .read_only()];

/// Exact at once, as upstream for small rooms; the control API moves users in and out.
fn get_online_member_num(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if group.kind != GroupType::AVChatRoom {
        return Err(ApiError::not_allowed("only an AVChatRoom knows who is present"));
    }
    answer(json!({"OnlineMemberNum": group.present.len()}))
}
