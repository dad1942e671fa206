//! Clients that hold connections, streams and memory without a use for them.

use contract::pb;
use prost::Message;
use sandbox::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use crate::support::Gateway;
use crate::support::callers::{NOWHERE, ask, reason};
use crate::support::http2::{Begun, Connection};
use crate::support::process::{PATIENCE, Process};

/// What begins an HTTP/2 connection, with empty settings.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
pub(super) const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
pub(super) const WATCH: &str = "/grpc.health.v1.Health/Watch";
pub(super) const GET_GROUP: &str = "/tencentim.group.v1.GroupService/GetGroup";

/// A frame of HTTP/2.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call, in HPACK without a table.
pub(super) fn headers(path: &str) -> Vec<u8> {
    let literal = |index: u8, value: &str| [&[index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    // POST, http, path, authority, content type.
    [vec![0x83, 0x86], literal(0x04, path), literal(0x01, "gateway"), {
        [vec![0x0f], literal(0x10, "application/grpc")].concat()
    }]
    .concat()
}

/// Waits until the other side closes.
pub(super) async fn closed(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    let closed = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, closed).await.expect("the connection is closed");
}

pub(super) async fn healthy(channel: Channel) {
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let settings = [
        ("limits.handshake_timeout", "100ms"),
        ("connection.keepalive_interval", "100ms"),
        ("connection.keepalive_timeout", "100ms"),
    ];
    let gateway = Gateway::start(NOWHERE, &settings).await;
    // Nothing; half a request; and then a dead peer, which shows as a ping without an answer.
    for said in [&PREFACE[..0], &PREFACE[..10], PREFACE] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        closed(stream).await;
    }
    gateway.wait_for_metric("tim_server_connections", 0.0).await;
}

/// Streams that are opened and reset as fast as they can be written.
#[tokio::test]
async fn a_flood_of_streams_ends_its_own_connection_and_no_other() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let other = gateway.channel().await;
    let (mut reader, mut writer) = TcpStream::connect(gateway.address).await.unwrap().into_split();
    writer.write_all(PREFACE).await.unwrap();
    let (open, reset) = (headers(GET_GROUP), 8u32.to_be_bytes());
    let flood = async {
        for n in 0..100_000u32 {
            let stream = 2 * n + 1;
            let both = [frame(1, 4, stream, &open), frame(3, 0, stream, &reset)].concat();
            if writer.write_all(&both).await.is_err() {
                return true;
            }
        }
        false
    };
    let heard = async {
        let mut buffer = vec![0; 65536];
        while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    let (cut, ()) = timeout(PATIENCE, futures::future::join(flood, heard)).await.expect("the flood is cut off");
    assert!(cut, "all streams were taken");
    healthy(other).await;
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
}

/// More streams at once than one connection may have are not even begun.
#[tokio::test]
async fn streams_beyond_the_limit_wait_at_the_client() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let gateway = Gateway::start(&upstream, &[("limits.max_concurrent_streams", "4")]).await;
    let channel = gateway.channel().await;
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { ask(&channel, &[]).await })
        })
        .collect();
    gateway.wait_for_metric("tim_server_in_flight", 4.0).await;
    // Another connection finds room.
    let other = gateway.channel().await;
    let other = tokio::spawn(async move { ask(&other, &[]).await });
    gateway.wait_for_metric("tim_server_in_flight", 5.0).await;
    other.abort();
    gateway.wait_for_metric("tim_server_in_flight", 4.0).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A client that opens no window reads nothing. Its calls give their places back soon after their deadline.
#[tokio::test]
async fn who_does_not_read_holds_no_place_past_the_deadline() {
    let settings = Settings { auto_import: true, rate_scale: 0.0, ..Settings::default() };
    let sandbox = sandbox::start(settings).await.unwrap();
    let base_url = format!("http://{}", sandbox.api_addr());
    let gateway = Gateway::start(&base_url, &[("limits.max_in_flight", "8"), ("drain.timeout", "1s")]).await;
    let channel = gateway.channel().await;
    create(&channel, 10).await;
    let stuck = Connection::unreading(&gateway.address.to_string()).await;
    let mut unread = Vec::new();
    for _ in 0..8 {
        unread.push(read(&stuck, "60S").await);
    }
    assert!(unread.iter().all(has_body), "there is a body to read");
    assert_eq!(ask(&channel, &[]).await.code(), Code::ResourceExhausted);
    drop(unread);
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;

    // The same with a deadline that comes soon: later on a machine on which all of them would be over before they begin.
    let mut unread = Vec::new();
    for deadline in ["1S", "5S", "25S"] {
        for _ in 0..8 {
            unread.push(read(&stuck, deadline).await);
        }
        if unread.iter().any(has_body) {
            break;
        }
    }
    assert!(unread.iter().any(has_body), "there is a body to read");
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
    // There is no such group, and there is room to say so.
    assert_eq!(reason(&ask(&channel, &[]).await), "GROUP_NOT_FOUND");
    drop(unread);
}

/// Creates the group that is then read.
async fn create(channel: &Channel, introduction: usize) {
    let request = pb::CreateGroupRequest {
        r#type: pb::GroupType::Public.into(),
        group_id: "there".to_owned(),
        name: "Demo".to_owned(),
        introduction: "x".repeat(introduction),
        owner_user_id: "alice".to_owned(),
        ..Default::default()
    };
    pb::group_service_client::GroupServiceClient::new(channel.clone()).create_group(request).await.unwrap();
}

/// Reads the group, and leaves the body of the answer to the caller.
async fn read(connection: &Connection, deadline: &str) -> Begun {
    let message = pb::GetGroupRequest { group_id: "there".to_owned(), filter: None };
    connection.begin(http::Method::POST, GET_GROUP, &[("grpc-timeout", deadline)], &message).await
}

/// Errors are headers only.
fn has_body(answer: &Begun) -> bool {
    !answer.headers().contains_key("grpc-status")
}

/// A request whose end never comes is over at its deadline.
#[tokio::test]
async fn a_request_that_never_ends_is_over_at_its_deadline() {
    let gateway = Gateway::start(NOWHERE, &[("deadline.default", "300ms")]).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(1, 4, 1, &headers(GET_GROUP))).await.unwrap();
    // A message is announced and does not come.
    stream.write_all(&frame(0, 0, 1, &[0, 0, 0, 1, 0])).await.unwrap();
    let ended = r#"grpc_service="tencentim.group.v1.GroupService",grpc_method="GetGroup",grpc_code="DeadlineExceeded""#;
    gateway.wait_for_metric(&format!("grpc_server_handled_total{{grpc_type=\"unary\",{ended}}}"), 1.0).await;
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
}

/// Many clients that never read what they asked for: the memory that they cost stays within the limits.
#[tokio::test]
async fn slow_readers_cost_bounded_memory() {
    let settings = Settings { auto_import: true, rate_scale: 0.0, ..Settings::default() };
    let sandbox = sandbox::start(settings).await.unwrap();
    let mut gateway = Process::start(&format!("http://{}", sandbox.api_addr()), &["--drain-timeout", "1s"]).await;
    let channel = gateway.channel().await;
    create(&channel, 200).await;
    let before = gateway.memory();
    let mut unread = Vec::new();
    for _ in 0..10 {
        let stuck = Connection::unreading(gateway.address()).await;
        for _ in 0..100 {
            unread.push(timeout(PATIENCE, read(&stuck, "60S")).await.unwrap());
        }
    }
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for {} unread replies", unread.len());
    healthy(channel).await;
    drop(unread);
    gateway.stop().await;
}

/// Opens streams that ask something, on a connection that reads nothing.
pub(super) async fn open(gateway: &str, path: &str, message: &[u8], streams: u32) -> TcpStream {
    open_with(gateway, path, message, streams, 0).await
}

/// The same on a connection that reads so many bytes of each.
async fn open_with(gateway: &str, path: &str, message: &[u8], streams: u32, window: u8) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let message = [&[0], &length[..], message].concat();
    let mut bytes = [PREFACE, &frame(4, 0, 0, &[0, 4, 0, 0, 0, window])].concat(); // SETTINGS_INITIAL_WINDOW_SIZE
    for n in 0..streams {
        bytes.extend(frame(1, 4, 2 * n + 1, &headers(path)));
        bytes.extend(frame(0, 0, 2 * n + 1, &message));
    }
    stream.write_all(&bytes).await.unwrap();
    stream
}

/// A question of reflection.
pub(super) fn descriptor() -> Vec<u8> {
    let symbol = MessageRequest::FileContainingSymbol("tencentim.group.v1.GroupService".to_owned());
    ServerReflectionRequest { host: String::new(), message_request: Some(symbol) }.encode_to_vec()
}

/// Strangers may ask for descriptors, but what they do not read costs little.
#[tokio::test]
async fn reflection_that_nobody_reads_is_refused() {
    let mut gateway = Process::start(NOWHERE, &["--deadline-default", "60s", "--drain-timeout", "1s"]).await;
    let channel = gateway.channel().await;
    let before = gateway.memory();
    let mut strangers = Vec::new();
    for _ in 0..5 {
        strangers.push(open(gateway.address(), REFLECTION, &descriptor(), 100).await);
    }
    let method = r#"grpc_service="grpc.reflection.v1.ServerReflection",grpc_method="ServerReflectionInfo""#;
    let series =
        format!("grpc_server_handled_total{{grpc_type=\"bidi_stream\",{method},grpc_code=\"ResourceExhausted\"}} ");
    let refused = async || {
        let text = gateway.ask("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(&series)).unwrap_or("0");
        line.trim().parse::<usize>().unwrap()
    };
    let most = async { while refused().await < 450 {} };
    timeout(PATIENCE, most).await.expect("most of them are refused");
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 48 * 1024, "{grown} KiB");
    healthy(channel).await;
    drop(strangers);
    gateway.stop().await;
}

/// What they hold, they do not hold for long.
#[tokio::test]
async fn reflection_that_nobody_reads_ends_with_the_deadline() {
    let gateway = Gateway::start(NOWHERE, &[("deadline.default", "2s"), ("drain.timeout", "1s")]).await;
    let stranger = open(&gateway.address.to_string(), REFLECTION, &descriptor(), 100).await;
    let method = r#"grpc_service="grpc.reflection.v1.ServerReflection",grpc_method="ServerReflectionInfo""#;
    gateway.wait_for_metric(&format!("grpc_server_started_total{{grpc_type=\"bidi_stream\",{method}}}"), 100.0).await;
    gateway.wait_for_metric("tim_server_in_flight", 0.0).await;
    // And there is room for another caller.
    let mut reflection = ServerReflectionClient::new(gateway.channel().await);
    let answered = async {
        loop {
            let ask = ServerReflectionRequest::decode(&descriptor()[..]).unwrap();
            let replies = reflection.server_reflection_info(tokio_stream::iter([ask])).await;
            // Two seconds may be too short once, on a machine that is busy.
            match async { replies?.into_inner().message().await }.await {
                Ok(reply) => return reply.is_some(),
                Err(status) => assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}"),
            }
        }
    };
    assert!(timeout(PATIENCE, answered).await.expect("an answer"));
    drop(stranger);
}

/// Of a reply that is read byte by byte, most was taken over by the connection once, to stay there.
#[tokio::test]
async fn a_stream_whose_reader_does_not_come_forward_is_reset() {
    const STREAMS: u32 = 8;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const END_STREAM: u8 = 1;
    // The shortest one that leaves the time to begin a reply: what is over before that is an error, and no stream to reset.
    for deadline in ["300ms", "3s", "30s"] {
        let gateway = Gateway::start(NOWHERE, &[("deadline.default", deadline)]).await;
        let mut stranger = open_with(&gateway.address.to_string(), REFLECTION, &descriptor(), STREAMS, 1).await;
        let ends = async {
            let (mut reset, mut errors) = (0, 0);
            while reset + errors < STREAMS {
                let mut head = [0; 9];
                stranger.read_exact(&mut head).await.unwrap();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                stranger.read_exact(&mut vec![0; length as usize]).await.unwrap();
                reset += u32::from(head[3] == RST_STREAM);
                errors += u32::from(head[3] == HEADERS && head[4] & END_STREAM != 0);
            }
            reset
        };
        let reset = timeout(PATIENCE, ends).await.expect("the streams are reset");
        healthy(gateway.channel().await).await;
        if reset > 0 {
            return;
        }
    }
    panic!("no reply begins within 30 s");
}

/// Health may be watched for ever, but not by more than there are connections; one peer that has all the places gives some
/// back, and checks do not suffer from it.
#[tokio::test]
async fn watches_have_a_room_of_their_own() {
    let gateway = Gateway::start(NOWHERE, &[("limits.max_connections", "20"), ("limits.max_in_flight", "1")]).await;
    let stranger = open(&gateway.address.to_string(), WATCH, &[], 60).await;
    gateway.wait_for_metric("tim_server_in_flight", 20.0).await;
    let mut health = HealthClient::new(gateway.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    health.check(HealthCheckRequest::default()).await.unwrap();
    // The stranger has lost one of its places, and gets none back.
    gateway.wait_for_metric("tim_server_in_flight", 20.0).await;
    drop(stranger);
    gateway.wait_for_metric("tim_server_in_flight", 1.0).await;
}
