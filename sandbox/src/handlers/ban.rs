//! Bans: users who are removed from a group and kept out for a time.

use serde_json::{Value, json};

use super::checks::check_count;
use crate::body::{Body, Outcome, answer, done, integer, optional_text, text, texts, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind};
use crate::group_type::GroupType;
use crate::ids::Id;
use crate::schema::Kind::{Bytes, Integer, Text, U32, Users};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;

const SERVICE: &str = "group_open_http_svc";

const BAN: &[Field] =
    &[req("GroupId", Text), req("Members_Account", Users), req("Duration", U32), opt("Description", Bytes(1_000))];
const UNBAN: &[Field] = &[req("GroupId", Text), req("Members_Account", Users)];
const LIST: &[Field] = &[req("GroupId", Text), opt("Limit", Integer), req("Offset", Integer)];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "ban_group_member", BAN, ban_group_member),
    Command::new(SERVICE, "unban_group_member", UNBAN, unban_group_member),
    Command::new(SERVICE, "get_group_ban_member", LIST, get_group_ban_member).read_only(),
];

/// Users that one ban or unban call may name.
const USERS_PER_CALL: usize = 20;

/// The group and users of a call, once it may be made.
fn subject<'b>(ctx: &Ctx<'_>, body: &'b Body) -> Result<Vec<&'b str>, ApiError> {
    check_type(ctx.app.group(text(body, "GroupId"))?)?;
    let users = texts(body, "Members_Account").unwrap_or_default();
    if users.is_empty() {
        return Err(ApiError::field("Members_Account", "must not be empty"));
    }
    check_count(users.len(), USERS_PER_CALL)?;
    Ok(users)
}

fn check_type(group: &Group) -> Result<(), ApiError> {
    if group.kind == GroupType::Community {
        return Err(ApiError::not_allowed("a community knows no bans"));
    }
    Ok(())
}

/// Users need not be members: a ban also keeps out users who never were.
fn ban_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let mut users = subject(ctx, body)?;
    let group = ctx.app.group(text(body, "GroupId"))?;
    // The owner alone cannot be banned: the answer has no place to say so, and the others of the call are.
    users.retain(|user| group.owner.as_deref() != Some(*user));
    if users.is_empty() {
        return Err(ApiError::not_allowed("the owner cannot be banned"));
    }
    let number = group.number;
    let now = ctx.now;
    // Saturates at 32 bits, as the ends of mutes do.
    let until = now.saturating_add(unsigned(body, "Duration").unwrap_or(0) as i64).min(i64::from(u32::MAX));
    let ids: Vec<Id> = users.iter().map(|user| ctx.account(user).unwrap_or_else(|| Id::from(*user))).collect();
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    group.bans.retain(|_, until| *until > now);
    for id in &ids {
        group.expel(id);
        group.presence.leave(id.as_str());
        if until > now {
            group.bans.insert(id.clone(), until);
        } else {
            group.bans.remove(id.as_str());
        }
    }
    for user in users {
        ctx.note_left(user, number);
    }
    let content = json!({
        "Event": "MembersBanned",
        "BannedUntil": until,
        "Description": optional_text(body, "Description"),
    });
    ctx.events.deliver(DeliveryKind::Tip, text(body, "GroupId"), Audience::Users(ids), content);
    done()
}

fn unban_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users = subject(ctx, body)?;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    for user in users {
        group.bans.remove(user);
    }
    done()
}

/// Users on one page, also when the request names no number.
const PAGE: i64 = 100;

fn get_group_ban_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    check_type(group)?;
    let limit = match integer(body, "Limit").unwrap_or(0) {
        0 => PAGE as usize,
        limit if (1..=PAGE).contains(&limit) => limit as usize,
        _ => return Err(ApiError::field("Limit", "must be at most 100")),
    };
    let Ok(offset) = usize::try_from(integer(body, "Offset").unwrap_or(0)) else {
        return Err(ApiError::field("Offset", "must not be negative"));
    };
    let mut running = group.bans.iter().filter(|(_, until)| **until > ctx.now).skip(offset);
    let page: Vec<Value> = running
        .by_ref()
        .take(limit)
        .map(|(user, until)| json!({"Member_Account": user.as_str(), "BannedUntil": until}))
        .collect();
    let next = if running.next().is_some() { offset + page.len() } else { 0 };
    answer(json!({"BannedAccountList": page, "NextOffset": next}))
}
