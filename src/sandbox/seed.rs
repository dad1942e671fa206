//! Seed files, snapshots and their restoring.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::DEFAULT_APP;
use super::engine::{Engine, Namespace, Rules};
use super::handlers::{GROUP_CUSTOM_FIELDS, MEMBER_CUSTOM_FIELDS};
use super::ids::Id;
use super::registry::{self, Body};
use super::state::app::{App, CustomFields};
use super::store::{Recovered, Ticket};
use super::sync::lock;
use super::webhook::{Plain, Target};

/// What a seed file says of one app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedApp {
    #[serde(default = "default_sdkappid")]
    sdkappid: u64,
    #[serde(default)]
    key: Option<String>,
    #[serde(default = "default_admin")]
    admin: String,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    group_fields: Vec<String>,
    #[serde(default)]
    member_fields: Vec<String>,
    #[serde(default)]
    webhook: Option<Plain>,
    /// Executed in order, each must succeed.
    #[serde(default)]
    commands: Vec<SeedCommand>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedCommand {
    #[serde(default = "default_service")]
    service: String,
    command: String,
    body: Body,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    apps: Vec<SeedApp>,
}

/// The state of every app. Keys stay out: a snapshot can be passed on.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    snapshot: u64,
    /// The clock when it was taken, for information.
    time: i64,
    apps: Vec<App>,
}

/// The version of the snapshot format.
const SNAPSHOT_VERSION: u64 = 1;

fn default_sdkappid() -> u64 {
    DEFAULT_APP.sdkappid
}

fn default_admin() -> String {
    DEFAULT_APP.admin.to_owned()
}

fn default_service() -> String {
    "group_open_http_svc".to_owned()
}

/// Everything that the apps hold, as JSON.
pub fn snapshot(engine: &Engine) -> Value {
    engine.frozen(|apps| snapshot_of(engine, apps))
}

fn snapshot_of(engine: &Engine, apps: &[(&Namespace, &App)]) -> Value {
    let apps = apps.iter().map(|(_, app)| (*app).clone()).collect();
    let snapshot = Snapshot { snapshot: SNAPSHOT_VERSION, time: engine.clock.now(), apps };
    serde_json::to_value(snapshot).unwrap_or_else(|error| json!({"error": error.to_string()}))
}

/// What the store keeps as its base: a snapshot, and the keys without which a restart could not serve its apps.
#[derive(Serialize, Deserialize)]
struct Base {
    keys: BTreeMap<u64, String>,
    /// Of the run that writes the log after this base.
    rules: Rules,
    #[serde(default)]
    webhooks: BTreeMap<u64, Plain>,
    state: Value,
}

/// Writes the present state as the store's new base, and waits until it is on disk.
pub async fn rebase(engine: &Engine) -> Result<(), String> {
    written(submit_base(engine)?).await
}

/// Sends the present state to the store, if there is one, as its new base.
pub fn submit_base(engine: &Engine) -> Result<Option<Ticket>, String> {
    let Some(store) = engine.store.get() else {
        return Ok(None);
    };
    // Submitted while nothing can change: a command is either in the base or logged after it.
    engine.frozen(|apps| {
        let keys = apps.iter().map(|(app, _)| (app.sdkappid, app.key().expose_secret().to_owned())).collect();
        let base = Base {
            keys,
            rules: engine.rules(),
            webhooks: apps.iter().filter_map(|(app, _)| Some((app.sdkappid, app.webhook()?.plain()))).collect(),
            state: snapshot_of(engine, apps),
        };
        serde_json::to_vec(&base).map(|base| Some(store.rebase(base))).map_err(|error| error.to_string())
    })
}

/// Waits until a base is on disk.
pub async fn written(ticket: Option<Ticket>) -> Result<(), String> {
    if let Some(ticket) = ticket
        && !ticket.written().await
    {
        return Err("the data directory cannot be written".to_owned());
    }
    Ok(())
}

/// Takes what an earlier run left in the store.
pub fn recover(engine: &Engine, recovered: Recovered) -> Result<(), String> {
    // Nothing is answered before the first base: a log without one is of a first start that did not end, and is begun anew.
    let Some(base) = recovered.base else {
        return Ok(());
    };
    let base: Base = serde_json::from_slice(&base).map_err(|error| error.to_string())?;
    for (sdkappid, key) in base.keys {
        engine.add_app(sdkappid, SecretString::from(key), DEFAULT_APP.admin);
    }
    for (sdkappid, webhook) in base.webhooks {
        set_webhook(engine, sdkappid, Some(webhook))?;
    }
    restore(engine, base.state)?;
    // Whatever cannot be repeated must stop the start: the next base would make its loss final.
    recovered.calls.iter().try_for_each(|call| engine.replay(call, &base.rules))
}

/// Takes a seed file, or a snapshot, which replaces the state of the apps that it names.
pub fn apply(engine: &Engine, bytes: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if value.get("snapshot").is_some() {
        return restore(engine, value);
    }
    let seed: Seed = serde_json::from_value(value).map_err(|error| error.to_string())?;
    seed.apps.into_iter().try_for_each(|app| apply_app(engine, app))
}

fn restore(engine: &Engine, value: Value) -> Result<(), String> {
    let snapshot: Snapshot = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if snapshot.snapshot != SNAPSHOT_VERSION {
        return Err(format!("snapshot version {} is not {SNAPSHOT_VERSION}", snapshot.snapshot));
    }
    let known: Vec<_> = snapshot.apps.iter().map(|app| (app.sdkappid, engine.namespace(app.sdkappid))).collect();
    if let Some((sdkappid, _)) = known.iter().find(|(_, namespace)| namespace.is_none()) {
        return Err(format!("app {sdkappid} is not configured here; add it first, a snapshot holds no keys"));
    }
    for (app, (_, namespace)) in snapshot.apps.into_iter().zip(known) {
        if let Some(namespace) = namespace {
            *lock(&namespace.state) = app;
        }
    }
    Ok(())
}

fn apply_app(engine: &Engine, seed: SeedApp) -> Result<(), String> {
    if let Some(key) = seed.key {
        engine.add_app(seed.sdkappid, SecretString::from(key), &seed.admin);
    }
    let namespace = engine.namespace(seed.sdkappid).ok_or_else(|| format!("app {} has no key", seed.sdkappid))?;
    {
        let mut app = lock(&namespace.state);
        for user in &seed.accounts {
            app.accounts.entry(Id::from(user.as_str())).or_default();
        }
        declare(&mut app.group_fields, &seed.group_fields, GROUP_CUSTOM_FIELDS)?;
        declare(&mut app.member_fields, &seed.member_fields, MEMBER_CUSTOM_FIELDS)?;
    }
    if seed.webhook.is_some() {
        set_webhook(engine, seed.sdkappid, seed.webhook)?;
    }
    for (position, step) in seed.commands.into_iter().enumerate() {
        registry::find(&step.service, &step.command)
            .and_then(|command| engine.execute_inside(&namespace, command, &seed.admin, step.body).0)
            .map_err(|error| format!("command {position} ({}): {} {}", step.command, error.code, error.info))?;
    }
    Ok(())
}

/// Sends an app's webhooks somewhere, or nowhere.
pub fn set_webhook(engine: &Engine, sdkappid: u64, webhook: Option<Plain>) -> Result<(), String> {
    let namespace = engine.namespace(sdkappid).ok_or_else(|| format!("there is no app {sdkappid}"))?;
    namespace.set_webhook(webhook.map(Target::try_from).transpose()?);
    Ok(())
}

/// Declares custom fields as the console does.
pub fn declare(fields: &mut CustomFields, keys: &[String], most: usize) -> Result<(), String> {
    keys.iter()
        .try_for_each(|key| fields.declare(key, most))
        .map_err(|_| format!("at most {most} keys of 1 to 16 letters, digits and underscores can be declared"))
}
