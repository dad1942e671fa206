//! Changing stored messages, and hiding history from clients.

use serde_json::{Value, json};

use super::history::history;
use super::message::elements;
use crate::body::{Body, Outcome, answer, done, optional_text, text, topic_id, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind};
use crate::group_type::GroupType;
use crate::message_body::ELEMENTS;
use crate::schema::Kind::{Text, U32};
use crate::schema::{Field, opt, req};
use crate::state::message::MessageState;

const MODIFY: &[Field] = &[
    req("GroupId", Text),
    req("MsgSeq", U32),
    opt("MsgBody", ELEMENTS),
    opt("CloudCustomData", Text),
    opt("TopicId", Text),
];

pub static COMMANDS: &[Command] = &[
    Command::new("openim", "modify_group_msg", MODIFY, modify_group_msg).codes(openim_code),
    Command::new(
        "group_open_http_svc",
        "clear_group_msg",
        &[req("GroupId", Text), opt("MsgSeq", U32)],
        clear_group_msg,
    ),
];

/// The request cannot be served: no such group, topic or message.
const ILLEGAL: i64 = 20001;

/// The openim family has its own codes for what is wrong with a request.
fn openim_code(error: &ApiError) -> i64 {
    let about = error.info.strip_prefix("invalid parameter: ").unwrap_or_default();
    match error.code {
        60003 => 90001,
        10002 => 20005,
        10004 if about.starts_with("MsgBody must be an array") => 90007,
        10004 if about.starts_with("MsgBody") => 90002,
        10004 => 90010,
        code if (10_000..20_000).contains(&code) => ILLEGAL,
        code => code,
    }
}

fn modify_group_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let (id, seq) = (text(body, "GroupId"), unsigned(body, "MsgSeq").unwrap_or(0));
    let expired_before = ctx.now - ctx.limits.history_days * 86_400;
    let data = optional_text(body, "CloudCustomData");
    let has_elements = body.contains_key("MsgBody");
    if !has_elements && data.is_none() {
        return Err(ApiError::field("CloudCustomData", "and MsgBody are both missing"));
    }
    let elements = elements(body, ctx.limits.message_bytes)?;
    let group = ctx.app.group_mut(id)?;
    if !group.kind.stores_history() {
        return Err(ApiError::new(ILLEGAL, "an AVChatRoom stores no messages"));
    }
    let message = history(group, body)?.get_mut(seq).filter(|message| {
        message.from.is_some() && message.state == MessageState::Normal && message.stored >= expired_before
    });
    let Some(message) = message else {
        return Err(ApiError::new(ILLEGAL, "there is no such message to change"));
    };
    if has_elements {
        message.body = elements.into();
    }
    if let Some(data) = data {
        message.cloud_custom_data = Some(data.into());
    }
    let elements: Value = serde_json::from_str(&message.body).unwrap_or_else(|_| json!([]));
    let mut content = json!({"MsgSeq": seq});
    for key in ["MsgBody", "CloudCustomData"] {
        if let Some(value) = body.get(key) {
            content[key] = value.clone();
        }
    }
    let to = Audience::Members;
    ctx.events.deliver_in(DeliveryKind::Edit, id, topic_id(body), to, content);
    let caller = ctx.caller;
    ctx.events.hook("Group.CallbackAfterModifyMsg", || {
        json!({
            "Operator_Account": caller,
            "GroupId": id,
            // Where other webhooks leave the key out, this one has an empty text.
            "TopicId": topic_id(body).unwrap_or_default(),
            "MsgSeq": seq,
            "MsgBody": elements,
        })
    });
    answer(json!({"ErrorInfo": "succeed"}))
}

/// Moves the marker forward and notifies clients; the history itself stays.
fn clear_group_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let id = text(body, "GroupId");
    let group = ctx.app.group_mut(id)?;
    if group.kind == GroupType::Community {
        return Err(ApiError::not_allowed("the history of a community cannot be hidden"));
    }
    let last = group.next_seq() - 1;
    let until = unsigned(body, "MsgSeq").map_or(last, |seq| seq.min(last));
    group.hidden_until = group.hidden_until.max(until);
    let content: Value = json!({"Event": "HistoryCleared", "MsgSeq": group.hidden_until});
    let to = if group.kind.stores_members() { Audience::Members } else { Audience::Online };
    ctx.events.deliver(DeliveryKind::Tip, id, to, content);
    done()
}
