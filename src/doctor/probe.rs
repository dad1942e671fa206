//! One call of a command, by the code that every call of the gateway takes.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;

use contract::command::{Command, Safety};
use contract::wire::{self, DriftKind};

use crate::gateway::Mapped;
use crate::upstream::{Call, Priority, Upstream, UpstreamError};

/// How long one call may take. At a tenth of the slowest rate a turn comes every ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A harmless call of one command.
#[derive(Clone, Copy)]
pub(super) struct Probe {
    /// The command.
    pub(super) command: Command<'static>,
    /// The request as Tencent's documents write it, with `$name` for what the examination has made. The gateway reads and
    /// writes it as it writes those of its callers.
    pub(super) body: &'static str,
    /// What it makes.
    pub(super) makes: Option<&'static str>,
    /// A key of the reply whose value later probes need, and its name there.
    pub(super) keeps: Option<(&'static str, &'static str)>,
    /// A code that the contract expects here.
    pub(super) expects: Option<i64>,
    /// Only the larger editions have it, and others refuse it by the code of missing rights.
    pub(super) larger_editions: bool,
    /// It reaches people who have nothing to do with the examination.
    pub(super) reaches_everybody: bool,
    /// Its reply holds what others made.
    pub(super) reads_others: bool,
    /// Sends it.
    pub(super) ask: Ask,
}

type Ask = for<'a> fn(&'a Upstream, &'a Command<'static>, String) -> BoxFuture<'a, Answer>;

/// How a probe was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether it was a success.
    pub(super) result: Result<(), Failure>,
    /// The reply; null when there was none that is JSON.
    pub(super) json: Value,
    /// What in it the contract does not expect.
    pub(super) drift: Vec<Place>,
}

/// Why a probe failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The probe itself is wrong.
    Request(String),
    /// The call failed.
    Call(Box<UpstreamError>),
}

/// A place in a reply that the contract does not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it is, such as `MemberList[].Role`.
    pub path: String,
    /// The JSON that came.
    pub json: String,
    /// What is odd about it.
    pub what: &'static str,
}

impl Probe {
    /// A probe of the command that a request maps to.
    pub(super) fn of<R: Mapped>(body: &'static str) -> Self {
        Self {
            command: *R::COMMAND,
            body,
            makes: None,
            keeps: None,
            expects: None,
            larger_editions: false,
            reaches_everybody: false,
            reads_others: false,
            ask: |upstream, command, body| ask::<R>(upstream, command, body).boxed(),
        }
    }

    pub(super) fn makes(self, name: &'static str) -> Self {
        Self { makes: Some(name), ..self }
    }

    pub(super) fn keeps(self, key: &'static str, name: &'static str) -> Self {
        Self { keeps: Some((key, name)), ..self }
    }

    pub(super) fn expects(self, code: i64) -> Self {
        Self { expects: Some(code), ..self }
    }

    pub(super) fn larger_editions(self) -> Self {
        Self { larger_editions: true, ..self }
    }

    pub(super) fn reaches_everybody(self) -> Self {
        Self { reaches_everybody: true, ..self }
    }

    pub(super) fn reads_others(self) -> Self {
        Self { reads_others: true, ..self }
    }
}

async fn ask<R: Mapped>(upstream: &Upstream, command: &Command<'static>, body: String) -> Answer {
    let refused = |error: String| Answer { result: Err(Failure::Request(error)), json: Value::Null, drift: Vec::new() };
    let mut request: R = match wire::decode(body.as_bytes()) {
        Ok(request) => request,
        Err(error) => return refused(error.to_string()),
    };
    request.prepare();
    let body = match wire::encode(&request) {
        Ok(body) => body,
        Err(error) => return refused(error.to_string()),
    };
    let safety = if request.guarded() { Safety::Idempotent } else { command.safety };
    let (mut whole, mut drift) = (Value::Null, Vec::new());
    let mut read = |json: &[u8]| {
        whole = serde_json::from_slice(json).unwrap_or_default();
        let reply = wire::decode_reply::<R::Reply>(json)?;
        let what = |kind| match kind {
            DriftKind::LeftOut => "does not fit its field",
            DriftKind::Unknown => "is not in the contract",
            DriftKind::Mended => "is no clean text",
        };
        let place = |entry: &wire::DriftEntry| Place {
            path: without_indices(&entry.path),
            json: entry.json.clone(),
            what: what(entry.kind),
        };
        drift = reply.drift.entries().iter().map(place).collect::<Vec<_>>();
        drift.dedup_by(|one, other| one.path == other.path);
        Ok(reply.verdict())
    };
    let result = upstream.call(call(command, body, safety, request.group_id()), &mut read).await;
    Answer { result: result.map(drop).map_err(|error| Failure::Call(Box::new(error))), json: whole, drift }
}

/// A call of the examination.
pub(super) fn call<'a>(command: &'a Command<'a>, body: Bytes, safety: Safety, group_id: Option<&'a str>) -> Call<'a> {
    Call {
        command,
        body,
        group_id,
        deadline: Instant::now() + PATIENCE,
        caller: "doctor",
        priority: Priority::Bulk,
        safety,
        request_id: "doctor",
        write_sent: None,
    }
}

/// The value at a path such as `MemberList[3].Role`.
pub(super) fn value_at<'a>(json: &'a Value, path: &str) -> Option<&'a Value> {
    path.split(['.', '[']).filter(|key| !key.is_empty()).try_fold(json, |json, key| match key.strip_suffix(']') {
        Some(index) => json.get(index.parse::<usize>().ok()?),
        None => json.get(key),
    })
}

/// `MemberList[3].Role` as `MemberList[].Role`: the same oddity of many items is one.
pub(super) fn without_indices(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            letter if inside && letter.is_ascii_digit() => continue,
            _ => {}
        }
        plain.push(letter);
    }
    plain
}
