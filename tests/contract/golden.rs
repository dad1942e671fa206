//! One golden file for each Tencent command, written from the vendor's documents: the gRPC request, the exact JSON that
//! Tencent gets, Tencent's reply, and the gRPC reply. Run through the real server, with Tencent's place taken by a server
//! that records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::command::methods::METHODS;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::goldens::goldens;
use crate::support::{Gateway, dynamic, servers};

/// What Tencent's place was asked last, and what it answers.
#[derive(Default)]
struct Recorder {
    reply: String,
    asked: Option<(String, Value)>,
}

type Shared = Arc<Mutex<Recorder>>;

async fn record(
    State(shared): State<Shared>,
    Path((service, command)): Path<(String, String)>,
    body: String,
) -> String {
    let mut recorder = shared.lock().unwrap();
    recorder.asked = Some((format!("{service}/{command}"), serde_json::from_str(&body).unwrap()));
    recorder.reply.clone()
}

/// What marks the page tokens of the list that a request asks for: callers see the positions of the golden files sealed.
fn seal_of(path: &str, request: &DynamicMessage) -> Vec<u8> {
    let mut whole = request.clone();
    ["page_token", "page_size"].into_iter().for_each(|field| whole.clear_field_by_name(field));
    Sha256::digest([path.as_bytes(), &[0], &whole.encode_to_vec()].concat())[..6].to_vec()
}

fn seal_token(message: &mut DynamicMessage, field: &str, seal: &[u8]) {
    let position = message.get_field_by_name(field).and_then(|token| token.as_str().map(str::to_owned));
    if let Some(position) = position.filter(|position| !position.is_empty()) {
        let token = URL_SAFE_NO_PAD.encode([seal, position.as_bytes()].concat());
        message.set_field_by_name(field, prost_reflect::Value::String(token));
    }
}

#[tokio::test]
async fn every_case_is_translated_both_ways() {
    let shared = Shared::default();
    let router = Router::new().route("/v4/{service}/{command}", axum::routing::post(record)).with_state(shared.clone());
    let gateway = Gateway::start(&servers::serve(router).await, &[]).await;
    let channel = gateway.channel().await;
    let pool = dynamic::pool();

    let mut faults = Vec::new();
    for (command, golden) in goldens() {
        let method = dynamic::method(&pool, &golden.method);
        for case in golden.cases {
            let place = format!("{command}: {}", case.name);
            let mut request = dynamic::message(&method.input(), &case.grpc_request);
            let mut expected = dynamic::message(&method.output(), &case.grpc_reply);
            let seal = seal_of(&golden.method, &request);
            seal_token(&mut request, "page_token", &seal);
            seal_token(&mut expected, "next_page_token", &seal);
            *shared.lock().unwrap() = Recorder { reply: case.upstream_reply.to_string(), asked: None };
            match dynamic::call(channel.clone(), &method, request).await {
                Ok(reply) if reply == expected => {}
                Ok(reply) => faults.push(format!(
                    "{place}: the reply is {}\n  instead of {}",
                    dynamic::json(&reply),
                    dynamic::json(&expected)
                )),
                Err(status) => faults.push(format!("{place}: {status:?}")),
            }
            let asked = shared.lock().unwrap().asked.take();
            match asked {
                Some((path, body)) => {
                    if path.split('/').nth(1) != Some(command.as_str()) {
                        faults.push(format!("{place}: {path} was called"));
                    }
                    if body != case.upstream_request {
                        faults.push(format!("{place}: Tencent got {body}\n  instead of {}", case.upstream_request));
                    }
                }
                None => faults.push(format!("{place}: Tencent was not called")),
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// A mapped method without a golden file is not done.
#[test]
fn every_command_has_a_golden_file() {
    let goldens = goldens();
    let missing: Vec<&str> = METHODS
        .iter()
        .filter_map(|method| Some((method.path, method.command?.name)))
        .filter(|(path, command)| goldens.get(*command).is_none_or(|golden| golden.method != *path))
        .map(|(path, _)| path)
        .collect();
    assert!(missing.is_empty(), "no golden file for {missing:?}");
    let commands: BTreeSet<&str> = METHODS.iter().filter_map(|method| Some(method.command?.name)).collect();
    let stray: Vec<&String> = goldens.keys().filter(|command| !commands.contains(command.as_str())).collect();
    assert!(stray.is_empty(), "golden files of no command: {stray:?}");
}

/// A field that no golden sets could have any key.
#[test]
fn every_field_of_every_request_is_set_somewhere() {
    let pool = dynamic::pool();
    let mut wanted = BTreeSet::new();
    let mut set = BTreeSet::new();
    for golden in goldens().into_values() {
        let method = dynamic::method(&pool, &golden.method);
        collect(&method.input(), &mut wanted, &mut BTreeSet::new());
        for case in &golden.cases {
            seen(&dynamic::message(&method.input(), &case.grpc_request), &mut set);
        }
    }
    let never: Vec<&String> = wanted.difference(&set).collect();
    assert!(never.is_empty(), "never set: {never:?}");
}

fn collect(descriptor: &MessageDescriptor, wanted: &mut BTreeSet<String>, visited: &mut BTreeSet<String>) {
    if descriptor.package_name() != "tencentim.group.v1" || !visited.insert(descriptor.full_name().to_owned()) {
        return;
    }
    for field in descriptor.fields().filter(|field| !is_local(field)) {
        wanted.insert(field.full_name().to_owned());
        if let Kind::Message(inner) = field.kind()
            && !field.is_map()
        {
            collect(&inner, wanted, visited);
        }
    }
}

/// Fields that are never sent: `SHAPE_NONE`.
fn is_local(field: &FieldDescriptor) -> bool {
    field.name() == "request_id"
}

fn seen(message: &DynamicMessage, set: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        set.insert(field.full_name().to_owned());
        for inner in value.as_list().unwrap_or_default().iter().chain([value]) {
            if let Some(inner) = inner.as_message() {
                seen(inner, set);
            }
        }
    }
}
