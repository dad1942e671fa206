//! Who is present in a live room, or online in a community: what only client SDKs can change upstream.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refused, Shared, bad_request, namespace, persisted};
use crate::engine::Engine;
use crate::events::{Hook, member_list};
use crate::group_type::GroupType;
use crate::ids::Id;
use crate::namespace::Namespace;
use crate::state::account::Reach;
use crate::sync::lock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    group: String,
    #[serde(default)]
    join: Vec<String>,
    #[serde(default)]
    leave: Vec<String>,
}

/// Reports who came and went to the webhook.
fn report_presence(engine: &Engine, namespace: &Namespace, change: &Presence) {
    let Some(target) = namespace.webhook() else {
        return;
    };
    let moves = [("Online", "Join", &change.join), ("Offline", "Quit", &change.leave)];
    let hooks = moves.into_iter().filter(|(.., users)| !users.is_empty()).filter_map(|(kind, cause, users)| {
        let body = json!({
            "GroupId": change.group,
            "EventType": kind,
            "EventCause": cause,
            "MemberList": member_list(users.iter().map(String::as_str)),
        });
        Some(Hook { command: "Group.CallbackOnMemberStateChange", body: body.as_object()?.clone() })
    });
    engine.webhooks.enqueue(namespace.sdkappid, &target, hooks.collect(), engine.clock.now());
}

/// Moves users in and out of an AVChatRoom, or members of a community on- and offline, which only client SDKs can do upstream.
pub async fn change_presence(State(engine): Shared, Path(sdkappid): Path<u64>, Json(change): Json<Presence>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || move_users(&engine, &namespace, &change).map(|present| json!({"present": present}))).await
}

/// How many are present then.
fn move_users(engine: &Engine, namespace: &Namespace, change: &Presence) -> Result<usize, Refused> {
    let bad = |reason: &str| bad_request(reason.to_owned());
    let app = &mut *lock(&namespace.state);
    for user in change.join.iter().filter(|_| engine.auto_import) {
        app.accounts.entry(Id::from(user.as_str())).or_default();
    }
    let joining: Option<Vec<Id>> = change.join.iter().map(|user| app.account_id(user)).collect();
    let joining = joining.ok_or_else(|| bad("a joining user has no account"))?;
    let group =
        app.group_mut(&change.group).map_err(|error| Refused(StatusCode::NOT_FOUND, error.info.into_owned()))?;
    let is_room = group.kind == GroupType::AVChatRoom;
    if !is_room && group.kind != GroupType::Community {
        return Err(bad("only an AVChatRoom or a community knows who is online"));
    }
    if !is_room && joining.iter().any(|user| group.members.get(user).is_none()) {
        return Err(bad("a joining user is not a member of the community"));
    }
    let now = engine.clock.now();
    if joining.iter().any(|user| group.is_banned(user, now)) {
        return Err(bad("a joining user is banned from the group"));
    }
    let number = group.number;
    report_presence(engine, namespace, change);
    for user in &joining {
        group.presence.enter(user.clone(), now);
    }
    for user in &change.leave {
        group.presence.leave(user);
    }
    let present = group.presence.entered().count();
    // A member of a community stays in the group while offline.
    if is_room {
        for user in &joining {
            if let Some(account) = app.accounts.get_mut(user.as_str()) {
                account.groups.insert(number);
            }
        }
        for user in &change.leave {
            if let Some(account) = app.accounts.get_mut(user.as_str()) {
                account.groups.remove(&number);
            }
        }
    }
    Ok(present)
}

/// What is to be known of a user's devices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    user: String,
    /// By platform; one that is `Offline` is forgotten.
    #[serde(default)]
    devices: BTreeMap<String, Reach>,
    custom_status: Option<String>,
}

/// Brings devices of a user on- and offline, which only clients can do upstream.
pub async fn change_devices(State(engine): Shared, Path(sdkappid): Path<u64>, Json(change): Json<Devices>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || {
        let app = &mut *lock(&namespace.state);
        let unknown = || Refused(StatusCode::NOT_FOUND, format!("there is no account {:?}", change.user));
        let account = app.accounts.get_mut(change.user.as_str()).ok_or_else(unknown)?;
        for (platform, reach) in change.devices {
            match reach {
                Reach::Offline => drop(account.devices.remove(&platform)),
                reach => drop(account.devices.insert(platform, reach)),
            }
        }
        if let Some(status) = change.custom_status {
            account.custom_status = status;
        }
        Ok(json!({"status": account.reach(), "devices": account.devices}))
    })
    .await
}
