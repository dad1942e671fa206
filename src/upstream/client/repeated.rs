//! What Tencent says to a call that is repeated because the reply to an earlier attempt was lost: often, that it is done
//! already. The caller is told of success then, and not of an error that our own repetition caused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Course, Upstream};
use crate::command::{Command, Safety};
use crate::upstream::{Call, Fault, Reply};

/// Commands, and the code by which they are refused as a whole when the work is done. Only codes that cannot mean anything
/// else.
const DONE: [(&str, i64); 5] = [
    ("destroy_group", 10010),
    ("create_group", 10025),
    ("create_topic", 10025),
    ("add_group_member", 10013),
    ("delete_group_attr", 10050),
];

/// The same for single items of a reply. Not the recall of a message: 10032 may also mean that it never can be.
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
/// `Result` of a user who was a member before.
const ALREADY_MEMBER: u8 = 2;
/// The group's id is taken, but not by the owner that the call names.
const TAKEN: i64 = 10021;

const LOOK: Command = Command {
    service: "group_open_http_svc",
    name: "get_group_info",
    label: "get_group_info",
    safety: Safety::Read,
    rate_per_second: 200,
    group_rate_per_second: None,
};
/// How old a group may look that this call has created: the clocks may be so far apart.
const FRESH: Duration = Duration::from_secs(300);

/// The reply that tells the caller what is true, if `reply` does not.
pub(super) fn corrected(command: &str, request: &[u8], reply: &[u8]) -> Option<Vec<u8>> {
    let reply: Value = serde_json::from_slice(reply).ok()?;
    match reply.get("ErrorCode")?.as_i64()? {
        0 => with_items_done(command, reply),
        code if DONE.contains(&(command, code)) => done(command, request),
        _ => None,
    }
    .map(|reply| reply.to_string().into_bytes())
}

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

/// What a call wanted that creates a group.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    group_id: String,
    #[serde(default, rename = "Owner_Account")]
    owner: String,
    name: String,
    r#type: String,
}

/// The group that has the id.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Found {
    error_code: i64,
    #[serde(rename = "Owner_Account")]
    owner: String,
    name: String,
    r#type: String,
    create_time: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Look {
    error_code: i64,
    #[serde(default)]
    error_info: String,
    #[serde(default)]
    group_info: Vec<Found>,
}

impl Upstream {
    /// Whether the group whose id a repeated call found taken is the one that the call itself has created; `None` when that
    /// cannot be told, or nobody asks.
    pub(super) async fn created_it(&self, call: &Call<'_>, limit: Instant, fault: &Fault) -> Option<bool> {
        if call.command.name != "create_group" || !matches!(fault, Fault::Code { code: TAKEN, .. }) {
            return None;
        }
        let wanted: Wanted = serde_json::from_slice(&call.body).ok()?;
        if !wanted.owner.is_empty() {
            // Of a group with that owner Tencent says so.
            return Some(false);
        }
        let filter = json!({"GroupBaseInfoFilter": ["Type", "Name", "Owner_Account", "CreateTime"]});
        let body = json!({"GroupIdList": [wanted.group_id], "ResponseFilter": filter}).to_string();
        let look = Call { command: &LOOK, body: Bytes::from(body), safety: LOOK.safety, ..call.clone() };
        let decode = |body: &[u8]| {
            serde_json::from_slice(body).map(|look: Look| Reply {
                error_code: look.error_code,
                error_info: look.error_info,
                message: look.group_info,
            })
        };
        let reply = self.attempt(&look, limit, &mut Course::default(), &decode).await.ok()?;
        let found = reply.message.into_iter().next().filter(|found| reply.error_code == 0 && found.error_code == 0)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.saturating_sub(FRESH);
        let same = found.owner.is_empty() && found.name == wanted.name && found.r#type == wanted.r#type;
        Some(same && found.create_time >= since.as_secs())
    }
}
