//! From a request to its answer: the checks in their order, and the execution.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard, OnceLock, RwLock};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer};
use crate::clock::Clock;
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::events::Events;
use crate::faults::Faults;
use crate::ids::Id;
use crate::journal::Journal;
use crate::limits::{Limits, Pace};
use crate::namespace::Namespace;
use crate::registry;
use crate::schema::{self, Strictness};
use crate::settings::Settings;
use crate::state::app::App;
use crate::store::{Call, Store, Ticket};
use crate::sync::{lock, read, write};
use crate::usersig::UserSig;
use crate::webhook::{Decision, Target, TargetSettings, Webhooks};

/// Everything that the two servers work on.
pub struct Engine {
    pub loose: bool,
    pub auto_import: bool,
    pub open_fields: bool,
    pub seed: u64,
    pub limits: Limits,
    pub clock: Clock,
    pub pace: Pace,
    pub faults: Faults,
    pub journal: Journal,
    pub webhooks: Webhooks,
    namespaces: RwLock<BTreeMap<u64, Arc<Namespace>>>,
    /// Held for reading by commands, which are logged one by one, and for writing by changes that only a new base records,
    /// until that base is on its way: no log may build on what no base holds.
    pub gate: RwLock<()>,
    /// Absent while the state lives in memory only.
    pub store: OnceLock<Store>,
}

/// The query of a request, decoded.
pub type Query = HashMap<String, String>;

impl Engine {
    pub fn new(settings: &Settings, webhooks: Webhooks) -> Self {
        Self {
            loose: settings.loose,
            auto_import: settings.auto_import,
            open_fields: settings.open_fields,
            seed: settings.seed,
            limits: settings.limits.clone(),
            clock: Clock::default(),
            pace: Pace::new(settings.rate_scale),
            faults: Faults::default(),
            journal: Journal::new(settings.journal),
            webhooks,
            namespaces: RwLock::default(),
            gate: RwLock::default(),
            store: OnceLock::new(),
        }
    }

    /// Adds an app, or gives an existing one a new key and a further admin.
    pub fn add_app(&self, sdkappid: u64, key: SecretString, admin: &str) {
        let mut namespaces = write(&self.namespaces);
        if let Some(namespace) = namespaces.get(&sdkappid) {
            namespace.set_key(key);
            let mut app = lock(&namespace.state);
            app.admins.insert(Id::from(admin));
            app.accounts.entry(Id::from(admin)).or_default();
            return;
        }
        let app = App::new(sdkappid, self.seed, BTreeSet::from([Id::from(admin)]));
        namespaces.insert(sdkappid, Arc::new(Namespace::new(app, key)));
    }

    pub fn namespace(&self, sdkappid: u64) -> Option<Arc<Namespace>> {
        read(&self.namespaces).get(&sdkappid).cloned()
    }

    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        read(&self.namespaces).values().cloned().collect()
    }

    /// Sends an app's webhooks somewhere, or nowhere.
    pub fn set_webhook(&self, sdkappid: u64, webhook: Option<TargetSettings>) -> Result<(), String> {
        let namespace = self.namespace(sdkappid).ok_or_else(|| format!("there is no app {sdkappid}"))?;
        namespace.set_webhook(webhook.map(Target::try_from).transpose()?);
        Ok(())
    }

    /// Checks and executes a request whose command is known already.
    pub async fn answer(&self, command: &Command, query: &Query, body: &[u8]) -> Outcome {
        self.attempt(command, query, body).await.map_err(|error| match command.code {
            Some(code) => ApiError { code: code(&error), ..error },
            None => error,
        })
    }

    async fn attempt(&self, command: &Command, query: &Query, body: &[u8]) -> Outcome {
        let unwritable = |reason: String| ApiError::new(10002, reason);
        if let Some(reason) = self.broken() {
            return Err(unwritable(reason));
        }
        let (namespace, identifier) = self.authenticate(command, query)?;
        if !self.pace.admit(|| format!("call/{}/{}", namespace.sdkappid, command.name), command.rate) {
            // A command with an own, lower rate answers like a group operation that comes too often.
            let code = if command.rate < 100.0 { 10006 } else { 60007 };
            return Err(ApiError::new(code, "request rate exceeded"));
        }
        let mut body = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(body)) => body,
            // What PHP makes of an empty map.
            Ok(Value::Array(items)) if self.loose && items.is_empty() => Body::new(),
            _ if self.loose && body.is_empty() => Body::new(),
            _ => return Err(ApiError::new(60003, "the body is not a JSON object")),
        };
        let decision = self.ask(&namespace, command, identifier, &mut body).await?;
        if decision.discard {
            return answer(json!({"MsgTime": self.clock.now(), "MsgSeq": 0}));
        }
        let (outcome, ticket) = if decision.keeps_all_out() {
            (Ok(Body::new()), None)
        } else {
            self.execute(&namespace, command, identifier, body)
        };
        if let Some(ticket) = ticket
            && !ticket.written().await
        {
            return Err(unwritable(self.broken().unwrap_or_default()));
        }
        let mut answer = outcome?;
        decision.complete(&mut answer);
        Ok(answer)
    }

    /// Asks the app's webhook, where it wants to be asked. Changes of the request go into the body.
    async fn ask(
        &self,
        namespace: &Namespace,
        command: &Command,
        caller: &str,
        body: &mut Body,
    ) -> Result<Decision, ApiError> {
        let (Some(target), Some(before)) = (namespace.webhook(), command.before) else {
            return Ok(Decision::default());
        };
        let strictness = Strictness { loose: self.loose, limits: &self.limits };
        schema::check(command.fields, body, "", strictness)?;
        let now = self.clock.now();
        let hook = {
            let mut app = lock(&namespace.state);
            let execution = self.execution(false);
            before(&execution.ctx(&mut app, command, caller, now), body)
        };
        match hook {
            Some(hook) => self.webhooks.ask(namespace.sdkappid, &target, hook, now, body).await,
            None => Ok(Decision::default()),
        }
    }

    fn execution(&self, hooked: bool) -> Execution<'_> {
        Execution {
            limits: &self.limits,
            auto_import: self.auto_import,
            open_fields: self.open_fields,
            pace: Some(&self.pace),
            hooked,
        }
    }

    /// The app and the admin behind a request.
    fn authenticate<'q>(&self, command: &Command, query: &'q Query) -> Result<(Arc<Namespace>, &'q str), ApiError> {
        let part = |name: &str| query.get(name).map(String::as_str);
        let wrong = |name: &str| ApiError::new(60025, format!("{name} is missing or wrong in the URL"));
        let sdkappid = part("sdkappid")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| ApiError::new(60012, "sdkappid is missing in the URL"))?;
        let sdkappid: u64 = sdkappid.parse().map_err(|_| wrong("sdkappid"))?;
        let identifier = part("identifier").filter(|id| !id.is_empty()).ok_or_else(|| wrong("identifier"))?;
        let usersig = part("usersig").ok_or_else(|| wrong("usersig"))?;
        // Older clients leave these two out; a wrong value is refused for all.
        match part("contenttype") {
            Some("json") => {}
            None if self.loose => {}
            _ => return Err(wrong("contenttype")),
        }
        match part("random").map(str::parse::<u32>) {
            Some(Ok(_)) => {}
            None if self.loose => {}
            _ => return Err(wrong("random")),
        }
        let Some(namespace) = self.namespace(sdkappid) else {
            UserSig::unpack(usersig)?;
            return Err(ApiError::new(70020, "sdkappid does not exist"));
        };
        let now = self.clock.now();
        let made = self.verify(&namespace, usersig, identifier, now).map_err(|error| {
            let flood = namespace.count_bad_signature(now) > self.limits.bad_signatures;
            if flood { ApiError::new(70050, "too many bad usersigs, wait a minute") } else { error }
        })?;
        let kicked = lock(&namespace.state).accounts.get(identifier).and_then(|account| account.kicked);
        if kicked.is_some_and(|kicked| made < kicked) {
            return Err(ApiError::new(70001, "usersig is void since the account was kicked"));
        }
        if !lock(&namespace.state).admins.contains(identifier) {
            let code = if command.service == "openim" { 90009 } else { 60010 };
            return Err(ApiError::new(code, "identifier is not an app admin"));
        }
        Ok((namespace, identifier))
    }

    /// Verifies a UserSig, unless it is the one that was verified last and has not expired since. Returns when it was made.
    fn verify(&self, namespace: &Namespace, usersig: &str, identifier: &str, now: i64) -> Result<i64, ApiError> {
        if let Some(made) = namespace.knows(usersig, identifier, now) {
            return Ok(made);
        }
        let signature = UserSig::unpack(usersig)?;
        // A genuine one of another app fails otherwise than a forged one.
        let signer = self.namespace(signature.sdkappid());
        let key = signer.as_deref().unwrap_or(namespace).key();
        signature.verify(key.expose_secret(), namespace.sdkappid, identifier, now)?;
        namespace.remember(usersig, identifier, signature.made(), signature.valid_until());
        Ok(signature.made())
    }

    /// Checks the body against the command's table and runs the command. The ticket, if any, must be awaited before answering.
    fn execute(&self, namespace: &Namespace, command: &Command, caller: &str, body: Body) -> (Outcome, Option<Ticket>) {
        let _gate = read(&self.gate);
        self.execute_inside(namespace, command, caller, body)
    }

    /// Like `execute`, for a caller that holds the gate already.
    pub fn execute_inside(
        &self,
        namespace: &Namespace,
        command: &Command,
        caller: &str,
        mut body: Body,
    ) -> (Outcome, Option<Ticket>) {
        let strictness = Strictness { loose: self.loose, limits: &self.limits };
        if let Err(error) = schema::check(command.fields, &mut body, "", strictness) {
            return (Err(error), None);
        }
        let target = namespace.webhook();
        let execution = self.execution(target.is_some());
        let mut app = lock(&namespace.state);
        // Read under the lock, so that time never runs backwards from one command to the next.
        let time = self.clock.now();
        let traces = app.traces();
        let (outcome, changed, events) = execution.run(&mut app, command, caller, &body, time);
        let leaves_something = (changed && outcome.is_ok()) || app.traces() != traces;
        namespace.mailbox.put(events.deliveries, time);
        if let Some(target) = &target {
            self.webhooks.enqueue(namespace.sdkappid, target, events.hooks, time);
        }
        let ticket = self.store.get().and_then(|store| match leaves_something {
            // What it has seen may not be on disk yet.
            false => store.barrier(),
            true => Some(store.append(&Call {
                sdkappid: namespace.sdkappid,
                time,
                service: command.service.to_owned(),
                command: command.name.to_owned(),
                caller: caller.to_owned(),
                body,
                code: code(&outcome),
            })),
        });
        (outcome, ticket)
    }

    /// Repeats a command of an earlier run under the rules of that run: it ends as it ended then.
    pub fn replay(&self, call: &Call, rules: &Rules) -> Result<(), String> {
        let namespace = self
            .namespace(call.sdkappid)
            .ok_or_else(|| format!("a recorded command is of an unknown app {}", call.sdkappid))?;
        let command = registry::find(&call.service, &call.command)
            .map_err(|error| format!("a recorded command is unknown: {}", error.info))?;
        let execution = Execution {
            limits: &rules.limits,
            auto_import: rules.auto_import,
            open_fields: rules.open_fields,
            pace: None,
            hooked: false,
        };
        let app = &mut lock(&namespace.state);
        let (outcome, ..) = execution.run(app, command, &call.caller, &call.body, call.time);
        match code(&outcome) {
            same if same == call.code => Ok(()),
            other => Err(format!("a recorded {} ends with {other} and not with {}", call.command, call.code)),
        }
    }

    /// Why the sandbox serves nothing any more, if so.
    pub fn broken(&self) -> Option<String> {
        self.store.get()?.broken()
    }

    /// What a later run must know to repeat the commands of this one.
    pub fn rules(&self) -> Rules {
        Rules { limits: self.limits.clone(), auto_import: self.auto_import, open_fields: self.open_fields }
    }

    /// Hands the state of every app to `look`, while nothing can change it.
    pub fn frozen<T>(&self, look: impl FnOnce(&[(&Namespace, &App)]) -> T) -> T {
        let namespaces = self.namespaces();
        let guards: Vec<MutexGuard<'_, App>> = namespaces.iter().map(|namespace| lock(&namespace.state)).collect();
        let apps: Vec<(&Namespace, &App)> =
            namespaces.iter().zip(&guards).map(|(namespace, app)| (&**namespace, &**app)).collect();
        look(&apps)
    }
}

/// The settings that decide what a command does.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    pub limits: Limits,
    pub auto_import: bool,
    pub open_fields: bool,
}

/// How commands are run: now, or once more.
struct Execution<'a> {
    limits: &'a Limits,
    auto_import: bool,
    open_fields: bool,
    /// Absent while recorded commands are repeated: they were admitted once.
    pace: Option<&'a Pace>,
    /// Whether a webhook listens.
    hooked: bool,
}

impl Execution<'_> {
    fn ctx<'c>(&'c self, app: &'c mut App, command: &Command, caller: &'c str, now: i64) -> Ctx<'c> {
        Ctx {
            app,
            limits: self.limits,
            now,
            caller,
            auto_import: self.auto_import,
            open_fields: self.open_fields,
            pace: self.pace,
            events: Events { live: self.pace.is_some(), hooked: self.hooked, ..Events::default() },
            changed: command.writes,
        }
    }

    /// The outcome, whether it can have changed anything, and what it caused.
    fn run(&self, app: &mut App, command: &Command, caller: &str, body: &Body, now: i64) -> (Outcome, bool, Events) {
        let mut ctx = self.ctx(app, command, caller, now);
        let outcome = (command.handler)(&mut ctx, body);
        (outcome, ctx.changed, ctx.events)
    }
}

/// The `ErrorCode` of an outcome.
fn code(outcome: &Outcome) -> i64 {
    outcome.as_ref().map_or_else(|error| error.code, |_| 0)
}

/// An answer may hold so many bytes.
const ANSWER_BYTES: usize = 1024 * 1024;

/// The JSON of an answer, and its error code.
pub fn envelope(outcome: Outcome) -> (Vec<u8>, i64) {
    let (mut body, code, info) = match outcome {
        Ok(body) => (body, 0, "".into()),
        Err(error) => (Body::new(), error.code, error.info),
    };
    body.insert("ActionStatus".to_owned(), json!(if code == 0 { "OK" } else { "FAIL" }));
    body.insert("ErrorCode".to_owned(), json!(code));
    // A few commands have a text for success.
    body.entry("ErrorInfo").or_insert_with(|| json!(info));
    let bytes = Value::Object(body).to_string().into_bytes();
    if bytes.len() > ANSWER_BYTES {
        return envelope(Err(ApiError::new(10018, "the answer is larger than 1 MB, ask for less")));
    }
    (bytes, code)
}
