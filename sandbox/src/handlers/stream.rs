//! Messages that grow while they are written.

use serde_json::{Value, json};

use super::message::{number_live, sender};
use crate::body::{Body, Outcome, answer, objects, optional_text, text, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind};
use crate::limits::GROUP_MESSAGES_PER_SECOND;
use crate::schema::Kind::{Boolean, Integer, Object, Objects, Text, U32, User, Word};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::message::Message;
use crate::state::stream::{Part, Stream};

const CHUNK: &[Field] = &[req("EventType", Text), req("Index", Integer), opt("Markdown", Text), opt("IsLast", Boolean)];
const CONTENT: &[Field] = &[opt("CompatibleText", Text), opt("StreamMsgID", Text), req("Chunks", Objects(CHUNK))];
const SEND: &[Field] = &[
    req("GroupId", Text),
    opt("From_Account", User),
    req("MsgRandom", U32).alias(&["Random"]),
    req("MsgBody", Objects(&[req("MsgType", Word(&["TIMStreamElem"])), req("MsgContent", Object(CONTENT))])),
    opt("CloudCustomData", Text),
];

pub static COMMANDS: &[Command] = &[Command::new("stream_msg", "send_group_stream_msg", SEND, send_group_stream_msg)];

/// A whole stream stays below so many bytes.
const STREAM_BYTES: usize = 131_072;
/// Later chunks of one stream.
const CHUNKS_PER_SECOND: f64 = 5.0;

/// What a call adds.
struct Addition<'b> {
    content: &'b Body,
    part: Part,
    bytes: usize,
    is_last: bool,
}

fn addition(body: &Body) -> Result<Addition<'_>, ApiError> {
    let mut elements = objects(body, "MsgBody").filter_map(|element| element.get("MsgContent")?.as_object());
    let (Some(content), None) = (elements.next(), elements.next()) else {
        return Err(ApiError::field("MsgBody", "must hold one element"));
    };
    let chunks = objects(content, "Chunks");
    let indexes: Vec<i64> = chunks.clone().filter_map(|chunk| chunk.get("Index")?.as_i64()).collect();
    let (Some(first), Some(last)) = (indexes.first(), indexes.last()) else {
        return Err(ApiError::field("MsgBody.MsgContent.Chunks", "must not be empty"));
    };
    if !indexes.is_sorted_by(|one, next| one < next) {
        return Err(does_not_grow());
    }
    let ends = chunks.clone().filter(|chunk| chunk.get("IsLast") == Some(&Value::Bool(true))).count();
    let is_last = ends > 0;
    let in_place = chunks.clone().last().is_some_and(|chunk| chunk.get("IsLast") == Some(&Value::Bool(true)));
    if ends > 1 || (is_last && !in_place) {
        return Err(ApiError::field("IsLast", "must end the last chunk"));
    }
    Ok(Addition {
        content,
        part: Part { random: unsigned(body, "MsgRandom").unwrap_or(0), first: *first, last: *last },
        bytes: chunks.map(|chunk| text(chunk, "Markdown").len()).sum(),
        is_last,
    })
}

fn does_not_grow() -> ApiError {
    ApiError::field("Index", "must grow from chunk to chunk")
}

fn send_group_stream_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    ctx.app.group(text(body, "GroupId"))?;
    let addition = addition(body)?;
    if addition.bytes >= STREAM_BYTES {
        return Err(too_long());
    }
    match optional_text(addition.content, "StreamMsgID").filter(|id| !id.is_empty()) {
        None => begin(ctx, body, &addition),
        Some(id) => go_on(ctx, body, id, &addition),
    }
}

fn too_long() -> ApiError {
    ApiError::new(80002, "a stream must stay below 128 KB")
}

/// Nobody's mute is looked at.
fn begin(ctx: &mut Ctx<'_>, body: &Body, addition: &Addition<'_>) -> Outcome {
    let (id, now) = (text(body, "GroupId"), ctx.now);
    let from = ctx.known_account(sender(ctx.caller, body))?;
    let random = addition.part.random as u32;
    let group = ctx.app.group_mut(id)?;
    if let Some((_, seq)) = group.duplicates.find(&from, random, now)
        && let Some(stream) = group.streams.of_message(seq)
    {
        return answer(json!({"StreamMsgID": stream}));
    }
    let most = ctx.limits.stream_messages;
    if most > 0 && ctx.app.streams_begun(now) >= most {
        return Err(ApiError::new(60028, "too many stream messages today"));
    }
    if let Some(pace) = ctx.pace
        && !pace.admit(|| format!("msg/{}/{id}", ctx.app.sdkappid), GROUP_MESSAGES_PER_SECOND)
    {
        return Err(ApiError::new(10023, "too many messages in this group"));
    }
    ctx.app.count_stream(now);
    let group = ctx.app.group_mut(id)?;
    let stream_id = group.streams.next_id();
    let mut content = addition.content.clone();
    content.insert("StreamMsgID".to_owned(), json!(stream_id));
    let elements = json!([{"MsgType": "TIMStreamElem", "MsgContent": content}]);
    group.active = true;
    let seq = if group.kind.stores_history() {
        let mut message = Message::new(Some(from.clone()), now, random, &elements.to_string());
        message.cloud_custom_data = optional_text(body, "CloudCustomData").map(Into::into);
        group.history.last_message_time = now;
        let seq = group.history.push(message, true);
        group.note_sent(&from, seq, true, now);
        seq
    } else {
        number_live(group, now)
    };
    group.duplicates.remember(&from, random, now, seq);
    let part = addition.part;
    group.streams.open(Stream { seq, bytes: addition.bytes, part, time: now, finished: addition.is_last });
    let to = audience(group);
    let content = json!({"From_Account": from.as_str(), "MsgSeq": seq, "Random": random, "MsgBody": elements});
    ctx.events.deliver(DeliveryKind::Message, id, to, content);
    answer(json!({"StreamMsgID": stream_id}))
}

fn go_on(ctx: &mut Ctx<'_>, body: &Body, stream_id: &str, addition: &Addition<'_>) -> Outcome {
    let (id, now) = (text(body, "GroupId"), ctx.now);
    let group = ctx.app.group(id)?;
    let Some(stream) = group.streams.get(stream_id) else {
        return Err(ApiError::field("StreamMsgID", "names no stream of the group"));
    };
    if stream.part == addition.part {
        // The call before, repeated because its answer was lost.
        return answer(json!({"StreamMsgID": stream_id}));
    }
    if stream.has_ended(now) {
        return Err(ApiError::field("StreamMsgID", "names a stream that has ended"));
    }
    if addition.part.first <= stream.part.last {
        return Err(does_not_grow());
    }
    if stream.bytes + addition.bytes >= STREAM_BYTES {
        return Err(too_long());
    }
    if let Some(pace) = ctx.pace
        && !pace.admit(|| format!("chunk/{}/{id}/{stream_id}", ctx.app.sdkappid), CHUNKS_PER_SECOND)
    {
        return Err(ApiError::new(60007, "too many chunks of this stream"));
    }
    let group = ctx.app.group_mut(id)?;
    let seq = stream_seq(group, stream_id, addition, now);
    append(group, seq, body, addition);
    let to = audience(group);
    let content = json!({"MsgSeq": seq, "StreamMsgID": stream_id, "Chunks": addition.content.get("Chunks")});
    ctx.events.deliver(DeliveryKind::Edit, id, to, content);
    answer(json!({"StreamMsgID": stream_id}))
}

/// Notes the addition in the stream, and gives the number of its message.
fn stream_seq(group: &mut Group, stream_id: &str, addition: &Addition<'_>, now: i64) -> u64 {
    let Some(stream) = group.streams.get_mut(stream_id) else {
        return 0;
    };
    stream.bytes += addition.bytes;
    stream.part = addition.part;
    stream.time = now;
    stream.finished = addition.is_last;
    stream.seq
}

/// Adds the chunks to the stored message; a live room stores none.
fn append(group: &mut Group, seq: u64, body: &Body, addition: &Addition<'_>) {
    if !group.kind.stores_history() {
        return;
    }
    let Some(message) = group.history.get_mut(seq) else {
        return;
    };
    if let Some(data) = optional_text(body, "CloudCustomData") {
        message.cloud_custom_data = Some(data.into());
    }
    let Ok(mut elements) = serde_json::from_str::<Value>(&message.body) else {
        return;
    };
    let chunks = addition.content.get("Chunks").and_then(Value::as_array);
    if let (Some(Value::Array(stored)), Some(chunks)) = (elements.pointer_mut("/0/MsgContent/Chunks"), chunks) {
        stored.extend(chunks.iter().cloned());
        message.body = elements.to_string().into();
    }
}

fn audience(group: &Group) -> Audience {
    if group.kind.stores_history() { Audience::Members } else { Audience::Online }
}
