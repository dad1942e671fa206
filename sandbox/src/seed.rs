//! Seed files: commands that a sandbox starts with.

use std::borrow::Cow;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::engine::Engine;
use crate::ids::Id;
use crate::settings::DEFAULT_APP;
use crate::state::custom_fields::{CustomFields, GROUP_CUSTOM_FIELDS, MEMBER_CUSTOM_FIELDS, PROFILE_CUSTOM_FIELDS};
use crate::sync::lock;
use crate::webhook::TargetSettings;
use crate::{registry, snapshot};

/// What a seed file says of one app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedApp<'a> {
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
    profile_fields: Vec<String>,
    #[serde(default)]
    webhook: Option<TargetSettings>,
    /// Executed in order, each must succeed.
    #[serde(default, borrow)]
    commands: Vec<SeedCommand<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedCommand<'a> {
    #[serde(default = "default_service", borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    command: Cow<'a, str>,
    /// Text until its turn comes: the parsed bodies of a large seed would take ten times its size.
    body: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed<'a> {
    #[serde(borrow)]
    apps: Vec<SeedApp<'a>>,
}

/// Distinguishes a snapshot from a seed.
#[derive(Deserialize)]
struct Mark {
    snapshot: Option<IgnoredAny>,
}

fn default_sdkappid() -> u64 {
    DEFAULT_APP.sdkappid
}

fn default_admin() -> String {
    DEFAULT_APP.admin.to_owned()
}

fn default_service() -> Cow<'static, str> {
    "group_open_http_svc".into()
}

/// Takes a seed file, or a snapshot, which replaces the state of the apps that it names.
pub fn apply(engine: &Engine, bytes: &[u8]) -> Result<(), String> {
    let mark: Mark = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if mark.snapshot.is_some() {
        return snapshot::restore(engine, bytes);
    }
    let seed: Seed<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    seed.apps.into_iter().try_for_each(|app| apply_app(engine, app))
}

fn apply_app(engine: &Engine, seed: SeedApp<'_>) -> Result<(), String> {
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
        declare(&mut app.profile_fields, &seed.profile_fields, PROFILE_CUSTOM_FIELDS)?;
    }
    if let Some(webhook) = &seed.webhook {
        webhook.check()?;
        engine.set_webhook(seed.sdkappid, seed.webhook)?;
    }
    for (position, step) in seed.commands.into_iter().enumerate() {
        let failed = |reason| format!("command {position} ({}): {reason}", step.command);
        let body = serde_json::from_str(step.body.get()).map_err(|error| failed(error.to_string()))?;
        registry::find(&step.service, &step.command)
            .and_then(|command| engine.execute_inside(&namespace, command, &seed.admin, body).0)
            .map_err(|error| failed(format!("{} {}", error.code, error.info)))?;
    }
    Ok(())
}

/// Declares custom fields as the console does.
pub fn declare(fields: &mut CustomFields, keys: &[String], most: usize) -> Result<(), String> {
    keys.iter()
        .try_for_each(|key| fields.declare(key, most))
        .map_err(|_| format!("at most {most} keys of 1 to 16 letters, digits and underscores can be declared"))
}
