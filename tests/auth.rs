//! Who may call what: keys, scopes, applications, identities that a proxy forwards.

use std::io::Write;
use std::time::Duration;

use prost_reflect::DynamicMessage;
use secrecy::ExposeSecret;
use tencent_im_grpc::command::Scope;
use tencent_im_grpc::command::methods::METHODS;
use tencent_im_grpc::pb;
use tencent_im_grpc::pb::group_service_client::GroupServiceClient;
use tencent_im_grpc::server::auth::keys;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

use crate::support::{Gateway, dynamic};

/// Nobody listens there: what gets past the layers fails soon.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A callers file that is there until dropped.
struct Callers {
    file: tempfile::NamedTempFile,
}

impl Callers {
    fn new() -> Self {
        Self { file: tempfile::NamedTempFile::new().unwrap() }
    }

    /// Adds a key and returns what the caller sends.
    fn key(&mut self, caller: &str, scopes: &[&str], apps: &[&str]) -> String {
        self.entry(caller, scopes, apps, None)
    }

    fn expired(&mut self, caller: &str, scopes: &[&str]) -> String {
        self.entry(caller, scopes, &[], Some(Duration::ZERO))
    }

    fn entry(&mut self, caller: &str, scopes: &[&str], apps: &[&str], life: Option<Duration>) -> String {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let key = keys::generate(caller, &owned(scopes), &owned(apps), life);
        self.write(&key.entry);
        format!("Bearer {}", key.token.expose_secret())
    }

    fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
        self.file.flush().unwrap();
    }

    fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    async fn gateway(&self, more: &[(&str, &str)]) -> Gateway {
        let mut all = vec![("auth.callers_file", self.path()), ("upstream.max_attempts", "1")];
        all.extend_from_slice(more);
        Gateway::start(NOWHERE, &all).await
    }
}

fn with(metadata: &[(&'static str, &str)]) -> MetadataMap {
    let mut map = MetadataMap::new();
    for (name, value) in metadata {
        map.insert(*name, value.parse().unwrap());
    }
    map
}

fn read(metadata: &[(&'static str, &str)]) -> Request<pb::GetGroupRequest> {
    let message = pb::GetGroupRequest { group_id: "g".into(), filter: None };
    Request::from_parts(with(metadata), Default::default(), message)
}

async fn ask(channel: &Channel, metadata: &[(&'static str, &str)]) -> Status {
    GroupServiceClient::new(channel.clone()).get_group(read(metadata)).await.unwrap_err()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn every_method_asks_for_a_live_key_of_its_own_scope() {
    let mut callers = Callers::new();
    let names = Scope::ALL.map(Scope::name);
    let only = Scope::ALL.map(|scope| callers.key("only", &[scope.name()], &[]));
    let all_but = names.map(|left_out| {
        let others: Vec<_> = names.into_iter().filter(|name| *name != left_out).collect();
        callers.key("all-but", &others, &[])
    });
    let expired = callers.expired("late", &names);
    let wrong = format!("{}0", &only[0][..only[0].len() - 1]);
    let wrong = if wrong == only[0] { format!("{}1", &only[0][..only[0].len() - 1]) } else { wrong };
    let gateway = callers.gateway(&[]).await;
    let channel = gateway.channel().await;
    let pool = dynamic::pool();
    assert!(METHODS.len() > 70);

    for method in METHODS {
        let place = Scope::ALL.iter().position(|scope| *scope == method.scope).unwrap();
        let cases = [
            (None, Some(Code::Unauthenticated)),
            (Some(&wrong), Some(Code::Unauthenticated)),
            (Some(&expired), Some(Code::Unauthenticated)),
            (Some(&all_but[place]), Some(Code::PermissionDenied)),
            (Some(&only[place]), None),
        ];
        for (credential, expected) in cases {
            let metadata = credential.map(|credential| ("authorization", credential.as_str()));
            let code = call(&channel, &pool, method.path, metadata.as_slice()).await;
            match expected {
                Some(expected) => assert_eq!(code, expected, "{} with {expected:?}", method.path),
                None => assert!(
                    !matches!(code, Code::Unauthenticated | Code::PermissionDenied),
                    "{} refuses the right key with {code:?}",
                    method.path
                ),
            }
        }
    }
}

/// Calls a method with an empty request.
async fn call(
    channel: &Channel,
    pool: &prost_reflect::DescriptorPool,
    path: &str,
    metadata: &[(&'static str, &str)],
) -> Code {
    let method = dynamic::method(pool, path);
    let request = Request::from_parts(with(metadata), Default::default(), DynamicMessage::new(method.input()));
    dynamic::call_request(channel.clone(), &method, request).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

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
    let gateway = callers.gateway(&[("auth.reload_interval", "20ms")]).await;
    let channel = gateway.channel().await;
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unavailable);

    let failures = r#"tim_reload_failures_total{file="callers"}"#;
    assert_eq!(gateway.metric(failures).await, Some(0.0));
    std::fs::write(callers.path(), "[[key]]\nid = \"x\"\nscops = []\n").unwrap();
    gateway.wait_for_metric(failures, 1.0).await;
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unavailable);

    let second = keys::generate("second", &["read".to_owned()], &[], None);
    std::fs::write(callers.path(), &second.entry).unwrap();
    let token = format!("Bearer {}", second.token.expose_secret());
    for n in 0.. {
        if ask(&channel, &[("authorization", &token)]).await.code() == Code::Unavailable {
            break;
        }
        assert!(n < 500, "the new key never counts");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ask(&channel, &[("authorization", &first)]).await.code(), Code::Unauthenticated);
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
    assert_eq!(ask(&channel, &[("x-forwarded-client-cert", stranger)]).await.code(), Code::Unauthenticated);

    for peers in ["", "10.0.0.0/8"] {
        let gateway = callers.gateway(&[("auth.xfcc_peers", peers)]).await;
        let channel = gateway.channel().await;
        assert_eq!(ask(&channel, &[("x-forwarded-client-cert", shop)]).await.code(), Code::Unauthenticated, "{peers}");
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

    let (held, token) = (channel.clone(), greedy.clone());
    let held = tokio::spawn(async move { ask(&held, &[("authorization", &token)]).await });
    gateway.wait_for_metric("tim_upstream_in_flight", 1.0).await;

    let status = ask(&channel, &[("authorization", &greedy)]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "caller:greedy");

    let waiting = [("authorization", modest.as_str()), ("grpc-timeout", "50m")];
    assert_eq!(ask(&channel, &waiting).await.code(), Code::DeadlineExceeded);

    // A caller that goes away gives its place back.
    held.abort();
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
    let again = [("authorization", greedy.as_str()), ("grpc-timeout", "50m")];
    assert_eq!(ask(&channel, &again).await.code(), Code::DeadlineExceeded);
}
