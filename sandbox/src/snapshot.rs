//! Snapshots of the state, as testers take them and as the data directory keeps them.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Rules};
use crate::namespace::Namespace;
use crate::settings::DEFAULT_APP;
use crate::state::app::App;
use crate::store::{PreviousRun, Ticket};
use crate::sync::lock;
use crate::webhook::TargetSettings;

/// The state of every app. Keys stay out: a snapshot can be passed on.
#[derive(Serialize, Deserialize)]
struct Snapshot<A> {
    snapshot: u64,
    /// The clock when it was taken, for information.
    time: i64,
    apps: Vec<A>,
}

/// The version of the snapshot format.
const VERSION: u64 = 1;

/// What the store keeps as its base: a snapshot, and the keys without which a restart could not serve its apps.
#[derive(Serialize, Deserialize)]
struct Base<A> {
    keys: BTreeMap<u64, String>,
    /// Of the run that writes the log after this base.
    rules: Rules,
    #[serde(default)]
    webhooks: BTreeMap<u64, TargetSettings>,
    state: Snapshot<A>,
}

/// Writes everything that the apps hold, as JSON. The state can be large, so no copy of it is made.
pub fn write(engine: &Engine, into: impl Write) -> serde_json::Result<()> {
    engine.frozen(|apps| serde_json::to_writer(into, &of(engine, apps)))
}

fn of<'a>(engine: &Engine, apps: &[(&Namespace, &'a App)]) -> Snapshot<&'a App> {
    Snapshot { snapshot: VERSION, time: engine.clock.now(), apps: apps.iter().map(|(_, app)| *app).collect() }
}

/// Replaces the state of the apps that a snapshot names.
pub fn restore(engine: &Engine, snapshot: &[u8]) -> Result<(), String> {
    put(engine, serde_json::from_slice(snapshot).map_err(|error| error.to_string())?)
}

fn put(engine: &Engine, snapshot: Snapshot<App>) -> Result<(), String> {
    if snapshot.snapshot != VERSION {
        return Err(format!("snapshot version {} is not {VERSION}", snapshot.snapshot));
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
            state: of(engine, apps),
        };
        store.rebase(|into| serde_json::to_writer(into, &base)).map(Some).map_err(|error| error.to_string())
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

/// Takes what an earlier run left; whether there was anything.
pub fn recover(engine: &Engine, earlier: &PreviousRun) -> Result<bool, String> {
    // Nothing is answered before the first base: a log without one is of a first start that did not end, and is started again.
    let Some(base) = earlier.base()? else {
        return Ok(false);
    };
    let base: Base<App> = serde_json::from_reader(BufReader::new(base)).map_err(|error| error.to_string())?;
    for (sdkappid, key) in base.keys {
        engine.add_app(sdkappid, SecretString::from(key), DEFAULT_APP.admin);
    }
    for (sdkappid, webhook) in base.webhooks {
        engine.set_webhook(sdkappid, Some(webhook))?;
    }
    put(engine, base.state)?;
    // Whatever cannot be repeated must stop the start: the next base would make its loss final.
    earlier.repeat(|call| engine.replay(call, &base.rules))?;
    Ok(true)
}
