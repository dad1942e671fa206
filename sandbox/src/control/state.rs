//! Snapshots, restores and resets.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refused, Shared, bad_request, namespace, persisted};
use crate::state::app::App;
use crate::sync::lock;
use crate::{parity, seed, snapshot};

pub async fn take_snapshot(State(engine): Shared) -> Result<Response, Refused> {
    let mut snapshot = Vec::new();
    snapshot::write(&engine, &mut snapshot)
        .map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], snapshot).into_response())
}

pub async fn restore(State(engine): Shared, body: Bytes) -> Answer {
    persisted(&engine, || seed::apply(&engine, &body).map(|()| json!({})).map_err(bad_request)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    sdkappid: Option<u64>,
}

/// Empties one app, or everything: apps, faults, journal and clock.
pub async fn reset(State(engine): Shared, Query(reset): Query<Reset>) -> Answer {
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

pub async fn show_parity() -> String {
    parity::table()
}
