//! Members: putting users into groups, reading, changing and removing them.

use serde_json::{Value, json};

use super::checks::{check_count, member_custom, merge_custom};
use super::group::MEMBER_CUSTOM;
use super::view::member_info;
use crate::body::{Body, Outcome, answer, done, integer, objects, optional_text, switch, text, texts, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind, Hook, member_list};
use crate::group_type::GroupType;
use crate::schema::Kind::{Bytes, Cursor, Flag, Integer, Objects, Text, Texts, U32, User, Users, Word};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::member::{MsgFlag, Role};

const SERVICE: &str = "group_open_http_svc";

const ADD: &[Field] =
    &[req("GroupId", Text), opt("Silence", Flag), req("MemberList", Objects(&[req("Member_Account", User)]))];
const DELETE: &[Field] =
    &[req("GroupId", Text), opt("Silence", Flag), opt("Reason", Text), req("MemberToDel_Account", Users)];
const GET: &[Field] = &[
    req("GroupId", Text),
    opt("MemberInfoFilter", Texts),
    opt("MemberRoleFilter", Texts),
    opt("AppDefinedDataFilter_GroupMember", Texts),
    opt("Limit", Integer),
    opt("Offset", Integer),
    opt("Next", Cursor),
];
const GET_SPECIFIED: &[Field] = &[
    req("GroupId", Text),
    req("Member_List_Account", Users),
    opt("MemberInfoFilter", Texts),
    opt("MemberRoleFilter", Texts),
    opt("AppDefinedDataFilter_GroupMember", Texts),
];
const MODIFY: &[Field] = &[
    req("GroupId", Text),
    req("Member_Account", User),
    opt("Role", Word(&["Admin", "Member"])),
    opt("MsgFlag", Word(MsgFlag::NAMES)),
    opt("NameCard", Bytes(50)),
    opt("AppMemberDefinedData", Objects(MEMBER_CUSTOM)),
    opt("MuteTime", U32).alias(&["ShutUpTime", "ShutUpUntil"]),
];
pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "get_group_member_info", GET, get_group_member_info).read_only(),
    Command::new(SERVICE, "get_specified_group_member_info", GET_SPECIFIED, get_specified_group_member_info)
        .read_only(),
    Command::new(SERVICE, "add_group_member", ADD, add_group_member).before(before_invite),
    Command::new(SERVICE, "delete_group_member", DELETE, delete_group_member),
    Command::new(SERVICE, "modify_group_member_info", MODIFY, modify_group_member_info),
    Command::new(SERVICE, "get_role_in_group", &[req("GroupId", Text), req("User_Account", Users)], get_role_in_group)
        .read_only(),
];

/// `Result` of one user in add and import answers.
const FAILED: u8 = 0;
const ADDED: u8 = 1;
const MEMBER_ALREADY: u8 = 2;

fn add_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("nobody can be put into an AVChatRoom"));
    }
    let number = group.number;
    let users: Vec<&str> = objects(body, "MemberList").map(|member| text(member, "Member_Account")).collect();
    if users.is_empty() {
        return Err(ApiError::field("MemberList", "must not be empty"));
    }
    check_count(users.len(), ctx.limits.add_members)?;

    let mut added = Vec::new();
    let (mut unknown, mut full, mut over_quota) = (0, 0, 0);
    let mut results = Vec::with_capacity(users.len());
    for user in &users {
        let account = ctx.account(user);
        let too_many = ctx.joined_too_many(user);
        let now = ctx.now;
        let group = ctx.app.group_mut(text(body, "GroupId"))?;
        let result = match account {
            None => {
                unknown += 1;
                FAILED
            }
            Some(id) if group.members.get(&id).is_some() => MEMBER_ALREADY,
            Some(id) if group.is_banned(&id, now) => FAILED,
            Some(_) if too_many => {
                over_quota += 1;
                FAILED
            }
            Some(_) if group.is_full() => {
                full += 1;
                FAILED
            }
            Some(id) => {
                added.push(*user);
                group.admit(id, Role::Member, now);
                ctx.note_joined(user, number);
                ADDED
            }
        };
        results.push(json!({"Member_Account": user, "Result": result}));
    }
    tell_full(ctx, text(body, "GroupId"), full > 0, !added.is_empty());
    if added.is_empty() && full > 0 {
        return Err(ApiError::new(10014, "the group is full"));
    }
    if over_quota == users.len() {
        return Err(ApiError::new(10037, "the users are in too many groups"));
    }
    if unknown == users.len() {
        return Err(ApiError::no_such_account(users.first().copied().unwrap_or_default()));
    }
    if !added.is_empty() {
        tell_joined(ctx, body, &added)?;
    }
    answer(json!({"MemberList": results}))
}

/// A request that breaks a rule fails by itself and need not be asked about.
fn before_invite(ctx: &Ctx<'_>, body: &Body) -> Option<Hook> {
    let group = ctx.app.group(text(body, "GroupId")).ok()?;
    let users = objects(body, "MemberList").map(|member| text(member, "Member_Account"));
    let hook = json!({
        "GroupId": text(body, "GroupId"),
        "Type": group.kind.name(),
        "Operator_Account": ctx.caller,
        "DestinationMembers": member_list(users),
    });
    let body = answer(hook).ok().filter(|_| group.kind.stores_members())?;
    Some(Hook { command: "Group.CallbackBeforeInviteJoinGroup", body })
}

fn tell_joined(ctx: &mut Ctx<'_>, body: &Body, added: &[&str]) -> Result<(), ApiError> {
    let (id, caller, now) = (text(body, "GroupId"), ctx.caller, ctx.now);
    let group = ctx.app.group_mut(id)?;
    let kind = group.kind;
    if !switch(body, "Silence") {
        group.store_member_notice(now);
        // A Work group without a message stays silent.
        if group.active && kind.stores_member_notices() {
            let content = json!({"Event": "MembersJoined", "MemberList": member_list(added.iter().copied())});
            ctx.events.deliver(DeliveryKind::Tip, id, Audience::Members, content);
        }
    }
    ctx.events.hook("Group.CallbackAfterNewMemberJoin", || {
        json!({
            "GroupId": id,
            "Type": kind.name(),
            "JoinType": "Invited",
            "Operator_Account": caller,
            "NewMemberList": member_list(added.iter().copied()),
        })
    });
    Ok(())
}

/// Reports to the webhook that a group is full, or refused a user.
fn tell_full(ctx: &mut Ctx<'_>, id: &str, turned_away: bool, grew: bool) {
    let is_full = ctx.app.group(id).is_ok_and(Group::is_full);
    if turned_away || (grew && is_full) {
        ctx.events.hook("Group.CallbackAfterGroupFull", || json!({"GroupId": id}));
    }
}

/// Users that one delete_group_member call may name.
const DELETE_PER_CALL: usize = 100;

fn delete_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::new(10004, "GroupId names an AVChatRoom, whose members cannot be removed"));
    }
    let number = group.number;
    let users = texts(body, "MemberToDel_Account").unwrap_or_default();
    check_count(users.len(), DELETE_PER_CALL)?;
    let now = ctx.now;
    let mut removed = Vec::new();
    for user in users {
        let group = ctx.app.group_mut(text(body, "GroupId"))?;
        if group.expel(user).is_none() {
            continue;
        }
        removed.push(user);
        ctx.note_left(user, number);
    }
    if removed.is_empty() {
        return done();
    }
    let (id, caller) = (text(body, "GroupId"), ctx.caller);
    let group = ctx.app.group_mut(id)?;
    let kind = group.kind;
    if !switch(body, "Silence") {
        group.store_member_notice(now);
        if group.active && kind.stores_member_notices() {
            let content = json!({
                "Event": "MembersRemoved",
                "MemberList": member_list(removed.iter().copied()),
                "Reason": text(body, "Reason"),
            });
            ctx.events.deliver(DeliveryKind::Tip, id, Audience::Members, content);
        }
    }
    ctx.events.hook("Group.CallbackAfterMemberExit", || {
        json!({
            "GroupId": id,
            "Type": kind.name(),
            "ExitType": "Kicked",
            "Operator_Account": caller,
            "ExitMemberList": member_list(removed.iter().copied()),
        })
    });
    done()
}

/// Members on one page; the field table's older value.
const PAGE: i64 = 6_000;

fn get_group_member_info(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("an AVChatRoom stores no members"));
    }
    let limit = integer(body, "Limit").unwrap_or(PAGE);
    let offset = integer(body, "Offset").unwrap_or(0);
    if !(0..=PAGE).contains(&limit) {
        return Err(ApiError::field("Limit", "must be 0 to 6000"));
    }
    let limit = if limit == 0 { PAGE as usize } else { limit as usize };
    let Ok(offset) = usize::try_from(offset) else {
        return Err(ApiError::field("Offset", "must not be negative"));
    };
    let by_cursor = group.kind == GroupType::Community;
    if by_cursor && offset > 0 {
        return Err(ApiError::field("Offset", "is not for communities, which page with Next"));
    }
    let roles = roles(body)?;
    let (page, next) = if by_cursor {
        group.members.page_from(&roles, cursor(body)?, limit)
    } else {
        (group.members.page(&roles, offset, limit), None)
    };
    let filter = texts(body, "MemberInfoFilter");
    let custom = texts(body, "AppDefinedDataFilter_GroupMember");
    let list: Vec<Value> = page
        .into_iter()
        .map(|member| member_info(group, member, filter.as_deref(), custom.as_deref(), ctx.now))
        .collect();
    let mut answer = Body::new();
    answer.insert("MemberNum".to_owned(), json!(group.members.len()));
    answer.insert("MemberList".to_owned(), Value::Array(list));
    if by_cursor {
        let next = next.map(|place| place.to_string()).unwrap_or_default();
        answer.insert("Next".to_owned(), json!(next));
    }
    Ok(answer)
}

/// Users that one get_specified_group_member_info call may name.
const SPECIFIED_PER_CALL: usize = 50;

fn get_specified_group_member_info(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("an AVChatRoom stores no members"));
    }
    let users = texts(body, "Member_List_Account").unwrap_or_default();
    if users.is_empty() || users.len() > SPECIFIED_PER_CALL {
        return Err(ApiError::field("Member_List_Account", "must hold 1 to 50 users"));
    }
    let roles = roles(body)?;
    let filter = texts(body, "MemberInfoFilter");
    let custom = texts(body, "AppDefinedDataFilter_GroupMember");
    let list: Vec<Value> = users
        .into_iter()
        .filter_map(|user| group.members.get(user))
        .filter(|member| roles.is_empty() || roles.contains(&member.role))
        .map(|member| member_info(group, member, filter.as_deref(), custom.as_deref(), ctx.now))
        .collect();
    answer(json!({"GroupId": text(body, "GroupId"), "MemberList": list}))
}

/// A community's `Next`: "" or 0 at the start, else the decimal text of the answer before.
fn cursor(body: &Body) -> Result<u64, ApiError> {
    match body.get("Next") {
        None => Ok(0),
        Some(Value::String(text)) if text.is_empty() => Ok(0),
        Some(Value::String(text)) => text.parse().map_err(|_| ApiError::field("Next", "did not come from an answer")),
        Some(number) => Ok(number.as_u64().unwrap_or(0)),
    }
}

fn roles(body: &Body) -> Result<Vec<Role>, ApiError> {
    texts(body, "MemberRoleFilter")
        .unwrap_or_default()
        .into_iter()
        .map(|name| match name {
            "Owner" => Ok(Role::Owner),
            "Admin" => Ok(Role::Admin),
            "Member" => Ok(Role::Member),
            _ => Err(ApiError::field("MemberRoleFilter", "must hold Owner, Admin or Member")),
        })
        .collect()
}

fn modify_group_member_info(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let user = text(body, "Member_Account");
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("an AVChatRoom stores no members"));
    }
    let Some(member) = group.members.get(user) else {
        return Err(ApiError::not_allowed("the user is not in the group"));
    };
    let role = optional_text(body, "Role");
    if role.is_some() && (!group.kind.has_admins() || member.role == Role::Owner) {
        return Err(ApiError::not_allowed("the role of this member cannot be set"));
    }
    // "0 lifts the mute", which no user there has.
    if unsigned(body, "MuteTime").is_some_and(|seconds| seconds > 0) && !group.kind.can_mute() {
        return Err(ApiError::not_allowed("a Work group knows no muting"));
    }
    let custom = member_custom(ctx, body)?;
    let now = ctx.now;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    if let Some(role) = role {
        group.members.set_role(user, if role == "Admin" { Role::Admin } else { Role::Member });
    }
    if let Some(member) = group.members.get_mut(user) {
        member.msg_flag = optional_text(body, "MsgFlag").and_then(MsgFlag::parse).unwrap_or(member.msg_flag);
        if let Some(card) = optional_text(body, "NameCard") {
            member.name_card = card.into();
        }
        if !custom.is_empty() {
            let all = member.custom.get_or_insert_default();
            merge_custom(all, &custom);
        }
        let id = member.id.clone();
        if let Some(seconds) = unsigned(body, "MuteTime") {
            super::mute::set(&mut group.mutes, id, seconds, now);
        }
    }
    let (kind, caller) = (group.kind, ctx.caller);
    let card = optional_text(body, "NameCard");
    if role.is_some() || card.is_some() {
        ctx.events.hook("Group.CallbackAfterMemberFieldChanged", || {
            let mut hook = json!({
                "GroupId": text(body, "GroupId"),
                "Type": kind.name(),
                "Operator_Account": caller,
                "Member_Account": user,
            });
            if let Some(role) = role {
                hook["Role"] = json!(role);
            }
            if let Some(card) = card {
                hook["NameCard"] = json!(card);
            }
            hook
        });
    }
    done()
}

/// Users that one get_role_in_group call may name.
const ROLES_PER_CALL: usize = 500;

fn get_role_in_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("an AVChatRoom stores no members"));
    }
    let users = texts(body, "User_Account").unwrap_or_default();
    check_count(users.len(), ROLES_PER_CALL)?;
    let list: Vec<Value> = users
        .into_iter()
        .map(|user| {
            let role = group.members.get(user).map_or("NotMember", |member| member.role.name());
            json!({"Member_Account": user, "Role": role})
        })
        .collect();
    answer(json!({"UserIdList": list}))
}
