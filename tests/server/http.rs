//! What of HTTP is a call, and by which names; compressed messages.

use std::io::Write;

use contract::pb;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::abuse::GET_GROUP;
use crate::support::callers::{Callers, NOWHERE, reason};
use crate::support::http2::Connection;
use crate::support::sandboxed::Sandboxed;
use crate::support::{Gateway, http};

/// A request of gRPC-Web without a message.
const EMPTY: [u8; 5] = [0; 5];

#[tokio::test]
async fn only_grpc_and_grpc_web_are_spoken() {
    for (web, kinds) in [("true", "application/grpc, application/grpc-web"), ("false", "application/grpc")] {
        let gateway = Gateway::start(NOWHERE, &[("grpc_web", web)]).await;
        let connection = Connection::open(&gateway.address.to_string()).await;
        let mut wrong = vec!["application/json", "text/plain", "application/grpcfoo", ""];
        if web == "false" {
            wrong.push("application/grpc-web");
        }
        for kind in wrong {
            let answer = connection.post(GET_GROUP, kind, &EMPTY).await;
            assert_eq!(answer.status(), 415, "{kind}");
            assert_eq!(answer.headers()["accept-post"], kinds);
        }
        for right in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert_eq!(connection.post(GET_GROUP, right, &EMPTY).await.status(), 200, "{right}");
        }
    }
}

/// Posts to a gateway by HTTP/1.1 under a name, and returns the status of HTTP.
async fn under_name(gateway: &Gateway, name: &str) -> u16 {
    let request = http().post(format!("http://{}{GET_GROUP}", gateway.address)).header("host", name);
    let request = request.header("content-type", "application/grpc-web").body(EMPTY.to_vec());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn pages_in_a_browser_cannot_reach_a_gateway_without_authentication_by_a_name_of_their_own() {
    let gateway = Gateway::start(NOWHERE, &[("allowed_hosts", "gateway.internal,other.internal")]).await;
    for (name, status) in [
        ("evil.example", 403),
        ("127.0.0.1.evil.example:50051", 403),
        ("localhost:50051", 200),
        ("[::1]:50051", 200),
        ("Gateway.Internal:50051", 200),
    ] {
        assert_eq!(under_name(&gateway, name).await, status, "{name}");
    }
    // A sidecar of a mesh comes in plain HTTP/2 with the name of the service.
    let connection = Connection::open(&gateway.address.to_string()).await;
    assert_eq!(connection.post(GET_GROUP, "application/grpc", &EMPTY).await.status(), 200);
    // A caller that must show a key may use any name.
    let callers = Callers::new();
    assert_eq!(under_name(&callers.gateway(&[]).await, "evil.example").await, 200);
}

#[tokio::test]
async fn the_admin_port_is_not_for_pages_in_a_browser() {
    let gateway = Gateway::start(NOWHERE, &[("allowed_hosts", "gateway.internal")]).await;
    let url = format!("http://{}/log-level", gateway.admin);
    let named = async |name: &str| http().get(&url).header("host", name).send().await.unwrap().status().as_u16();
    assert_eq!(named("evil.example").await, 403);
    assert_eq!(named("gateway.internal").await, 200);
    assert_eq!(named("localhost").await, 200);
    let put = async |kind: &str, body: String| {
        let request = http().put(&url).header("content-type", kind).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    for simple in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(put(simple, "debug".to_owned()).await, 415, "{simple}");
    }
    assert_eq!(put("application/json", "x".repeat(1_200_000)).await, 413);
    // Tests do not set logging up, but both were understood.
    for level in ["\"debug\"", "debug"] {
        assert_eq!(put("application/json", level.to_owned()).await, 409, "{level}");
    }
    assert_eq!(put("application/json; charset=utf-8", "\"loud\"".to_owned()).await, 409);
}

#[tokio::test]
async fn clients_that_compress_are_served() {
    let gateway = Sandboxed::start().await;
    gateway.group("g").await;
    let mut groups = gateway.groups().send_compressed(Gzip).accept_compressed(Gzip);
    let request = pb::GetGroupRequest { group_id: "g".to_owned(), filter: None };
    let answer = groups.get_group(request.clone()).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert_eq!(answer.metadata().get("grpc-accept-encoding").unwrap(), "gzip,identity");
    assert_eq!(answer.into_inner().group.unwrap().group_id, "g");
    // Nobody gets what it did not ask for.
    let plain = gateway.groups().send_compressed(Gzip).get_group(request).await.unwrap();
    assert!(plain.metadata().get("grpc-encoding").is_none());

    let channel = gateway.channel.clone();
    let mut health = HealthClient::new(channel.clone()).send_compressed(Gzip).accept_compressed(Gzip);
    let answer = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    let mut reflection = ServerReflectionClient::new(channel).send_compressed(Gzip).accept_compressed(Gzip);
    let list = MessageRequest::ListServices(String::new());
    let ask = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let answer = reflection.server_reflection_info(tokio_stream::iter([ask])).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert!(answer.into_inner().message().await.unwrap().is_some());
}

/// A compressed message in its frame.
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    framed(&encoder.finish().unwrap())
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[1], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

#[tokio::test]
async fn what_is_compressed_is_bounded_by_what_it_holds() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    let call = async |encoding: &'static str, body: &[u8]| {
        let answer = connection.post_with(GET_GROUP, &[("grpc-encoding", encoding)], body).await;
        assert_eq!(answer.headers()["grpc-accept-encoding"], "gzip,identity", "{encoding}");
        Status::from_header_map(answer.headers()).expect("an error")
    };
    let group = pb::GetGroupRequest { group_id: "g".to_owned(), filter: None }.encode_to_vec();
    assert_eq!(call("gzip", &compressed(&group)).await.code(), Code::Unavailable);
    // Small on the wire: large in memory, or made of the smallest items.
    let bomb = call("gzip", &compressed(&vec![0; 64 << 20])).await;
    assert_eq!(reason(&bomb), "REQUEST_TOO_LARGE", "{bomb:?}");
    let broken = call("gzip", &framed(b"this is not gzip")).await;
    assert_eq!((broken.code(), reason(&broken).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    let cut = compressed(&[7; 100]);
    let cut = call("gzip", &framed(&cut[5..cut.len() - 9])).await;
    assert_eq!(cut.code(), Code::InvalidArgument, "{cut:?}");
    assert_eq!(call("br", &compressed(&group)).await.code(), Code::Unimplemented);

    let items = connection
        .post_with(
            "/tencentim.group.v1.GroupService/BatchGetGroups",
            &[("grpc-encoding", "gzip")],
            &compressed(&[0x0a, 0].repeat(1 << 20)),
        )
        .await;
    assert_eq!(reason(&Status::from_header_map(items.headers()).unwrap()), "REQUEST_TOO_LARGE");
}
