//! What Tencent says to a call that is repeated because the reply to an earlier attempt was lost: often, that it is done
//! already. The caller is told of success then, and not of an error that our own repetition caused.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Course, Upstream};
use crate::upstream::{Call, Fault};
use contract::command::{Command, Safety};
use contract::pb::GroupType;
use contract::wire::{JsonEnum, Unreadable, decode_verdict};

/// Commands, and the code by which they are refused as a whole when the work is done. Only codes that cannot mean anything
/// else.
const DONE: [(&str, i64); 3] = [("destroy_group", 10010), ("add_group_member", 10013), ("delete_group_attr", 10050)];

/// The same for single items of a reply.
const DONE_ITEMS: [(&str, i64); 6] = [
    ("add_permission_group_member", 10013),
    ("add_topic_permission_group", 110_010),
    ("delete_topic_permission_group", 110_011),
    ("delete_topic_permission_group", 110_014),
    ("destroy_permission_group", 110_006),
    ("destroy_topic", 110_003),
];

/// The keys of an item's code.
const ITEM_CODES: [&str; 2] = ["ErrorCode", "Result"];
/// `Result` of a user who has been added.
const ADDED: i64 = 1;
/// `Result` of a user who was a member before.
const ALREADY_MEMBER: i64 = 2;
/// The id is taken: by somebody else, and by the owner that the call names.
const TAKEN: [i64; 2] = [10021, 10025];

/// What the recall of a message says that is recalled already; or that is not there, or never can be.
const NOT_RECALLED: [i64; 2] = [10030, 10032];
/// `IsPlaceMsg` of a recalled message.
const RECALLED: i64 = 2;
/// One of the attributes to delete is not there.
const NO_ATTRIBUTE: i64 = 10050;

const fn look(service: &'static str, name: &'static str) -> Command<'static> {
    Command { service, name, label: name, safety: Safety::Read, rate_per_second: 200, group_rate_per_second: None }
}

const LOOK_AT_GROUP: Command<'static> = look("group_open_http_svc", "get_group_info");
const LOOK_AT_ATTRIBUTES: Command<'static> = look("group_open_attr_http_svc", "get_group_attr");
const LOOK_AT_MEMBERS: Command<'static> = look("group_open_http_svc", "get_specified_group_member_info");
const LOOK_AT_MESSAGE: Command<'static> = look("group_open_http_svc", "group_msg_get_simple");
const LOOK_AT_TOPIC: Command<'static> = look("million_group_open_http_svc", "get_topic");
/// Members that one call looks at.
const MEMBERS_PER_LOOK: usize = 50;
/// How old a group or topic may look that this call has created, where Tencent's clock is not known: the clocks may be so
/// far apart.
const FRESH: Duration = Duration::from_secs(300);
/// Up to this age before the call nobody can tell: whatever stands between may have dated Tencent's replies.
const DOUBT_SECONDS: i64 = 30;

/// What the first attempt answered. Who asked for several things at once is not told by one code what became of each.
fn done(command: &str, request: &[u8]) -> Option<Value> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let asked = |key: &str| request.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if asked("MemberList").len() > 1 && command == "add_group_member" || asked("GroupAttr").len() > 1 {
        return None;
    }
    let mut reply = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""});
    if command == "add_group_member" {
        let member = |asked: &Value| json!({"Member_Account": asked.get("Member_Account"), "Result": ALREADY_MEMBER});
        reply["MemberList"] = asked("MemberList").iter().map(member).collect();
    }
    Some(reply)
}

fn with_items_done(command: &str, mut reply: Value) -> Option<Value> {
    let mut changed = false;
    let lists = reply.as_object_mut()?.values_mut().filter_map(Value::as_array_mut);
    for item in lists.flatten().filter_map(Value::as_object_mut) {
        for key in ITEM_CODES {
            let code = item.get(key).and_then(Value::as_i64);
            if code.is_some_and(|code| DONE_ITEMS.contains(&(command, code))) {
                item.insert(key.to_owned(), 0.into());
                item.remove("ErrorInfo");
                changed = true;
            }
        }
    }
    changed.then_some(reply)
}

/// What a call wanted that creates a group or a topic.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    group_id: String,
    #[serde(default)]
    topic_id: String,
    #[serde(default, rename = "Owner_Account")]
    owner: String,
    #[serde(alias = "TopicName")]
    name: String,
    #[serde(default)]
    r#type: String,
}

/// The group or topic that has the id.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Found {
    topic_id: String,
    #[serde(rename = "Owner_Account")]
    owner: String,
    #[serde(alias = "TopicName")]
    name: String,
    r#type: String,
    create_time: i64,
}

impl Wanted {
    /// The command that looks at what has the id, and its body.
    fn look(&self, command: &str, admin: &str) -> Option<(&'static Command<'static>, Value)> {
        match command {
            "create_group" => {
                let filter = json!({"GroupBaseInfoFilter": ["Type", "Name", "Owner_Account", "CreateTime"]});
                Some((&LOOK_AT_GROUP, json!({"GroupIdList": [self.group_id], "ResponseFilter": filter})))
            }
            "create_topic" if !self.topic_id.is_empty() => Some((
                &LOOK_AT_TOPIC,
                json!({"GroupId": self.group_id, "From_Account": admin, "TopicIdList": [self.topic_id]}),
            )),
            _ => None,
        }
    }

    /// Whether it is what the call itself has created: alike in everything, and no older than `since`. `None` if it is so
    /// little older that the clocks may be to blame.
    fn is(&self, found: &Found, since: i64) -> Option<bool> {
        // A topic has no type, and its owner is no business of the one who creates it.
        let owner = !self.topic_id.is_empty() || found.owner == self.owner;
        let alike = owner && found.name == self.name && same_type(&found.r#type, &self.r#type);
        let older = since.saturating_sub(found.create_time);
        (!alike || older <= 0 || older > DOUBT_SECONDS).then_some(alike && older <= 0)
    }
}

/// Whether two spellings are those of one type: Tencent has two for some.
fn same_type(one: &str, other: &str) -> bool {
    one == other || GroupType::from_text(one).is_some_and(|number| GroupType::from_text(other) == Some(number))
}

/// The earliest creation time of what counts as new, by our own clock.
fn fresh() -> Option<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.saturating_sub(FRESH);
    i64::try_from(since.as_secs()).ok()
}

/// The one group or topic of a reply.
fn found(reply: &Value) -> Option<Found> {
    let item = reply.as_object()?.values().find_map(|list| list.as_array()?.first())?;
    if item.get("ErrorCode").and_then(Value::as_i64).unwrap_or_default() != 0 {
        return None;
    }
    serde_json::from_value(item.get("TopicInfo").unwrap_or(item).clone()).ok()
}

impl Upstream {
    /// The reply that tells the caller what is true, if `reply` does not.
    pub(super) async fn corrected(
        &self,
        call: &Call<'_>,
        course: &Course,
        reply: &[u8],
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Ok(reply) = serde_json::from_slice::<Value>(reply) else { return Ok(None) };
        let command = call.command.name;
        let code = reply.get("ErrorCode").and_then(Value::as_i64);
        let corrected = match code {
            Some(0) if command == "group_msg_recall" => self.with_recalled(call, reply).await?,
            Some(0) if command == "add_group_member" => Some(reply),
            Some(0) => with_items_done(command, reply),
            Some(code) if DONE.contains(&(command, code)) => done(command, &call.body),
            _ => None,
        };
        let corrected = match corrected {
            Some(reply) if command == "add_group_member" => Some(self.with_added(call, course, reply).await?),
            corrected => corrected,
        };
        Ok(corrected.map(|reply| reply.to_string().into_bytes()))
    }

    /// Whether the work of a repeated call that was refused is done: the group or topic whose id is taken is the one that
    /// the call itself has created, or none of the attributes is left. `None` when that cannot be told, or nobody asks.
    pub(super) async fn was_done(&self, call: &Call<'_>, course: &Course, fault: &Fault) -> Option<bool> {
        match fault {
            Fault::Code { code, .. } if TAKEN.contains(code) => self.created_it(call, course).await,
            Fault::Code { code: NO_ATTRIBUTE, .. } if call.command.name == "delete_group_attr" => {
                // Where some are left, nobody knows what became of the others.
                self.no_attribute_left(call).await.filter(|none| *none)
            }
            _ => None,
        }
    }

    async fn created_it(&self, call: &Call<'_>, course: &Course) -> Option<bool> {
        let wanted: Wanted = serde_json::from_slice(&call.body).ok()?;
        let (command, body) = wanted.look(call.command.name, &self.identifier)?;
        let found = found(&self.look(call, command, &body).await.ok()?)?;
        wanted.is(&found, self.begun(course).or_else(fresh)?)
    }

    /// When the call was first sent, by Tencent's clock: what was made later may be the call's own work, what was made
    /// earlier cannot.
    fn begun(&self, course: &Course) -> Option<i64> {
        self.http.clock.earliest_after(course.first_sent?)
    }

    /// Says of those members that they were added who have joined since the call began. Without Tencent's clock nobody can
    /// tell.
    async fn with_added(&self, call: &Call<'_>, course: &Course, mut reply: Value) -> Result<Value, Fault> {
        let Some(since) = self.begun(course) else { return Ok(reply) };
        let items = reply.get_mut("MemberList").and_then(Value::as_array_mut).into_iter().flatten();
        let already = |item: &&mut Map<String, Value>| item.get("Result") == Some(&ALREADY_MEMBER.into());
        let mut items: Vec<_> = items.filter_map(Value::as_object_mut).filter(already).collect();
        for items in items.chunks_mut(MEMBERS_PER_LOOK) {
            let users: Vec<_> = items.iter().filter_map(|item| item.get("Member_Account")).collect();
            let joined = self.joined(call, &users).await?;
            for item in items {
                let user = item.get("Member_Account").and_then(Value::as_str).unwrap_or_default();
                // Who has left since then, too, may have been added by this call.
                let joined = joined.get(user).ok_or_else(|| unseen(Fault::Unreadable(Unreadable::NoErrorCode)))?;
                if *joined >= since {
                    item.insert("Result".to_owned(), ADDED.into());
                }
            }
        }
        Ok(reply)
    }

    /// When these members have joined.
    async fn joined(&self, call: &Call<'_>, users: &[&Value]) -> Result<HashMap<String, i64>, Fault> {
        let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let body = json!({"GroupId": request.get("GroupId"), "Member_List_Account": users});
        let reply = self.look(call, &LOOK_AT_MEMBERS, &body).await?;
        let members = reply.get("MemberList").and_then(Value::as_array).into_iter().flatten();
        let joined =
            |member: &Value| Some((member["Member_Account"].as_str()?.to_owned(), member["JoinTime"].as_i64()?));
        Ok(members.filter_map(joined).collect())
    }

    async fn no_attribute_left(&self, call: &Call<'_>) -> Option<bool> {
        let request: Value = serde_json::from_slice(&call.body).ok()?;
        let body = json!({"GroupId": request.get("GroupId")?});
        let reply = self.look(call, &LOOK_AT_ATTRIBUTES, &body).await.ok()?;
        let left = reply.get("GroupAttrAry").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let deleted = request.get("GroupAttr")?.as_array()?;
        Some(!left.iter().any(|left| deleted.iter().any(|deleted| deleted.get("key") == left.get("key"))))
    }

    /// Calls the recall of each message a success that is recalled by now.
    async fn with_recalled(&self, call: &Call<'_>, mut reply: Value) -> Result<Option<Value>, Fault> {
        let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let mut changed = false;
        for item in reply.get_mut("RecallRetList").and_then(Value::as_array_mut).into_iter().flatten() {
            let code = item.get("RetCode").and_then(Value::as_i64);
            let seq = item.get("MsgSeq").and_then(Value::as_u64);
            let (Some(code), Some(seq)) = (code, seq) else { continue };
            if !NOT_RECALLED.contains(&code) {
                continue;
            }
            let mut body = json!({
                "GroupId": request.get("GroupId"), "ReqMsgSeq": seq, "ReqMsgNumber": 1, "WithRecalledMsg": 1,
            });
            if let Some(topic) = request.get("TopicId") {
                body["TopicId"] = topic.clone();
            }
            if is_recalled(&self.look(call, &LOOK_AT_MESSAGE, &body).await?, seq) {
                item["RetCode"] = 0.into();
                changed = true;
            }
        }
        Ok(changed.then_some(reply))
    }

    /// Reads what has become of a call, and repeats that like any other read. Boxed, because a call is what looks.
    ///
    /// A look that fails for good leaves the outcome of the call unknown.
    fn look<'a>(
        &'a self,
        call: &'a Call<'_>,
        command: &'a Command<'static>,
        body: &Value,
    ) -> BoxFuture<'a, Result<Value, Fault>> {
        let look = Call { command, body: Bytes::from(body.to_string()), safety: command.safety, ..call.clone() };
        Box::pin(async move {
            let decode = |body: &[u8]| {
                let message: Value = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
                Ok(decode_verdict(body)?.map(|()| message))
            };
            self.call(look, decode).await.map_err(|error| unseen(error.fault))
        })
    }
}

/// How a call ends whose look has failed: its own attempt may have been executed.
fn unseen(fault: Fault) -> Fault {
    match fault {
        Fault::Deadline { .. } => Fault::Deadline { sent: true },
        fault => Fault::Unseen(Box::new(fault)),
    }
}

/// Whether a page of history shows a message as recalled.
fn is_recalled(page: &Value, seq: u64) -> bool {
    let messages = page.get("RspMsgList").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    messages.iter().any(|message| {
        message.get("MsgSeq").and_then(Value::as_u64) == Some(seq)
            && message.get("IsPlaceMsg").and_then(Value::as_i64) == Some(RECALLED)
    })
}
