//! Key-value extensions of messages that were sent with `SupportMessageExtension` 1.

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, objects, optional_text, text, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::schema::Kind::{Bytes, Objects, Text, U32};
use crate::schema::{Field, opt, req};
use crate::state::extension::{Extensions, Pair};
use crate::state::group::Group;
use crate::state::message::{Message, MessageState};

const SERVICE: &str = "openim_msg_ext_http_svc";

/// `Seq` is what members are held to; every caller here is an app admin, whose `Seq` is not checked.
const PAIR: &[Field] = &[req("Key", Bytes(100)), opt("Value", Bytes(1_000)), opt("Seq", U32).ignored()];
const SET: &[Field] =
    &[req("GroupId", Text), req("MsgSeq", U32), req("OperateType", U32), opt("ExtensionList", Objects(PAIR))];
const GET: &[Field] = &[req("GroupId", Text), req("MsgSeq", U32), opt("StartSeq", U32)];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "group_set_key_values", SET, group_set_key_values),
    Command::new(SERVICE, "group_get_key_values", GET, group_get_key_values).read_only(),
];

const PAIRS_PER_CALL: usize = 20;
const PAIRS_PER_MESSAGE: usize = 300;
/// On one message, by the emulator's clock.
const WRITES_PER_MINUTE: f64 = 200.0;

/// The message of a call: 23004 when there is none, or none any more.
fn message<'g>(group: &'g Group, body: &Body) -> Result<(u64, &'g Message), ApiError> {
    if !group.kind.stores_history() {
        return Err(ApiError::not_allowed("an AVChatRoom has no message extensions"));
    }
    let seq = unsigned(body, "MsgSeq").unwrap_or(0);
    match group.history.get(seq) {
        Some(message) if message.state == MessageState::Normal => Ok((seq, message)),
        _ => Err(ApiError::new(23004, "this message does not exist")),
    }
}

fn group_set_key_values(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let (seq, message) = message(ctx.app.group(text(body, "GroupId"))?, body)?;
    if !message.extensible {
        return Err(ApiError::new(23002, "this message was sent without SupportMessageExtension"));
    }
    let operation = unsigned(body, "OperateType").unwrap_or(0);
    if !(1..=3).contains(&operation) {
        return Err(ApiError::field("OperateType", "must be 1, 2 or 3"));
    }
    let pairs = objects(body, "ExtensionList");
    if operation != 3 {
        check_pairs(pairs.clone(), operation == 1)?;
    }
    let most = ctx.pace.map_or(0.0, |pace| pace.scale()) * WRITES_PER_MINUTE;
    let now = ctx.now;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    let count_with = |extensions: &Extensions| extensions.count_with(pairs.clone().map(|pair| text(pair, "Key")));
    let present = group.history.extensions.get(&seq);
    if operation == 1 && present.map_or_else(|| count_with(&Extensions::default()), count_with) > PAIRS_PER_MESSAGE {
        return Err(ApiError::field("ExtensionList", "would give the message more than 300 pairs"));
    }
    let extensions = group.history.extensions.entry(seq).or_default();
    if most > 0.0 && !extensions.admit_write(now, most) {
        return Err(ApiError::new(23003, "too many extension writes on this message"));
    }
    let mut written = Vec::new();
    match operation {
        1 => {
            for pair in pairs {
                let key = text(pair, "Key");
                written.push(extension(key, extensions.set(key, text(pair, "Value"))));
            }
        }
        2 => {
            for pair in pairs {
                let key = text(pair, "Key");
                written.push(extension(key, &extensions.delete(key)));
            }
        }
        _ => extensions.clear(),
    }
    extensions.version += 1;
    let version = extensions.version;
    ctx.events.hook("Group.CallbackAfterGroupMsgExtension", || {
        json!({
            "GroupId": text(body, "GroupId"),
            "MsgSeq": seq,
            "OperateType": operation,
            "ExtensionList": written,
            "Seq": version,
        })
    });
    let results: Vec<Value> =
        written.into_iter().map(|extension| json!({"ErrorCode": 0, "Extension": extension})).collect();
    answer(json!({"ExtensionList": results}))
}

fn check_pairs<'b>(pairs: impl Iterator<Item = &'b Body> + Clone, with_values: bool) -> Result<(), ApiError> {
    if !(1..=PAIRS_PER_CALL).contains(&pairs.clone().count()) {
        return Err(ApiError::field("ExtensionList", "must hold 1 to 20 pairs"));
    }
    for pair in pairs {
        if text(pair, "Key").is_empty() {
            return Err(ApiError::field("ExtensionList.Key", "must not be empty"));
        }
        if with_values && optional_text(pair, "Value").is_none() {
            return Err(ApiError::field("ExtensionList.Value", "is missing"));
        }
    }
    Ok(())
}

fn extension(key: &str, pair: &Pair) -> Value {
    json!({"Key": key, "Value": pair.value.as_deref().unwrap_or_default(), "Seq": pair.seq})
}

fn group_get_key_values(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    let (seq, _) = message(group, body)?;
    let Some(extensions) = group.history.extensions.get(&seq) else {
        return answer(json!({"ExtensionList": [], "CompleteFlag": 1, "LatestSeq": 0, "ClearSeq": 0}));
    };
    let (page, complete) = extensions.page(unsigned(body, "StartSeq").unwrap_or(0));
    let list: Vec<Value> = page.into_iter().map(|(key, pair)| extension(key, pair)).collect();
    answer(json!({
        "ExtensionList": list,
        "CompleteFlag": u8::from(complete),
        "LatestSeq": extensions.latest_seq,
        "ClearSeq": extensions.clear_seq,
    }))
}
