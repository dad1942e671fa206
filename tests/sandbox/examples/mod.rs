//! The example requests of the reference, and what answers each of them gets. The JSON files beside hold both as the reference
//! gives them.

mod communities;
mod core;
mod live_rooms;
mod messages;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::Sandbox;

/// The moment of most examples; those of `core.json` have `NOW`.
const THEN: i64 = 1_760_000_000;

const CORE: &str = include_str!("core.json");
const LIVE_ROOMS: &str = include_str!("live_rooms.json");
const MESSAGES: &str = include_str!("messages.json");
const COMMUNITIES: &str = include_str!("communities.json");

/// An example request of the reference and its response.
pub struct Example {
    pub service: String,
    pub command: String,
    pub request: Value,
    response: Value,
}

fn read(file: &str) -> impl Iterator<Item = Example> {
    let examples: BTreeMap<String, Value> = serde_json::from_str(file).unwrap();
    examples.into_iter().map(|(command, mut example)| Example {
        service: example["service"].as_str().unwrap_or("group_open_http_svc").to_owned(),
        command,
        request: example["request"].take(),
        response: example["response"].take(),
    })
}

/// The examples of all files.
pub fn all() -> Vec<Example> {
    [CORE, LIVE_ROOMS, MESSAGES, COMMUNITIES].into_iter().flat_map(read).collect()
}

/// A sandbox, and the examples of a file that it has not been asked yet.
struct Examples {
    sandbox: Sandbox,
    left: BTreeMap<String, Example>,
    /// Ids of the examples, and what the sandbox made in their place.
    names: Vec<(&'static str, String)>,
}

impl Examples {
    fn new(sandbox: Sandbox, file: &str) -> Self {
        Self {
            sandbox,
            left: read(file).map(|example| (example.command.clone(), example)).collect(),
            names: Vec::new(),
        }
    }

    /// Creates a group of ann's in the place of the one that the examples name; returns its id.
    async fn create(&mut self, example: &'static str, kind: &str) -> String {
        let body = json!({"Owner_Account": "ann", "Type": kind, "Name": "n"});
        let id = self.sandbox.ok("create_group", body).await["GroupId"].as_str().unwrap().to_owned();
        self.names.push((example, id.clone()));
        id
    }

    /// The sandbox's answer to an example request, and the example's; both with the ids of the example.
    async fn answer(&mut self, command: &str) -> (Value, Value) {
        let example = self.left.remove(command).unwrap_or_else(|| panic!("no example of {command} is left"));
        let renamed = |value: Value, example_to_made: bool| {
            let mut text = value.to_string();
            for (example, made) in &self.names {
                text = if example_to_made { text.replace(example, made) } else { text.replace(made, example) };
            }
            serde_json::from_str(&text).unwrap()
        };
        let answer = self.sandbox.call_at(&example.service, command, renamed(example.request, true)).await;
        (renamed(answer, false), example.response)
    }

    /// The answer has everything that the example's has.
    async fn check(&mut self, command: &str) {
        let (actual, expected) = self.answer(command).await;
        assert_like(&actual, &expected, command);
    }

    fn all_were_checked(&self) {
        assert!(self.left.is_empty(), "not checked: {:?}", self.left.keys());
    }
}

/// Everything of `expected` is in `actual`, with equal values.
fn assert_like(actual: &Value, expected: &Value, path: &str) {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (key, value) in expected {
                let found = actual.get(key).unwrap_or_else(|| panic!("{path}.{key} is missing"));
                assert_like(found, value, &format!("{path}.{key}"));
            }
        }
        (Value::Array(actual), Value::Array(expected)) => {
            assert_eq!(actual.len(), expected.len(), "{path}");
            for (position, (actual, expected)) in actual.iter().zip(expected).enumerate() {
                assert_like(actual, expected, &format!("{path}[{position}]"));
            }
        }
        _ => assert_eq!(actual, expected, "{path}"),
    }
}
