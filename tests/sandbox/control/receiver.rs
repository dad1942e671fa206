//! A webhook server that tests look into.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::client::PATIENCE;

/// The query and the body of one webhook.
pub type Told = (HashMap<String, String>, Value);

/// A webhook server that keeps the webhooks it got and answers as it was set to.
#[derive(Clone, Default)]
pub struct Receiver {
    answers: Arc<Mutex<HashMap<String, Value>>>,
    pub told: Arc<Mutex<Vec<Told>>>,
    arrived: Arc<Notify>,
}

async fn receive(
    State(receiver): State<Receiver>,
    Query(query): Query<HashMap<String, String>>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let command = body["CallbackCommand"].as_str().unwrap().to_owned();
    receiver.told.lock().unwrap().push((query, body));
    receiver.arrived.notify_waiters();
    let answer = receiver.answers.lock().unwrap().get(&command).cloned();
    Json(answer.unwrap_or_else(|| json!({"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0})))
}

impl Receiver {
    pub async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let routes = Router::new().route("/hook", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (receiver, url)
    }

    pub fn answer(&self, command: &str, answer: Value) {
        self.answers.lock().unwrap().insert(format!("Group.{command}"), answer);
    }

    /// The first webhook of this command, once it has come.
    pub async fn first(&self, command: &str) -> Value {
        self.first_with_query(command).await.1
    }

    pub async fn first_with_query(&self, command: &str) -> Told {
        let command = format!("Group.{command}");
        let found = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                let told = self.told.lock().unwrap().clone();
                if let Some(found) = told.into_iter().find(|(_, body)| body["CallbackCommand"] == *command) {
                    return found;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the webhook comes")
    }

    /// All webhooks of this command, once there are so many.
    pub async fn wait_for(&self, command: &str, count: usize) -> Vec<Value> {
        let command = format!("Group.{command}");
        let found = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                let told = self.told.lock().unwrap().clone();
                let found: Vec<Value> =
                    told.into_iter().map(|told| told.1).filter(|body| body["CallbackCommand"] == *command).collect();
                if found.len() >= count {
                    return found;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the webhooks come")
    }

    /// The commands of all webhooks so far.
    pub fn commands(&self) -> Vec<String> {
        let command = |(_, body): &Told| body["CallbackCommand"].as_str().unwrap().to_owned();
        self.told.lock().unwrap().iter().map(command).collect()
    }

    pub fn was_told(&self, command: &str) -> bool {
        let command = format!("Group.{command}");
        self.told.lock().unwrap().iter().any(|(_, body)| body["CallbackCommand"] == *command)
    }
}
