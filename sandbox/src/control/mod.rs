//! The control API: what testers need and the emulated service does not have.

mod answer;
mod apps;
mod clock;
mod faults;
mod guard;
mod journal;
mod presence;
mod state;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Json, Router};
use hyper_util::service::TowerToHyperService;

use crate::engine::Engine;
use crate::listener::Listener;
use answer::{Answer, Refused, Shared};
use guard::{BodyLimits, Hosts};

/// How the control API protects itself.
pub struct Protection {
    /// Bytes of a snapshot or seed that can be restored.
    pub restore_bytes: usize,
    /// Names beside those of this machine under which it can be reached on a loopback address.
    pub allowed_hosts: Vec<String>,
}

/// Serves the control API until the listener is stopped.
pub async fn serve(engine: Arc<Engine>, listener: Listener, protection: Protection) {
    let hosts = Hosts::new(listener.address(), protection.allowed_hosts);
    let routes = routes(engine, protection.restore_bytes, hosts);
    listener.serve(move |_| TowerToHyperService::new(routes.clone())).await;
}

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(60);

/// A method that is there but wants JSON refuses anything else; one that is not there says so instead.
fn json(methods: MethodRouter<Arc<Engine>>) -> MethodRouter<Arc<Engine>> {
    methods.route_layer(from_fn(guard::wants_json))
}

fn routes(engine: Arc<Engine>, restore_bytes: usize, hosts: Hosts) -> Router {
    let limits = BodyLimits { bytes: restore_bytes, time: BODY_TIME };
    let guarded = Router::new()
        .route("/faults", json(get(faults::list_faults).post(faults::add_fault).delete(faults::clear_faults)))
        .route("/faults/{id}", delete(faults::remove_fault))
        .route("/clock", json(get(clock::show_clock).post(clock::change_clock)))
        .route("/rates", json(get(clock::show_rates).post(clock::change_rates)))
        .route("/journal", get(journal::show_journal).delete(journal::clear_journal))
        .route("/journal/count", get(journal::count_journal))
        .route("/snapshot", get(state::take_snapshot))
        .route("/restore", json(post(state::restore).layer(DefaultBodyLimit::max(restore_bytes))))
        .route("/reset", json(post(state::reset)))
        .route("/parity", get(state::show_parity))
        .route("/apps", json(get(apps::list_apps).post(apps::add_app)))
        .route("/apps/{sdkappid}/accounts", json(get(apps::list_accounts).post(apps::add_accounts)))
        .route("/apps/{sdkappid}/custom_fields", json(post(apps::declare_fields)))
        .route("/apps/{sdkappid}/devices", json(post(presence::change_devices)))
        .route("/apps/{sdkappid}/presence", json(post(presence::change_presence)))
        .route("/apps/{sdkappid}/deliveries", get(webhooks::show_deliveries).delete(webhooks::clear_deliveries))
        .route("/apps/{sdkappid}/webhook", json(put(webhooks::set_webhook).delete(webhooks::clear_webhook)))
        .route("/webhooks", get(webhooks::show_webhooks).delete(webhooks::clear_webhooks))
        .route("/webhooks/{number}/replay", json(post(webhooks::replay_webhook)))
        .route_layer(from_fn_with_state(limits, guard::whole_body))
        .route_layer(from_fn_with_state(Arc::clone(&engine), guard::on_disk));
    let api = guarded.route("/health", get(health));
    Router::new()
        .nest("/_sandbox", api)
        .layer(from_fn_with_state(Arc::new(hosts), guard::own_host))
        .layer(map_response(answer::refused_as_json))
        .with_state(engine)
}

/// Fails when the sandbox serves nothing any more.
async fn health(State(engine): Shared) -> Answer {
    match engine.broken() {
        Some(reason) => Err(Refused(StatusCode::SERVICE_UNAVAILABLE, reason)),
        None => Ok(Json(serde_json::json!({"sandbox": true, "time": engine.clock.now()}))),
    }
}
