//! The journal of requests.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Answer, Refused, Shared, bad_request};
use crate::engine::Engine;
use crate::faults::FAULT_NAMES;
use crate::journal::Filter;
use crate::registry;

/// Refuses a filter that can match nothing, as a misspelt one does: its test would pass for the wrong reason.
fn check(engine: &Engine, filter: &Filter) -> Result<(), Refused> {
    if let Some(command) = &filter.command
        && registry::commands().all(|known| known.name != command)
        && !engine.journal.holds(|entry| entry.command == *command)
    {
        return Err(bad_request(format!("there is no command {command:?}, and no request had such a one")));
    }
    if let Some(fault) = &filter.fault
        && !FAULT_NAMES.contains(&fault.as_str())
    {
        return Err(bad_request(format!("fault must be one of {}", FAULT_NAMES.join(", "))));
    }
    if filter.value.is_some() && filter.key.is_none() {
        return Err(bad_request("value says what key must be, and there is no key".to_owned()));
    }
    Ok(())
}

pub async fn show_journal(State(engine): Shared, Query(filter): Query<Filter>) -> Answer {
    check(&engine, &filter)?;
    if filter.exactly.is_some() {
        return Err(bad_request("exactly is of journal/count".to_owned()));
    }
    Ok(Json(json!({"entries": engine.journal.select(&filter)})))
}

pub async fn clear_journal(State(engine): Shared) -> Json<Value> {
    engine.journal.clear();
    Json(json!({}))
}

/// With `exactly=N` the HTTP status says whether the count is right: 200 or 409.
pub async fn count_journal(State(engine): Shared, Query(filter): Query<Filter>) -> Result<Response, Refused> {
    check(&engine, &filter)?;
    if filter.limit.is_some() {
        return Err(bad_request("limit is of journal, a count counts all".to_owned()));
    }
    let count = engine.journal.count(&filter);
    let right = filter.exactly.is_none_or(|exactly| exactly == count);
    let status = if right { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok((status, Json(json!({"count": count}))).into_response())
}
