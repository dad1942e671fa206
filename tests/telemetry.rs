//! Metrics and the admin port.

use tencent_im_grpc::pb;
use tencent_im_grpc::pb::group_service_client::GroupServiceClient;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

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
    let set = |level: &'static str| http().put(format!("http://{address}/log-level")).body(level).send();
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
