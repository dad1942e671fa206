//! Reading stored messages, and recalling them.

use serde_json::{Value, json};

use super::message::LIVE_RECALL_SECONDS;
use crate::body::{Body, Outcome, answer, done, integer, objects, switch, text, topic_id, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind};
use crate::group_type::GroupType;
use crate::ids::{SYSTEM_ACCOUNT, message_key};
use crate::schema::Kind::{Bytes, Flag, Integer, Objects, Text, U32, User};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::message::{History, Message, MessageState};

const SERVICE: &str = "group_open_http_svc";

const GET: &[Field] = &[
    req("GroupId", Text),
    req("ReqMsgNumber", Integer),
    opt("ReqMsgSeq", U32).zero_is_absent(),
    opt("WithRecalledMsg", Flag),
    opt("TopicId", Text),
];
const RECALL: &[Field] = &[
    req("GroupId", Text),
    req("MsgSeqList", Objects(&[req("MsgSeq", U32)])),
    opt("TopicId", Text),
    opt("Reason", Bytes(100)),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "group_msg_get_simple", GET, group_msg_get_simple).read_only(),
    Command::new(SERVICE, "group_msg_recall", RECALL, group_msg_recall),
    Command::new(
        SERVICE,
        "delete_group_msg_by_sender",
        &[req("GroupId", Text), req("Sender_Account", User), opt("TopicId", Text)],
        delete_group_msg_by_sender,
    ),
];

/// The history of the group, or of the topic that the request names.
pub fn history<'g>(group: &'g mut Group, body: &Body) -> Result<&'g mut History, ApiError> {
    match topic_id(body) {
        None => Ok(&mut group.history),
        Some(topic) => group.topic_mut(topic).map(|topic| &mut topic.history),
    }
}

/// Messages that one group_msg_get_simple answer holds at most.
const MESSAGES_PER_ANSWER: u64 = 20;

fn group_msg_get_simple(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let id = text(body, "GroupId");
    let expired_before = ctx.now - ctx.limits.history_days * 86_400;
    let group = ctx.app.group_mut(id)?;
    if !group.kind.stores_history() {
        return Err(ApiError::new(10044, "this group type stores no history"));
    }
    let Some(wanted) = integer(body, "ReqMsgNumber").filter(|wanted| *wanted > 0) else {
        return Err(ApiError::field("ReqMsgNumber", "must be at least 1"));
    };
    let history = history(group, body)?;
    let newest = unsigned(body, "ReqMsgSeq").map_or(history.last_seq(), |seq| seq.min(history.last_seq()));
    let count = (wanted as u64).min(newest);
    let shown = count.min(MESSAGES_PER_ANSWER);

    let oldest = newest - shown + 1;
    let messages = (oldest..=newest).rev().filter_map(|seq| Some((seq, history.get(seq)?)));
    let all_expired = messages.clone().all(|(_, message)| message.stored < expired_before);
    let finished = match shown == count {
        true => 1,
        false if all_expired => 2,
        false => 0,
    };
    let with_recalled = switch(body, "WithRecalledMsg");
    let list: Vec<Value> = messages.map(|(seq, message)| entry(seq, message, with_recalled, expired_before)).collect();
    answer(json!({"GroupId": id, "IsFinished": finished, "RspMsgList": list}))
}

/// A message as history shows it.
fn entry(seq: u64, message: &Message, with_recalled: bool, expired_before: i64) -> Value {
    let place = match message.state {
        _ if message.stored < expired_before => 1,
        MessageState::Normal => 0,
        MessageState::Recalled if with_recalled => 2,
        MessageState::Recalled | MessageState::Deleted => 1,
    };
    let elements: Value =
        if place == 0 { serde_json::from_str(&message.body).unwrap_or_else(|_| json!([])) } else { json!([]) };
    let mut entry = Body::new();
    let from = message.from.as_deref().unwrap_or(SYSTEM_ACCOUNT);
    entry.insert("From_Account".to_owned(), json!(from));
    if message.from.is_some() {
        entry.insert("MsgId".to_owned(), json!(message.id()));
        entry.insert("MsgKey".to_owned(), json!(message_key(seq, message.time, message.random)));
    } else {
        entry.insert("IsSystemMsg".to_owned(), json!(1));
    }
    entry.insert("IsPlaceMsg".to_owned(), json!(place));
    entry.insert("MsgBody".to_owned(), elements);
    entry.insert("MsgPriority".to_owned(), json!(message.priority));
    entry.insert("MsgRandom".to_owned(), json!(message.random));
    entry.insert("MsgSeq".to_owned(), json!(seq));
    entry.insert("MsgTimeStamp".to_owned(), json!(message.time));
    if let Some(data) = message.cloud_custom_data.as_ref().filter(|_| place == 0) {
        entry.insert("CloudCustomData".to_owned(), json!(data));
    }
    Value::Object(entry)
}

/// Messages that one group_msg_recall call may name.
const RECALLS_PER_CALL: usize = 10;

fn group_msg_recall(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let (now, expired_before) = (ctx.now, ctx.now - ctx.limits.history_days * 86_400);
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    let seqs: Vec<u64> = objects(body, "MsgSeqList").filter_map(|item| unsigned(item, "MsgSeq")).collect();
    if seqs.is_empty() || seqs.len() > RECALLS_PER_CALL {
        return Err(ApiError::field("MsgSeqList", "must hold 1 to 10 numbers"));
    }
    let live = group.kind == GroupType::AVChatRoom;
    if !live {
        history(group, body)?;
    }
    let kind = group.kind;
    let mut results = Vec::with_capacity(seqs.len());
    let mut recalled = Vec::new();
    for seq in seqs {
        let code = if live { recall_live(group, seq, now) } else { recall(history(group, body)?, seq, expired_before) };
        results.push(json!({"MsgSeq": seq, "RetCode": code}));
        if code == 0 {
            // A live room keeps no sender, and hence no id.
            let message = if live { None } else { history(group, body)?.get(seq) };
            recalled.push((seq, message.and_then(Message::id)));
        }
    }
    if !recalled.is_empty() {
        report_recalled(ctx, kind, body, &recalled);
    }
    // A widespread client of 2021 reads the list by another name.
    answer(json!({"RecallRetList": results, "Results": results}))
}

fn report_recalled(ctx: &mut Ctx<'_>, kind: GroupType, body: &Body, recalled: &[(u64, Option<String>)]) {
    let (id, caller) = (text(body, "GroupId"), ctx.caller);
    let topic = topic_id(body);
    let to = if kind == GroupType::AVChatRoom { Audience::Online } else { Audience::Members };
    let numbers: Vec<Value> = recalled.iter().map(|(seq, _)| json!({"MsgSeq": seq})).collect();
    let content = json!({"MsgSeqList": numbers, "Reason": text(body, "Reason")});
    ctx.events.deliver_in(DeliveryKind::Recall, id, topic, to, content);
    ctx.events.hook("Group.CallbackAfterRecallMsg", || {
        let with_id = |(seq, id): &(u64, Option<String>)| match id {
            Some(id) => json!({"MsgSeq": seq, "MsgId": id}),
            None => json!({"MsgSeq": seq}),
        };
        let list: Vec<Value> = recalled.iter().map(with_id).collect();
        let mut hook = json!({
            "GroupId": id,
            "Type": kind.name(),
            "Operator_Account": caller,
            "MsgSeqList": list,
        });
        if let Some(topic) = topic {
            hook["TopicId"] = json!(topic);
        }
        hook
    });
}

const NO_SUCH_MESSAGE: i64 = 10030;
const TOO_LATE: i64 = 10031;
const NOT_RECALLABLE: i64 = 10032;

fn recall(history: &mut History, seq: u64, expired_before: i64) -> i64 {
    match history.get_mut(seq) {
        None => NO_SUCH_MESSAGE,
        Some(message) if message.stored < expired_before => TOO_LATE,
        Some(message) if message.from.is_none() || message.state != MessageState::Normal => NOT_RECALLABLE,
        Some(message) => {
            message.state = MessageState::Recalled;
            0
        }
    }
}

fn recall_live(group: &mut Group, seq: u64, now: i64) -> i64 {
    let recent = &mut group.live.recent;
    match recent.binary_search_by_key(&seq, |message| message.seq) {
        Ok(at) if now - recent[at].time > LIVE_RECALL_SECONDS => TOO_LATE,
        Ok(at) if recent[at].recalled => NOT_RECALLABLE,
        Ok(at) => {
            recent[at].recalled = true;
            0
        }
        Err(_) if (1..=group.live.last_seq).contains(&seq) => TOO_LATE,
        Err(_) => NO_SUCH_MESSAGE,
    }
}

/// Newest messages that delete_group_msg_by_sender looks at.
const MESSAGES_SCANNED: usize = 1_000;

fn delete_group_msg_by_sender(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    if !group.kind.stores_history() {
        return done();
    }
    let sender = text(body, "Sender_Account");
    for message in history(group, body)?.newest_mut(MESSAGES_SCANNED) {
        if message.from.as_deref() == Some(sender) && message.state == MessageState::Normal {
            message.state = MessageState::Recalled;
        }
    }
    done()
}
