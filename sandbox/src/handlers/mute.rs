//! Muting users of a group or topic, and listing the muted users.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::checks::check_count;
use crate::body::{Body, Outcome, answer, done, text, texts, topic_id, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::ids::Id;
use crate::schema::Kind::{Text, U32, Users};
use crate::schema::{Field, opt, req};

const SERVICE: &str = "group_open_http_svc";

const FORBID: &[Field] = &[
    req("GroupId", Text),
    req("Members_Account", Users),
    req("MuteTime", U32).alias(&["ShutUpTime"]),
    opt("TopicId", Text),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "forbid_send_msg", FORBID, forbid_send_msg),
    Command::new(
        SERVICE,
        "get_group_muted_account",
        &[req("GroupId", Text), opt("TopicId", Text)],
        get_group_muted_account,
    )
    .read_only(),
    Command::new(SERVICE, "get_group_shutted_uin", &[req("GroupId", Text)], get_group_shutted_uin).read_only(),
];

/// Mutes for so many seconds from now; 0 lifts the mute, and ends saturate at 32 bits.
pub fn set(mutes: &mut BTreeMap<Id, i64>, user: Id, seconds: u64, now: i64) {
    if seconds == 0 {
        mutes.remove(&user);
    } else {
        mutes.insert(user, now.saturating_add(seconds as i64).min(i64::from(u32::MAX)));
    }
}

/// Users that one forbid_send_msg call may name.
const USERS_PER_CALL: usize = 500;

fn forbid_send_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    if !ctx.app.group(text(body, "GroupId"))?.kind.can_mute() {
        return Err(ApiError::not_allowed("a Work group knows no muting"));
    }
    let users = texts(body, "Members_Account").unwrap_or_default();
    check_count(users.len(), USERS_PER_CALL)?;
    let seconds = unsigned(body, "MuteTime").unwrap_or(0);
    let ids: Vec<Id> = users.into_iter().map(|user| ctx.account(user).unwrap_or_else(|| Id::from(user))).collect();
    let now = ctx.now;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    let mutes = match topic_id(body) {
        None => &mut group.mutes,
        Some(topic) => &mut group.topic_mut(topic)?.mutes,
    };
    for id in ids {
        set(mutes, id, seconds, now);
    }
    done()
}

fn get_group_muted_account(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let list = muted(ctx, body, "MutedUntil")?;
    answer(json!({"GroupId": text(body, "GroupId"), "MutedAccountList": list}))
}

fn get_group_shutted_uin(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let list = muted(ctx, body, "ShuttedUntil")?;
    answer(json!({"GroupId": text(body, "GroupId"), "ShuttedUinList": list}))
}

/// The mutes that still run.
fn muted(ctx: &Ctx<'_>, body: &Body, until_key: &str) -> Result<Vec<Value>, ApiError> {
    let group = ctx.app.group(text(body, "GroupId"))?;
    let mutes = match topic_id(body) {
        None => &group.mutes,
        Some(topic) => &group.topic(topic)?.mutes,
    };
    Ok(mutes
        .iter()
        .filter(|(_, until)| **until > ctx.now)
        .map(|(user, until)| json!({"Member_Account": user.as_str(), until_key: until}))
        .collect())
}
