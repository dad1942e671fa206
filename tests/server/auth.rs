//! Which caller may call what: keys, scopes, applications, identities that a proxy forwards.

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use secrecy::ExposeSecret;
use tencent_im_grpc::server::auth::keys;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

use crate::support::Gateway;
use crate::support::callers::{Callers, NOWHERE, ask, reason, with};
use crate::support::process::PATIENCE;

#[tokio::test]
async fn refusals_say_why_and_whose_call_it_was() {
    let mut callers = Callers::new();
    let key = callers.key("orders", &["message"], &[]);
    let gateway = callers.gateway(&[]).await;
    let channel = gateway.channel().await;

    let status = ask(&channel, &[("x-request-id", "r-1")]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.domain.as_str(), info.metadata["request_id"].as_str()), ("tencent-im-grpc", "r-1"));

    let status = ask(&channel, &[("authorization", &key)]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
    assert_eq!(status.get_details_error_info().unwrap().metadata["scope"], "read");

    for value in ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "Bearer tim_", "Bearer not-a-key", "Bearer a.b.c"] {
        let status = ask(&channel, &[("authorization", value)]).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{value}");
        assert!(!format!("{status:?}").contains("dXNlcjpwYXNz"));
    }
}

#[tokio::test]
async fn a_pattern_opens_the_methods_that_it_matches() {
    let mut callers = Callers::new();
    let one = callers.key("one", &["tencentim.group.v1.GroupService/GetGroup"], &[]);
    let service = callers.key("service", &["tencentim.group.v1.GroupService/*"], &[]);
    let other = callers.key("other", &["tencentim.group.v1.MemberService/*"], &[]);
    let gateway = callers.gateway(&[]).await;
    let channel = gateway.channel().await;
    assert_eq!(ask(&channel, &[("authorization", &one)]).await.code(), Code::Unavailable);
    assert_eq!(ask(&channel, &[("authorization", &service)]).await.code(), Code::Unavailable);
    assert_eq!(ask(&channel, &[("authorization", &other)]).await.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn health_passes_always_and_reflection_as_configured() {
    let callers = {
        let mut callers = Callers::new();
        callers.key("orders", &["read"], &[]);
        callers
    };
    for (open, expected) in [("true", None), ("false", Some(Code::Unauthenticated))] {
        let gateway = callers.gateway(&[("auth.open_reflection", open)]).await;
        let channel = gateway.channel().await;
        HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let reply = ServerReflectionClient::new(channel).server_reflection_info(tokio_stream::iter([request])).await;
        assert_eq!(reply.err().map(|status| status.code()), expected, "open: {open}");
    }
}

#[tokio::test]
async fn a_changed_file_counts_and_a_broken_one_does_not() {
    let mut callers = Callers::new();
    let first = callers.key("first", &["read"], &[]);
    let gateway = callers.gateway(&[("reload_interval", "20ms")]).await;
    let channel = gateway.channel().await;
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unavailable);

    let failures = r#"tim_reload_failures_total{file="callers"}"#;
    let stale = r#"tim_reload_stale{file="callers"}"#;
    assert_eq!((gateway.metric(failures).await, gateway.metric(stale).await), (Some(0.0), Some(0.0)));
    callers.replace("[[key]]\nid = \"x\"\nscops = []\n");
    gateway.wait_for_metric(failures, 1.0).await;
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unavailable);
    // What an editor leaves for a moment.
    callers.replace("");
    gateway.wait_for_metric(failures, 2.0).await;
    assert_eq!(gateway.metric(stale).await, Some(1.0), "the file is newer than what is in force");
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unavailable);

    let second = keys::generate("second", &["read".to_owned()], &[], None);
    callers.replace(&second.entry);
    let token = format!("Bearer {}", second.token.expose_secret());
    let counts = async { while ask(&channel, &[("authorization", &token)]).await.code() != Code::Unavailable {} };
    tokio::time::timeout(PATIENCE, counts).await.expect("the new key counts");
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unauthenticated);
    gateway.wait_for_metric(stale, 0.0).await;
}

#[tokio::test]
async fn applications_are_chosen_by_metadata_and_opened_per_caller() {
    let mut callers = Callers::new();
    let plain = callers.key("plain", &["read"], &[]);
    let named = callers.key("named", &["read"], &["default"]);
    let gateway = callers.gateway(&[]).await;
    let channel = gateway.channel().await;
    for key in [&plain, &named] {
        assert_eq!(ask(&channel, &[("authorization", key)]).await.code(), Code::Unavailable);
        let chosen = [("authorization", key.as_str()), ("x-tim-app", "default")];
        assert_eq!(ask(&channel, &chosen).await.code(), Code::Unavailable);
        let status = ask(&channel, &[("authorization", key), ("x-tim-app", "other")]).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "APP_NOT_ALLOWED"));
    }
}

const IDENTITY: &str = r#"
[[identity]]
uri = "spiffe://mesh.example/ns/shop/sa/*"
caller = "shop"
scopes = ["read"]
"#;

#[tokio::test]
async fn forwarded_identities_count_only_from_configured_peers() {
    let mut callers = Callers::new();
    callers.write(IDENTITY);
    let shop = "By=spiffe://mesh.example/proxy;URI=spiffe://mesh.example/ns/shop/sa/orders";
    let stranger = "URI=spiffe://mesh.example/ns/bank/sa/orders";

    let trusting = callers.gateway(&[("auth.xfcc_peers", "127.0.0.0/8")]).await;
    let channel = trusting.channel().await;
    assert_eq!(ask(&channel, &[("x-forwarded-client-cert", shop)]).await.code(), Code::Unavailable);
    let long = format!("URI=spiffe://mesh.example/ns/shop/sa/{}", "x".repeat(2048));
    let quoted = [r#"Subject="CN=a;"#, shop].concat();
    let open = [shop, r#";Subject="CN=a"#].concat();
    for wrong in [stranger, &long, &quoted, &open] {
        let status = ask(&channel, &[("x-forwarded-client-cert", wrong)]).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{wrong}");
    }

    for peers in ["", "10.0.0.0/8"] {
        let gateway = callers.gateway(&[("auth.xfcc_peers", peers)]).await;
        let channel = gateway.channel().await;
        assert_eq!(ask(&channel, &[("x-forwarded-client-cert", shop)]).await.code(), Code::Unauthenticated, "{peers}");
    }
}

/// A proxy on the way may have looked at the other one.
#[tokio::test]
async fn two_credentials_are_none() {
    let mut callers = Callers::new();
    let keys = ["orders", "billing"].map(|name| callers.key(name, &["read"], &[]));
    let gateway = callers.gateway(&[]).await;
    let mut metadata = with(&[("authorization", &keys[0])]);
    metadata.append("authorization", keys[1].parse().unwrap());
    let message = pb::GetGroupRequest { group_id: "g".into(), filter: None };
    let request = Request::from_parts(metadata, Default::default(), message);
    let status = GroupServiceClient::new(gateway.channel().await).get_group(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

/// A missing credential is reported first. After it, a malformed name is not reported as an application that is not open.
#[tokio::test]
async fn an_application_that_is_no_name_is_an_invalid_argument() {
    let mut callers = Callers::new();
    let key = callers.key("orders", &["read"], &[]);
    let (closed, open) = (callers.gateway(&[]).await, Gateway::start(NOWHERE, &[]).await);
    let ask = async |gateway: &Gateway, key: &str, names: &[&str]| {
        let mut metadata = with(&[("authorization", key)]);
        for name in names {
            metadata.append("x-tim-app", MetadataValue::try_from(name.as_bytes()).unwrap());
        }
        let message = pb::GetGroupRequest { group_id: "g".into(), filter: None };
        let request = Request::from_parts(metadata, Default::default(), message);
        GroupServiceClient::new(gateway.channel().await).get_group(request).await.unwrap_err()
    };
    assert_eq!(ask(&open, "none", &["default"]).await.code(), Code::Unavailable, "passes all layers");
    // Of two names, it is not clear which one is meant, or was looked at on the way.
    for names in [&["café"] as &[&str], &["default", "default"], &["default", "other"]] {
        assert_eq!(ask(&closed, "Bearer nobody", names).await.code(), Code::Unauthenticated);
        for status in [ask(&closed, &key, names).await, ask(&open, "none", names).await] {
            assert_eq!(status.code(), Code::InvalidArgument, "{names:?}");
            assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "x-tim-app");
        }
    }
}

#[tokio::test]
async fn one_caller_cannot_take_all_places() {
    let mut callers = Callers::new();
    let greedy = callers.key("greedy", &["read"], &[]);
    let modest = callers.key("modest", &["read"], &[]);
    // It accepts and never answers, so that calls stay.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let settings = [("auth.callers_file", callers.path()), ("limits.max_in_flight_per_caller", "1")];
    let gateway = Gateway::start(&upstream, &settings).await;
    let channel = gateway.channel().await;

    let hold = |token: String| {
        let channel = channel.clone();
        tokio::spawn(async move { ask(&channel, &[("authorization", &token)]).await })
    };
    let held = hold(greedy.clone());
    gateway.wait_for_metric("tim_upstream_in_flight", 1.0).await;

    let status = ask(&channel, &[("authorization", &greedy)]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "caller:greedy");

    let other = hold(modest);
    gateway.wait_for_metric("tim_upstream_in_flight", 2.0).await;
    other.abort();

    // A caller that goes away gives its place back.
    held.abort();
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
    let again = hold(greedy);
    gateway.wait_for_metric("tim_upstream_in_flight", 1.0).await;
    again.abort();
}
