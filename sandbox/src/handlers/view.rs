//! How groups and members look in answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::body::Body;
use crate::state::group::Group;
use crate::state::member::Member;

/// The keys of a group's profile in their newer spelling, and the older one where a rename took place.
const BASE_INFO: &[&str] = &[
    "Type",
    "Name",
    "Introduction",
    "Notification",
    "FaceUrl",
    "Owner_Account",
    "CreateTime",
    "InfoSeq",
    "LastInfoTime",
    "LastMsgTime",
    "NextMsgSeq",
    "MemberNum",
    "MaxMemberNum",
    "ApplyJoinOption",
    "InviteJoinOption",
    "MuteAllMember",
    "ShutUpAllMember",
    "SupportTopic",
];

/// Writes the profile keys that the filter names; without a filter all of them, renamed keys in both spellings.
pub fn base_info(group: &Group, filter: Option<&[&str]>, into: &mut Body) {
    for key in filter.unwrap_or(BASE_INFO) {
        let value = match *key {
            "Type" => json!(group.kind.name()),
            "Name" => json!(group.name),
            "Introduction" => json!(group.introduction),
            "Notification" => json!(group.notification),
            "FaceUrl" => json!(group.face_url),
            "Owner_Account" => json!(group.owner.as_ref().map_or("", |owner| owner.as_str())),
            "CreateTime" => json!(group.create_time),
            "InfoSeq" => json!(group.info_seq),
            "LastInfoTime" => json!(group.last_info_time),
            "LastMsgTime" => json!(group.history.last_message_time),
            "NextMsgSeq" => json!(group.next_seq()),
            // An AVChatRoom stores no members; get_online_member_num counts the users who are there.
            "MemberNum" if group.kind.stores_members() => json!(group.members.len()),
            "MaxMemberNum" if group.kind.stores_members() => json!(group.max_members),
            "ApplyJoinOption" => json!(group.apply_join_option),
            "InviteJoinOption" if group.kind.stores_members() => json!(group.invite_join_option),
            "MuteAllMember" | "ShutUpAllMember" => json!(if group.mute_all { "On" } else { "Off" }),
            "SupportTopic" if group.support_topic => json!(1),
            "EnablePermission" if group.support_topic => json!(u8::from(group.enable_permission)),
            "DefaultPermission" if group.support_topic => json!(group.default_permission),
            _ => continue,
        };
        into.insert((*key).to_owned(), value);
    }
    if filter.is_none() && group.enable_permission {
        into.insert("EnablePermission".to_owned(), json!(1));
        into.insert("DefaultPermission".to_owned(), json!(group.default_permission));
    }
}

const MEMBER_INFO: &[&str] =
    &["Role", "JoinTime", "MsgSeq", "MsgFlag", "LastSendMsgTime", "MuteUntil", "ShutUpUntil", "NameCard"];

/// A member record with the keys that the filter names; without a filter all of them, renamed keys in both spellings.
pub fn member_info(
    group: &Group,
    member: &Member,
    filter: Option<&[&str]>,
    custom: Option<&[&str]>,
    now: i64,
) -> Value {
    let mut record = Body::new();
    record.insert("Member_Account".to_owned(), json!(member.id.as_str()));
    for key in filter.unwrap_or(MEMBER_INFO) {
        let value = match *key {
            "Role" => json!(member.role.name()),
            "JoinTime" => json!(member.join_time),
            "MsgSeq" => json!(group.read_seq(member)),
            "MsgFlag" => json!(member.msg_flag.name()),
            "LastSendMsgTime" => json!(member.last_send_time),
            "MuteUntil" | "ShutUpUntil" => json!(group.muted_until(&member.id, now)),
            "NameCard" => json!(member.name_card),
            _ => continue,
        };
        record.insert((*key).to_owned(), value);
    }
    if let Some(all) = &member.custom {
        insert_custom(&mut record, "AppMemberDefinedData", all, custom);
    }
    Value::Object(record)
}

/// Writes the custom fields that are set and wanted; nothing when there are none.
pub fn insert_custom(into: &mut Body, key: &str, all: &BTreeMap<String, String>, wanted: Option<&[&str]>) {
    let pairs: Vec<Value> = all
        .iter()
        .filter(|(key, _)| wanted.is_none_or(|wanted| wanted.contains(&key.as_str())))
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    if !pairs.is_empty() {
        into.insert(key.to_owned(), Value::Array(pairs));
    }
}
