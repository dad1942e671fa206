//! Nobody can keep others out, whatever it holds: connections, memory, reflection.

use std::time::Duration;

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_stream::iter;
use tonic::{Code, Request};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::abuse::{GET_GROUP, PREFACE, REFLECTION, closed, frame, headers, healthy};
use crate::support::callers::{NOWHERE, ask, reason};
use crate::support::process::PATIENCE;
use crate::support::{Gateway, http};

const GOAWAY: u8 = 7;

/// A connection that was set up and says nothing more.
async fn idle(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    // The gateway's settings, so that it has noticed.
    stream.read_exact(&mut [0; 9]).await.unwrap();
    stream
}

/// Whether a frame of this kind is among the bytes until the connection ends.
async fn ends_with(mut stream: TcpStream, kind: u8) -> bool {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    // The rest of the settings, whose head `idle` has read, ends somewhere before the first head.
    (0..bytes.len().saturating_sub(8)).any(|at| bytes[at..at + 5] == [0, 0, 8, kind, 0])
}

#[tokio::test]
async fn connections_that_are_idle_give_way() {
    let gateway = Gateway::start(NOWHERE, &[("limits.max_connections", "8")]).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(idle(&gateway).await);
    }
    for _ in 0..4 {
        let channel = gateway.channel().await;
        healthy(channel.clone()).await;
        // Past everything that could refuse it.
        assert_eq!(ask(&channel, &[]).await.code(), Code::Unavailable);
    }
    assert!(ends_with(held.remove(0), GOAWAY).await, "the idlest one gets GOAWAY");
}

#[tokio::test]
async fn connections_that_are_busy_stay_and_probes_find_room() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let gateway = Gateway::start(&upstream, &[("limits.max_connections", "2")]).await;
    let calls: Vec<_> = futures::future::join_all((0..2).map(|_| gateway.channel())).await;
    let calls: Vec<_> =
        calls.into_iter().map(|channel| tokio::spawn(async move { ask(&channel, &[]).await })).collect();
    gateway.wait_for_metric("tim_server_in_flight", 2.0).await;
    let probe = gateway.channel().await;
    healthy(probe.clone()).await;
    let refused = ask(&probe, &[]).await;
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "OVERLOADED"), "{refused:?}");
    assert!(calls.iter().all(|call| !call.is_finished()));
    gateway.wait_for_metric("tim_server_in_flight", 2.0).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn the_admin_port_cannot_be_taken_by_connections_that_say_nothing() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(gateway.admin).await.unwrap());
    }
    // In the order of their connections, so that this one comes after all of them.
    let client = http();
    let answer = client.get(format!("http://{}/livez", gateway.admin)).send();
    assert_eq!(timeout(PATIENCE, answer).await.expect("an answer").unwrap().status(), 200);
    closed(held.remove(0)).await;
}

#[tokio::test]
async fn the_admin_port_waits_for_no_head_of_a_request_for_ever() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let mut stream = TcpStream::connect(gateway.admin).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: local").await.unwrap();
    closed(stream).await;
}

/// A flood of frames that cost work and bring nothing ends its own connection.
#[tokio::test]
async fn floods_of_idle_frames_are_ended() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let other = gateway.channel().await;
    // PRIORITY of a stream; a type that does not exist; SETTINGS; PING; a window that grows by one byte.
    let kinds: [(u8, u32, &[u8]); 5] =
        [(2, 1, &[0, 0, 0, 0, 16]), (0x42, 0, &[7; 32]), (4, 0, &[]), (6, 0, &[0; 8]), (8, 0, &[0, 0, 0, 1])];
    for (kind, stream, payload) in kinds {
        let (mut reader, mut writer) = TcpStream::connect(gateway.address).await.unwrap().into_split();
        writer.write_all(PREFACE).await.unwrap();
        let flood = frame(kind, 0, stream, payload).repeat(512);
        let send = async {
            for _ in 0..2000 {
                if writer.write_all(&flood).await.is_err() {
                    return true;
                }
            }
            false
        };
        let hear = async {
            let mut buffer = vec![0; 65536];
            while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        };
        let (cut, ()) = timeout(PATIENCE, futures::future::join(send, hear)).await.expect("the flood is cut off");
        assert!(cut, "a million frames of type {kind} were taken");
    }
    healthy(other).await;
}

/// Streams of reflection that ask nothing are not an end of reflection.
#[tokio::test]
async fn one_peer_cannot_take_reflection_from_the_others() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let mut stranger = TcpStream::connect(gateway.address).await.unwrap();
    stranger.write_all(PREFACE).await.unwrap();
    for n in 0..64 {
        stranger.write_all(&frame(1, 4, 2 * n + 1, &headers(REFLECTION))).await.unwrap();
    }
    gateway.wait_for_metric("tim_server_in_flight", 16.0).await;
    for _ in 0..20 {
        let mut reflection = ServerReflectionClient::new(gateway.channel().await);
        let list = MessageRequest::ListServices(String::new());
        let ask = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
        let mut replies = reflection.server_reflection_info(iter([ask])).await.unwrap().into_inner();
        assert!(replies.message().await.unwrap().is_some());
    }
    drop(stranger);
}

/// Streams of many connections that ask nothing, which no peer holds alone.
#[tokio::test]
async fn streams_of_reflection_that_are_idle_give_way() {
    let gateway = Gateway::start(NOWHERE, &[("deadline.default", "600s"), ("deadline.max", "600s")]).await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut stranger = TcpStream::connect(gateway.address).await.unwrap();
        stranger.write_all(&[PREFACE, &frame(1, 4, 1, &headers(REFLECTION))].concat()).await.unwrap();
        held.push(stranger);
    }
    gateway.wait_for_metric("tim_server_in_flight", 16.0).await;
    let mut reflection = ServerReflectionClient::new(gateway.channel().await);
    let answered = async {
        loop {
            let list = MessageRequest::ListServices(String::new());
            let ask = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
            match reflection.server_reflection_info(iter([ask])).await {
                Ok(replies) => return replies.into_inner().message().await.unwrap().is_some(),
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(timeout(PATIENCE, answered).await.expect("an answer, long before the deadline of the others"));
    drop(held);
}

/// Calls that announce a message of the largest size, and send nothing of it.
async fn stalled(gateway: &Gateway) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let announced = [&[0][..], &(4u32 << 20).to_be_bytes()].concat();
        let call = [PREFACE, &frame(1, 4, 1, &headers(GET_GROUP)), &frame(0, 0, 1, &announced)].concat();
        stream.write_all(&call).await.unwrap();
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn announced_messages_take_no_memory() {
    let gateway = Gateway::start(NOWHERE, &[("deadline.default", "60s")]).await;
    let held = stalled(&gateway).await;
    gateway.wait_for_metric("tim_server_in_flight", 8.0).await;
    assert_eq!(ask(&gateway.channel().await, &[]).await.code(), Code::Unavailable, "there is room");
    gateway.wait_for_metric("tim_server_in_flight", 8.0).await;
    drop(held);
}

/// What stalls gives its memory back when others need it, long before its deadline.
#[tokio::test]
async fn stalled_messages_give_their_memory_to_others() {
    let settings = [
        ("deadline.default", "60s"),
        ("limits.max_request_bytes", "64KiB"),
        ("limits.max_request_memory", "512KiB"),
        ("limits.max_request_memory_per_caller", "512KiB"),
    ];
    let gateway = Gateway::start(NOWHERE, &settings).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let length = 60_000u32;
        let mut message = vec![0xfa, 0x01, 0xdc, 0xd4, 0x03];
        message.resize(length as usize - 1, 0x20);
        let message = [&[0][..], &length.to_be_bytes(), &message].concat();
        let mut bytes = [PREFACE, &frame(1, 4, 1, &headers(GET_GROUP))].concat();
        message.chunks(16_000).for_each(|piece| bytes.extend(frame(0, 0, 1, piece)));
        stream.write_all(&bytes).await.unwrap();
        held.push(stream);
    }
    let channel = gateway.channel().await;
    // One that needs a third of the memory.
    let asked = async {
        loop {
            let message = pb::GetGroupRequest { group_id: "g".repeat(40_000), filter: None };
            let mut request = Request::new(message);
            request.set_timeout(Duration::from_secs(60));
            let status = GroupServiceClient::new(channel.clone()).get_group(request).await.unwrap_err();
            match reason(&status).as_str() {
                "OVERLOADED" => tokio::time::sleep(Duration::from_millis(20)).await,
                other => return other.to_owned(),
            }
        }
    };
    let answer = timeout(Duration::from_secs(30), asked).await.expect("memory, before the others' deadline");
    assert_eq!(answer, "INVALID_ARGUMENT", "the id is too long, which only validation says");
    drop(held);
}
