//! What requests that are under way at once take in memory.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::StreamBody;
use prost::encoding::encode_varint;
use tencent_im_grpc::config::Config;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};

use crate::support::Gateway;
use crate::support::callers::{Callers, NOWHERE, ask, reason};
use crate::support::process::PATIENCE;

const GET_GROUP: &str = "/tencentim.group.v1.GroupService/GetGroup";
const STREAM_MEMBERS: &str = "/tencentim.group.v1.MemberService/StreamMembers";

/// Calls with a message of which the last byte does not come, and returns what the gateway says in the end. It starts again
/// as long as others have the room.
fn announce(mut channel: Channel, path: &'static str, length: u32, authorization: &str) -> JoinHandle<Option<Status>> {
    let authorization = authorization.to_owned();
    tokio::spawn(async move {
        loop {
            // An unknown field, so that any length is a message.
            let mut message = vec![0xfa, 0x01];
            encode_varint(u64::from(length).saturating_sub(4), &mut message);
            message.resize(length as usize - 1, 0x20);
            let prefix = Bytes::from([&[0], &length.to_be_bytes()[..], &message].concat());
            let begun = futures::stream::iter([Ok::<_, Status>(http_body::Frame::data(prefix))]);
            let request = http::Request::post(format!("http://gateway{path}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("authorization", &authorization)
                .body(Body::new(StreamBody::new(begun.chain(futures::stream::pending()))))
                .unwrap();
            let response = channel.ready().await.unwrap().call(request).await.unwrap();
            let status = Status::from_header_map(response.headers());
            if status.as_ref().is_none_or(|status| reason(status) != "OVERLOADED") {
                return status;
            }
        }
    })
}

/// Asks until the answer has this code.
async fn asked_until(channel: &Channel, authorization: &str, code: Code) -> Status {
    let mut last = None;
    let asked = async {
        loop {
            let status = ask(channel, &[("authorization", authorization)]).await;
            if status.code() == code {
                return status;
            }
            last = Some(status);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never {code:?}, but {last:?}"))
}

/// The error of a call that there is no room for.
fn assert_overloaded(status: &Status, subject: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, "OVERLOADED"), "{status:?}");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, subject);
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
}

#[tokio::test]
async fn requests_that_there_is_no_room_for_are_refused_at_once() {
    let settings = [
        ("limits.max_request_bytes", "1KiB"),
        ("limits.max_request_memory", "8KiB"),
        ("limits.max_request_memory_per_caller", "4KiB"),
    ];
    let gateway = Gateway::start(NOWHERE, &settings).await;
    let channel = gateway.channel().await;
    let slow = gateway.channel().await;
    let held: Vec<_> = (0..2).map(|_| announce(slow.clone(), GET_GROUP, 1024, "")).collect();
    assert_overloaded(&asked_until(&channel, "", Code::ResourceExhausted).await, "gateway");
    // A request that is too large anyway gets that error.
    let too_large = announce(channel.clone(), GET_GROUP, 1025, "").await.unwrap().unwrap();
    assert_eq!(reason(&too_large), "REQUEST_TOO_LARGE");
    held.iter().for_each(JoinHandle::abort);
    // There is room again, and no Tencent behind the gateway.
    asked_until(&channel, "", Code::Unavailable).await;
}

#[tokio::test]
async fn one_caller_cannot_take_all_room() {
    let mut callers = Callers::new();
    let [greedy, modest] = ["greedy", "modest"].map(|name| callers.key(name, &["read"], &[]));
    let settings = [
        ("limits.max_request_bytes", "1KiB"),
        ("limits.max_request_memory", "16KiB"),
        ("limits.max_request_memory_per_caller", "4KiB"),
    ];
    let gateway = callers.gateway(&settings).await;
    let channel = gateway.channel().await;
    let held = announce(channel.clone(), GET_GROUP, 1024, &greedy);
    assert_overloaded(&asked_until(&channel, &greedy, Code::ResourceExhausted).await, "caller:greedy");
    assert_eq!(ask(&channel, &[("authorization", &modest)]).await.code(), Code::Unavailable);
    held.abort();
    asked_until(&channel, &greedy, Code::Unavailable).await;
}

/// A stream may last long, but its request may not take as long to come.
#[tokio::test]
async fn the_request_of_a_stream_must_come_soon() {
    let gateway = Gateway::start(NOWHERE, &[("deadline.default", "200ms"), ("deadline.max", "200ms")]).await;
    let call = announce(gateway.channel().await, STREAM_MEMBERS, 1024, "");
    let status = timeout(PATIENCE, call).await.expect("it ends").unwrap().unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
}

#[test]
fn room_for_less_than_one_request_is_told() {
    let flags = [("sandbox", "true"), ("limits.max_request_bytes", "16MiB")];
    let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let problems = Config::load(&flags, &Default::default(), None).unwrap_err();
    let settings: Vec<_> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["limits.max_request_memory_per_caller"]);
}
