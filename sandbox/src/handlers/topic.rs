//! Topics of communities: creating, importing, reading, changing and disbanding them.

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, integer, optional_text, text, texts, topic_id};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::{Audience, DeliveryKind, Hook};
use crate::ids::is_custom_topic_id;
use crate::schema::Kind::{Bytes, Integer, Limited, Text, Texts, User, Word};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::member::MsgFlag;
use crate::state::permission_group::Right;
use crate::state::topic::Topic;

const SERVICE: &str = "million_group_open_http_svc";
/// Importing lies with the other imports.
const IMPORT_SERVICE: &str = "group_open_http_svc";

const NAME: Field = opt("TopicName", Limited(|limits| limits.name_bytes));
const CUSTOM_STRING: Field = opt("CustomString", Bytes(3000));
const FACE_URL: Field = opt("FaceUrl", Limited(|limits| limits.face_url_bytes));
const NOTIFICATION: Field = opt("Notification", Limited(|limits| limits.notification_bytes));
const INTRODUCTION: Field = opt("Introduction", Limited(|limits| limits.introduction_bytes));

const CREATE: &[Field] = &[
    req("GroupId", Text),
    opt("TopicId", Bytes(96)),
    req(NAME.name, NAME.kind),
    opt("From_Account", User),
    CUSTOM_STRING,
    FACE_URL,
    NOTIFICATION,
    INTRODUCTION,
];
const IMPORT: &[Field] = &[
    opt("Type", Word(&["Community"])),
    req("GroupId", Text),
    opt("TopicId", Bytes(96)),
    req(NAME.name, NAME.kind),
    opt("From_Account", User),
    CUSTOM_STRING,
    FACE_URL,
    NOTIFICATION,
    INTRODUCTION,
    opt("CreateTime", Integer),
];
const GET: &[Field] =
    &[req("GroupId", Text), req("From_Account", User), opt("TopicIdList", Texts), opt("ResponseFilter", Texts)];
const MODIFY: &[Field] = &[
    req("GroupId", Text),
    req("TopicId", Bytes(96)),
    NAME,
    opt("From_Account", User),
    CUSTOM_STRING,
    FACE_URL,
    NOTIFICATION,
    INTRODUCTION,
    opt("MuteAllMember", Word(&["On", "Off"])),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "create_topic", CREATE, create_topic).before(before_create),
    Command::new(SERVICE, "get_topic", GET, get_topic).read_only(),
    Command::new(SERVICE, "modify_topic", MODIFY, modify_topic),
    Command::new(SERVICE, "destroy_topic", &[req("GroupId", Text), req("TopicIdList", Texts)], destroy_topic),
    Command::new(IMPORT_SERVICE, "import_topic", IMPORT, import_topic),
];

/// The community of a request: 10007 for a group that holds no topics.
fn community<'c>(ctx: &'c Ctx<'_>, body: &Body) -> Result<&'c Group, ApiError> {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if !group.support_topic {
        return Err(ApiError::not_allowed("only a community that supports topics has them"));
    }
    Ok(group)
}

fn operator<'b>(caller: &'b str, body: &'b Body) -> &'b str {
    optional_text(body, "From_Account").filter(|from| !from.is_empty()).unwrap_or(caller)
}

fn create_topic(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    // Creating says that the id is in use in the caller's own community, importing only that it is taken.
    check_new(ctx, body, 10025)?;
    ctx.check_operator(text(body, "GroupId"), body, Right::ManageTopics, None)?;
    let id = insert(ctx, body, ctx.now)?;

    let group_id = text(body, "GroupId");
    let operator = operator(ctx.caller, body);
    let content = json!({"Event": "TopicCreated", "TopicId": id, "Operator_Account": operator});
    ctx.events.deliver_in(DeliveryKind::Tip, group_id, Some(&id), Audience::Members, content);
    let owner = ctx.app.group(group_id)?.owner.clone();
    ctx.events.hook("Group.CallbackAfterCreateTopic", || {
        let mut hook = asked(operator, body);
        hook["GroupId"] = json!(group_id);
        hook["TopicId"] = json!(id);
        hook["Owner_Account"] = json!(owner.as_deref().unwrap_or_default());
        hook
    });
    answer(json!({"TopicId": id}))
}

/// A request that breaks a rule fails by itself and need not be asked about.
fn before_create(ctx: &Ctx<'_>, body: &Body) -> Option<Hook> {
    check_new(ctx, body, 10025).ok()?;
    let body = answer(asked(operator(ctx.caller, body), body)).ok()?;
    Some(Hook { command: "Group.CallbackBeforeCreateTopic", body })
}

/// What both webhooks about a new topic say.
fn asked(operator: &str, body: &Body) -> Value {
    json!({"Operator_Account": operator, "Type": "Community", "Name": text(body, "TopicName")})
}

fn import_topic(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    check_new(ctx, body, 10021)?;
    if let Some(user) = optional_text(body, "From_Account").filter(|user| !user.is_empty()) {
        ctx.known_account(user)?;
    }
    let create_time = integer(body, "CreateTime").unwrap_or(ctx.now);
    if create_time > ctx.now || create_time < 0 {
        return Err(ApiError::field("CreateTime", "must not lie in the future"));
    }
    let id = insert(ctx, body, create_time)?;
    answer(json!({"TopicId": id}))
}

/// What creating and importing check alike.
fn check_new(ctx: &Ctx<'_>, body: &Body, taken: i64) -> Result<(), ApiError> {
    let group = community(ctx, body)?;
    if text(body, "TopicName").is_empty() {
        return Err(ApiError::field("TopicName", "must not be empty"));
    }
    let Some(id) = topic_id(body) else {
        return Ok(());
    };
    if !is_custom_topic_id(id, &group.id) {
        return Err(ApiError::new(10015, "invalid topic id: it must be the GroupId, @TOPIC#_ and an own part"));
    }
    if group.topics.contains_key(id) {
        return Err(ApiError::new(taken, "the topic id is taken"));
    }
    Ok(())
}

fn insert(ctx: &mut Ctx<'_>, body: &Body, create_time: i64) -> Result<String, ApiError> {
    let group_id = text(body, "GroupId");
    let id = topic_id(body).map_or_else(|| ctx.app.make_topic_id(group_id), str::to_owned);
    let mut topic = Topic::new(create_time);
    change_texts(&mut topic, body);
    ctx.app.group_mut(group_id)?.topics.insert(id.clone(), topic);
    Ok(id)
}

/// Takes over the texts that a request gives.
fn change_texts(topic: &mut Topic, body: &Body) {
    let targets = [
        ("TopicName", &mut topic.name),
        ("CustomString", &mut topic.custom_string),
        ("FaceUrl", &mut topic.face_url),
        ("Notification", &mut topic.notification),
        ("Introduction", &mut topic.introduction),
    ];
    for (key, target) in targets {
        if let Some(value) = optional_text(body, key) {
            *target = value.to_owned();
        }
    }
}

fn modify_topic(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let id = text(body, "TopicId");
    community(ctx, body)?.topic(id)?;
    ctx.check_operator(text(body, "GroupId"), body, Right::ManageTopics, Some(id))?;
    if optional_text(body, "TopicName") == Some("") {
        return Err(ApiError::field("TopicName", "must not be empty"));
    }
    let topic = ctx.app.group_mut(text(body, "GroupId"))?.topic_mut(id)?;
    change_texts(topic, body);
    if let Some(mute) = optional_text(body, "MuteAllMember") {
        topic.mute_all = mute == "On";
    }
    tell_changed(ctx, body);
    fine(json!({}))
}

/// Notifies members and webhook of the texts that changed; other changes are not reported.
fn tell_changed(ctx: &mut Ctx<'_>, body: &Body) {
    let mut changed = Body::new();
    for (key, told) in [
        ("TopicName", "Name"),
        ("Introduction", "Introduction"),
        ("Notification", "Notification"),
        ("FaceUrl", "FaceUrl"),
    ] {
        if let Some(value) = body.get(key) {
            changed.insert(told.to_owned(), value.clone());
        }
    }
    if changed.is_empty() {
        return;
    }
    let group = text(body, "GroupId");
    changed.insert("Operator_Account".to_owned(), json!(operator(ctx.caller, body)));
    let mut tip = changed.clone();
    tip.insert("Event".to_owned(), json!("TopicInfoChanged"));
    ctx.events.deliver_in(DeliveryKind::Tip, group, topic_id(body), Audience::Members, Value::Object(tip));
    ctx.events.hook("Group.CallbackAfterTopicInfoChanged", || {
        changed.insert("GroupId".to_owned(), json!(group));
        changed.insert("Type".to_owned(), json!("Community"));
        Value::Object(changed)
    });
}

fn destroy_topic(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    community(ctx, body)?;
    let ids = texts(body, "TopicIdList").unwrap_or_default();
    if ids.is_empty() {
        return Err(ApiError::field("TopicIdList", "must not be empty"));
    }
    let group_id = text(body, "GroupId");
    let group = ctx.app.group_mut(group_id)?;
    let mut destroyed = Vec::new();
    let results: Vec<Value> = ids
        .into_iter()
        .map(|id| {
            if group.topics.remove(id).is_none() {
                return json!({"ErrorCode": GONE, "ErrorInfo": GONE_INFO, "TopicId": id});
            }
            group.permission_groups.forget_topic(id);
            destroyed.push(id);
            json!({"ErrorCode": 0, "ErrorInfo": "ok", "TopicId": id})
        })
        .collect();
    for id in &destroyed {
        let content = json!({"Event": "TopicDestroyed", "Operator_Account": ctx.caller});
        ctx.events.deliver_in(DeliveryKind::Tip, group_id, Some(id), Audience::Members, content);
    }
    if !destroyed.is_empty() {
        ctx.events.hook(
            "Group.CallbackAfterTopicDestroyed",
            || json!({"GroupId": group_id, "Type": "Community", "TopicIdList": destroyed}),
        );
    }
    fine(json!({"DestroyResultItem": results}))
}

/// The code of one topic that is not there.
const GONE: i64 = 110003;
const GONE_INFO: &str = "this topic does not exist or was disbanded";

fn get_topic(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = community(ctx, body)?;
    let user = text(body, "From_Account");
    let filter = texts(body, "ResponseFilter").filter(|filter| !filter.is_empty());
    let ids = match texts(body, "TopicIdList").filter(|ids| !ids.is_empty()) {
        Some(ids) => ids,
        None => group.topics.keys().map(String::as_str).collect(),
    };
    let items: Vec<Value> = ids
        .into_iter()
        .map(|id| match group.topics.get(id) {
            Some(topic) => json!({
                "ErrorCode": 0,
                "ErrorInfo": "ok",
                "SelfInfo": self_info(topic, user, ctx.now),
                "TopicInfo": topic_info(group, id, topic, filter.as_deref()),
            }),
            None => json!({
                "ErrorCode": GONE,
                "ErrorInfo": GONE_INFO,
                "TopicInfo": {"GroupID": group.id.as_str(), "TopicId": id},
            }),
        })
        .collect();
    fine(json!({"TopicAndSelfInfo": items}))
}

/// Where a user stands in a topic. No command of the server changes the receive option.
fn self_info(topic: &Topic, user: &str, now: i64) -> Value {
    let muted_for = (topic.muted_until(user, now) - now).max(0);
    json!({
        "ShutUpTime": muted_for,
        "MsgSeq": topic.read_seq(user),
        "MsgFlag": MsgFlag::AcceptAndNotify.name(),
    })
}

/// The keys of a topic's profile beside its ids. `ShutUpAllFlag` is the older form of `MuteAllMember`.
const TOPIC_INFO: &[&str] = &[
    "TopicName",
    "FaceUrl",
    "Notification",
    "Introduction",
    "CustomString",
    "NextMsgSeq",
    "CreateTime",
    "LastMsgTime",
    "MuteAllMember",
    "ShutUpAllFlag",
];

/// A topic's profile: the ids, and the keys that the filter names; without a filter all of them.
fn topic_info(group: &Group, id: &str, topic: &Topic, filter: Option<&[&str]>) -> Value {
    let mut info = Body::new();
    info.insert("GroupID".to_owned(), json!(group.id.as_str()));
    info.insert("TopicId".to_owned(), json!(id));
    for key in filter.unwrap_or(TOPIC_INFO) {
        let value = match *key {
            "TopicName" => json!(topic.name),
            "FaceUrl" => json!(topic.face_url),
            "Notification" => json!(topic.notification),
            "Introduction" => json!(topic.introduction),
            "CustomString" => json!(topic.custom_string),
            "NextMsgSeq" => json!(topic.history.next_seq()),
            "CreateTime" => json!(topic.create_time),
            "LastMsgTime" => json!(topic.history.last_message_time),
            "MuteAllMember" => json!(if topic.mute_all { "On" } else { "Off" }),
            "ShutUpAllFlag" => json!(u8::from(topic.mute_all)),
            _ => continue,
        };
        info.insert((*key).to_owned(), value);
    }
    Value::Object(info)
}

/// An answer of the commands whose success says `ok`.
fn fine(value: Value) -> Outcome {
    let mut body = answer(value)?;
    body.insert("ErrorInfo".to_owned(), json!("ok"));
    Ok(body)
}
