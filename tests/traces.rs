//! Spans, as a collector gets them and as Tencent's side sees them.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::process::connected;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use tencent_im_grpc::pb;
use tencent_im_grpc::pb::group_service_client::GroupServiceClient;
use tokio::net::TcpListener;
use tonic::Request;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector and a Tencent in one: both listen to POST.
#[derive(Clone, Default)]
struct Far {
    exported: Arc<Mutex<Vec<Bytes>>>,
    traceparents: Arc<Mutex<Vec<Option<String>>>>,
}

async fn export(State(far): State<Far>, body: Bytes) {
    far.exported.lock().unwrap().push(body);
}

/// Knows one group, and nothing of any other.
async fn tencent(State(far): State<Far>, headers: HeaderMap, body: String) -> String {
    let traceparent = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
    far.traceparents.lock().unwrap().push(traceparent);
    let info = if body.contains("missing") {
        r#"{"GroupId":"missing","ErrorCode":10010,"ErrorInfo":"none"}"#
    } else {
        r#"{"GroupId":"g","ErrorCode":0,"Type":"Public"}"#
    };
    if body.contains("broken") {
        return r#"{"ActionStatus":"FAIL","ErrorCode":10004,"ErrorInfo":"broken"}"#.to_owned();
    }
    format!(r#"{{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","GroupInfo":[{info}]}}"#)
}

struct Exported {
    spans: Vec<Span>,
    service: String,
    far: Far,
}

impl Exported {
    /// Runs a gateway with these variables, calls it for each group with the flags of a caller's trace, ends it by SIGTERM,
    /// and collects what came.
    async fn of(variables: &[(&str, &str)], groups: &[&str], flags: &str) -> Self {
        let far = Far::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/v1/traces", post(export)).route("/v4/{*path}", post(tencent)).with_state(far.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"))
            .args(["serve", &format!("--listen=127.0.0.1:{port}"), "--admin-listen=off", "--drain-pause=0s"])
            .env_clear()
            .envs([("TIM_SDK_APP_ID", "1400000001"), ("TIM_SECRET_KEY", KEY), ("TIM_BASE_URLS", &base)])
            .envs([("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str())])
            .envs(variables.iter().copied())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let channel = connected(&format!("127.0.0.1:{port}")).await;
        for group in groups {
            let mut request = Request::new(pb::GetGroupRequest { group_id: (*group).to_owned(), filter: None });
            let traceparent = format!("00-{TRACE}-{CALLER}-{flags}");
            request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
            let _ = GroupServiceClient::new(channel.clone()).get_group(request).await;
        }
        drop(channel);
        std::process::Command::new("kill").args(["-TERM", &process.id().unwrap().to_string()]).status().unwrap();
        let exit = tokio::time::timeout(Duration::from_secs(60), process.wait()).await.expect("it ends").unwrap();
        assert_eq!(exit.code(), Some(0));
        serving.abort();

        let mut exported = Self { spans: Vec::new(), service: String::new(), far };
        for body in exported.far.exported.lock().unwrap().iter() {
            for resource in ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans {
                exported.service = attributes(&resource.resource.unwrap().attributes)["service.name"].clone();
                exported.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        exported
    }

    /// The server's spans that belong to the caller's trace, and below each of them those of the attempts.
    fn calls(&self) -> Vec<(&Span, Vec<&Span>)> {
        let of_caller = self.spans.iter().filter(|span| hex(&span.trace_id) == TRACE);
        let servers = of_caller.filter(|span| hex(&span.parent_span_id) == CALLER);
        servers
            .map(|span| (span, self.spans.iter().filter(|child| child.parent_span_id == span.span_id).collect()))
            .collect()
    }
}

fn attributes(list: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    list.iter().map(|item| (item.key.clone(), text(item.value.as_ref().unwrap().value.as_ref().unwrap()))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// The process ends right after the calls: what it has not sent by then is sent at its end.
#[tokio::test]
async fn a_call_is_a_span_and_each_attempt_one_below_it() {
    let exported = Exported::of(&[], &["g", "broken"], "01").await;
    assert_eq!(exported.service, "tencent-im-grpc");
    let calls = exported.calls();
    assert_eq!(calls.len(), 2, "{:?}", exported.spans);
    for ((server, attempts), (grpc, code)) in calls.iter().zip([("0", "0"), ("3", "10004")]) {
        assert_eq!(server.name, "tencentim.group.v1.GroupService/GetGroup");
        assert_eq!(server.kind(), SpanKind::Server);
        assert_eq!(attributes(&server.attributes)["rpc.grpc.status_code"], grpc);
        assert!(!failed(server), "the caller's own fault is none of the server's");
        let [attempt] = attempts.as_slice() else { panic!("{attempts:?}") };
        assert_eq!(attempt.name, "group_open_http_svc/get_group_info");
        assert_eq!(attempt.kind(), SpanKind::Client);
        let told = attributes(&attempt.attributes);
        assert_eq!((told["command"].as_str(), told["upstream_code"].as_str()), ("get_group_info", code));
        assert_eq!(failed(attempt), code != "0");
        let traceparent = format!("00-{TRACE}-{}-01", hex(&attempt.span_id));
        assert!(exported.far.traceparents.lock().unwrap().contains(&Some(traceparent)), "the trace goes on");
    }
    for body in exported.far.exported.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(body);
        assert!(!text.contains(KEY) && !text.contains("usersig"), "a secret in a span");
    }
}

#[tokio::test]
async fn the_usual_variables_say_what_is_exported() {
    let unsampled = Exported::of(&[], &["g"], "00").await;
    assert_eq!(unsampled.calls().len(), 0, "the caller does not sample");

    let named = [("OTEL_SERVICE_NAME", "chat-gateway"), ("OTEL_TRACES_SAMPLER", "always_on")];
    let named = Exported::of(&named, &["g"], "00").await;
    assert_eq!((named.service.as_str(), named.calls().len()), ("chat-gateway", 1));

    let off = Exported::of(&[("OTEL_TRACES_SAMPLER", "always_off")], &["g"], "01").await;
    assert!(off.spans.is_empty(), "{:?}", off.spans);

    let nowhere = Exported::of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], &["g"], "01").await;
    assert!(nowhere.spans.is_empty());
}
