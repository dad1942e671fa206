//! Fault rules.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refused, Shared, bad_request, namespace};
use crate::faults::Rule;
use crate::registry;

pub async fn list_faults(State(engine): Shared) -> Json<Vec<Rule>> {
    Json(engine.faults.list())
}

pub async fn add_fault(State(engine): Shared, Json(rule): Json<Rule>) -> Result<Json<Rule>, Refused> {
    if rule.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return Err(bad_request("probability must be 0 to 1".to_owned()));
    }
    rule.action.check().map_err(bad_request)?;
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

pub async fn clear_faults(State(engine): Shared) -> Json<Value> {
    Json(json!({"removed": engine.faults.remove(None)}))
}

pub async fn remove_fault(State(engine): Shared, Path(id): Path<u64>) -> Answer {
    match engine.faults.remove(Some(id)) {
        0 => Err(Refused(StatusCode::NOT_FOUND, format!("there is no rule {id}"))),
        removed => Ok(Json(json!({"removed": removed}))),
    }
}
