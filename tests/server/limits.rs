//! Settings of the server that bound what clients can do: ages, sizes, times, and what browsers may.

use std::time::{Duration, Instant};

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use contract::pb::member_service_client::MemberServiceClient;
use futures::future::join_all;
use serde_json::json;
use tencent_im_grpc::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Request};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_types::StatusExt;

use crate::support::callers::{NOWHERE, ask, reason};
use crate::support::process::{PATIENCE, Process};
use crate::support::sandboxed::Sandboxed;
use crate::support::{Gateway, http, settings};

/// What begins an HTTP/2 connection, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The type, flags and stream of a GOAWAY frame.
const GOAWAY: [u8; 6] = [7, 0, 0, 0, 0, 0];

/// Opens a connection that sends nothing, and returns how long it lasts.
async fn lifetime(gateway: &Gateway) -> Duration {
    let opened = Instant::now();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let mut heard = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("it is closed").unwrap();
    assert!(heard.windows(6).any(|window| window == GOAWAY), "it is closed in good order");
    opened.elapsed()
}

#[tokio::test]
async fn connections_grow_old_each_in_its_own_time() {
    let settings =
        [("connection.max_age", "1s"), ("connection.max_age_grace", "1s"), ("connection.keepalive_interval", "0")];
    let gateway = Gateway::start(NOWHERE, &settings).await;
    let lifetimes = join_all((0..20).map(|_| lifetime(&gateway))).await;
    let (least, most) = (lifetimes.iter().min().unwrap(), lifetimes.iter().max().unwrap());
    assert!(*least >= Duration::from_millis(890), "{least:?}");
    assert!(*most - *least > Duration::from_millis(20), "all at once, after {least:?} to {most:?}");
}

#[tokio::test]
async fn calls_of_an_old_connection_go_on_for_the_grace() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let settings = [("connection.max_age", "100ms"), ("connection.max_age_grace", "200ms")];
    let hasty = Gateway::start(&upstream, &settings).await;
    let channel = hasty.channel().await;
    let cut = tokio::time::timeout(PATIENCE, ask(&channel, &[])).await.expect("the call is cut off");
    assert!(!matches!(cut.code(), Code::DeadlineExceeded), "{cut:?}");

    let patient = [("connection.max_age", "100ms"), ("connection.max_age_grace", "60s")];
    let s = Sandboxed::start_with(&patient).await;
    s.group("g").await;
    s.fault(json!({"command": "get_group_info", "action": {"type": "latency", "ms": 500}})).await;
    s.ok("GroupService/GetGroup", json!({"group_id": "g"})).await;
}

/// What is still open when a connection is closed by force gets a word of the gateway, not of the client's library: a write
/// that was sent may have been executed and is not UNAVAILABLE, which clients and meshes repeat.
#[tokio::test]
async fn a_call_that_is_cut_off_is_told_whether_it_was_sent() {
    let drain = [("connection.max_age", "0"), ("drain.timeout", "5s")];
    cut_off(&drain, PATIENCE).await.expect("the calls begin");
    // The shortest age within which they can begin.
    for (age, bound) in [("2s", 1_600), ("20s", 16_000)] {
        let bounds = [("connection.max_age", age), ("connection.max_age_grace", "5s")];
        if cut_off(&bounds, Duration::from_millis(bound)).await.is_some() {
            return;
        }
    }
    panic!("no calls begin on a connection that grows old");
}

/// `None` when the calls take longer than the bound to begin.
async fn cut_off(bounds: &[(&'static str, &str)], bound: Duration) -> Option<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let gateway = Gateway::start(&upstream, &[bounds, &SLOW].concat()).await;
    let limit = tokio::time::Instant::now() + bound;
    let channel = gateway.channel().await;
    let destroy = || {
        let mut groups = GroupServiceClient::new(channel.clone());
        let request = pb::DestroyGroupRequest { group_id: "g".to_owned() };
        tokio::spawn(async move { groups.destroy_group(request).await.unwrap_err() })
    };
    let begun = async {
        let sent = destroy();
        let (first, _) = silent.accept().await.unwrap();
        first.readable().await.unwrap();
        let queued = destroy();
        let read = tokio::spawn({
            let channel = channel.clone();
            async move { ask(&channel, &[]).await }
        });
        let (second, _) = silent.accept().await.unwrap();
        second.readable().await.unwrap();
        gateway.wait_for_metric("tim_server_in_flight", 3.0).await;
        (sent, queued, read, first, second)
    };
    let (sent, queued, read, _first, _second) = tokio::time::timeout_at(limit, begun).await.ok()?;
    if bounds.contains(&("connection.max_age", "0")) {
        gateway.shutdown.trigger();
    }
    let (unknown, executed) = ((Code::Unknown, "OUTCOME_UNKNOWN"), "unknown");
    let (unavailable, not_executed) = ((Code::Unavailable, "SHUTTING_DOWN"), "not_executed");
    for (call, is, outcome) in
        [(sent, unknown, executed), (queued, unavailable, not_executed), (read, unavailable, not_executed)]
    {
        let status = tokio::time::timeout(PATIENCE, call).await.expect("it is cut off").unwrap();
        assert_eq!((status.code(), reason(&status).as_str()), is, "{bounds:?}, {status:?}");
        assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], outcome);
    }
    Some(())
}

/// One call of a command is sent, and further ones of it wait for longer than any test takes.
const SLOW: [(&str, &str); 6] = [
    ("upstream.pacing", "true"),
    ("upstream.rate_factor", "0.001"),
    ("upstream.replicas", "100"),
    ("upstream.attempt_timeout", "1h"),
    ("deadline.max", "1h"),
    ("deadline.default", "1h"),
];

/// A batch reports what it did and did not do even when its connection is closed by force.
#[tokio::test]
async fn a_batch_that_is_cut_off_tells_how_far_it_came() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    // One part of a batch after the other.
    let settings = [("drain.timeout", "5s"), ("batch.concurrency", "2")];
    let gateway = Gateway::start(&upstream, &[&SLOW[..], &settings].concat()).await;
    let mut members = MemberServiceClient::new(gateway.channel().await);
    let user_ids = (0..60).map(|n| format!("u{n}")).collect();
    let request = pb::BatchAddMembersRequest { group_id: "g".to_owned(), user_ids, silent: true };
    let batch = tokio::spawn(async move { members.batch_add_members(request).await });
    let (sent, _) = silent.accept().await.unwrap();
    sent.readable().await.unwrap();
    gateway.shutdown.trigger();
    let results =
        tokio::time::timeout(PATIENCE, batch).await.expect("it is cut off").unwrap().unwrap().into_inner().results;
    let told: Vec<_> = results.iter().map(|r| r.status.as_ref().map(|s| (s.state(), s.reason())).unwrap()).collect();
    let unknown = (pb::BatchState::Unknown, pb::ErrorReason::OutcomeUnknown);
    let not_attempted = (pb::BatchState::NotAttempted, pb::ErrorReason::ShuttingDown);
    assert_eq!(told, [vec![unknown; 20], vec![not_attempted; 40]].concat());
}

/// Calls may go on for as long as any of them may take.
#[test]
fn an_old_connection_outlasts_every_unary_call() {
    let defaults = settings(&[("base_urls", NOWHERE)]).server;
    assert!(defaults.connection.max_age_grace > defaults.deadline.max);
}

/// A connection is an open file: the limit on them is raised, and a warning says when it is still too low.
#[tokio::test]
async fn the_limit_on_open_files_is_raised() {
    let mut raised = Process::start_under("-Sn 300", NOWHERE, &["--limits-max-connections", "20"]).await;
    let (now, most) = raised.open_files();
    assert!(now == most && now != "300", "{now} of {most}");
    assert!(!raised.log().contains("max_connections"), "{}", raised.log());
    raised.stop().await;

    let mut low = Process::start_under("-n 400", NOWHERE, &["--limits-max-connections", "150"]).await;
    assert!(low.log().contains("`limits.max_connections`"), "{}", low.log());
    low.stop().await;
}

/// No signal by which one may ask to stop cuts calls off.
#[tokio::test]
async fn every_signal_to_stop_drains() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut gateway = Process::start(NOWHERE, &[]).await;
        gateway.signal(signal);
        gateway.ended().await;
        assert!(gateway.log().contains("draining"), "{signal}: {}", gateway.log());
    }
}

#[tokio::test]
async fn messages_and_headers_have_their_sizes() {
    let limits = [("limits.max_request_bytes", "1KiB"), ("limits.max_response_bytes", "256")];
    let s = Sandboxed::start_with(&limits).await;
    s.group("g").await;
    let large = json!({"group_id": "g", "introduction": "x".repeat(2_000)});
    let status = s.call("GroupService/UpdateGroup", large).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    assert_eq!(s.count("modify_group_base_info").await, 0);

    let members: Vec<String> = (0..20).map(|n| format!("a-user-with-a-name-{n}")).collect();
    s.ok("MemberService/AddMembers", json!({"group_id": "g", "members": [{"user_id": members[0]}]})).await;
    for user_id in &members[1..] {
        s.ok("MemberService/AddMembers", json!({"group_id": "g", "members": [{"user_id": user_id}]})).await;
    }
    let status = s.call("MemberService/ListMembers", json!({"group_id": "g"})).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "RESPONSE_TOO_LARGE"));

    let junk = "x".repeat(20_000);
    let mut request = Request::new(pb::GetGroupRequest { group_id: "g".to_owned(), filter: None });
    request.metadata_mut().insert("x-junk", junk.parse().unwrap());
    GroupServiceClient::new(s.channel.clone()).get_group(request).await.unwrap_err();
    assert_eq!(s.count("get_group_info").await, 0, "the call was not taken");
}

#[tokio::test]
async fn no_call_outlasts_the_longest_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let settings = [("deadline.max", "300ms"), ("deadline.default", "200ms"), ("deadline.max_stream", "300ms")];
    let gateway = Gateway::start(&upstream, &settings).await;
    let channel = gateway.channel().await;
    for metadata in [&[][..], &[("grpc-timeout", "1H")]] {
        let status = tokio::time::timeout(PATIENCE, ask(&channel, metadata)).await.expect("it ends");
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    }
    let request = pb::StreamMembersRequest { group_id: "g".to_owned(), ..Default::default() };
    let members = pb::member_service_client::MemberServiceClient::new(channel).stream_members(request).await;
    let ended = match members {
        Ok(stream) => stream.into_inner().message().await.unwrap_err(),
        Err(status) => status,
    };
    assert_eq!(ended.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn reflection_can_be_switched_off() {
    let gateway = Gateway::start(NOWHERE, &[("reflection", "false")]).await;
    let ask = tokio_stream::iter([ServerReflectionRequest::default()]);
    let reply = ServerReflectionClient::new(gateway.channel().await).server_reflection_info(ask).await;
    assert_eq!(reply.unwrap_err().code(), Code::Unimplemented);
}

#[test]
fn strangers_are_let_in_only_on_purpose() {
    let load = |more: &[(&str, &str)]| {
        let all = [&[("sandbox", "true"), ("listen", "0.0.0.0:0")], more].concat();
        let flags = all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::load(&flags, &Default::default(), None).map(drop).map_err(|problems| problems.to_string())
    };
    let problem = load(&[]).unwrap_err();
    assert!(problem.contains("listen") && problem.contains("--insecure-allow-anonymous"), "{problem}");
    assert_eq!(load(&[("insecure_allow_anonymous", "true")]), Ok(()));
    assert_eq!(load(&[("listen", "127.0.0.1:0")]), Ok(()));
}

/// gRPC-Web as a browser speaks it: over HTTP/1.1, from a page of another origin.
#[tokio::test]
async fn pages_of_listed_origins_may_call() {
    const PATH: &str = "/tencentim.group.v1.GroupService/GetGroup";
    let s = Sandboxed::start_with(&[("cors_origins", "https://shop.example")]).await;
    s.group("g").await;
    let url = format!("http://{}{PATH}", s.gateway().address);
    let call = |origin: &'static str, body: &'static [u8]| {
        let request = http().post(&url).header("origin", origin).header("content-type", "application/grpc-web+proto");
        async move { request.body(body).send().await.unwrap() }
    };
    let header = |reply: &reqwest::Response, name: &str| {
        reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let reply = call("https://shop.example", b"\0\0\0\0\x03\x0a\x01g").await;
    assert_eq!(header(&reply, "access-control-allow-origin"), "https://shop.example");
    for exposed in ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"] {
        assert!(header(&reply, "access-control-expose-headers").contains(exposed), "{exposed}");
    }
    let body = String::from_utf8_lossy(&reply.bytes().await.unwrap()).into_owned();
    assert!(body.contains("Demo") && body.contains("grpc-status:0"), "{body:?}");

    let reply = call("https://shop.example", b"\0\0\0\0\x03\x0a\x01x").await;
    assert_eq!(header(&reply, "grpc-status"), "5");
    assert!(reply.headers().contains_key("grpc-status-details-bin"));

    let reply = call("https://elsewhere.example", b"\0\0\0\0\x03\x0a\x01g").await;
    assert_eq!(header(&reply, "access-control-allow-origin"), "");

    let preflight = http()
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-grpc-web,authorization");
    let reply = preflight.send().await.unwrap();
    assert_eq!(header(&reply, "access-control-allow-origin"), "https://shop.example");
    assert!(header(&reply, "access-control-allow-headers").contains("authorization"));
}
