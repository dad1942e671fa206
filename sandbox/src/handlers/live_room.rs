//! What only live rooms (AVChatRooms) have: an online list, marks, admins and robots. The control API moves users in and out.

use serde_json::{Value, json};

use super::checks::check_count;
use crate::body::{Body, Outcome, answer, done, integer, objects, text, texts, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::ids::Id;
use crate::schema::Kind::{Integer, Numbers, Objects, Text, U32, User, Users};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::presence::{ALWAYS_ONLINE, HIDDEN, Online};

const SERVICE: &str = "group_open_avchatroom_http_svc";

const GROUP: &[Field] = &[req("GroupId", Text)];
const LIST: &[Field] = &[req("GroupId", Text), req("Timestamp", Integer), opt("Mark", U32)];
const CHECK: &[Field] = &[req("GroupId", Text), req("Member_Account", Users)];
const MARK: &[Field] = &[
    req("GroupId", Text),
    req("CommandType", U32),
    req("MemberList", Objects(&[req("Member_Account", User), req("Marks", Numbers)])),
];
const ADMINS: &[Field] = &[req("GroupId", Text), req("CommandType", U32), req("Admin_Account", Users)];
const ROBOTS: &[Field] = &[req("GroupId", Text), req("Robot_Account", Users)];

pub static COMMANDS: &[Command] = &[
    Command::new("group_open_http_svc", "get_online_member_num", GROUP, get_online_member_num).read_only(),
    Command::new(SERVICE, "get_members", LIST, get_members).read_only(),
    Command::new(SERVICE, "check_members", CHECK, check_members).read_only(),
    Command::new(SERVICE, "modify_user_info", MARK, modify_user_info),
    Command::new(SERVICE, "modify_admin", ADMINS, modify_admin),
    Command::new(SERVICE, "get_admin_list", GROUP, get_admin_list).read_only(),
    Command::new(SERVICE, "add_robots", ROBOTS, add_robots),
    Command::new(SERVICE, "del_robots", ROBOTS, del_robots),
];

/// Members of one page of the online list.
const PAGE: usize = 500;
/// The latest members that the online list knows, and those that it knows in an edition below Pro.
const LISTED: usize = 1_000;
const LISTED_BASIC: usize = 30;
/// Members that one call may mark, and users that one call may name otherwise.
const PER_CALL: usize = 500;
const MARKS_PER_GROUP: usize = 10;
const MEMBERS_PER_MARK: usize = 1_000;
/// The smallest mark of an app's own.
const FIRST_MARK: u32 = 1_000;
const ADMINS_PER_GROUP: usize = 5;

fn room<'c>(ctx: &'c Ctx<'_>, body: &Body) -> Result<&'c Group, ApiError> {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if group.kind != GroupType::AVChatRoom {
        return Err(ApiError::not_allowed("only an AVChatRoom knows who is present"));
    }
    Ok(group)
}

/// A room in an edition that has more than the online list.
fn pro_room<'c>(ctx: &'c Ctx<'_>, body: &Body) -> Result<&'c Group, ApiError> {
    if ctx.limits.basic_edition {
        return Err(ApiError::not_allowed("this needs the Pro, Pro Plus or Enterprise edition"));
    }
    room(ctx, body)
}

/// Exact at once, as upstream for small rooms.
fn get_online_member_num(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = room(ctx, body)?;
    answer(json!({"OnlineMemberNum": group.presence.count_online(ctx.now)}))
}

/// The latest come first. `NextTimestamp` is when the last one of the page came, in milliseconds.
fn get_members(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !matches!(group.kind, GroupType::AVChatRoom | GroupType::Community) {
        return Err(ApiError::not_allowed("only an AVChatRoom or a community knows who is online"));
    }
    let presence = &group.presence;
    let listed = if ctx.limits.basic_edition { LISTED_BASIC } else { LISTED };
    let wanted = unsigned(body, "Mark").and_then(|mark| u32::try_from(mark).ok());
    let shown = |online: &Online| match wanted {
        Some(mark) => presence.has_mark(&online.id, mark),
        None => !presence.has_mark(&online.id, HIDDEN),
    };
    let after = integer(body, "Timestamp").unwrap_or(0);
    let mut rest = presence
        .online(ctx.now)
        .take(listed)
        .filter(shown)
        .filter(|online| after == 0 || online.stamp < after)
        .peekable();
    let page: Vec<Online> = rest.by_ref().take(PAGE).collect();
    let next = match (rest.peek(), page.last()) {
        (Some(_), Some(last)) => last.stamp,
        _ => 0,
    };
    let rows: Vec<Value> = page
        .iter()
        .map(|online| {
            let (nick, face_url) = profile(ctx, &online.id);
            json!({
                "Member_Account": online.id.as_str(),
                "JoinTime": online.stamp / 1_000,
                "NickName": nick,
                "Avatar": face_url,
            })
        })
        .collect();
    answer(json!({"MemberList": rows, "NextTimestamp": next}))
}

fn check_members(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = pro_room(ctx, body)?;
    let users = texts(body, "Member_Account").unwrap_or_default();
    check_count(users.len(), PER_CALL)?;
    let online: Vec<&str> = users.into_iter().filter(|user| group.presence.is_online(user, ctx.now)).collect();
    answer(json!({"Member_Account": online}))
}

/// Whether `CommandType` says to set (1) and not to remove (2).
fn sets(body: &Body) -> Result<bool, ApiError> {
    match unsigned(body, "CommandType") {
        Some(1) => Ok(true),
        Some(2) => Ok(false),
        _ => Err(ApiError::field("CommandType", "must be 1 or 2")),
    }
}

/// All marks of a call change, or none.
fn modify_user_info(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let mut presence = pro_room(ctx, body)?.presence.clone();
    let set = sets(body)?;
    let items = objects(body, "MemberList");
    if !(1..=PER_CALL).contains(&items.clone().count()) {
        return Err(ApiError::field("MemberList", "must have 1 to 500 items"));
    }
    let mut changed = Vec::new();
    for item in items {
        let marks = marks(item)?;
        let user = text(item, "Member_Account");
        let pins = set && marks.contains(&ALWAYS_ONLINE);
        if !pins && !presence.is_online(user, ctx.now) {
            continue;
        }
        let Some(id) = ctx.account(user) else { continue };
        if pins {
            presence.pin(id.clone(), ctx.now);
        }
        for mark in &marks {
            match (set, *mark) {
                (true, mark) => presence.mark(&id, mark),
                (false, mark) => {
                    presence.unmark(user, mark);
                    if mark == ALWAYS_ONLINE {
                        presence.unpin(user);
                    }
                }
            }
        }
        changed.push(json!({"Member_Account": user, "Marks": marks}));
    }
    if changed.is_empty() {
        return Err(ApiError::field("MemberList", "names nobody who is online"));
    }
    let marked = presence.marked();
    if marked.keys().filter(|mark| **mark >= FIRST_MARK).count() > MARKS_PER_GROUP {
        return Err(ApiError::field("MemberList", "gives the group more than 10 marks"));
    }
    if marked.values().any(|members| *members > MEMBERS_PER_MARK) {
        return Err(ApiError::field("MemberList", "gives a mark to more than 1000 members"));
    }
    ctx.app.group_mut(text(body, "GroupId"))?.presence = presence;
    answer(json!({"CommandType": if set { 1 } else { 2 }, "MemberList": changed}))
}

fn marks(item: &Body) -> Result<Vec<u32>, ApiError> {
    let marks = item.get("Marks").and_then(Value::as_array).into_iter().flatten();
    let mark = |value: &Value| {
        let mark = value.as_u64().and_then(|mark| u32::try_from(mark).ok());
        mark.filter(|mark| *mark >= FIRST_MARK || [ALWAYS_ONLINE, HIDDEN].contains(mark))
    };
    let marks: Option<Vec<u32>> = marks.map(mark).collect();
    marks
        .filter(|marks| !marks.is_empty())
        .ok_or_else(|| ApiError::field("MemberList[].Marks", "must be numbers from 1000 on, or 500 or 600"))
}

/// An appointed user need not be in the room.
fn modify_admin(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let mut admins = pro_room(ctx, body)?.presence.admins.clone();
    let set = sets(body)?;
    let users = texts(body, "Admin_Account").unwrap_or_default();
    if users.is_empty() {
        return Err(ApiError::field("Admin_Account", "must not be empty"));
    }
    for user in users {
        if set {
            admins.insert(known(ctx, user, "Admin_Account")?);
        } else {
            admins.remove(user);
        }
    }
    if admins.len() > ADMINS_PER_GROUP {
        return Err(ApiError::field("Admin_Account", "gives the group more than 5 admins"));
    }
    ctx.app.group_mut(text(body, "GroupId"))?.presence.admins = admins;
    done()
}

fn get_admin_list(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = pro_room(ctx, body)?;
    let rows: Vec<Value> = group
        .presence
        .admins
        .iter()
        .map(|admin| {
            let (nick, face_url) = profile(ctx, admin);
            json!({"Admin_Account": admin.as_str(), "NickName": nick, "Avatar": face_url})
        })
        .collect();
    answer(json!({"Admin_List": rows}))
}

fn add_robots(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    pro_room(ctx, body)?;
    let mut robots = Vec::new();
    for robot in named_robots(body)? {
        robots.push(known(ctx, robot, "Robot_Account")?);
    }
    let now = ctx.now;
    let presence = &mut ctx.app.group_mut(text(body, "GroupId"))?.presence;
    for robot in robots {
        presence.mark(&robot, ALWAYS_ONLINE);
        presence.pin(robot, now);
    }
    done()
}

fn del_robots(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    pro_room(ctx, body)?;
    let presence = &mut ctx.app.group_mut(text(body, "GroupId"))?.presence;
    for robot in named_robots(body)? {
        presence.unmark(robot, ALWAYS_ONLINE);
        presence.unpin(robot);
    }
    done()
}

fn named_robots(body: &Body) -> Result<Vec<&str>, ApiError> {
    let robots = texts(body, "Robot_Account").unwrap_or_default();
    if robots.is_empty() {
        return Err(ApiError::field("Robot_Account", "must not be empty"));
    }
    check_count(robots.len(), PER_CALL)?;
    Ok(robots)
}

/// These commands have no special code for an unknown account.
fn known(ctx: &mut Ctx<'_>, user: &str, field: &str) -> Result<Id, ApiError> {
    ctx.account(user).ok_or_else(|| ApiError::field(field, "names an account that does not exist"))
}

fn profile<'c>(ctx: &'c Ctx<'_>, user: &str) -> (&'c str, &'c str) {
    ctx.app.accounts.get(user).map_or(("", ""), |account| (&account.nick, &account.face_url))
}
