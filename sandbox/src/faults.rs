//! Rules that make commands fail on purpose.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::Body;
use crate::ids::mix;
use crate::reply_edit::Path;
use crate::sync::lock;

/// What happens to a request that a rule hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Answers with an error code instead of executing.
    Error {
        code: i64,
        #[serde(default)]
        info: String,
    },
    /// Waits before executing: exactly `ms`, evenly between `ms` and `max_ms`, or exponentially around `ms`.
    Latency {
        ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ms: Option<u64>,
        #[serde(default)]
        exponential: bool,
    },
    /// Resets the connection before executing.
    Reset,
    /// Answers with an HTTP status instead of executing.
    Http { status: u16 },
    /// Answers with exactly this instead of executing: a text as it stands, anything else as JSON.
    Reply {
        #[serde(default = "ok")]
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        body: Value,
    },
    /// Executes, then puts a value into the answer; the key is added where it is not there.
    #[serde(alias = "add")]
    Change { path: String, value: Value },
    /// Executes, then takes a key or items of a list out of the answer.
    Remove { path: String },
    /// Executes, then cuts the answer off in the middle.
    Truncate,
    /// Executes, then answers with something that is no JSON.
    Garbage,
    /// Executes, then resets the connection instead of answering.
    LoseReply,
}

fn ok() -> u16 {
    200
}

impl Action {
    /// What makes a rule of this action useless: it would never go off, and its tests pass for the wrong reason.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Error { code: 0, .. } => Err("code must not be 0: that is no fault".to_owned()),
            Self::Http { status: ..=299 | 1000.. } => Err("status must be 300 to 999: others are no faults".to_owned()),
            Self::Reply { status: ..=199 | 1000.., .. } => Err("status must be 200 to 999".to_owned()),
            Self::Reply { headers, .. } => headers.iter().try_for_each(|(name, value)| {
                let name = HeaderName::try_from(name).map_err(|_| format!("{name:?} is not the name of a header"))?;
                HeaderValue::try_from(value).map(drop).map_err(|_| format!("the value of header {name} is not one"))
            }),
            Self::Change { path, .. } | Self::Remove { path } => Path::parse(path).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether it can go along with others of a request.
    fn adds_up(&self) -> bool {
        matches!(self, Self::Latency { .. } | Self::Change { .. } | Self::Remove { .. })
    }

    fn edit(&self, reply: &mut Body) {
        match self {
            Self::Change { path, value } => {
                if let Ok(path) = Path::parse(path) {
                    path.set(reply, value);
                }
            }
            Self::Remove { path } => {
                if let Ok(path) = Path::parse(path) {
                    path.remove(reply);
                }
            }
            _ => {}
        }
    }
}

/// A rule as the control API takes and shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default)]
    pub id: u64,
    /// The command, or `*` for every one.
    pub command: String,
    /// Only requests of this app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdkappid: Option<u64>,
    pub action: Action,
    /// Goes off for so many matching calls, then is spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Goes off for this share of the matching calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Makes the draws of `probability` and latencies repeatable.
    #[serde(default)]
    pub seed: u64,
    /// How often it went off.
    #[serde(default)]
    pub hits: u64,
    #[serde(skip)]
    draws: u64,
}

impl Rule {
    /// The next number of [0, 1) in the rule's own sequence.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        let bits = mix(self.seed.wrapping_add(self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }

    fn goes_off(&mut self, sdkappid: Option<u64>, command: &str) -> bool {
        let matches = (self.command == "*" || self.command == command)
            && self.sdkappid.is_none_or(|own| sdkappid == Some(own))
            && self.times.is_none_or(|times| self.hits < times);
        let off = matches && self.probability.is_none_or(|probability| self.draw() < probability);
        self.hits += u64::from(off);
        off
    }

    fn latency(&mut self) -> Option<Duration> {
        let Action::Latency { ms, max_ms, exponential } = self.action else {
            return None;
        };
        let millis = match max_ms {
            Some(max) => ms as f64 + self.draw() * (max.saturating_sub(ms) as f64),
            None if exponential => -(1.0 - self.draw()).ln() * ms as f64,
            None => ms as f64,
        };
        Some(Duration::from_secs_f64(millis / 1_000.0))
    }
}

/// What the rules have in store for one request.
#[derive(Debug, Default)]
pub struct Verdict {
    pub latency: Duration,
    pub action: Option<Action>,
    /// Changes of the reply, in their order.
    edits: Vec<Action>,
}

impl Verdict {
    /// The reply after the changes that the rules want.
    pub fn edited(&self, reply: Vec<u8>) -> Vec<u8> {
        if self.edits.is_empty() {
            return reply;
        }
        match serde_json::from_slice::<Body>(&reply) {
            Ok(mut body) => {
                self.edits.iter().for_each(|edit| edit.edit(&mut body));
                Value::Object(body).to_string().into_bytes()
            }
            // There is no reply to change: another rule keeps the command from being executed.
            Err(_) => reply,
        }
    }

    /// What the journal calls it.
    pub fn name(&self) -> Option<&'static str> {
        match &self.action {
            Some(Action::Error { .. }) => Some("error"),
            Some(Action::Reset) => Some("reset"),
            Some(Action::Http { .. }) => Some("http"),
            Some(Action::Truncate) => Some("truncate"),
            Some(Action::Garbage) => Some("garbage"),
            Some(Action::LoseReply) => Some("lose_reply"),
            Some(Action::Reply { .. }) => Some("reply"),
            Some(Action::Latency { .. }) => Some("latency"),
            Some(Action::Change { .. } | Action::Remove { .. }) => Some("change"),
            None if !self.edits.is_empty() => Some("change"),
            None if !self.latency.is_zero() => Some("latency"),
            None => None,
        }
    }
}

/// The names that the journal has for faults.
pub const FAULT_NAMES: &[&str] =
    &["error", "reset", "http", "reply", "truncate", "garbage", "lose_reply", "latency", "change"];

/// The rules in the order in which they were set.
#[derive(Debug, Default)]
pub struct Faults(Mutex<(u64, Vec<Rule>)>);

impl Faults {
    pub fn add(&self, mut rule: Rule) -> Rule {
        let (last_id, rules) = &mut *lock(&self.0);
        *last_id += 1;
        rule.id = *last_id;
        rule.hits = 0;
        rules.push(rule.clone());
        rule
    }

    pub fn list(&self) -> Vec<Rule> {
        lock(&self.0).1.clone()
    }

    /// Drops one rule, or all.
    pub fn remove(&self, id: Option<u64>) -> usize {
        let rules = &mut lock(&self.0).1;
        let before = rules.len();
        rules.retain(|rule| id.is_some_and(|id| rule.id != id));
        before - rules.len()
    }

    /// Latencies and changes of the reply add up; of the other rules the first that goes off wins.
    pub fn judge(&self, sdkappid: Option<u64>, command: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in &mut lock(&self.0).1 {
            if (rule.action.adds_up() || verdict.action.is_none()) && rule.goes_off(sdkappid, command) {
                match rule.latency() {
                    Some(latency) => verdict.latency += latency,
                    None if rule.action.adds_up() => verdict.edits.push(rule.action.clone()),
                    None => verdict.action = Some(rule.action.clone()),
                }
            }
        }
        verdict
    }
}
