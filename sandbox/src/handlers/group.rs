//! Groups: creating, reading, changing and dissolving them, and listing those of the app.

use serde_json::{Value, json};

use super::checks::{group_custom, member_custom, merge_custom};
use super::view::{base_info, insert_custom, member_info};
use crate::body::{Body, Outcome, answer, done, integer, objects, optional_text, switch, text, texts, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind, Hook, member_list};
use crate::group_type::GroupType;
use crate::ids::{Id, is_custom_group_id};
use crate::schema::Kind::{Bytes, Flag, Integer, Limited, Object, Objects, Text, Texts, U32, User, Word};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::member::{MsgFlag, Role};
use crate::state::permission_group::Right;

const SERVICE: &str = "group_open_http_svc";

const APPLY_OPTIONS: &[&str] = &["FreeAccess", "NeedPermission", "DisableApply"];
const INVITE_OPTIONS: &[&str] = &["FreeAccess", "NeedPermission", "DisableInvite"];
const ON_OFF: &[&str] = &["On", "Off"];

/// Group-level custom fields.
pub const GROUP_CUSTOM: &[Field] = &[req("Key", Bytes(16)), req("Value", Bytes(512))];
/// Member-level custom fields.
pub const MEMBER_CUSTOM: &[Field] = &[req("Key", Bytes(16)), req("Value", Bytes(64))];

const CREATE: &[Field] = &[
    opt("Owner_Account", User),
    req("Type", Word(GroupType::NAMES)),
    opt("GroupId", Text),
    req("Name", Limited(|limits| limits.name_bytes)),
    opt("Introduction", Limited(|limits| limits.introduction_bytes)),
    opt("Notification", Limited(|limits| limits.notification_bytes)),
    opt("FaceUrl", Limited(|limits| limits.face_url_bytes)),
    opt("MaxMemberCount", U32).alias(&["MaxMemberNum"]).zero_is_absent(),
    opt("ApplyJoinOption", Word(APPLY_OPTIONS)),
    opt("InviteJoinOption", Word(INVITE_OPTIONS)),
    opt("AppDefinedData", Objects(GROUP_CUSTOM)),
    opt(
        "MemberList",
        Objects(&[
            req("Member_Account", User),
            opt("Role", Word(&["Admin"])),
            opt("AppMemberDefinedData", Objects(MEMBER_CUSTOM)),
            opt("JoinTime", Integer),
            // Nothing is there to have been read when a group begins.
            opt("MsgSeq", U32).ignored(),
            opt("MsgFlag", Word(MsgFlag::NAMES)),
            opt("NameCard", Bytes(50)),
            opt("LastSendMsgTime", Integer),
            // Part of the member record that a client of 2021 sends whole.
            opt("MuteUntil", U32).alias(&["ShutUpUntil"]).ignored(),
        ]),
    ),
    opt("AppMemberDefinedData", Objects(MEMBER_CUSTOM)).ignored(),
    // A past moment is for import_group.
    opt("CreateTime", Integer).ignored(),
    opt("SupportTopic", Flag),
    opt("EnablePermission", Flag),
    opt("DefaultPermission", Integer),
];

const GET_INFO: &[Field] = &[
    req("GroupIdList", Texts),
    opt(
        "ResponseFilter",
        Object(&[
            opt("GroupBaseInfoFilter", Texts),
            opt("MemberInfoFilter", Texts),
            opt("AppDefinedDataFilter_Group", Texts),
            opt("AppDefinedDataFilter_GroupMember", Texts),
        ]),
    ),
];

const MODIFY: &[Field] = &[
    req("GroupId", Text),
    opt("Name", Limited(|limits| limits.name_bytes)),
    opt("Introduction", Limited(|limits| limits.introduction_bytes)),
    opt("Notification", Limited(|limits| limits.notification_bytes)),
    opt("FaceUrl", Limited(|limits| limits.face_url_bytes)),
    opt("MaxMemberNum", U32),
    opt("ApplyJoinOption", Word(APPLY_OPTIONS)),
    opt("InviteJoinOption", Word(INVITE_OPTIONS)),
    opt("From_Account", User),
    opt("AppDefinedData", Objects(GROUP_CUSTOM)),
    opt("MuteAllMember", Word(ON_OFF)).alias(&["ShutUpAllMember"]),
    opt("EnablePermission", Flag),
    opt("DefaultPermission", Integer),
    opt("HistoryMsgBeforeJoin", Word(ON_OFF)),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "create_group", CREATE, create_group).before(before_create),
    Command::new(SERVICE, "get_group_info", GET_INFO, get_group_info).read_only(),
    Command::new(SERVICE, "modify_group_base_info", MODIFY, modify_group_base_info),
    Command::new(SERVICE, "destroy_group", &[req("GroupId", Text)], destroy_group),
    Command::new(
        SERVICE,
        "change_group_owner",
        &[req("GroupId", Text), req("NewOwner_Account", User), opt("From_Account", User)],
        change_group_owner,
    ),
];

/// Most members that create_group takes.
const MEMBERS_AT_CREATION: usize = 100;

fn create_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let members: Vec<&Body> = objects(body, "MemberList").collect();
    if members.len() > MEMBERS_AT_CREATION {
        return Err(ApiError::new(10005, "MemberList holds more than 100 accounts"));
    }
    let mut group = new_group(ctx, body)?;
    if !group.kind.stores_members() && !members.is_empty() {
        return Err(ApiError::not_allowed("nobody can be put into an AVChatRoom"));
    }
    if members.iter().any(|member| member.contains_key("Role")) && !group.kind.has_admins() {
        return Err(ApiError::not_allowed("this group type has no admins"));
    }
    for entry in members {
        let id = ctx.known_account(text(entry, "Member_Account"))?;
        let custom = member_custom(ctx, entry)?;
        if group.members.get(&id).is_some() {
            continue;
        }
        if group.is_full() {
            return Err(ApiError::new(10038, "MemberList exceeds the member cap"));
        }
        let role = if optional_text(entry, "Role") == Some("Admin") { Role::Admin } else { Role::Member };
        group.admit(id.clone(), role, ctx.now);
        if let Some(member) = group.members.get_mut(&id) {
            member.join_time = integer(entry, "JoinTime").unwrap_or(ctx.now);
            member.msg_flag = MsgFlag::parse(text(entry, "MsgFlag")).unwrap_or(member.msg_flag);
            member.name_card = text(entry, "NameCard").into();
            member.last_send_time = integer(entry, "LastSendMsgTime").unwrap_or(0);
            if !custom.is_empty() {
                merge_custom(member.custom.get_or_insert_default(), &custom);
            }
        }
    }
    let mut answer = Body::new();
    answer.insert("GroupId".to_owned(), json!(group.id.as_str()));
    if group.support_topic {
        answer.insert("Type".to_owned(), json!(group.kind.name()));
        answer.insert("HugeGroupFlag".to_owned(), json!(0));
    }
    let id = group.id.clone();
    let owner = group.owner.clone();
    let kind = group.kind;
    if kind.stores_members() {
        let content = json!({"Event": "GroupCreated", "Operator_Account": ctx.caller});
        ctx.events.deliver(DeliveryKind::Tip, &id, Audience::Members, content);
    }
    let caller = ctx.caller;
    ctx.events.hook("Group.CallbackAfterCreateGroup", || {
        let mut hook = created(caller, kind, body);
        hook["GroupId"] = json!(id.as_str());
        hook["Owner_Account"] = json!(owner.as_deref().unwrap_or_default());
        if let Some(custom) = body.get("AppDefinedData") {
            hook["UserDefinedDataList"] = custom.clone();
        }
        hook
    });
    ctx.app.insert(group);
    ctx.app.count_growth(1, ctx.now);
    Ok(answer)
}

/// A request that breaks a rule fails by itself and need not be asked about.
fn before_create(ctx: &Ctx<'_>, body: &Body) -> Option<Hook> {
    let kind = GroupType::parse(text(body, "Type"))?;
    let is_taken = ctx.app.group(text(body, "GroupId")).is_ok();
    let has_members = objects(body, "MemberList").next().is_some();
    if is_taken || (has_members && !kind.stores_members()) {
        return None;
    }
    let body = answer(created(ctx.caller, kind, body)).ok()?;
    Some(Hook { command: "Group.CallbackBeforeCreateGroup", body })
}

/// What both webhooks about a new group say.
fn created(caller: &str, kind: GroupType, body: &Body) -> Value {
    json!({
        "Operator_Account": caller,
        "Owner_Account": text(body, "Owner_Account"),
        "Type": kind.name(),
        "Name": text(body, "Name"),
        "MemberList": member_list(objects(body, "MemberList").map(|member| text(member, "Member_Account"))),
    })
}

/// What creating and importing share: the id, the profile, the owner as first member, and the quotas. Not inserted yet.
pub fn new_group(ctx: &mut Ctx<'_>, body: &Body) -> Result<Group, ApiError> {
    let kind = GroupType::parse(text(body, "Type")).ok_or_else(|| ApiError::field("Type", "is unknown"))?;
    if text(body, "Name").is_empty() {
        return Err(ApiError::field("Name", "must not be empty"));
    }
    let owner = match optional_text(body, "Owner_Account").filter(|owner| !owner.is_empty()) {
        Some(owner) => Some(ctx.known_account(owner)?),
        None => None,
    };
    let custom = group_custom(ctx, body)?;
    let chosen = text(body, "GroupId");
    if !chosen.is_empty() {
        if !is_custom_group_id(chosen, kind) {
            return Err(ApiError::field("GroupId", "is not a valid id for this group type"));
        }
        if let Ok(taken) = ctx.app.group(chosen) {
            let same_owner = owner.is_some() && taken.owner == owner;
            return Err(match same_owner {
                true => ApiError::new(10025, "the group id is used by a group of the same owner"),
                false => ApiError::new(10021, "the group id is taken"),
            });
        }
    }
    if ctx.limits.groups > 0 && ctx.app.count(None) >= ctx.limits.groups {
        return Err(ApiError::new(10058, "too many groups for this edition"));
    }
    let live_rooms = ctx.limits.live_rooms;
    if kind == GroupType::AVChatRoom && live_rooms > 0 && ctx.app.count(Some(kind)) >= live_rooms {
        return Err(ApiError::new(10036, "too many AVChatRoom groups for this edition"));
    }
    if ctx.limits.new_groups > 0 && ctx.app.gained(ctx.now) >= ctx.limits.new_groups {
        return Err(ApiError::new(10006, "too many new groups today"));
    }
    if let Some(owner) = &owner
        && ctx.joined_too_many(owner)
    {
        return Err(ApiError::new(10037, "the owner is in too many groups"));
    }
    let cap = kind.member_cap(ctx.limits);
    let max_members = unsigned(body, "MaxMemberCount").unwrap_or(cap);
    if kind.stores_members() && (max_members > cap || max_members == 0) {
        return Err(ApiError::new(10038, format!("MaxMemberCount must be 1 to {cap}")));
    }
    if switch(body, "SupportTopic") && kind != GroupType::Community {
        return Err(ApiError::not_allowed("only a community can hold topics"));
    }
    let has_permissions =
        switch(body, "EnablePermission") || unsigned(body, "DefaultPermission").is_some_and(|bits| bits > 0);
    if has_permissions && !switch(body, "SupportTopic") {
        return Err(ApiError::not_allowed("only a community with topics has permissions"));
    }
    if kind == GroupType::AVChatRoom && body.contains_key("InviteJoinOption") {
        return Err(ApiError::not_allowed("an AVChatRoom has no InviteJoinOption"));
    }

    let id = if chosen.is_empty() { Id::from(ctx.app.make_group_id(kind).as_str()) } else { Id::from(chosen) };
    let mut group = Group::new(ctx.app.next_number(), id, kind, ctx.now);
    group.name = text(body, "Name").to_owned();
    group.introduction = text(body, "Introduction").to_owned();
    group.notification = text(body, "Notification").to_owned();
    group.face_url = text(body, "FaceUrl").to_owned();
    group.max_members = max_members;
    if kind == GroupType::Public
        && let Some(option) = optional_text(body, "ApplyJoinOption")
    {
        group.apply_join_option = option.to_owned();
    }
    if let Some(option) = optional_text(body, "InviteJoinOption") {
        group.invite_join_option = option.to_owned();
    }
    group.support_topic = switch(body, "SupportTopic");
    group.enable_permission = switch(body, "EnablePermission");
    group.default_permission = unsigned(body, "DefaultPermission").unwrap_or(0);
    merge_custom(&mut group.custom, &custom);
    if let Some(owner) = owner {
        if kind.stores_members() {
            group.admit(owner.clone(), Role::Owner, ctx.now);
        }
        group.owner = Some(owner);
    }
    Ok(group)
}

/// Groups that one get_group_info call may name.
const GROUPS_PER_CALL: usize = 50;
/// Members that get_group_info lists at most; larger groups must be paged.
const MEMBERS_PER_ANSWER: usize = 6_000;

fn get_group_info(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let ids = texts(body, "GroupIdList").unwrap_or_default();
    if ids.len() > GROUPS_PER_CALL || ids.is_empty() {
        return Err(ApiError::field("GroupIdList", "must hold 1 to 50 ids"));
    }
    let nothing = Body::new();
    let filter = body.get("ResponseFilter").and_then(Value::as_object).unwrap_or(&nothing);
    let entries: Vec<Value> = ids
        .into_iter()
        .map(|id| match group_entry(ctx, id, filter) {
            Ok(entry) => Value::Object(entry),
            Err(error) => json!({"GroupId": id, "ErrorCode": error.code, "ErrorInfo": error.info}),
        })
        .collect();
    answer(json!({"GroupInfo": entries}))
}

fn group_entry(ctx: &Ctx<'_>, id: &str, filter: &Body) -> Outcome {
    let base = texts(filter, "GroupBaseInfoFilter");
    let members = texts(filter, "MemberInfoFilter");
    let custom = texts(filter, "AppDefinedDataFilter_Group");
    let member_custom = texts(filter, "AppDefinedDataFilter_GroupMember");
    let group = ctx.app.group(id)?;

    let mut entry = Body::new();
    entry.insert("GroupId".to_owned(), json!(id));
    entry.insert("ErrorCode".to_owned(), json!(0));
    entry.insert("ErrorInfo".to_owned(), json!(""));
    if filter.is_empty() {
        entry.insert("Appid".to_owned(), json!(ctx.app.sdkappid));
    }
    base_info(group, base.as_deref(), &mut entry);
    insert_custom(&mut entry, "AppDefinedData", &group.custom, custom.as_deref());
    let wants_members = filter.is_empty() || members.is_some() || member_custom.is_some();
    if wants_members && group.kind.stores_members() {
        if group.members.len() > MEMBERS_PER_ANSWER {
            return Err(ApiError::new(10054, "too many members for one answer, read them page by page"));
        }
        let list: Vec<Value> = group
            .members
            .iter()
            .map(|member| member_info(group, member, members.as_deref(), member_custom.as_deref(), ctx.now))
            .collect();
        entry.insert("MemberList".to_owned(), Value::Array(list));
    }
    Ok(entry)
}

fn modify_group_base_info(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let kind = ctx.app.group(text(body, "GroupId"))?.kind;
    ctx.check_operator(text(body, "GroupId"), body, Right::ManageGroupInfo, None)?;
    if optional_text(body, "Name") == Some("") {
        return Err(ApiError::field("Name", "must not be empty"));
    }
    let cap = kind.member_cap(ctx.limits);
    if kind.stores_members() && unsigned(body, "MaxMemberNum").is_some_and(|max| max > cap || max == 0) {
        return Err(ApiError::new(10038, format!("MaxMemberNum must be 1 to {cap}")));
    }
    if !kind.stores_members() && body.contains_key("InviteJoinOption") {
        return Err(ApiError::not_allowed("an AVChatRoom has no InviteJoinOption"));
    }
    if optional_text(body, "MuteAllMember") == Some("On") && !kind.can_mute() {
        return Err(ApiError::not_allowed("a Work group knows no muting"));
    }
    let has_permissions = body.contains_key("EnablePermission") || body.contains_key("DefaultPermission");
    if has_permissions && !ctx.app.group(text(body, "GroupId"))?.support_topic {
        return Err(ApiError::not_allowed("only a community with topics has permissions"));
    }
    let custom = group_custom(ctx, body)?;
    let now = ctx.now;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;

    let texts = [
        ("Name", &mut group.name),
        ("Introduction", &mut group.introduction),
        ("Notification", &mut group.notification),
        ("FaceUrl", &mut group.face_url),
        ("InviteJoinOption", &mut group.invite_join_option),
    ];
    for (key, target) in texts {
        if let Some(value) = optional_text(body, key) {
            *target = value.to_owned();
        }
    }
    // The other types have a fixed way of joining.
    if kind == GroupType::Public
        && let Some(option) = optional_text(body, "ApplyJoinOption")
    {
        group.apply_join_option = option.to_owned();
    }
    if kind.stores_members()
        && let Some(max) = unsigned(body, "MaxMemberNum")
    {
        group.max_members = max;
    }
    if let Some(mute) = optional_text(body, "MuteAllMember") {
        group.mute_all = mute == "On";
    }
    if let Some(option) = optional_text(body, "HistoryMsgBeforeJoin") {
        group.history_before_join = Some(option.to_owned());
    }
    if body.contains_key("EnablePermission") {
        group.enable_permission = switch(body, "EnablePermission");
    }
    if let Some(bits) = unsigned(body, "DefaultPermission") {
        group.default_permission = bits;
    }
    merge_custom(&mut group.custom, &custom);
    group.touch(now);
    tell_profile(ctx, kind, body);
    done()
}

/// Notifies members and webhook of the texts and custom fields that changed; other changes are not reported.
fn tell_profile(ctx: &mut Ctx<'_>, kind: GroupType, body: &Body) {
    let mut changed = Body::new();
    for key in ["Name", "Introduction", "Notification", "FaceUrl"] {
        if let Some(value) = body.get(key) {
            changed.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(custom) = body.get("AppDefinedData") {
        changed.insert("UserDefinedDataList".to_owned(), custom.clone());
    }
    if changed.is_empty() {
        return;
    }
    let id = text(body, "GroupId");
    let operator = optional_text(body, "From_Account").unwrap_or(ctx.caller);
    changed.insert("Operator_Account".to_owned(), json!(operator));
    let mut tip = changed.clone();
    tip.insert("Event".to_owned(), json!("GroupInfoChanged"));
    ctx.events.deliver(DeliveryKind::Tip, id, Audience::Members, Value::Object(tip));
    ctx.events.hook("Group.CallbackAfterGroupInfoChanged", || {
        changed.insert("GroupId".to_owned(), json!(id));
        changed.insert("Type".to_owned(), json!(kind.name()));
        Value::Object(changed)
    });
}

fn destroy_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let id = text(body, "GroupId");
    ctx.app.group(id)?;
    let content = json!({"Event": "GroupDestroyed", "Operator_Account": ctx.caller});
    ctx.events.deliver(DeliveryKind::Tip, id, Audience::Members, content);
    let Some(group) = ctx.app.remove(id) else {
        return done();
    };
    ctx.app.count_growth(-1, ctx.now);
    ctx.events.hook("Group.CallbackAfterGroupDestroyed", || {
        let mut hook = json!({
            "GroupId": id,
            "Type": group.kind.name(),
            "Owner_Account": group.owner.as_deref().unwrap_or_default(),
            "Name": group.name,
        });
        // The members of a community are too many to list.
        if group.kind != GroupType::Community {
            hook["MemberList"] = member_list(group.members.iter().map(|member| member.id.as_str()));
        }
        hook
    });
    done()
}

fn change_group_owner(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let now = ctx.now;
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("an AVChatRoom keeps its owner"));
    }
    let new_owner = text(body, "NewOwner_Account");
    let Some(member) = group.members.get(new_owner) else {
        return Err(ApiError::not_allowed("the new owner is not in the group"));
    };
    if member.role == Role::Owner {
        return done();
    }
    let id = member.id.clone();
    let former = group.owner.replace(id);
    if let Some(former) = &former {
        group.members.set_role(former, Role::Member);
    }
    group.members.set_role(new_owner, Role::Owner);
    group.touch(now);
    let (kind, id) = (group.kind, text(body, "GroupId"));
    let operator = optional_text(body, "From_Account").unwrap_or(ctx.caller);
    let content = json!({"Event": "OwnerChanged", "Operator_Account": operator, "NewOwner_Account": new_owner});
    ctx.events.deliver(DeliveryKind::Tip, id, Audience::Members, content);
    ctx.events.hook("Group.CallbackAfterChangeGroupOwner", || {
        json!({
            "GroupId": id,
            "Type": kind.name(),
            "Operator_Account": operator,
            "OldOwner_Account": former.as_deref().unwrap_or_default(),
            "NewOwner_Account": new_owner,
        })
    });
    done()
}
