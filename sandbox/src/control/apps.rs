//! Apps, their accounts and their custom fields.

use axum::Json;
use axum::extract::{Path, State};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Shared, bad_request, namespace, persisted};
use crate::ids::Id;
use crate::seed;
use crate::settings::DEFAULT_APP;
use crate::state::custom_fields::{GROUP_CUSTOM_FIELDS, MEMBER_CUSTOM_FIELDS, PROFILE_CUSTOM_FIELDS};
use crate::sync::lock;

pub async fn list_apps(State(engine): Shared) -> Json<Value> {
    let apps: Vec<Value> = engine
        .namespaces()
        .iter()
        .map(|namespace| {
            let app = lock(&namespace.state);
            json!({
                "sdkappid": app.sdkappid,
                "admins": app.admins,
                "accounts": app.accounts.len(),
                "groups": app.count(None),
            })
        })
        .collect();
    Json(json!({"apps": apps}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    sdkappid: u64,
    key: String,
    admin: Option<String>,
}

pub async fn add_app(State(engine): Shared, Json(app): Json<NewApp>) -> Answer {
    persisted(&engine, || {
        engine.add_app(app.sdkappid, SecretString::from(app.key), app.admin.as_deref().unwrap_or(DEFAULT_APP.admin));
        Ok(json!({"sdkappid": app.sdkappid}))
    })
    .await
}

pub async fn list_accounts(State(engine): Shared, Path(sdkappid): Path<u64>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    let mut users: Vec<String> = lock(&namespace.state).accounts.keys().map(|user| user.as_str().to_owned()).collect();
    users.sort_unstable();
    Ok(Json(json!({"users": users})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    users: Vec<String>,
}

pub async fn add_accounts(State(engine): Shared, Path(sdkappid): Path<u64>, Json(add): Json<Users>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || {
        let mut app = lock(&namespace.state);
        for user in &add.users {
            app.accounts.entry(Id::from(user.as_str())).or_default();
        }
        Ok(json!({"accounts": app.accounts.len()}))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    #[serde(default)]
    group: Vec<String>,
    #[serde(default)]
    member: Vec<String>,
    #[serde(default)]
    profile: Vec<String>,
}

pub async fn declare_fields(State(engine): Shared, Path(sdkappid): Path<u64>, Json(fields): Json<Fields>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || {
        let app = &mut *lock(&namespace.state);
        seed::declare(&mut app.group_fields, &fields.group, GROUP_CUSTOM_FIELDS)
            .and_then(|()| seed::declare(&mut app.member_fields, &fields.member, MEMBER_CUSTOM_FIELDS))
            .and_then(|()| seed::declare(&mut app.profile_fields, &fields.profile, PROFILE_CUSTOM_FIELDS))
            .map_err(bad_request)?;
        let (group, member, profile) = (&app.group_fields, &app.member_fields, &app.profile_fields);
        let mut declared = json!({"group": group.declared, "member": member.declared});
        if !profile.declared.is_empty() {
            declared["profile"] = json!(profile.declared);
        }
        Ok(declared)
    })
    .await
}
