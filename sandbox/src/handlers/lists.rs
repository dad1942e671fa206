//! Lists of groups: those of the app, and those of one user.

use serde_json::{Value, json};

use super::view::base_info;
use crate::body::{Body, Outcome, answer, integer, optional_text, switch, text, texts, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::schema::Kind::{Flag, Integer, Object, Texts, User, Word};
use crate::schema::{Field, opt, req};
use crate::state::group::Group;
use crate::state::member::Member;

const SERVICE: &str = "group_open_http_svc";

const LIST: &[Field] = &[
    opt("Limit", Integer),
    opt("Next", Integer),
    opt(
        "GroupType",
        Word(&["Public", "Private", "ChatRoom", "AVChatRoom", "BChatRoom", "Community", "Work", "Meeting"]),
    )
    .alias(&["Type"]),
];

const JOINED: &[Field] = &[
    req("Member_Account", User),
    opt("WithHugeGroups", Flag),
    opt("WithNoActiveGroups", Flag),
    opt("Limit", Integer),
    opt("Offset", Integer),
    opt("GroupType", Word(GroupType::NAMES)).alias(&["Type"]),
    opt("ResponseFilter", Object(&[opt("GroupBaseInfoFilter", Texts), opt("SelfInfoFilter", Texts)])),
    opt("SupportTopic", Flag),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "get_appid_group_list", LIST, get_appid_group_list).rate(1.0).read_only(),
    Command::new(SERVICE, "get_joined_group_list", JOINED, get_joined_group_list).read_only(),
];

/// Ids that one get_appid_group_list answer holds at most.
const LIST_PAGE: i64 = 10_000;

fn get_appid_group_list(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let limit = integer(body, "Limit").filter(|limit| *limit != 0).unwrap_or(LIST_PAGE);
    if !(1..=LIST_PAGE).contains(&limit) {
        return Err(ApiError::field("Limit", "must be at most 10000"));
    }
    let Ok(next) = u64::try_from(integer(body, "Next").unwrap_or(0)) else {
        return Err(ApiError::field("Next", "must not be negative"));
    };
    let kind = match optional_text(body, "GroupType") {
        // Retired: known, but no group has it.
        Some("BChatRoom") => return answer(json!({"TotalCount": 0, "GroupIdList": [], "Next": 0})),
        Some(name) => GroupType::parse(name),
        None => None,
    };
    // The cursor is the last number shown, moved up so that it cannot be mistaken for an offset.
    let mut numbers = ctx.app.numbers_after(next >> 32, kind);
    let page: Vec<u64> = numbers.by_ref().take(limit as usize).collect();
    let next = match (numbers.next(), page.last()) {
        (Some(_), Some(last)) => (last << 32) | 1,
        _ => 0,
    };
    drop(numbers);
    let ids: Vec<Value> = page
        .into_iter()
        .filter_map(|number| ctx.app.group_by_number(number))
        .map(|group| json!({"GroupId": group.id.as_str()}))
        .collect();
    answer(json!({"TotalCount": ctx.app.count(kind), "GroupIdList": ids, "Next": next}))
}

/// Groups on one page of get_joined_group_list.
const JOINED_PAGE: i64 = 5_000;

fn get_joined_group_list(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let limit = integer(body, "Limit").unwrap_or(JOINED_PAGE);
    if !(0..=JOINED_PAGE).contains(&limit) {
        return Err(ApiError::field("Limit", "must be at most 5000"));
    }
    let limit = if limit == 0 { JOINED_PAGE as usize } else { limit as usize };
    let Ok(offset) = usize::try_from(integer(body, "Offset").unwrap_or(0)) else {
        return Err(ApiError::field("Offset", "must not be negative"));
    };
    let user = text(body, "Member_Account");
    let kind = optional_text(body, "GroupType").and_then(GroupType::parse);
    let with_topics = unsigned(body, "SupportTopic").map(|value| value > 0);
    let wanted = |group: &&Group| {
        kind.is_none_or(|kind| group.kind == kind)
            && with_topics.is_none_or(|with| group.support_topic == with)
            && (group.kind.stores_members() || switch(body, "WithHugeGroups"))
            && (group.active || switch(body, "WithNoActiveGroups"))
    };
    let joined = ctx.app.accounts.get(user).into_iter().flat_map(|account| &account.groups);
    let groups: Vec<&Group> = joined.filter_map(|number| ctx.app.group_by_number(*number)).filter(wanted).collect();

    let filter = body.get("ResponseFilter").and_then(Value::as_object);
    let base = filter.and_then(|filter| texts(filter, "GroupBaseInfoFilter")).unwrap_or_default();
    let own = filter.and_then(|filter| texts(filter, "SelfInfoFilter"));
    let list: Vec<Value> = groups
        .iter()
        .skip(offset)
        .take(limit)
        .map(|group| {
            let mut entry = Body::new();
            entry.insert("GroupId".to_owned(), json!(group.id.as_str()));
            base_info(group, Some(&base), &mut entry);
            if group.support_topic {
                let gross: u64 = group.topics.values().map(|topic| topic.history.last_seq()).sum();
                entry.insert("SupportTopic".to_owned(), json!(1));
                entry.insert("GrossTopicNextMsgSeq".to_owned(), json!(gross + 1));
            }
            if own.is_some() || group.support_topic {
                let keys = own.as_deref().unwrap_or(SELF_INFO);
                entry.insert("SelfInfo".to_owned(), self_info(group, group.members.get(user), keys));
            }
            Value::Object(entry)
        })
        .collect();
    answer(json!({"TotalCount": groups.len(), "GroupIdList": list}))
}

const SELF_INFO: &[&str] = &["Role", "JoinTime", "MsgFlag", "MsgSeq", "GrossTopicReadSeq"];

fn self_info(group: &Group, member: Option<&Member>, keys: &[&str]) -> Value {
    let mut info = Body::new();
    let Some(member) = member else {
        return Value::Object(info);
    };
    for key in keys {
        let value = match *key {
            "Role" => json!(member.role.name()),
            "JoinTime" => json!(member.join_time),
            "MsgFlag" => json!(member.msg_flag.name()),
            "MsgSeq" => json!(group.read_seq(member)),
            "UnreadMsgNum" => json!(group.unread(member)),
            "GrossTopicReadSeq" if group.support_topic => {
                json!(group.topics.values().map(|topic| topic.read_seq(&member.id)).sum::<u64>())
            }
            _ => continue,
        };
        info.insert((*key).to_owned(), value);
    }
    Value::Object(info)
}
