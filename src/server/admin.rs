//! The admin port: metrics, probes, version, settings, log level. It trusts every peer that reaches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::build_info;
use crate::config::Effective;
use crate::telemetry::logs::{LevelError, LevelHandle};
use crate::telemetry::metrics::Metrics;

/// What the port shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Whether calls are welcome.
    pub ready: Arc<AtomicBool>,
    /// The settings, without secrets.
    pub effective: Effective,
    /// Changes the log level; `None` where logging was set up elsewhere.
    pub level: Option<LevelHandle>,
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes of the port.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .route("/config", get(|State(admin): State<Admin>| async move { admin.effective.to_string() }))
        .route("/log-level", get(show_level).put(set_level))
        .with_state(admin)
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn readyz(State(admin): State<Admin>) -> Response {
    if admin.ready.load(Ordering::Relaxed) {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not serving\n").into_response()
    }
}

async fn version() -> Response {
    let name = env!("CARGO_PKG_NAME");
    Json(json!({"name": name, "version": build_info::VERSION, "commit": build_info::COMMIT})).into_response()
}

async fn show_level(State(admin): State<Admin>) -> String {
    admin.level.as_ref().map(|level| level.current() + "\n").unwrap_or_default()
}

async fn set_level(State(admin): State<Admin>, body: String) -> Response {
    // A text of JSON, or the filter as it is.
    let filter = serde_json::from_str(&body).unwrap_or(body);
    let changed = admin.level.as_ref().map_or(Err(LevelError::Gone), |level| level.set(&filter));
    match changed {
        Ok(()) => {
            tracing::info!(level = filter.trim(), "log level changed");
            show_level(State(admin)).await.into_response()
        }
        Err(error @ LevelError::Invalid) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        Err(error @ LevelError::Gone) => (StatusCode::CONFLICT, format!("{error}\n")).into_response(),
    }
}
