//! The control API: what testers need and the emulated service does not have.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::events::{Hook, MailFilter, member_list};
use crate::faults::{Action, Rule};
use crate::group_type::GroupType;
use crate::ids::Id;
use crate::journal::Filter;
use crate::namespace::Namespace;
use crate::settings::DEFAULT_APP;
use crate::state::app::{App, GROUP_CUSTOM_FIELDS, MEMBER_CUSTOM_FIELDS};
use crate::sync::{lock, write};
use crate::webhook::Plain;
use crate::{parity, registry, seed, snapshot};

/// The longest reason that a refusal of the framework has, in bytes.
const LONGEST_REASON: usize = 64 << 10;

type Shared = State<Arc<Engine>>;

/// A refusal with its reason.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;

/// Serves the control API until the token is cancelled.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener, stop: CancellationToken) {
    let served = axum::serve(listener, routes(engine)).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the sandbox's control API ended");
    }
}

fn routes(engine: Arc<Engine>) -> Router {
    let api = Router::new()
        .route("/health", get(health))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/clock", get(show_clock).post(change_clock))
        .route("/rates", get(show_rates).post(change_rates))
        .route("/journal", get(show_journal).delete(clear_journal))
        .route("/journal/count", get(count_journal))
        .route("/snapshot", get(take_snapshot))
        .route("/restore", post(restore).layer(DefaultBodyLimit::disable()))
        .route("/reset", post(reset))
        .route("/parity", get(show_parity))
        .route("/apps", get(list_apps).post(add_app))
        .route("/apps/{sdkappid}/accounts", get(list_accounts).post(add_accounts))
        .route("/apps/{sdkappid}/custom_fields", post(declare_fields))
        .route("/apps/{sdkappid}/presence", post(change_presence))
        .route("/apps/{sdkappid}/deliveries", get(show_deliveries).delete(clear_deliveries))
        .route("/apps/{sdkappid}/webhook", put(set_webhook).delete(clear_webhook))
        .route("/webhooks", get(show_webhooks).delete(clear_webhooks))
        .route("/webhooks/{number}/replay", post(replay_webhook));
    Router::new().nest("/_sandbox", api).layer(map_response(told_as_json)).with_state(engine)
}

/// What the framework refuses (a path, a method, a body that is not as wanted) is told like every other refusal.
async fn told_as_json(response: Response) -> Response {
    let status = response.status();
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let body = axum::body::to_bytes(response.into_body(), LONGEST_REASON).await.unwrap_or_default();
    let reason = match String::from_utf8_lossy(&body) {
        none if none.is_empty() => status.canonical_reason().unwrap_or("refused").to_owned(),
        reason => reason.into_owned(),
    };
    Refused(status, reason).into_response()
}

/// Changes the state, and answers once the change is in the data directory, if there is one. A change that fails may have
/// come half way, and is kept as far as it came.
async fn persisted(engine: &Engine, change: impl FnOnce() -> Result<Value, Refused>) -> Answer {
    let (answer, base) = {
        let _gate = write(&engine.gate);
        (change(), snapshot::submit_base(engine))
    };
    let failed = |reason| Refused(StatusCode::INTERNAL_SERVER_ERROR, reason);
    snapshot::written(base.map_err(failed)?).await.map_err(failed)?;
    answer.map(Json)
}

fn bad_request(reason: String) -> Refused {
    Refused(StatusCode::BAD_REQUEST, reason)
}

async fn health(State(engine): Shared) -> Json<Value> {
    Json(json!({"sandbox": true, "time": engine.clock.now()}))
}

async fn list_faults(State(engine): Shared) -> Json<Vec<Rule>> {
    Json(engine.faults.list())
}

async fn add_fault(State(engine): Shared, Json(rule): Json<Rule>) -> Result<Json<Rule>, Refused> {
    if rule.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return Err(bad_request("probability must be 0 to 1".to_owned()));
    }
    if matches!(rule.action, Action::Error { code: 0, .. } | Action::Http { status: ..=299 | 1000.. }) {
        return Err(bad_request("code must not be 0, and status must be 300 to 999: those are no faults".to_owned()));
    }
    // Such rules would never go off, and their tests pass for the wrong reason.
    if rule.times == Some(0) {
        return Err(bad_request("times must be at least 1; leave it out for every call".to_owned()));
    }
    if let Some(sdkappid) = rule.sdkappid {
        namespace(&engine, sdkappid)?;
    }
    if rule.command != "*" && registry::commands().all(|command| command.name != rule.command) {
        return Err(bad_request(format!("there is no command {:?}; * stands for all", rule.command)));
    }
    Ok(Json(engine.faults.add(rule)))
}

async fn clear_faults(State(engine): Shared) -> Json<Value> {
    Json(json!({"removed": engine.faults.remove(None)}))
}

async fn remove_fault(State(engine): Shared, Path(id): Path<u64>) -> Answer {
    match engine.faults.remove(Some(id)) {
        0 => Err(Refused(StatusCode::NOT_FOUND, format!("there is no rule {id}"))),
        removed => Ok(Json(json!({"removed": removed}))),
    }
}

/// One step of the clock.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum ClockChange {
    /// Stops now, or at the given second.
    Freeze {
        at: Option<i64>,
    },
    Set {
        at: i64,
    },
    Advance {
        seconds: i64,
    },
    Resume,
    /// Back to the machine's time.
    Reset,
}

async fn show_clock(State(engine): Shared) -> Json<Value> {
    Json(json!({"now": engine.clock.now(), "frozen": engine.clock.is_frozen()}))
}

async fn change_clock(State(engine): Shared, Json(change): Json<ClockChange>) -> Json<Value> {
    match change {
        ClockChange::Freeze { at } => engine.clock.freeze(at),
        ClockChange::Set { at } => engine.clock.set(at),
        ClockChange::Advance { seconds } => engine.clock.advance(seconds),
        ClockChange::Resume => engine.clock.resume(),
        ClockChange::Reset => engine.clock.reset(),
    }
    show_clock(State(engine)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rates {
    scale: f64,
}

async fn show_rates(State(engine): Shared) -> Json<Value> {
    Json(json!({"scale": engine.pace.scale()}))
}

async fn change_rates(State(engine): Shared, Json(rates): Json<Rates>) -> Answer {
    if !rates.scale.is_finite() || rates.scale < 0.0 {
        return Err(bad_request("scale must be 0 (no limits) or more".to_owned()));
    }
    engine.pace.set_scale(rates.scale);
    Ok(show_rates(State(engine)).await)
}

async fn show_journal(State(engine): Shared, Query(filter): Query<Filter>) -> Json<Value> {
    Json(json!({"entries": engine.journal.select(&filter)}))
}

async fn clear_journal(State(engine): Shared) -> Json<Value> {
    engine.journal.clear();
    Json(json!({}))
}

/// With `exactly=N` the HTTP status tells whether the count is right: 200 or 409.
async fn count_journal(State(engine): Shared, Query(filter): Query<Filter>) -> Response {
    let count = engine.journal.count(&filter);
    let right = filter.exactly.is_none_or(|exactly| exactly == count);
    let status = if right { StatusCode::OK } else { StatusCode::CONFLICT };
    (status, Json(json!({"count": count}))).into_response()
}

async fn take_snapshot(State(engine): Shared) -> Result<Response, Refused> {
    let mut snapshot = Vec::new();
    snapshot::write(&engine, &mut snapshot)
        .map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], snapshot).into_response())
}

async fn restore(State(engine): Shared, body: Bytes) -> Answer {
    persisted(&engine, || seed::apply(&engine, &body).map(|()| json!({})).map_err(bad_request)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    sdkappid: Option<u64>,
}

/// Empties one app, or everything: apps, faults, journal and clock.
async fn reset(State(engine): Shared, Query(reset): Query<Reset>) -> Answer {
    let namespaces = match reset.sdkappid {
        Some(sdkappid) => vec![namespace(&engine, sdkappid)?],
        None => engine.namespaces(),
    };
    persisted(&engine, || {
        for namespace in namespaces {
            let app = &mut *lock(&namespace.state);
            *app = App::new(app.sdkappid, app.seed, app.admins.clone());
            namespace.mailbox.clear();
        }
        if reset.sdkappid.is_none() {
            engine.faults.remove(None);
            engine.journal.clear();
            engine.webhooks.clear();
            engine.clock.reset();
        }
        Ok(json!({}))
    })
    .await
}

async fn show_parity() -> String {
    parity::table()
}

async fn list_apps(State(engine): Shared) -> Json<Value> {
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
struct NewApp {
    sdkappid: u64,
    key: String,
    admin: Option<String>,
}

async fn add_app(State(engine): Shared, Json(app): Json<NewApp>) -> Answer {
    persisted(&engine, || {
        engine.add_app(app.sdkappid, SecretString::from(app.key), app.admin.as_deref().unwrap_or(DEFAULT_APP.admin));
        Ok(json!({"sdkappid": app.sdkappid}))
    })
    .await
}

fn namespace(engine: &Engine, sdkappid: u64) -> Result<Arc<Namespace>, Refused> {
    let unknown = || Refused(StatusCode::NOT_FOUND, format!("there is no app {sdkappid}"));
    engine.namespace(sdkappid).ok_or_else(unknown)
}

async fn list_accounts(State(engine): Shared, Path(sdkappid): Path<u64>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    let mut users: Vec<String> = lock(&namespace.state).accounts.keys().map(|user| user.as_str().to_owned()).collect();
    users.sort_unstable();
    Ok(Json(json!({"users": users})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    users: Vec<String>,
}

async fn add_accounts(State(engine): Shared, Path(sdkappid): Path<u64>, Json(add): Json<Users>) -> Answer {
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
struct Fields {
    #[serde(default)]
    group: Vec<String>,
    #[serde(default)]
    member: Vec<String>,
}

async fn declare_fields(State(engine): Shared, Path(sdkappid): Path<u64>, Json(fields): Json<Fields>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || {
        let app = &mut *lock(&namespace.state);
        seed::declare(&mut app.group_fields, &fields.group, GROUP_CUSTOM_FIELDS)
            .and_then(|()| seed::declare(&mut app.member_fields, &fields.member, MEMBER_CUSTOM_FIELDS))
            .map_err(bad_request)?;
        Ok(json!({"group": app.group_fields.declared, "member": app.member_fields.declared}))
    })
    .await
}

async fn show_deliveries(State(engine): Shared, Path(sdkappid): Path<u64>, Query(filter): Query<MailFilter>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    Ok(Json(json!({"deliveries": namespace.mailbox.select(&filter)})))
}

async fn clear_deliveries(State(engine): Shared, Path(sdkappid): Path<u64>) -> Answer {
    namespace(&engine, sdkappid)?.mailbox.clear();
    Ok(Json(json!({})))
}

async fn set_webhook(State(engine): Shared, Path(sdkappid): Path<u64>, Json(webhook): Json<Plain>) -> Answer {
    namespace(&engine, sdkappid)?;
    persisted(&engine, || engine.set_webhook(sdkappid, Some(webhook)).map(|()| json!({})).map_err(bad_request)).await
}

async fn clear_webhook(State(engine): Shared, Path(sdkappid): Path<u64>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || {
        namespace.set_webhook(None);
        Ok(json!({}))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentFilter {
    sdkappid: Option<u64>,
    command: Option<String>,
}

async fn show_webhooks(State(engine): Shared, Query(filter): Query<SentFilter>) -> Json<Value> {
    let sent = engine.webhooks.select(filter.sdkappid, filter.command.as_deref());
    Json(json!({"webhooks": sent}))
}

async fn clear_webhooks(State(engine): Shared) -> Json<Value> {
    engine.webhooks.clear();
    Json(json!({}))
}

async fn replay_webhook(State(engine): Shared, Path(number): Path<u64>) -> Answer {
    let target = |sdkappid| Some(engine.namespace(sdkappid)?.webhook()?.as_ref().clone());
    match engine.webhooks.replay(number, target, engine.clock.now()).await {
        Some(sent) => Ok(Json(json!(sent))),
        None => {
            Err(Refused(StatusCode::NOT_FOUND, format!("webhook {number} is not remembered, or its app has none now")))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presence {
    group: String,
    #[serde(default)]
    join: Vec<String>,
    #[serde(default)]
    leave: Vec<String>,
}

/// Tells the webhook who came and went.
fn tell_presence(engine: &Engine, namespace: &Namespace, change: &Presence) {
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
    engine.webhooks.tell(namespace.sdkappid, &target, hooks.collect(), engine.clock.now());
}

/// Moves users in and out of an AVChatRoom, or members of a community on- and offline, which only client SDKs can do upstream.
async fn change_presence(State(engine): Shared, Path(sdkappid): Path<u64>, Json(change): Json<Presence>) -> Answer {
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
    tell_presence(engine, namespace, change);
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
