//! Permission groups of communities: the groups themselves and their members.

use serde_json::{Value, json};

use super::checks::check_page;
use crate::body::{Body, Outcome, answer, done, objects, optional_text, text, texts, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind};
use crate::ids::{Id, is_custom_permission_group_id, is_permission_group_id};
use crate::schema::Kind::{Bytes, Cursor, Integer, Objects, Text, Texts, User};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::permission_group::PermissionGroup;

const SERVICE: &str = "group_open_http_svc";

const CREATE: &[Field] = &[
    req("GroupId", Text),
    opt("PermissionGroupId", Text),
    req("PermissionGroupName", Bytes(150)),
    opt("Permission", Integer),
    opt("CustomString", Bytes(3000)),
];
const DESTROY: &[Field] = &[req("GroupId", Text), req("PermissionGroupIdList", Texts)];
const MODIFY: &[Field] = &[
    req("GroupId", Text),
    req("PermissionGroupId", Text),
    opt("PermissionGroupName", Bytes(150)),
    opt("Permission", Integer),
    opt("CustomString", Bytes(3000)),
];
const GET: &[Field] =
    &[req("GroupId", Text), opt("PermissionGroupIdList", Texts), opt("Limit", Integer), opt("Next", Cursor)];
const MEMBERS: &[Field] =
    &[req("GroupId", Text), req("PermissionGroupId", Text), req("MemberList", Objects(&[req("Member_Account", User)]))];
const LIST: &[Field] =
    &[req("GroupId", Text), req("PermissionGroupId", Text), opt("Limit", Integer), opt("Next", Cursor)];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "create_permission_group", CREATE, create_permission_group),
    Command::new(SERVICE, "destroy_permission_group", DESTROY, destroy_permission_group),
    Command::new(SERVICE, "modify_permission_group", MODIFY, modify_permission_group),
    Command::new(SERVICE, "get_permission_group", GET, get_permission_group).read_only(),
    Command::new(SERVICE, "add_permission_group_member", MEMBERS, add_permission_group_member),
    Command::new(SERVICE, "delete_permission_group_member", MEMBERS, delete_permission_group_member),
    Command::new(SERVICE, "get_permission_group_member_list", LIST, get_permission_group_member_list).read_only(),
];

/// No such permission group.
const UNKNOWN: i64 = 110006;
/// The same of one that is gone, where a command's list of codes has this one.
const DESTROYED: i64 = 110008;

/// The community of a request: 10007 where permission groups are off.
pub fn community<'c>(ctx: &'c Ctx<'_>, body: &Body) -> Result<&'c Group, ApiError> {
    let group = ctx.app.group(text(body, "GroupId"))?;
    check_enabled(group)?;
    Ok(group)
}

pub fn community_mut<'c>(ctx: &'c mut Ctx<'_>, body: &Body) -> Result<&'c mut Group, ApiError> {
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    check_enabled(group)?;
    Ok(group)
}

fn check_enabled(group: &Group) -> Result<(), ApiError> {
    if group.support_topic && group.enable_permission {
        return Ok(());
    }
    Err(ApiError::not_allowed("only a community with EnablePermission 1 has permission groups"))
}

/// The code for a permission group that is not there.
fn missing(group: &Group, id: &str, destroyed: i64) -> ApiError {
    if !is_permission_group_id(id) {
        return ApiError::new(10015, "invalid permission group id: it must start with @PMG#_");
    }
    let code = if group.permission_groups.was_destroyed(id) { destroyed } else { UNKNOWN };
    ApiError::new(code, "this permission group does not exist")
}

/// The permission group that a reading request names.
pub fn named<'g>(group: &'g Group, body: &Body, destroyed: i64) -> Result<&'g PermissionGroup, ApiError> {
    let id = text(body, "PermissionGroupId");
    group.permission_groups.get(id).ok_or_else(|| missing(group, id, destroyed))
}

/// The permission group that a changing request names.
pub fn named_mut<'g>(group: &'g mut Group, body: &Body, destroyed: i64) -> Result<&'g mut PermissionGroup, ApiError> {
    named(group, body, destroyed)?;
    let id = text(body, "PermissionGroupId");
    group.permission_groups.get_mut(id).ok_or_else(|| ApiError::new(UNKNOWN, "this permission group does not exist"))
}

/// A set of bits, if the request gives one.
pub fn bits(body: &Body) -> Result<Option<u64>, ApiError> {
    match unsigned(body, "Permission") {
        None if body.contains_key("Permission") => Err(ApiError::field("Permission", "must not be negative")),
        bits => Ok(bits),
    }
}

fn create_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = community(ctx, body)?;
    if text(body, "PermissionGroupName").is_empty() {
        return Err(ApiError::field("PermissionGroupName", "must not be empty"));
    }
    let chosen = optional_text(body, "PermissionGroupId").filter(|id| !id.is_empty());
    if let Some(id) = chosen {
        if !is_custom_permission_group_id(id) {
            return Err(ApiError::new(10015, "invalid permission group id: it must be @PMG#_ and an own part"));
        }
        if group.permission_groups.get(id).is_some() {
            return Err(ApiError::new(10021, "the permission group id is taken"));
        }
    }
    let permission = bits(body)?.unwrap_or(0);
    let id = chosen.map_or_else(|| ctx.app.make_permission_group_id(), str::to_owned);
    let new = PermissionGroup::new(
        id.clone(),
        text(body, "PermissionGroupName").to_owned(),
        permission,
        text(body, "CustomString").to_owned(),
        ctx.now,
    );
    community_mut(ctx, body)?.permission_groups.insert(new);
    answer(json!({"PermissionGroupId": id}))
}

/// Permission groups that one destroy_permission_group call may name.
const DESTROY_PER_CALL: usize = 20;

fn destroy_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = community_mut(ctx, body)?;
    let ids = texts(body, "PermissionGroupIdList").unwrap_or_default();
    if ids.is_empty() || ids.len() > DESTROY_PER_CALL {
        return Err(ApiError::field("PermissionGroupIdList", "must hold 1 to 20 ids"));
    }
    let results: Vec<Value> = ids
        .into_iter()
        .map(|id| match group.permission_groups.remove(id) {
            Some(_) => json!({"ErrorCode": 0, "ErrorInfo": "", "PermissionGroupId": id}),
            None => {
                let error = missing(group, id, UNKNOWN);
                json!({"ErrorCode": error.code, "ErrorInfo": error.info, "PermissionGroupId": id})
            }
        })
        .collect();
    answer(json!({"PermissionGroupResultList": results}))
}

fn modify_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let permission = bits(body)?;
    let group = community_mut(ctx, body)?;
    let changed = named_mut(group, body, DESTROYED)?;
    if optional_text(body, "PermissionGroupName") == Some("") {
        return Err(ApiError::field("PermissionGroupName", "must not be empty"));
    }
    if let Some(name) = optional_text(body, "PermissionGroupName") {
        changed.name = name.to_owned();
    }
    if let Some(custom) = optional_text(body, "CustomString") {
        changed.custom_string = custom.to_owned();
    }
    changed.permission = permission.unwrap_or(changed.permission);
    done()
}

/// Permission groups on one page.
const PAGE: usize = 20;

fn get_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = community(ctx, body)?;
    let limit = check_page(body, PAGE)?;
    if let Some(ids) = texts(body, "PermissionGroupIdList").filter(|ids| !ids.is_empty()) {
        let list: Result<Vec<Value>, ApiError> = ids
            .into_iter()
            .map(|id| group.permission_groups.get(id).map(entry).ok_or_else(|| missing(group, id, DESTROYED)))
            .collect();
        return answer(json!({"PermissionGroupInfoList": list?, "Next": ""}));
    }
    let place = match cursor(body) {
        text if text.is_empty() => 0,
        text => text.parse().map_err(|_| ApiError::field("Next", "did not come from an answer"))?,
    };
    let (page, next) = group.permission_groups.page_after(place, limit);
    let list: Vec<Value> = page.iter().map(entry).collect();
    let next = next.map(|place| place.to_string()).unwrap_or_default();
    answer(json!({"PermissionGroupInfoList": list, "Next": next}))
}

/// `Next` as text: the field table types it as a number, whose first value is 0, the samples as text.
fn cursor(body: &Body) -> String {
    match body.get("Next") {
        Some(Value::String(text)) => text.clone(),
        Some(number) if *number != 0 => number.to_string(),
        _ => String::new(),
    }
}

fn entry(group: &PermissionGroup) -> Value {
    json!({
        "PermissionGroupId": group.id,
        "PermissionGroupName": group.name,
        "Permission": group.permission,
        "CustomString": group.custom_string,
        "MemberNum": group.members.len(),
        "CreateTime": group.create_time,
    })
}

/// Users that one call may put in or take out.
const USERS_PER_CALL: usize = 100;

fn users(body: &Body) -> Result<Vec<&str>, ApiError> {
    let users: Vec<&str> = objects(body, "MemberList").map(|member| text(member, "Member_Account")).collect();
    if users.is_empty() || users.len() > USERS_PER_CALL {
        return Err(ApiError::field("MemberList", "must hold 1 to 100 members"));
    }
    Ok(users)
}

/// `Result` of one user.
const ADDED: i64 = 0;
const MEMBER_ALREADY: i64 = 10013;
const NO_MEMBER_OF_THE_COMMUNITY: i64 = 10007;
const NO_SUCH_ACCOUNT: i64 = 10019;
const FULL: i64 = 110012;

fn add_permission_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users = users(body)?;
    named(community(ctx, body)?, body, UNKNOWN)?;
    let most = ctx.limits.permission_group_members;
    let mut results = Vec::with_capacity(users.len());
    for user in users {
        let account = ctx.account(user);
        let group = community_mut(ctx, body)?;
        let is_member = group.members.get(user).is_some();
        let permission_group = named_mut(group, body, UNKNOWN)?;
        let full = most > 0 && permission_group.members.len() >= most;
        let result = match account {
            None => NO_SUCH_ACCOUNT,
            Some(_) if !is_member => NO_MEMBER_OF_THE_COMMUNITY,
            Some(id) if permission_group.members.contains(&id) => MEMBER_ALREADY,
            Some(_) if full => FULL,
            Some(id) => {
                permission_group.members.insert(id);
                ADDED
            }
        };
        results.push(json!({"Member_Account": user, "Result": result}));
    }
    answer(json!({"MemberList": results}))
}

fn delete_permission_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users = users(body)?;
    let group = community_mut(ctx, body)?;
    let permission_group = named_mut(group, body, UNKNOWN)?;
    let removed: Vec<Id> = users.iter().filter_map(|user| permission_group.members.take(*user)).collect();
    if !removed.is_empty() {
        let content = json!({
            "Event": "PermissionGroupMembersRemoved",
            "PermissionGroupId": permission_group.id,
            "Operator_Account": ctx.caller,
        });
        ctx.events.deliver(DeliveryKind::Tip, text(body, "GroupId"), Audience::Users(removed), content);
    }
    // A user who was not in it is out of it as well.
    let results: Vec<Value> = users.iter().map(|user| json!({"Member_Account": user, "Result": 0})).collect();
    answer(json!({"MemberList": results}))
}

/// Members on one page.
const MEMBER_PAGE: usize = 50;

fn get_permission_group_member_list(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = community(ctx, body)?;
    let permission_group = named(group, body, DESTROYED)?;
    let limit = check_page(body, MEMBER_PAGE)?;
    let (page, next) = permission_group.members_after(&cursor(body), limit);
    let list: Vec<Value> = page
        .into_iter()
        .filter_map(|user| group.members.get(user))
        .map(|member| {
            json!({
                "Member_Account": member.id.as_str(),
                "Role": member.role.name(),
                "JoinTime": member.join_time,
                "MsgFlag": member.msg_flag.name(),
                "NameCard": member.name_card,
            })
        })
        .collect();
    answer(json!({"MemberList": list, "Next": next.map(Id::as_str).unwrap_or_default()}))
}
