//! What a command causes beside its answer: what clients would receive, and what webhooks report.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::body::Body;
use crate::ids::Id;
use crate::sync::lock;

/// Something that clients would receive.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Counts all deliveries of an app from 1.
    pub number: u64,
    pub time: i64,
    pub kind: DeliveryKind,
    pub group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    pub to: Audience,
    /// JSON text, which takes a tenth of the memory of values.
    pub content: Box<RawValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// A stored message, or one of a live room.
    Message,
    /// A message that is not stored.
    OnlineMessage,
    /// A notice of what happened to the group.
    Tip,
    /// A text of the system.
    Notification,
    Recall,
    /// A change of a message, or more of one that grows.
    Edit,
}

/// Who receives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every member, now or later.
    Members,
    /// Those who are online, or present in a live room.
    Online,
    Users(Vec<Id>),
}

/// One request to a webhook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// `CallbackCommand`.
    pub command: &'static str,
    pub body: Body,
}

/// What one command causes.
#[derive(Debug, Default)]
pub struct Events {
    /// Off while recorded commands are repeated: what they caused has happened.
    pub live: bool,
    /// Whether a webhook listens.
    pub hooked: bool,
    pub deliveries: Vec<Delivery>,
    pub hooks: Vec<Hook>,
}

impl Events {
    pub fn deliver(&mut self, kind: DeliveryKind, group: &str, to: Audience, content: Value) {
        self.deliver_in(kind, group, None, to, content);
    }

    /// The same for a topic.
    pub fn deliver_in(&mut self, kind: DeliveryKind, group: &str, topic: Option<&str>, to: Audience, content: Value) {
        if self.live {
            self.deliveries.push(Delivery {
                number: 0,
                time: 0,
                kind,
                group: group.to_owned(),
                topic: topic.map(str::to_owned),
                to,
                content: to_raw_value(&content).unwrap_or_default(),
            });
        }
    }

    /// Tells the webhook, if one listens.
    pub fn hook(&mut self, command: &'static str, body: impl FnOnce() -> Value) {
        if self.live
            && self.hooked
            && let Value::Object(body) = body()
        {
            self.hooks.push(Hook { command, body });
        }
    }
}

/// Users as webhooks and notices list them.
pub fn member_list<'u>(users: impl IntoIterator<Item = &'u str>) -> Value {
    users.into_iter().map(|user| json!({"Member_Account": user})).collect()
}

/// Deliveries of one app that are kept, and bytes of their contents, whatever their number.
const KEPT: usize = 10_000;
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The newest deliveries of one app.
#[derive(Debug, Default)]
pub struct Mailbox(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    deliveries: VecDeque<Delivery>,
    bytes: usize,
}

/// Which deliveries to show; absent criteria match everything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailFilter {
    pub group: Option<String>,
    pub kind: Option<DeliveryKind>,
    /// Only what came after this number.
    pub after: Option<u64>,
}

impl Mailbox {
    pub fn put(&self, deliveries: Vec<Delivery>, now: i64) {
        if deliveries.is_empty() {
            return;
        }
        let kept = &mut *lock(&self.0);
        for mut delivery in deliveries {
            kept.last += 1;
            delivery.number = kept.last;
            delivery.time = now;
            kept.bytes += delivery.content.get().len();
            kept.deliveries.push_back(delivery);
        }
        while kept.deliveries.len() > KEPT || kept.bytes > KEPT_BYTES {
            let Some(oldest) = kept.deliveries.pop_front() else {
                break;
            };
            kept.bytes -= oldest.content.get().len();
        }
    }

    /// Matching deliveries, oldest first.
    pub fn select(&self, filter: &MailFilter) -> Vec<Delivery> {
        lock(&self.0)
            .deliveries
            .iter()
            .filter(|delivery| {
                filter.group.as_ref().is_none_or(|group| *group == delivery.group)
                    && filter.kind.is_none_or(|kind| kind == delivery.kind)
                    && filter.after.is_none_or(|after| delivery.number > after)
            })
            .cloned()
            .collect()
    }

    pub fn clear(&self) {
        let kept = &mut *lock(&self.0);
        kept.deliveries.clear();
        kept.bytes = 0;
    }
}
