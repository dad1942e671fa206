//! The clock and the rates.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Shared, bad_request};

/// One step of the clock.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockChange {
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

pub async fn show_clock(State(engine): Shared) -> Json<Value> {
    Json(json!({"now": engine.clock.now(), "frozen": engine.clock.is_frozen()}))
}

pub async fn change_clock(State(engine): Shared, Json(change): Json<ClockChange>) -> Json<Value> {
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
pub struct Rates {
    scale: f64,
}

pub async fn show_rates(State(engine): Shared) -> Json<Value> {
    Json(json!({"scale": engine.pace.scale()}))
}

pub async fn change_rates(State(engine): Shared, Json(rates): Json<Rates>) -> Answer {
    if !rates.scale.is_finite() || rates.scale < 0.0 {
        return Err(bad_request("scale must be 0 (no limits) or more".to_owned()));
    }
    engine.pace.set_scale(rates.scale);
    Ok(show_rates(State(engine)).await)
}
