//! Metrics and the admin port.

use std::io::Read;

use contract::command::methods::METHODS;
use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use sandbox::Settings;
use serde_json::{Value, json};
use tencent_im_grpc::telemetry::metrics::Metrics;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use crate::support::callers::{NOWHERE, ask};
use crate::support::process::{PATIENCE, Process};
use crate::support::sandboxed::Sandboxed;
use crate::support::{Gateway, http};

fn read(group_id: &str) -> pb::GetGroupRequest {
    pb::GetGroupRequest { group_id: group_id.into(), filter: None }
}

const GET_GROUP: &str = r#"grpc_type="unary",grpc_service="tencentim.group.v1.GroupService",grpc_method="GetGroup""#;

#[tokio::test]
async fn calls_are_counted_under_the_usual_names() {
    let both = Sandboxed::start().await;
    both.group("g").await;
    let mut groups = GroupServiceClient::new(both.channel.clone());
    groups.get_group(read("g")).await.unwrap();
    // A status in the headers alone.
    assert_eq!(groups.get_group(read("missing")).await.unwrap_err().code(), Code::NotFound);

    let gateway = both.gateway();
    gateway.wait_for_metric(&format!("grpc_server_handled_total{{{GET_GROUP},grpc_code=\"NotFound\"}}"), 1.0).await;
    for (series, value) in [
        (format!("grpc_server_handled_total{{{GET_GROUP},grpc_code=\"OK\"}}"), 1.0),
        (format!("grpc_server_started_total{{{GET_GROUP}}}"), 2.0),
        (format!("grpc_server_msg_received_total{{{GET_GROUP}}}"), 2.0),
        (format!("grpc_server_msg_sent_total{{{GET_GROUP}}}"), 1.0),
        (format!("grpc_server_handling_seconds_count{{{GET_GROUP}}}"), 2.0),
        (
            "rpc_server_call_duration_seconds_count{rpc_system_name=\"grpc\",\
             rpc_method=\"tencentim.group.v1.GroupService/GetGroup\",rpc_response_status_code=\"NOT_FOUND\"}"
                .to_owned(),
            1.0,
        ),
        ("tim_upstream_attempts_total{command=\"create_group\",code=\"0\"}".to_owned(), 1.0),
        ("tim_upstream_attempts_total{command=\"get_group_info\",code=\"0\"}".to_owned(), 2.0),
        ("tim_upstream_in_flight".to_owned(), 0.0),
        ("tim_server_in_flight".to_owned(), 0.0),
        ("tim_tls_certificate_not_after_seconds".to_owned(), 0.0),
        ("tim_unknown_enum_values_total".to_owned(), 0.0),
    ] {
        let found = gateway.metric(&series).await;
        // Counted for the whole process, which other tests share.
        if series == "tim_unknown_enum_values_total" {
            assert!(found.is_some());
        } else {
            assert_eq!(found, Some(value), "{series}");
        }
    }
    let age = gateway.metric("tim_usersig_age_seconds{app=\"default\"}").await.unwrap();
    assert!((0.0..600.0).contains(&age));
    let text = gateway.ask("/metrics").await.text().await.unwrap();
    assert!(text.contains(
        "http_client_request_duration_seconds_count{http_request_method=\"POST\",http_response_status_code=\"200\""
    ));
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn unknown_methods_share_one_series() {
    let gateway = Gateway::start("http://127.0.0.1:1", &[]).await;
    let mut grpc = tonic::client::Grpc::new(gateway.channel().await);
    for path in ["/made.Up/One", "/made.Up/Two", "/tencentim.group.v1.GroupService/Nothing"] {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<pb::GetGroupRequest, pb::GetGroupResponse>::default();
        let status = grpc.unary(Request::new(read("g")), path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    }
    let text = gateway.ask("/metrics").await.text().await.unwrap();
    assert!(!text.contains("made.Up") && !text.contains("Nothing"));
    let unknown = r#"grpc_type="unary",grpc_service="unknown",grpc_method="unknown",grpc_code="Unimplemented""#;
    gateway.wait_for_metric(&format!("grpc_server_handled_total{{{unknown}}}"), 3.0).await;
}

#[tokio::test]
async fn the_admin_port_tells_state_version_and_settings() {
    let gateway = Gateway::start("http://127.0.0.1:1", &[("drain.pause", "1h")]).await;
    assert_eq!(gateway.ask("/livez").await.status(), 200);
    let version = gateway.ask("/version").await.text().await.unwrap();
    assert!(version.contains(env!("CARGO_PKG_VERSION")));
    let config = gateway.ask("/config").await.text().await.unwrap();
    assert!(config.contains("secret_key = \"<redacted>\" # from TIM_SECRET_KEY"), "{config}");
    assert!(!config.contains("00112233445566778899aabbccddeeff"));

    let address = gateway.admin;
    let set = |level: &'static str| {
        let request = http().put(format!("http://{address}/log-level")).header("content-type", "application/json");
        request.body(level).send()
    };
    // Tests do not set logging up, and no level is taken for set that is not.
    assert_eq!(set("debug").await.unwrap().status(), 409);

    assert_eq!(gateway.ask("/readyz").await.status(), 200);
    let mut health = HealthClient::new(gateway.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    gateway.shutdown.trigger();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(gateway.ask("/readyz").await.status(), 503);
    assert_eq!(gateway.ask("/livez").await.status(), 200);
}

/// Under the names that Prometheus' own clients use.
#[tokio::test]
async fn the_process_and_its_build_are_measured() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let build = format!("tim_build_info{{version=\"{}\",commit=\"", env!("CARGO_PKG_VERSION"));
    assert!(gateway.ask("/metrics").await.text().await.unwrap().contains(&build));
    let series = [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    ];
    for series in series {
        let value = gateway.metric(series).await.unwrap_or_else(|| panic!("{series}"));
        assert!(value > 0.0 || series == "process_cpu_seconds_total", "{series} is {value}");
    }
    let version: Value = gateway.ask("/version").await.json().await.unwrap();
    assert!(version["commit"].is_string(), "{version}");
}

#[tokio::test]
async fn what_is_scraped_is_compressed_if_the_client_takes_that() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let url = format!("http://{}/metrics", gateway.admin);
    let answer = http().get(&url).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    let bytes = answer.bytes().await.unwrap();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert!(text.ends_with("# EOF\n") && bytes.len() * 4 < text.len(), "{} of {}", bytes.len(), text.len());
    let plain = http().get(&url).send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
}

/// One line for each call, with all that is needed to find it again. Probes and tools that read descriptors are logged
/// at debug only.
#[tokio::test]
async fn a_call_is_one_line() {
    let sandbox = sandbox::start(Settings { auto_import: true, ..Settings::default() }).await.unwrap();
    let base_url = format!("http://{}", sandbox.api_addr());
    for (level, quiet) in [("info", true), ("debug", false)] {
        let mut gateway = Process::start(
            &base_url,
            &["--log-level", &format!("warn,access={level},tencent_im_grpc::upstream={level}")],
        )
        .await;
        let channel = gateway.channel().await;
        HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
        let ask = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflection = ServerReflectionClient::new(channel.clone());
        let replies = reflection.server_reflection_info(tokio_stream::iter([ask])).await.unwrap();
        replies.into_inner().message().await.unwrap();
        let mut request = Request::new(read("missing"));
        request.metadata_mut().insert("x-request-id", "order-17".parse().unwrap());
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        request.metadata_mut().insert("traceparent", trace.parse().unwrap());
        GroupServiceClient::new(channel.clone()).get_group(request).await.unwrap_err();
        let mut request = Request::new(pb::DestroyGroupRequest { group_id: "missing".to_owned() });
        request.metadata_mut().insert("x-request-id", "order-18".parse().unwrap());
        GroupServiceClient::new(channel).destroy_group(request).await.unwrap_err();
        gateway.stop().await;

        let log = gateway.log();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |method: &str| lines.iter().filter(|line| line["method"] == method).collect::<Vec<_>>();
        let [line] = of("tencentim.group.v1.GroupService/GetGroup")[..] else { panic!("{log}") };
        for (field, value) in [
            ("level", json!("INFO")),
            ("request_id", json!("order-17")),
            ("trace_id", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
            ("code", json!("NotFound")),
            ("reason", json!("GROUP_NOT_FOUND")),
            ("caller", json!("anonymous")),
            ("command", json!("get_group_info")),
            ("upstream_code", json!(10010)),
        ] {
            assert_eq!(line[field], value, "{field} in {line}");
        }
        assert!(line["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
        for method in ["grpc.health.v1.Health/Check", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] {
            assert_eq!(of(method).is_empty(), quiet, "{method} at {level}: {log}");
        }
        let failed = |line: &&Value| line["message"] == "an attempt failed" && line["request_id"] == "order-18";
        let failed = lines.iter().find(failed);
        assert_eq!(failed.is_none(), quiet, "{log}");
        if let Some(failed) = failed {
            assert_eq!(failed["attempt"], 1);
            assert!(failed["error"].as_str().unwrap().contains("10010"), "{failed}");
        }
    }
}

#[tokio::test]
async fn what_is_left_of_a_quota_is_told() {
    // Of two hundred a second this replica has twenty.
    let s = Sandboxed::start_with(&[("upstream.pacing", "true"), ("upstream.replicas", "10")]).await;
    let left = "tim_upstream_quota_left{app=\"default\",command=\"get_group_info\"}";
    assert_eq!(s.gateway().metric(left).await, None);
    let busy = async {
        loop {
            s.groups().get_group(read("missing")).await.unwrap_err();
            if s.gateway().metric(left).await.unwrap() < 18.0 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, busy).await.expect("calls use the quota up");
    s.gateway().wait_for_metric(left, 20.0).await;

    // A refusal by rate slows down. The two attempts alone would leave eighteen, or more when they take long.
    let throttled = json!({"command": "get_group_info", "times": 1, "action": {"type": "error", "code": 60007}});
    s.fault(throttled).await;
    s.groups().get_group(read("missing")).await.unwrap_err();
    let slowed = s.gateway().metric(left).await.unwrap();
    assert!(slowed < 17.9, "{slowed}");
}

/// Prometheus sees a rise from 0 to 1, but not a series that begins with 1.
#[test]
fn rare_events_are_counted_from_zero() {
    let text = Metrics::new().encode().unwrap();
    let commands: Vec<_> = METHODS.iter().filter_map(|method| method.command).collect();
    assert!(commands.len() > 70);
    for command in commands {
        for counter in ["retries", "retry_budget_spent", "queue_refused"] {
            let line = format!("tim_upstream_{counter}_total{{command=\"{}\"}} 0", command.label);
            assert!(text.lines().any(|shown| shown == line), "no {line}");
        }
    }
}

/// A level alone is the gateway's: the log is not flooded with lines about HTTP/2.
#[tokio::test]
async fn a_level_is_that_of_the_gateway() {
    let mut gateway = Process::start(NOWHERE, &["--log-level", "debug"]).await;
    let mut shown: Vec<String> = gateway.ask("/log-level").await.trim().split(',').map(str::to_owned).collect();
    shown.sort();
    assert_eq!(shown, ["access=debug", "info", "tencent_im_grpc=debug"]);
    ask(&gateway.channel().await, &[]).await;
    gateway.stop().await;
    let log = gateway.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let debug: Vec<_> = lines.iter().filter(|line| line["level"] == "DEBUG").collect();
    let own = |line: &&Value| {
        ["tencent_im_grpc", "access"].iter().any(|own| line["target"].as_str().unwrap().starts_with(own))
    };
    assert!(debug.iter().all(own), "{log}");
    assert!(lines.iter().any(|line| line["target"] == "access"), "{log}");
}
