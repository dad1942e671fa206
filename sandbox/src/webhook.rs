//! Webhooks: signed requests to the app's own server before and after what happens in its groups.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::body::Body;
use crate::error::ApiError;
use crate::events::Hook;
use crate::sync::lock;

/// Where an app's webhooks go.
#[derive(Debug, Clone)]
pub struct Target {
    url: reqwest::Url,
    /// Signs the requests.
    token: Option<SecretString>,
    options: Options,
}

/// A target as seed files, the control API and the store hold it.
#[derive(Serialize, Deserialize)]
pub struct TargetSettings {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(flatten)]
    options: Options,
}

/// How a target wants its webhooks.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Options {
    /// Only these commands; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commands: Option<BTreeSet<String>>,
    /// Repeats a webhook after an event that timed out.
    #[serde(default)]
    retry: bool,
    /// Refuses with 80003 what a failing webhook could not be asked about.
    #[serde(default)]
    refuse_on_failure: bool,
}

/// Every webhook that the sandbox sends, without `Group.Callback`.
const COMMANDS: &[&str] = &[
    "BeforeCreateGroup",
    "AfterCreateGroup",
    "BeforeInviteJoinGroup",
    "AfterNewMemberJoin",
    "AfterMemberExit",
    "BeforeSendMsg",
    "AfterSendMsg",
    "SendMsgException",
    "AfterRecallMsg",
    "AfterModifyMsg",
    "AfterGroupMsgExtension",
    "AfterReadReceipt",
    "AfterGroupFull",
    "AfterGroupDestroyed",
    "AfterGroupInfoChanged",
    "AfterMemberFieldChanged",
    "AfterChangeGroupOwner",
    "AfterGroupAttrChanged",
    "BeforeCreateTopic",
    "AfterCreateTopic",
    "AfterTopicDestroyed",
    "AfterTopicInfoChanged",
    "OnMemberStateChange",
];

/// Refuses the name of a webhook that is never sent, as a misspelt one is.
pub fn check_command(command: &str) -> Result<(), String> {
    match command.strip_prefix("Group.Callback") {
        Some(name) if COMMANDS.contains(&name) => Ok(()),
        _ => Err(format!("there is no webhook {command:?}")),
    }
}

impl TargetSettings {
    /// Refuses what would never be sent.
    pub fn check(&self) -> Result<(), String> {
        self.options.commands.iter().flatten().try_for_each(|command| check_command(command))
    }
}

impl TryFrom<TargetSettings> for Target {
    type Error = String;

    fn try_from(plain: TargetSettings) -> Result<Self, String> {
        Ok(Self {
            url: plain.url.parse().map_err(|error| format!("the webhook's url: {error}"))?,
            token: plain.token.map(SecretString::from),
            options: plain.options,
        })
    }
}

impl Target {
    /// With its token, so for the store alone.
    pub fn plain(&self) -> TargetSettings {
        TargetSettings {
            url: self.url.to_string(),
            token: self.token.as_ref().map(|token| token.expose_secret().to_owned()),
            options: self.options.clone(),
        }
    }

    fn wants(&self, command: &str) -> bool {
        self.options.commands.as_ref().is_none_or(|commands| commands.contains(command))
    }
}

/// One request to a webhook, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// Counts all requests from 1.
    pub number: u64,
    pub time: i64,
    pub sdkappid: u64,
    pub command: String,
    pub body: Value,
    pub attempts: u32,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    pub answer: Option<Value>,
    pub error: Option<String>,
}

/// What a webhook allowed.
#[derive(Debug, Default)]
pub struct Decision {
    /// Users that it keeps out of a group.
    refused: BTreeSet<String>,
    /// Members of the request in their order, while some are refused.
    asked: Vec<String>,
    /// Whether the caller is to believe that the message was sent.
    pub discard: bool,
}

/// A request on its way.
struct PendingWebhook {
    sdkappid: u64,
    target: Target,
    command: String,
    body: Value,
    now: i64,
}

/// Sends webhooks and remembers them.
pub struct Webhooks {
    /// Made for the first webhook: reading the machine's certificates takes a while, and most sandboxes have none.
    http: LazyLock<Result<reqwest::Client, reqwest::Error>>,
    log: Mutex<(u64, VecDeque<Sent>)>,
    queue: mpsc::Sender<PendingWebhook>,
    /// Taken by the task that works the queue off.
    waiting: Mutex<Option<mpsc::Receiver<PendingWebhook>>>,
}

/// How long a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often a repeated one is sent.
const ATTEMPTS: u32 = 3;
/// Requests that are kept, and that may wait.
const KEPT: usize = 1_000;
const WAITING: usize = 10_000;

fn client() -> Result<reqwest::Client, reqwest::Error> {
    // The client needs a provider even for plain HTTP; one may have been chosen before.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()
}

impl Webhooks {
    pub fn new() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let (log, waiting) = (Mutex::default(), Mutex::new(Some(waiting)));
        Self { http: LazyLock::new(client), log, queue, waiting }
    }

    /// Sends what is queued, in its order, until the engine is gone.
    pub async fn work(&self) {
        let Some(mut waiting) = lock(&self.waiting).take() else {
            return;
        };
        while let Some(pending) = waiting.recv().await {
            self.send(pending).await.ok();
        }
    }

    /// Asks before something happens; gives what the webhook changed, or its refusal.
    pub async fn ask(
        &self,
        sdkappid: u64,
        target: &Target,
        hook: Hook,
        now: i64,
        body: &mut Body,
    ) -> Result<Decision, ApiError> {
        if !target.wants(hook.command) {
            return Ok(Decision::default());
        }
        let pending = PendingWebhook::new(sdkappid, target, hook, now);
        match self.send(pending).await {
            Ok(answer) => decide(&answer, body),
            Err(_) if target.options.refuse_on_failure => Err(ApiError::new(80003, "the webhook failed or timed out")),
            Err(_) => Ok(Decision::default()),
        }
    }

    /// Queues the webhooks after something happened.
    pub fn enqueue(&self, sdkappid: u64, target: &Target, hooks: Vec<Hook>, now: i64) {
        for hook in hooks.into_iter().filter(|hook| target.wants(hook.command)) {
            if self.queue.try_send(PendingWebhook::new(sdkappid, target, hook, now)).is_err() {
                tracing::warn!("a webhook is dropped: too many are waiting");
            }
        }
    }

    /// Sends a remembered request once more. `None` when it is not remembered.
    pub async fn replay(&self, number: u64, target: impl Fn(u64) -> Option<Target>, now: i64) -> Option<Sent> {
        let sent = self.select(None, None).into_iter().find(|sent| sent.number == number)?;
        let target = target(sent.sdkappid)?;
        let pending = PendingWebhook { sdkappid: sent.sdkappid, target, command: sent.command, body: sent.body, now };
        self.send(pending).await.ok();
        self.select(None, None).pop()
    }

    /// Remembered requests, oldest first.
    pub fn select(&self, sdkappid: Option<u64>, command: Option<&str>) -> Vec<Sent> {
        lock(&self.log)
            .1
            .iter()
            .filter(|sent| sdkappid.is_none_or(|own| sent.sdkappid == own))
            .filter(|sent| command.is_none_or(|command| sent.command == command))
            .cloned()
            .collect()
    }

    pub fn clear(&self) {
        lock(&self.log).1.clear();
    }

    /// The webhook's answer, or why there is none.
    async fn send(&self, pending: PendingWebhook) -> Result<Value, ()> {
        let is_before = pending.command.starts_with("Group.CallbackBefore");
        let most = if pending.target.options.retry && !is_before { ATTEMPTS } else { 1 };
        let mut sent = Sent {
            number: 0,
            time: pending.now,
            sdkappid: pending.sdkappid,
            command: pending.command.clone(),
            body: pending.body.clone(),
            attempts: 0,
            status: None,
            answer: None,
            error: None,
        };
        while sent.attempts < most {
            sent.attempts += 1;
            let timed_out = self.post(&pending, &mut sent).await;
            if !timed_out {
                break;
            }
        }
        let answer = sent.answer.clone().filter(|_| sent.error.is_none());
        self.remember(sent);
        answer.ok_or(())
    }

    /// Posts once; says whether it timed out.
    async fn post(&self, pending: &PendingWebhook, sent: &mut Sent) -> bool {
        let http = match &*self.http {
            Ok(http) => http,
            Err(error) => {
                sent.error = Some(error.to_string());
                return false;
            }
        };
        let result = http
            .post(pending.url())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(pending.body.to_string())
            .send()
            .await;
        let (status, bytes) = match result {
            Ok(response) => (response.status(), response.bytes().await),
            Err(error) => {
                let timed_out = error.is_timeout();
                // Its text may hold the URL, and that the signature.
                sent.error = Some(error.without_url().to_string());
                return timed_out;
            }
        };
        sent.status = Some(status.as_u16());
        sent.answer = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        sent.error = match (&sent.answer, status.as_u16()) {
            (Some(_), 200) => None,
            (_, 200) => Some("the answer is no JSON".to_owned()),
            (_, status) => Some(format!("HTTP status {status}")),
        };
        false
    }

    fn remember(&self, mut sent: Sent) {
        let (last, kept) = &mut *lock(&self.log);
        *last += 1;
        sent.number = *last;
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(sent);
    }
}

impl PendingWebhook {
    fn new(sdkappid: u64, target: &Target, hook: Hook, now: i64) -> Self {
        let mut body = hook.body;
        body.insert("CallbackCommand".to_owned(), json!(hook.command));
        if let Some(time) = event_time(hook.command, now) {
            body.insert("EventTime".to_owned(), time);
        }
        Self { sdkappid, target: target.clone(), command: hook.command.to_owned(), body: Value::Object(body), now }
    }

    fn url(&self) -> reqwest::Url {
        let mut url = self.target.url.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("SdkAppid", &self.sdkappid.to_string())
            .append_pair("CallbackCommand", &self.command)
            .append_pair("contenttype", "json");
        if self.command != "Group.CallbackOnMemberStateChange" {
            query.append_pair("ClientIP", "127.0.0.1").append_pair("OptPlatform", "RESTAPI");
        }
        if let Some(token) = &self.target.token {
            let time = self.now.to_string();
            query.append_pair("Sign", &sign(token.expose_secret(), &time)).append_pair("RequestTime", &time);
        }
        drop(query);
        url
    }
}

/// The `EventTime` of a webhook in milliseconds. The tables type it as a number everywhere; the samples of most webhooks
/// have a text, and those about topics have none.
fn event_time(command: &str, now: i64) -> Option<Value> {
    let millis = now.saturating_mul(1_000);
    match command {
        "Group.CallbackBeforeCreateTopic"
        | "Group.CallbackAfterCreateTopic"
        | "Group.CallbackAfterTopicDestroyed"
        | "Group.CallbackAfterTopicInfoChanged" => None,
        "Group.CallbackAfterSendMsg" | "Group.CallbackAfterModifyMsg" | "Group.CallbackAfterGroupMsgExtension" => {
            Some(json!(millis))
        }
        _ => Some(json!(millis.to_string())),
    }
}

/// Lower-case hex SHA-256 of the token followed by the time.
fn sign(token: &str, time: &str) -> String {
    let digest = Sha256::digest(format!("{token}{time}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the answer of a webhook that was asked, and changes the request as it wants.
fn decide(answer: &Value, body: &mut Body) -> Result<Decision, ApiError> {
    let info = answer.get("ErrorInfo").and_then(Value::as_str).unwrap_or_default();
    match answer.get("ErrorCode").and_then(Value::as_i64).unwrap_or(0) {
        0 => {}
        2 if body.contains_key("MsgBody") => {
            return Ok(Decision { discard: true, ..Decision::default() });
        }
        code @ 10_100..=10_200 => return Err(ApiError::new(code, info.to_owned())),
        _ => return Err(ApiError::new(10016, "the app's webhook refused")),
    }
    for key in ["MsgBody", "CloudCustomData"] {
        if let Some(replacement) = answer.get(key).filter(|_| body.contains_key("MsgBody")) {
            body.insert(key.to_owned(), replacement.clone());
        }
    }
    Ok(Decision::keeping_out(answer, body))
}

impl Decision {
    /// Takes refused users out of the request.
    fn keeping_out(answer: &Value, body: &mut Body) -> Self {
        let refused: BTreeSet<String> = answer
            .get("RefusedMembers_Account")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|user| user.as_str().map(str::to_owned))
            .collect();
        let Some(members) = body.get_mut("MemberList").and_then(Value::as_array_mut) else {
            return Self::default();
        };
        if refused.is_empty() {
            return Self::default();
        }
        let user = |member: &Value| member.get("Member_Account").and_then(Value::as_str).unwrap_or_default().to_owned();
        let asked = members.iter().map(user).collect();
        members.retain(|member| !refused.contains(&user(member)));
        Self { refused, asked, discard: false }
    }

    /// Whether no user is left to be added.
    pub fn keeps_all_out(&self) -> bool {
        !self.asked.is_empty() && self.asked.iter().all(|user| self.refused.contains(user))
    }

    /// Puts refused users back into the answer, as failed and in their places.
    pub fn complete(&self, answer: &mut Body) {
        if self.refused.is_empty() {
            return;
        }
        let mut given = answer.get("MemberList").and_then(Value::as_array).cloned().unwrap_or_default().into_iter();
        let all: Vec<Value> = self
            .asked
            .iter()
            .filter_map(|user| {
                if self.refused.contains(user) {
                    Some(json!({"Member_Account": user, "Result": 0}))
                } else {
                    given.next()
                }
            })
            .collect();
        answer.insert("MemberList".to_owned(), Value::Array(all));
    }
}
