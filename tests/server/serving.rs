//! The server around the services: health, deadlines, settings and shutdown.

use contract::pb;
use http::{HeaderValue, Method, StatusCode};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::support::callers::{Callers, ask, reason};
use crate::support::http2::Connection;
use crate::support::process::{PATIENCE, Process};
use crate::support::sandboxed::Sandboxed;
use crate::support::{Gateway, http};

/// An upstream that takes connections and says nothing.
async fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (format!("http://{}", listener.local_addr().unwrap()), listener)
}

const POST: HeaderValue = HeaderValue::from_static("POST");

fn read() -> pb::GetGroupRequest {
    pb::GetGroupRequest { group_id: "g".into(), filter: None }
}

#[tokio::test]
async fn health_is_serving_as_a_whole_and_for_each_service() {
    let gateway = Gateway::start("http://127.0.0.1:1", &[]).await;
    let mut health = HealthClient::new(gateway.channel().await);
    for service in ["", "tencentim.group.v1.GroupService", "tencentim.group.v1.TopicService"] {
        let reply = health.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(reply.status(), ServingStatus::Serving, "{service}");
    }
    let status = health.check(HealthCheckRequest { service: "nobody".into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

/// A watch of health reports the shutdown at once, while the server still accepts calls.
#[tokio::test]
async fn a_watch_sees_the_server_go_down_before_it_stops() {
    let gateway = Gateway::start("http://127.0.0.1:1", &[("drain.pause", "1h")]).await;
    let mut health = HealthClient::new(gateway.channel().await);
    let mut watches = Vec::new();
    for service in ["", "tencentim.group.v1.GroupService"] {
        let mut watch = health.watch(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving, "{service}");
        watches.push(watch);
    }
    gateway.shutdown.trigger();
    for watch in &mut watches {
        let next = tokio::time::timeout(PATIENCE, watch.message()).await.unwrap();
        assert_eq!(next.unwrap().unwrap().status(), ServingStatus::NotServing);
    }
    let mut late = HealthClient::new(gateway.channel().await);
    let reply = late.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(reply.status(), ServingStatus::NotServing);
}

/// A watch of health delays neither the shutdown nor the end of an old connection.
#[tokio::test]
async fn a_watch_ends_when_its_connection_closes() {
    const NEVER: &[(&str, &str)] = &[("drain.timeout", "1h"), ("connection.max_age_grace", "1h")];
    // The shortest age within which a watch can begin.
    for age in [None, Some("500ms"), Some("5s"), Some("30s")] {
        let old: Vec<_> = age.map(|age| ("connection.max_age", age)).into_iter().collect();
        let gateway = Gateway::start("http://127.0.0.1:1", &[NEVER, &old].concat()).await;
        let mut health = HealthClient::new(gateway.channel().await);
        let Ok(watch) = health.watch(HealthCheckRequest::default()).await else { continue };
        let mut watch = watch.into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        if age.is_none() {
            gateway.shutdown.trigger();
        }
        let end = async {
            while watch.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        let status = tokio::time::timeout(PATIENCE, end).await.expect("the watch ends").unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"), "{status:?}");
        if age.is_some() {
            return;
        }
    }
    panic!("no watch begins on a connection that grows old");
}

#[tokio::test]
async fn a_deadline_ends_a_call_with_deadline_exceeded() {
    let (base_url, _listener) = silent().await;
    let gateway = Gateway::start(&base_url, &[]).await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    let path = "/tencentim.group.v1.GroupService/GetGroup";
    let status = connection.call(path, &[("grpc-timeout", "300m")], &read()).await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "DEADLINE_EXCEEDED");
}

/// Neither a read nor a write that was not sent can have been executed, whichever side notices the deadline first.
#[tokio::test]
async fn a_deadline_leaves_no_doubt_where_nothing_was_written() {
    let (base_url, _listener) = silent().await;
    let gateway = Gateway::start(&base_url, &[("upstream.pacing", "false")]).await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    let outcome = |status: &Status| status.get_error_details().error_info().unwrap().metadata["outcome"].clone();
    let not_executed = |status: Status| {
        let told = (status.code(), outcome(&status));
        assert_eq!(told, (Code::DeadlineExceeded, "not_executed".to_owned()), "{status:?}");
    };
    let write = pb::DestroyGroupRequest { group_id: "g".into() };
    // So short that the call's own limit and the deadline pass at once, and now one is noticed first, now the other.
    for timeout in ["1n", "1m", "2m", "3m"].into_iter().cycle().take(160) {
        let timeout = [("grpc-timeout", timeout)];
        not_executed(connection.call("/tencentim.group.v1.GroupService/GetGroup", &timeout, &read()).await);
    }
    let path = "/tencentim.group.v1.GroupService/DestroyGroup";
    not_executed(connection.call(path, &[("grpc-timeout", "1n")], &write).await);
    let status = connection.call(path, &[("grpc-timeout", "300m")], &write).await;
    assert_eq!((status.code(), outcome(&status).as_str()), (Code::DeadlineExceeded, "unknown"));
}

/// The quota has no room before the deadline: the caller hears so at once, and Tencent nothing.
#[tokio::test]
async fn waiting_for_the_quota_counts_in_the_deadline() {
    let s = Sandboxed::start_with(&[("upstream.pacing", "true"), ("upstream.rate_factor", "0.01")]).await;
    let mut groups = pb::group_service_client::GroupServiceClient::new(s.channel.clone());
    // Once in a hundred seconds.
    let mut ask = async || {
        let mut request = Request::new(pb::ListGroupIdsRequest::default());
        request.metadata_mut().insert("grpc-timeout", "30S".parse().unwrap());
        groups.list_group_ids(request).await
    };
    ask().await.unwrap();
    let status = ask().await.unwrap_err();
    let details = status.get_error_details();
    assert_eq!(
        (status.code(), details.error_info().unwrap().reason.as_str()),
        (Code::ResourceExhausted, "RATE_LIMITED")
    );
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "command:get_appid_group_list");
    assert!(details.retry_info().is_some() && status.metadata().contains_key("grpc-retry-pushback-ms"));
    assert_eq!(s.count("get_appid_group_list").await, 1);
}

#[tokio::test]
async fn who_hangs_up_ends_the_request_to_tencent() {
    let (base_url, tencent) = silent().await;
    let gateway = Gateway::start(&base_url, &[]).await;
    let channel = gateway.channel().await;
    let call = tokio::spawn(async move { ask(&channel, &[]).await });
    let (mut request, _) = tencent.accept().await.unwrap();
    request.readable().await.unwrap();
    call.abort();
    let mut heard = Vec::new();
    let closed = request.read_to_end(&mut heard);
    tokio::time::timeout(PATIENCE, closed).await.expect("the connection is closed").unwrap();
    gateway.wait_for_metric("tim_upstream_in_flight", 0.0).await;
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
}

#[tokio::test]
async fn a_request_id_comes_back() {
    let gateway = Gateway::start("http://127.0.0.1:1", &[]).await;
    let mut groups = pb::group_service_client::GroupServiceClient::new(gateway.channel().await);
    let mut request = Request::new(pb::GetGroupRequest::default());
    request.metadata_mut().insert("x-request-id", "caller-17".parse().unwrap());
    let status = groups.get_group(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "caller-17");
    assert_eq!(status.get_error_details().error_info().unwrap().metadata["request_id"], "caller-17");
    let violations = &status.get_error_details().bad_request().unwrap().field_violations.clone();
    assert_eq!(violations[0].field, "group_id");
}

#[tokio::test]
async fn more_calls_than_there_is_room_for_are_refused_with_a_pause() {
    let (base_url, _listener) = silent().await;
    let gateway = Gateway::start(&base_url, &[("limits.max_in_flight", "1")]).await;
    let channel = gateway.channel().await;
    let other = channel.clone();
    let served = tokio::spawn(async move { ask(&other, &[]).await });
    gateway.wait_for_metric("tim_upstream_in_flight", 1.0).await;
    let refused = ask(&channel, &[]).await;
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.get_error_details().retry_info().is_some());
    assert!(refused.metadata().contains_key("grpc-retry-pushback-ms"));
    served.abort();
}

/// A page, a scanner or a mistaken client gets an HTTP error, and is not counted as a call.
#[tokio::test]
async fn only_post_requests_are_calls() {
    const PATH: &str = "/tencentim.group.v1.GroupService/GetGroup";
    let mut callers = Callers::new();
    let key = callers.key("shop", &["read"], &[]);
    let gateway = callers.gateway(&[]).await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    let named = [("authorization", key.as_str())];
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        for headers in [&[][..], &named] {
            let answer = connection.begin(method.clone(), PATH, headers, &read()).await;
            assert_eq!(
                (answer.status(), &answer.headers()["allow"]),
                (StatusCode::METHOD_NOT_ALLOWED, &POST),
                "{method}"
            );
            let status = Status::from_header_map(answer.headers()).unwrap();
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "METHOD_UNKNOWN"), "{method}");
        }
        // HTTP/1.1.
        for content_type in ["text/plain", "application/grpc", "application/grpc-web+proto"] {
            let url = format!("http://{}{PATH}", gateway.address);
            let answer = http().request(method.clone(), url).header("content-type", content_type).send().await.unwrap();
            assert_eq!(
                (answer.status(), &answer.headers()["allow"]),
                (StatusCode::METHOD_NOT_ALLOWED, &POST),
                "{method}"
            );
        }
    }
    // The connection is as good as before, and this is the first call.
    assert_eq!(connection.call(PATH, &named, &read()).await.code(), Code::Unavailable);
    let series = r#"grpc_type="unary",grpc_service="tencentim.group.v1.GroupService",grpc_method="GetGroup""#;
    assert_eq!(gateway.metric(&format!("grpc_server_started_total{{{series}}}")).await, Some(1.0));
}

/// SIGTERM while a call hangs: the process ends with 0 within pause and drain.
#[tokio::test]
async fn a_stuck_call_cannot_hold_the_process() {
    let (base_url, _listener) = silent().await;
    let mut gateway = Process::start(&base_url, &["--drain-timeout", "500ms"]).await;
    let channel = gateway.channel().await;
    let mut groups = pb::group_service_client::GroupServiceClient::new(channel.clone());
    let stuck = tokio::spawn(async move { groups.get_group(read()).await });
    // The health of the same connection answers after the stuck call was taken.
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    gateway.stop().await;
    assert!(stuck.await.unwrap().is_err());
}
