//! The JSON objects that requests and answers are, and how handlers read them.

use serde_json::{Map, Value};

use crate::error::ApiError;

/// A JSON object as received or to be sent.
pub type Body = Map<String, Value>;

/// The keys of a successful answer beside the envelope, or the failure.
pub type Outcome = Result<Body, ApiError>;

/// A text, or "" when the key is absent.
pub fn text<'b>(body: &'b Body, key: &str) -> &'b str {
    optional_text(body, key).unwrap_or_default()
}

pub fn optional_text<'b>(body: &'b Body, key: &str) -> Option<&'b str> {
    body.get(key).and_then(Value::as_str)
}

/// The topic that a request names, if any.
pub fn topic_id(body: &Body) -> Option<&str> {
    optional_text(body, "TopicId").filter(|topic| !topic.is_empty())
}

pub fn integer(body: &Body, key: &str) -> Option<i64> {
    body.get(key).and_then(Value::as_i64)
}

pub fn unsigned(body: &Body, key: &str) -> Option<u64> {
    body.get(key).and_then(Value::as_u64)
}

/// Whether an integer switch is above 0.
pub fn switch(body: &Body, key: &str) -> bool {
    unsigned(body, key).is_some_and(|value| value > 0)
}

pub fn texts<'b>(body: &'b Body, key: &str) -> Option<Vec<&'b str>> {
    body.get(key).and_then(Value::as_array).map(|items| items.iter().filter_map(Value::as_str).collect())
}

pub fn objects<'b>(body: &'b Body, key: &str) -> impl Iterator<Item = &'b Body> + Clone {
    body.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// The object of a `json!` literal as an answer.
pub fn answer(value: Value) -> Outcome {
    match value {
        Value::Object(body) => Ok(body),
        _ => Ok(Body::new()),
    }
}

/// An answer that says nothing beyond success.
pub fn done() -> Outcome {
    Ok(Body::new())
}
