//! Migration: groups, messages and members with past times.

use serde_json::{Value, json};

use super::checks::check_count;
use super::group::{GROUP_CUSTOM, new_group};
use super::message::elements;
use crate::body::{Body, Outcome, answer, done, integer, objects, optional_text, text, topic_id, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::message_body::ELEMENTS;
use crate::schema::Kind::{Flag, Integer, Limited, Objects, Text, U32, User, Word};
use crate::schema::{Field, opt, req};
use crate::state::member::Role;
use crate::state::message::Message;

const SERVICE: &str = "group_open_http_svc";

const GROUP: &[Field] = &[
    opt("Owner_Account", User),
    req("Type", Word(GroupType::NAMES)),
    opt("GroupId", Text),
    req("Name", Limited(|limits| limits.name_bytes)),
    opt("Introduction", Limited(|limits| limits.introduction_bytes)),
    opt("Notification", Limited(|limits| limits.notification_bytes)),
    opt("FaceUrl", Limited(|limits| limits.face_url_bytes)),
    opt("MaxMemberCount", U32).alias(&["MaxMemberNum"]).zero_is_absent(),
    opt("ApplyJoinOption", Word(&["FreeAccess", "NeedPermission", "DisableApply"])),
    opt("AppDefinedData", Objects(GROUP_CUSTOM)),
    opt("CreateTime", Integer).zero_is_absent(),
    opt("SupportTopic", Flag),
];
const MESSAGES: &[Field] = &[
    req("GroupId", Text),
    opt("RecentContactFlag", Flag).ignored(),
    opt("TopicId", Text),
    req(
        "MsgList",
        Objects(&[
            req("From_Account", User),
            req("SendTime", Integer),
            opt("Random", U32),
            req("MsgBody", ELEMENTS),
            opt("CloudCustomData", Text),
            opt("TopicId", Text),
        ]),
    ),
];
const MEMBERS: &[Field] = &[
    req("GroupId", Text),
    req(
        "MemberList",
        Objects(&[
            req("Member_Account", User),
            opt("Role", Word(&["Admin"])),
            opt("JoinTime", Integer).zero_is_absent(),
            opt("UnreadMsgNum", U32),
            // Part of the member record that a client of 2021 sends whole.
            opt("MuteUntil", U32).alias(&["ShutUpUntil"]).ignored(),
        ]),
    ),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "import_group", GROUP, import_group),
    Command::new(SERVICE, "import_group_msg", MESSAGES, import_group_msg),
    Command::new(SERVICE, "import_group_member", MEMBERS, import_group_member),
    Command::new(
        SERVICE,
        "set_unread_msg_num",
        &[req("GroupId", Text), req("Member_Account", User), req("UnreadMsgNum", U32)],
        set_unread_msg_num,
    ),
];

/// The most members that an imported group may have, and how many it has when the request names no number.
const IMPORTED_MEMBERS_MAX: u64 = 6_000;
const IMPORTED_MEMBERS: u64 = 2_000;

fn import_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let kind = GroupType::parse(text(body, "Type"));
    if kind == Some(GroupType::AVChatRoom) {
        return Err(ApiError::not_allowed("an AVChatRoom cannot be imported"));
    }
    let create_time = integer(body, "CreateTime").unwrap_or(ctx.now);
    if create_time > ctx.now || create_time < 0 {
        return Err(ApiError::field("CreateTime", "must not lie in the future"));
    }
    if kind != Some(GroupType::Community)
        && unsigned(body, "MaxMemberCount").is_some_and(|max| max > IMPORTED_MEMBERS_MAX)
    {
        return Err(ApiError::field("MaxMemberCount", "must be at most 6000"));
    }
    let mut group = new_group(ctx, body).map_err(|error| match error.code {
        // Importing does not say whose the id is.
        10025 => ApiError::new(10021, "the group id is taken"),
        _ => error,
    })?;
    if group.kind != GroupType::Community && !body.contains_key("MaxMemberCount") {
        group.max_members = group.max_members.min(IMPORTED_MEMBERS);
    }
    group.create_time = create_time;
    group.last_info_time = create_time;
    if let Some(owner) = group.owner.clone()
        && let Some(member) = group.members.get_mut(&owner)
    {
        member.join_time = create_time;
    }
    let id = group.id.clone();
    ctx.app.insert(group);
    ctx.app.count_growth(1, ctx.now);
    answer(json!({"GroupId": id.as_str()}))
}

/// Messages that one import_group_msg call may hold.
const MESSAGES_PER_CALL: usize = 7;

fn import_group_msg(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_history() {
        return Err(ApiError::not_allowed("an AVChatRoom stores no messages"));
    }
    let messages: Vec<&Body> = objects(body, "MsgList").collect();
    // The newer place of TopicId is beside GroupId, the older one inside each message.
    let topic_of = |message| topic_id(body).or(topic_id(message));
    for topic in messages.iter().copied().filter_map(topic_of) {
        group.topic(topic)?;
    }
    if messages.is_empty() || messages.len() > MESSAGES_PER_CALL {
        return Err(ApiError::field("MsgList", "must hold 1 to 7 messages"));
    }
    let results = messages
        .iter()
        .map(|message| {
            let time = integer(message, "SendTime").unwrap_or(0);
            match import_message(ctx, text(body, "GroupId"), topic_of(message), message, time) {
                Ok((time, seq)) => json!({"MsgSeq": seq, "MsgTime": time, "Result": 0}),
                Err(error) => json!({"MsgSeq": 0, "MsgTime": time, "Result": error.code}),
            }
        })
        .collect::<Vec<Value>>();
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    group.active = true;
    for topic in messages.into_iter().map(topic_of) {
        match topic {
            Some(topic) => group.topic_mut(topic)?.mark_all_read(),
            None => group.mark_all_read(),
        }
    }
    answer(json!({"ImportMsgResult": results}))
}

/// Stores one message: its time must lie after the creation of the group or topic and after its newest message, and before now.
fn import_message(
    ctx: &mut Ctx<'_>,
    group: &str,
    topic: Option<&str>,
    message: &Body,
    time: i64,
) -> Result<(i64, u64), ApiError> {
    let elements = elements(message, ctx.limits.message_bytes)?;
    let from = ctx.known_account(text(message, "From_Account"))?;
    let now = ctx.now;
    let group = ctx.app.group_mut(group)?;
    let (created, history, duplicates) = match topic {
        Some(topic) => {
            let topic = group.topic_mut(topic)?;
            (topic.create_time, &mut topic.history, &mut topic.duplicates)
        }
        None => (group.create_time, &mut group.history, &mut group.duplicates),
    };
    let random = unsigned(message, "Random").map(|random| random as u32);
    if let Some((_, seq)) = random.and_then(|random| duplicates.find(&from, random, now)) {
        return Ok((history.get(seq).map_or(time, |first| first.time), seq));
    }
    if time <= created || time <= history.last_message_time || time >= now {
        return Err(ApiError::field("SendTime", "is out of range"));
    }
    let mut stored = Message::new(Some(from.clone()), time, random.unwrap_or(0), &elements);
    stored.stored = now;
    stored.cloud_custom_data = optional_text(message, "CloudCustomData").map(Into::into);
    history.last_message_time = time;
    let seq = history.push(stored, true);
    if let Some(random) = random {
        // The memory of five minutes counts from the import, not from the message's own time.
        duplicates.remember(&from, random, now, seq);
    }
    Ok((time, seq))
}

fn import_group_member(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.kind.stores_members() {
        return Err(ApiError::not_allowed("an AVChatRoom stores no members"));
    }
    let number = group.number;
    let members: Vec<&Body> = objects(body, "MemberList").collect();
    if members.is_empty() {
        return Err(ApiError::field("MemberList", "must not be empty"));
    }
    check_count(members.len(), ctx.limits.import_members)?;
    let (mut imported, mut full) = (0, 0);
    let mut results = Vec::with_capacity(members.len());
    for entry in members {
        let user = text(entry, "Member_Account");
        let account = ctx.account(user);
        let now = ctx.now;
        let join_time = integer(entry, "JoinTime");
        let admin = optional_text(entry, "Role") == Some("Admin");
        let group = ctx.app.group_mut(text(body, "GroupId"))?;
        let in_time = join_time.is_none_or(|time| group.create_time < time && time < now);
        let result = match account {
            Some(id) if group.members.get(&id).is_some() => 2,
            Some(id) if group.is_banned(&id, now) => 0,
            Some(_) if group.is_full() => {
                full += 1;
                0
            }
            Some(id) if in_time && (!admin || group.kind.has_admins()) => {
                let role = if admin { Role::Admin } else { Role::Member };
                group.admit(id, role, join_time.unwrap_or(now));
                group.set_unread(user, unsigned(entry, "UnreadMsgNum").unwrap_or(0));
                ctx.note_joined(user, number);
                imported += 1;
                1
            }
            _ => 0,
        };
        results.push(json!({"Member_Account": user, "Result": result}));
    }
    if imported == 0 && full > 0 {
        return Err(ApiError::new(10014, "the group is full"));
    }
    answer(json!({"MemberList": results}))
}

fn set_unread_msg_num(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let user = text(body, "Member_Account");
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    if !group.kind.counts_unread() {
        return done();
    }
    if group.members.get(user).is_none() {
        return Err(ApiError::not_allowed("the user is not in the group"));
    }
    group.set_unread(user, unsigned(body, "UnreadMsgNum").unwrap_or(0));
    done()
}
