//! Sending messages and notifications.

use serde_json::{Value, json};

use super::receipt::RECEIPT_MEMBERS;
use crate::body::{Body, Outcome, answer, done, objects, optional_text, switch, text, texts, topic_id, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind, Hook};
use crate::group_type::GroupType;
use crate::ids::{Id, message_id};
use crate::limits::GROUP_MESSAGES_PER_SECOND;
use crate::message_body::{ELEMENTS, OFFLINE_PUSH_INFO};
use crate::schema::Kind::{Flag, Object, Objects, Text, Texts, U32, User, Users};
use crate::schema::{Field, Kind, opt, req};
use crate::state::group::{Group, LiveMessage};
use crate::state::member::Role;
use crate::state::message::Message;
use crate::state::permission_group::Right;

const SERVICE: &str = "group_open_http_svc";

/// The real service takes another word for Normal; a client's mistake shows in strict mode.
const PRIORITY: Kind = Kind::StrictWord(&["High", "Normal", "Low"]);

const SEND: &[Field] = &[
    req("GroupId", Text),
    req("Random", U32).alias(&["MsgRandom"]),
    opt("MsgPriority", PRIORITY),
    req("MsgBody", ELEMENTS),
    opt("From_Account", User),
    opt("OfflinePushInfo", Object(OFFLINE_PUSH_INFO)).ignored(),
    opt("ForbidCallbackControl", Texts),
    opt("OnlineOnlyFlag", U32).alias(&["MsgOnlineOnlyFlag"]),
    opt("SendMsgControl", Texts),
    opt("CloudCustomData", Text),
    opt("SupportMessageExtension", Flag),
    opt("To_Account", Users),
    opt("TopicId", Text),
    opt("NeedReadReceipt", Flag).alias(&["IsNeedReadReceipt"]),
    opt("GroupAtInfo", Objects(&[req("GroupAtAllFlag", Flag), opt("GroupAt_Account", User)])),
];
const NOTIFY: &[Field] =
    &[req("GroupId", Text), opt("ToMembers_Account", Users), req("Content", Text), opt("TopicId", Text)];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "send_group_msg", SEND, send_group_msg).before(before_send),
    Command::new(SERVICE, "send_group_system_notification", NOTIFY, send_group_system_notification).read_only(),
];

/// Members that one message may mention, and that a targeted message may go to.
const MENTIONS: usize = 30;
const RECIPIENTS: usize = 50;

fn send_group_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let sent = send(ctx, body);
    if let Err(error) = &sent
        && let Ok(group) = ctx.app.group(text(body, "GroupId"))
    {
        let (kind, caller) = (group.kind, ctx.caller);
        ctx.events.hook("Group.CallbackSendMsgException", || {
            let mut hook = message_hook(caller, kind, body);
            hook["ErrorCode"] = json!(error.code);
            hook["ErrorInfo"] = json!(error.info);
            hook
        });
    }
    sent
}

/// A message that breaks a rule fails by itself and need not be asked about.
fn before_send(ctx: &Ctx<'_>, body: &Body) -> Option<Hook> {
    let group = ctx.app.group(text(body, "GroupId")).ok()?;
    let from = ctx.app.account_id(sender(ctx.caller, body));
    let is_refused = from.is_some_and(|from| check_may_speak(ctx, body, &from).is_err());
    if is_refused || forbids(body, "ForbidBeforeSendMsgCallback") || check_options(group.kind, body).is_err() {
        return None;
    }
    let body = answer(message_hook(ctx.caller, group.kind, body)).ok()?;
    Some(Hook { command: "Group.CallbackBeforeSendMsg", body })
}

fn forbids(body: &Body, hook: &str) -> bool {
    texts(body, "ForbidCallbackControl").is_some_and(|forbidden| forbidden.contains(&hook))
}

pub fn sender<'a>(caller: &'a str, body: &'a Body) -> &'a str {
    optional_text(body, "From_Account").filter(|from| !from.is_empty()).unwrap_or(caller)
}

/// What every webhook about a message says.
fn message_hook(caller: &str, kind: GroupType, body: &Body) -> Value {
    let mut hook = json!({
        "GroupId": text(body, "GroupId"),
        "Type": kind.name(),
        "From_Account": sender(caller, body),
        "Operator_Account": caller,
        "Random": unsigned(body, "Random"),
        "OnlineOnlyFlag": u8::from(switch(body, "OnlineOnlyFlag")),
        "MsgBody": body.get("MsgBody"),
    });
    for key in ["CloudCustomData", "TopicId"] {
        if let Some(value) = body.get(key) {
            hook[key] = value.clone();
        }
    }
    hook
}

fn send(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    let topic = topic_id(body);
    if let Some(topic) = topic {
        group.topic(topic)?;
    }
    check_options(group.kind, body)?;
    if switch(body, "NeedReadReceipt") && group.members.len() > RECEIPT_MEMBERS {
        return Err(ApiError::new(10060, "the group is too large for read receipts"));
    }
    let elements = elements(body, ctx.limits.message_bytes)?;
    let from = match optional_text(body, "From_Account").filter(|from| !from.is_empty()) {
        Some(from) => ctx.known_account(from)?,
        None => ctx.known_account(ctx.caller)?,
    };
    let now = ctx.now;
    check_may_speak(ctx, body, &from)?;

    let random = unsigned(body, "Random").unwrap_or(0) as u32;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    let duplicates = match topic {
        Some(topic) => group.topics.get_mut(topic).map(|topic| &mut topic.duplicates),
        None => Some(&mut group.duplicates),
    };
    if let Some((time, seq)) = duplicates.and_then(|duplicates| duplicates.find(&from, random, now)) {
        return sent(&from, random, time, seq);
    }
    if let Some(pace) = ctx.pace
        && !pace.admit(|| format!("msg/{}/{}", ctx.app.sdkappid, text(body, "GroupId")), GROUP_MESSAGES_PER_SECOND)
    {
        let group = ctx.app.group(text(body, "GroupId"))?;
        if group.kind == GroupType::AVChatRoom && text(body, "MsgPriority") == "Low" {
            ctx.changed = false;
            return answer(json!({"MsgTime": now, "MsgSeq": 0, "MsgDropReason": "MsgFreqCtrl"}));
        }
        return Err(ApiError::new(10023, "too many messages in this group"));
    }

    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    group.active = true;
    let seq = if switch(body, "OnlineOnlyFlag") {
        0
    } else if group.kind == GroupType::AVChatRoom {
        number_live(group, now)
    } else {
        let message = message(body, from.clone(), random, &elements, now);
        let counts = message.to.is_none() && !controls(body).contains(&"NoUnread");
        match topic.and_then(|topic| group.topics.get_mut(topic)) {
            Some(topic) => {
                topic.history.last_message_time = now;
                let seq = topic.history.push(message, counts);
                topic.note_sent(&from, seq);
                seq
            }
            None => {
                group.history.last_message_time = now;
                let seq = group.history.push(message, counts);
                group.note_sent(&from, seq, counts, now);
                if switch(body, "NeedReadReceipt") {
                    let receipt = group.recipients(seq).filter(|user| *user != from).collect();
                    group.history.receipts.insert(seq, receipt);
                }
                seq
            }
        }
    };
    let duplicates = match topic.and_then(|topic| group.topics.get_mut(topic)) {
        Some(topic) => &mut topic.duplicates,
        None => &mut group.duplicates,
    };
    duplicates.remember(&from, random, now, seq);
    let kind = group.kind;
    let to = audience(group, body);
    report_sent(ctx, kind, to, body, seq);
    sent(&from, random, now, seq)
}

/// Who receives a message. Targets that are not members do not.
fn audience(group: &Group, body: &Body) -> Audience {
    match texts(body, "To_Account").filter(|targets| !targets.is_empty()) {
        Some(targets) => {
            let members = targets.into_iter().filter_map(|user| group.members.get(user));
            Audience::Users(members.map(|member| member.id.clone()).collect())
        }
        None if switch(body, "OnlineOnlyFlag") || group.kind == GroupType::AVChatRoom => Audience::Online,
        None => Audience::Members,
    }
}

fn report_sent(ctx: &mut Ctx<'_>, kind: GroupType, to: Audience, body: &Body, seq: u64) {
    let (id, caller, now) = (text(body, "GroupId"), ctx.caller, ctx.now);
    let delivery = if switch(body, "OnlineOnlyFlag") { DeliveryKind::OnlineMessage } else { DeliveryKind::Message };
    let content = json!({
        "From_Account": sender(caller, body),
        "MsgSeq": seq,
        "Random": unsigned(body, "Random"),
        "MsgBody": body.get("MsgBody"),
        "CloudCustomData": body.get("CloudCustomData"),
        "GroupAtInfo": body.get("GroupAtInfo"),
        "SendMsgControl": body.get("SendMsgControl"),
    });
    ctx.events.deliver_in(delivery, id, topic_id(body), to, content);
    if !forbids(body, "ForbidAfterSendMsgCallback") {
        ctx.events.hook("Group.CallbackAfterSendMsg", || {
            let mut hook = message_hook(caller, kind, body);
            let random = unsigned(body, "Random").unwrap_or(0) as u32;
            hook["MsgId"] = json!(message_id(sender(caller, body), now, random));
            hook["MsgSeq"] = json!(seq);
            hook["MsgTime"] = json!(now);
            if let Some(mentions) = body.get("GroupAtInfo") {
                hook["GroupAtInfo"] = mentions.clone();
            }
            hook
        });
    }
}

fn sent(from: &str, random: u32, time: i64, seq: u64) -> Outcome {
    answer(json!({"MsgTime": time, "MsgSeq": seq, "MsgId": message_id(from, time, random)}))
}

fn controls(body: &Body) -> Vec<&str> {
    texts(body, "SendMsgControl").unwrap_or_default()
}

/// Options that exclude one another or that the group type does not have.
fn check_options(kind: GroupType, body: &Body) -> Result<(), ApiError> {
    let controls = controls(body);
    let known = ["NoUnread", "NoLastMsg", "WithMuteNotifications", "NoMsgCheck"];
    if controls.iter().any(|control| !known.contains(control)) {
        return Err(ApiError::field("SendMsgControl", "must hold NoUnread or NoLastMsg"));
    }
    if !controls.is_empty() && switch(body, "OnlineOnlyFlag") {
        return Err(ApiError::field("SendMsgControl", "cannot go with OnlineOnlyFlag 1"));
    }
    if kind == GroupType::AVChatRoom && (!controls.is_empty() || switch(body, "OnlineOnlyFlag")) {
        return Err(ApiError::not_allowed("an AVChatRoom has neither SendMsgControl nor OnlineOnlyFlag"));
    }
    if kind == GroupType::ChatRoom && controls.contains(&"NoUnread") {
        return Err(ApiError::not_allowed("this group type counts no unread messages"));
    }
    if let Some(recipients) = texts(body, "To_Account").filter(|recipients| !recipients.is_empty()) {
        if recipients.len() > RECIPIENTS {
            return Err(ApiError::field("To_Account", "names more than 50 users"));
        }
        if matches!(kind, GroupType::AVChatRoom | GroupType::Community) {
            return Err(ApiError::not_allowed("this group type has no targeted messages"));
        }
    }
    if switch(body, "NeedReadReceipt") && matches!(kind, GroupType::AVChatRoom | GroupType::Community) {
        return Err(ApiError::not_allowed("this group type has no read receipts"));
    }
    let mentions = objects(body, "GroupAtInfo");
    if kind == GroupType::AVChatRoom && mentions.clone().any(|at| switch(at, "GroupAtAllFlag")) {
        return Err(ApiError::not_allowed("an AVChatRoom cannot be mentioned as a whole"));
    }
    if mentions.clone().count() > MENTIONS {
        return Err(ApiError::new(10053, "more than 30 mentions"));
    }
    if mentions.clone().any(|at| !switch(at, "GroupAtAllFlag") && text(at, "GroupAt_Account").is_empty()) {
        return Err(ApiError::field("GroupAtInfo.GroupAt_Account", "is missing"));
    }
    Ok(())
}

/// The elements of a message as JSON text, or 80002 when they are too long.
pub fn elements(body: &Body, most: usize) -> Result<String, ApiError> {
    let elements = body.get("MsgBody").map(Value::to_string).unwrap_or_default();
    if unescaped_len(&elements) > most {
        return Err(ApiError::new(80002, format!("message content is longer than {most} bytes")));
    }
    Ok(elements)
}

/// The length of JSON text with each escape counted as the one byte that it stands for.
fn unescaped_len(json: &str) -> usize {
    let (mut bytes, mut len) = (json.bytes(), 0);
    while let Some(byte) = bytes.next() {
        len += 1;
        // Of the longer escapes the writer makes only those of control characters.
        if byte == b'\\' && bytes.next() == Some(b'u') {
            bytes.nth(3);
        }
    }
    len
}

/// 10017 for a sender who is muted, alone or with everybody, and 10007 for a member without the permission.
fn check_may_speak(ctx: &Ctx<'_>, body: &Body, from: &Id) -> Result<(), ApiError> {
    if ctx.app.admins.contains(from.as_str()) {
        return Ok(());
    }
    let group = ctx.app.group(text(body, "GroupId"))?;
    let topic = topic_id(body).map(|topic| group.topic(topic)).transpose()?;
    let muted_in_topic = topic.is_some_and(|topic| topic.muted_until(from, ctx.now) > 0);
    if group.muted_until(from, ctx.now) > 0 || muted_in_topic {
        return Err(ApiError::new(10017, "the sender is muted"));
    }
    let member = group.members.get(from);
    let leads = group.owner.as_ref() == Some(from)
        || member.is_some_and(|member| member.role != Role::Member)
        || group.presence.admins.contains(from);
    let mute_all = group.mute_all || topic.is_some_and(|topic| topic.mute_all);
    if mute_all && !leads {
        return Err(ApiError::new(10017, "all members are muted"));
    }
    // A sender who is not a member needs no permission of the group.
    let lacks = |right| member.is_some_and(|member| !group.permits(member, right, topic_id(body)));
    if lacks(Right::SendMessages) {
        return Err(ApiError::not_allowed("the sender lacks the permission to send messages"));
    }
    if objects(body, "GroupAtInfo").any(|at| switch(at, "GroupAtAllFlag")) && lacks(Right::MentionAll) {
        return Err(ApiError::not_allowed("the sender lacks the permission to mention everybody"));
    }
    Ok(())
}

fn message(body: &Body, from: Id, random: u32, elements: &str, now: i64) -> Message {
    let mut message = Message::new(Some(from), now, random, elements);
    message.priority = match text(body, "MsgPriority") {
        "High" => 1,
        "Low" => 3,
        _ => 2,
    };
    message.cloud_custom_data = optional_text(body, "CloudCustomData").map(Into::into);
    message.to = texts(body, "To_Account").filter(|to| !to.is_empty()).map(|to| to.into_iter().map(Id::from).collect());
    message.extensible = switch(body, "SupportMessageExtension");
    message
}

/// How long a message of an AVChatRoom can be recalled, and how many are remembered at most.
pub const LIVE_RECALL_SECONDS: i64 = 3_600;
const LIVE_MESSAGES: usize = 100_000;

/// Gives a message of an AVChatRoom a number without storing it.
pub fn number_live(group: &mut Group, now: i64) -> u64 {
    let live = &mut group.live;
    live.last_seq += 1;
    while live.recent.len() >= LIVE_MESSAGES
        || live.recent.front().is_some_and(|old| now - old.time > LIVE_RECALL_SECONDS)
    {
        live.recent.pop_front();
    }
    live.recent.push_back(LiveMessage { seq: live.last_seq, time: now, recalled: false });
    group.history.last_message_time = now;
    live.last_seq
}

/// Nothing is stored: the notification reaches those who are online.
fn send_group_system_notification(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    let recipients = texts(body, "ToMembers_Account").unwrap_or_default();
    if recipients.len() > ctx.limits.notification_recipients {
        return Err(ApiError::field("ToMembers_Account", "names too many users"));
    }
    if group.kind == GroupType::AVChatRoom && !recipients.is_empty() {
        return Err(ApiError::not_allowed("an AVChatRoom can only be notified as a whole"));
    }
    if let Some(topic) = topic_id(body) {
        group.topic(topic)?;
    }
    let to = if recipients.is_empty() {
        Audience::Online
    } else {
        // Strangers are skipped silently.
        let members = recipients.into_iter().filter_map(|user| group.members.get(user));
        Audience::Users(members.map(|member| member.id.clone()).collect())
    };
    let content = json!({"Content": text(body, "Content")});
    ctx.events.deliver_in(DeliveryKind::Notification, text(body, "GroupId"), topic_id(body), to, content);
    done()
}
