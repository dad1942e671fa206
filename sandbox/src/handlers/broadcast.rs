//! One message to every live room of the app.

use serde_json::json;

use super::message::elements;
use crate::body::{Body, Outcome, answer, optional_text, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind};
use crate::group_type::GroupType;
use crate::message_body::ELEMENTS;
use crate::schema::Kind::{Text, U32, User};
use crate::schema::{Field, opt, req};

const BROADCAST: &[Field] =
    &[opt("From_Account", User), req("Random", U32), req("MsgBody", ELEMENTS), opt("CloudCustomData", Text)];

pub static COMMANDS: &[Command] =
    &[Command::new("group_open_http_svc", "send_broadcast_msg", BROADCAST, send_broadcast_msg).rate(1.0).codes(code)];

/// Too many calls have the code of messages, a message that is too large the common one, and a caller who is not an admin that of
/// what is not allowed.
fn code(error: &ApiError) -> i64 {
    match error.code {
        10006 => 10023,
        10019 | 80002 => 10004,
        60010 => 10007,
        code => code,
    }
}

fn send_broadcast_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    if ctx.limits.basic_edition {
        return Err(ApiError::not_allowed("broadcasts need the Pro, Pro Plus or Enterprise edition"));
    }
    let from = optional_text(body, "From_Account").filter(|from| !from.is_empty()).unwrap_or(ctx.caller);
    let from = ctx.known_account(from)?;
    let random = unsigned(body, "Random").unwrap_or(0) as u32;
    let content = elements(body, ctx.limits.message_bytes)?;
    if let Some(seq) = ctx.app.broadcasts.find(random, &content, ctx.now) {
        ctx.changed = false;
        return answer(json!({"MsgSeq": seq}));
    }
    let seq = ctx.app.broadcasts.add(random, content, ctx.now);
    let message = json!({
        "From_Account": from.as_str(),
        "MsgSeq": seq,
        "Random": random,
        "MsgBody": body.get("MsgBody"),
        "CloudCustomData": optional_text(body, "CloudCustomData"),
        "Broadcast": true,
    });
    let rooms: Vec<u64> = ctx.app.numbers_after(0, Some(GroupType::AVChatRoom)).collect();
    for room in rooms {
        if let Some(group) = ctx.app.group_by_number(room) {
            ctx.events.deliver(DeliveryKind::OnlineMessage, &group.id, Audience::Online, message.clone());
        }
    }
    answer(json!({"MsgSeq": seq}))
}
