//! What the control API answers: JSON, and a reason for every refusal.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::namespace::Namespace;
use crate::snapshot;
use crate::sync::write;

/// The longest reason that a refusal of the framework has, in bytes.
const LONGEST_REASON: usize = 64 << 10;

pub type Shared = State<Arc<Engine>>;

/// A refusal with its reason.
pub struct Refused(pub StatusCode, pub String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

pub type Answer = Result<Json<Value>, Refused>;

/// What the framework refuses (a path, a method, a body that is not as wanted) gets the form of every other refusal.
pub async fn refused_as_json(response: Response) -> Response {
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
pub async fn persisted(engine: &Engine, change: impl FnOnce() -> Result<Value, Refused>) -> Answer {
    let (answer, base) = {
        let _gate = write(&engine.gate);
        (change(), snapshot::submit_base(engine))
    };
    let failed = |reason| Refused(StatusCode::INTERNAL_SERVER_ERROR, reason);
    snapshot::written(base.map_err(failed)?).await.map_err(failed)?;
    answer.map(Json)
}

pub fn bad_request(reason: String) -> Refused {
    Refused(StatusCode::BAD_REQUEST, reason)
}

pub fn namespace(engine: &Engine, sdkappid: u64) -> Result<Arc<Namespace>, Refused> {
    let unknown = || Refused(StatusCode::NOT_FOUND, format!("there is no app {sdkappid}"));
    engine.namespace(sdkappid).ok_or_else(unknown)
}
