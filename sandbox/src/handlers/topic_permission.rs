//! What permission groups say of single topics.

use serde_json::{Value, json};

use super::permission_group::{bits, community, community_mut, named, named_mut};
use crate::body::{Body, Outcome, answer, objects, text, texts};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::schema::Kind::{Integer, Objects, Text, Texts};
use crate::schema::{Field, opt, req};
use crate::state::permission_group::PermissionGroup;

const SERVICE: &str = "group_open_http_svc";

const PERMISSIONS: &[Field] = &[
    req("GroupId", Text),
    req("PermissionGroupId", Text),
    req("TopicPermissionList", Objects(&[req("TopicId", Text), req("Permission", Integer)])),
];
const DELETE: &[Field] = &[req("GroupId", Text), req("PermissionGroupId", Text), req("TopicIdList", Texts)];
const GET: &[Field] = &[req("GroupId", Text), req("PermissionGroupId", Text), opt("TopicIdList", Texts)];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "add_topic_permission_group", PERMISSIONS, add_topic_permission_group),
    Command::new(SERVICE, "set_topic_permission_group", PERMISSIONS, set_topic_permission_group),
    Command::new(SERVICE, "delete_topic_permission_group", DELETE, delete_topic_permission_group),
    Command::new(SERVICE, "get_topic_permission_group", GET, get_topic_permission_group).read_only(),
];

/// No such permission group; these commands know no other code for one that is gone.
const UNKNOWN: i64 = 110006;

fn already_named() -> ApiError {
    ApiError::new(110010, "the topic is in this permission group already")
}

fn no_such_topic() -> ApiError {
    ApiError::new(110013, "this is no topic of the community")
}

/// The bits of a topic: 110011 where it never had any, 110014 where they were taken away.
fn permission(permission_group: &PermissionGroup, topic: &str) -> Result<u64, ApiError> {
    match permission_group.topics.get(topic) {
        Some(Some(bits)) => Ok(*bits),
        Some(None) => Err(ApiError::new(110014, "the topic's permission was deleted")),
        None => Err(ApiError::new(110011, "the topic is not in this permission group")),
    }
}

/// Topics that one call may give permissions in.
const TOPICS_PER_CALL: usize = 50;

/// Gives the bits of each listed topic, once `admit` lets it pass.
fn change(ctx: &mut Ctx<'_>, body: &Body, admit: impl Fn(&PermissionGroup, &str) -> Result<(), ApiError>) -> Outcome {
    let list = objects(body, "TopicPermissionList")
        .map(|entry| Ok((text(entry, "TopicId"), bits(entry)?.unwrap_or(0))))
        .collect::<Result<Vec<(&str, u64)>, ApiError>>()?;
    if list.is_empty() || list.len() > TOPICS_PER_CALL {
        return Err(ApiError::field("TopicPermissionList", "must hold 1 to 50 topics"));
    }
    let group = community_mut(ctx, body)?;
    named(group, body, UNKNOWN)?;
    let mut results = Vec::with_capacity(list.len());
    for (topic, bits) in list {
        let known = group.topics.contains_key(topic);
        let permission_group = named_mut(group, body, UNKNOWN)?;
        let outcome = if known { admit(permission_group, topic) } else { Err(no_such_topic()) };
        if outcome.is_ok() {
            permission_group.topics.insert(topic.to_owned(), Some(bits));
        }
        results.push(result(topic, outcome));
    }
    answer(json!({"TopicPermissionResultList": results}))
}

fn result(topic: &str, outcome: Result<(), ApiError>) -> Value {
    let (code, info) = outcome.map_or_else(|error| (error.code, error.info), |()| (0, "".into()));
    json!({"ErrorCode": code, "ErrorInfo": info, "TopicId": topic})
}

fn add_topic_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    change(ctx, body, |permission_group, topic| match permission(permission_group, topic) {
        Ok(_) => Err(already_named()),
        Err(_) => Ok(()),
    })
}

fn set_topic_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    change(ctx, body, |permission_group, topic| permission(permission_group, topic).map(drop))
}

fn delete_topic_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let topics = texts(body, "TopicIdList").unwrap_or_default();
    if topics.is_empty() {
        return Err(ApiError::field("TopicIdList", "must not be empty"));
    }
    let permission_group = named_mut(community_mut(ctx, body)?, body, UNKNOWN)?;
    let results: Vec<Value> = topics
        .into_iter()
        .map(|topic| {
            let outcome = permission(permission_group, topic).map(|_| {
                permission_group.topics.insert(topic.to_owned(), None);
            });
            result(topic, outcome)
        })
        .collect();
    answer(json!({"TopicPermissionResultList": results}))
}

fn get_topic_permission_group(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let permission_group = named(community(ctx, body)?, body, UNKNOWN)?;
    let topics = match texts(body, "TopicIdList").filter(|topics| !topics.is_empty()) {
        Some(topics) => topics,
        None => permission_group.topics.iter().filter(|(_, bits)| bits.is_some()).map(|(id, _)| id.as_str()).collect(),
    };
    let results: Vec<Value> = topics
        .into_iter()
        .map(|topic| match permission(permission_group, topic) {
            Ok(bits) => json!({"ErrorCode": 0, "ErrorInfo": "", "TopicId": topic, "Permission": bits}),
            Err(error) => result(topic, Err(error)),
        })
        .collect();
    answer(json!({"TopicPermissionResultList": results}))
}
