//! What clients would have received, and what webhooks were sent.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refused, Shared, bad_request, namespace, persisted};
use crate::events::MailFilter;
use crate::webhook::{TargetSettings, check_command};

pub async fn show_deliveries(
    State(engine): Shared,
    Path(sdkappid): Path<u64>,
    Query(filter): Query<MailFilter>,
) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    Ok(Json(json!({"deliveries": namespace.mailbox.select(&filter)})))
}

pub async fn clear_deliveries(State(engine): Shared, Path(sdkappid): Path<u64>) -> Answer {
    namespace(&engine, sdkappid)?.mailbox.clear();
    Ok(Json(json!({})))
}

pub async fn set_webhook(
    State(engine): Shared,
    Path(sdkappid): Path<u64>,
    Json(webhook): Json<TargetSettings>,
) -> Answer {
    namespace(&engine, sdkappid)?;
    webhook.check().map_err(bad_request)?;
    persisted(&engine, || engine.set_webhook(sdkappid, Some(webhook)).map(|()| json!({})).map_err(bad_request)).await
}

pub async fn clear_webhook(State(engine): Shared, Path(sdkappid): Path<u64>) -> Answer {
    let namespace = namespace(&engine, sdkappid)?;
    persisted(&engine, || {
        namespace.set_webhook(None);
        Ok(json!({}))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentFilter {
    sdkappid: Option<u64>,
    command: Option<String>,
}

pub async fn show_webhooks(State(engine): Shared, Query(filter): Query<SentFilter>) -> Answer {
    filter.command.as_deref().map_or(Ok(()), check_command).map_err(bad_request)?;
    let sent = engine.webhooks.select(filter.sdkappid, filter.command.as_deref());
    Ok(Json(json!({"webhooks": sent})))
}

pub async fn clear_webhooks(State(engine): Shared) -> Json<Value> {
    engine.webhooks.clear();
    Json(json!({}))
}

pub async fn replay_webhook(State(engine): Shared, Path(number): Path<u64>) -> Answer {
    let target = |sdkappid| Some(engine.namespace(sdkappid)?.webhook()?.as_ref().clone());
    match engine.webhooks.replay(number, target, engine.clock.now()).await {
        Some(sent) => Ok(Json(json!(sent))),
        None => {
            Err(Refused(StatusCode::NOT_FOUND, format!("webhook {number} is not remembered, or its app has none now")))
        }
    }
}
