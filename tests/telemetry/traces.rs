//! Spans, as a collector gets them and as Tencent's side sees them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tonic::Request;

use crate::support::collector::Collector;
use crate::support::process::Process;
use crate::support::servers;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Tencent's side, which keeps what says where the trace goes on.
#[derive(Clone, Default)]
struct Tencent {
    traceparents: Arc<Mutex<Vec<Option<String>>>>,
}

impl Tencent {
    async fn start(&self) -> String {
        servers::serve(Router::new().route("/v4/{*path}", post(answer)).with_state(self.clone())).await
    }
}

/// Knows one group, and nothing of any other.
async fn answer(State(tencent): State<Tencent>, headers: HeaderMap, body: String) -> String {
    let traceparent = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
    tencent.traceparents.lock().unwrap().push(traceparent);
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
    tencent: Tencent,
}

impl Exported {
    /// Runs a gateway with these variables, calls it for each group with the flags of a caller's trace, ends it by SIGTERM,
    /// and collects what came.
    async fn of(variables: &[(&str, &str)], groups: &[&str], flags: &str) -> Self {
        let (collector, tencent) = (Collector::start().await, Tencent::default());
        let variables = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str())], variables].concat();
        let mut gateway = Process::start_with(&tencent.start().await, &[], &variables).await;
        let channel = gateway.channel().await;
        for group in groups {
            let mut request = Request::new(pb::GetGroupRequest { group_id: (*group).to_owned(), filter: None });
            let traceparent = format!("00-{TRACE}-{CALLER}-{flags}");
            request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
            let _ = GroupServiceClient::new(channel.clone()).get_group(request).await;
        }
        drop(channel);
        gateway.stop().await;

        let mut exported = Self { spans: Vec::new(), service: String::new(), tencent };
        for resource in collector.spans() {
            exported.service = attributes(&resource.resource.unwrap().attributes)["service.name"].clone();
            exported.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
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
        assert!(!failed(server), "a mistake of the caller is not an error of the server");
        let [attempt] = attempts.as_slice() else { panic!("{attempts:?}") };
        assert_eq!(attempt.name, "group_open_http_svc/get_group_info");
        assert_eq!(attempt.kind(), SpanKind::Client);
        let told = attributes(&attempt.attributes);
        assert_eq!((told["command"].as_str(), told["upstream_code"].as_str()), ("get_group_info", code));
        assert_eq!(failed(attempt), code != "0");
        let traceparent = format!("00-{TRACE}-{}-01", hex(&attempt.span_id));
        assert!(exported.tencent.traceparents.lock().unwrap().contains(&Some(traceparent)), "the trace goes on");
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

/// Who asks for what there is not must hear of it: spans go on as if nothing had been asked.
#[tokio::test]
async fn values_that_are_not_supported_are_warned_of() {
    let (collector, tencent) = (Collector::start().await, Tencent::default());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let url = tencent.start().await;
    let variables = [
        endpoint,
        ("OTEL_TRACES_SAMPLER", "bogus"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""),
    ];
    let mut gateway = Process::start_with(&url, &[], &variables).await;
    gateway.stop().await;
    let expected = [("OTEL_TRACES_SAMPLER", "bogus"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert_eq!(ignored(&gateway), expected.map(owned));

    let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let mut gateway = Process::start_with(&url, &[], &[endpoint, sampler, ("OTEL_TRACES_SAMPLER_ARG", "0.1")]).await;
    gateway.stop().await;
    assert!(ignored(&gateway).is_empty(), "{}", gateway.log());
}

/// The variables that the log warns of, with their values.
fn ignored(gateway: &Process) -> Vec<(String, String)> {
    let log = gateway.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let warnings = lines.filter(|line| line["level"] == "WARN" && line["variable"].is_string());
    warnings.map(|line| owned((line["variable"].as_str().unwrap(), line["value"].as_str().unwrap()))).collect()
}

fn owned((variable, value): (&str, &str)) -> (String, String) {
    (variable.to_owned(), value.to_owned())
}
