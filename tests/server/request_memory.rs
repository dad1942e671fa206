//! What requests that are under way at once take in memory.

use std::time::Duration;

use bytes::Bytes;
use contract::command::methods::METHODS;
use futures::StreamExt;
use http_body_util::StreamBody;
use prost_reflect::prost::Message as _;
use prost_reflect::prost::encoding::encode_varint;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use tencent_im_grpc::config::Config;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};

use crate::support::Gateway;
use crate::support::callers::{Callers, NOWHERE, ask, reason};
use crate::support::dynamic;
use crate::support::process::{PATIENCE, Process};
use crate::support::raw::Raw;

const GET_GROUP: &str = "/tencentim.group.v1.GroupService/GetGroup";
const STREAM_MEMBERS: &str = "/tencentim.group.v1.MemberService/StreamMembers";

/// Calls with a message of which the last byte does not come, and returns what the gateway says in the end. It begins anew
/// as long as others have the room.
fn announce(mut channel: Channel, path: &'static str, length: u32, authorization: &str) -> JoinHandle<Option<Status>> {
    let authorization = authorization.to_owned();
    tokio::spawn(async move {
        loop {
            // A field that nobody knows, so that any length is a message.
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

/// What a caller is told that there is no room for.
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
    // What is too large anyway is told so.
    let too_large = announce(channel.clone(), GET_GROUP, 1025, "").await.unwrap().unwrap();
    assert_eq!(reason(&too_large), "REQUEST_TOO_LARGE");
    held.iter().for_each(JoinHandle::abort);
    // There is room again, and nobody behind the gateway.
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

/// Calls with bytes as they are.
async fn call(channel: Channel, path: &str, message: Vec<u8>) -> Status {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = format!("/{path}").parse().unwrap();
    let answer = grpc.server_streaming(Request::new(Bytes::from(message)), path, Raw).await;
    match answer {
        Ok(mut replies) => replies.get_mut().message().await.unwrap_err(),
        Err(status) => status,
    }
}

/// Two bytes are an item of a list, which takes hundreds once it is decoded; one byte of a text may become six.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_made_of_the_smallest_items_are_refused_before_they_take_memory() {
    const LARGEST: usize = 4 << 20;
    let pool = dynamic::pool();
    let mut hostile = Vec::new();
    for (number, method) in METHODS.iter().enumerate() {
        for field in dynamic::method(&pool, method.path).input().fields() {
            let tag = |wire: u32| {
                let mut tag = Vec::new();
                encode_varint(u64::from(field.number() << 3 | wire), &mut tag);
                tag
            };
            match field.kind() {
                // They take their time to come in: one of ten methods will do.
                Kind::String if !field.is_list() && number.is_multiple_of(10) => {
                    let mut message = tag(2);
                    encode_varint(LARGEST as u64 - 16, &mut message);
                    message.resize(LARGEST - 8, 1);
                    hostile.push((method.path, message));
                }
                Kind::String | Kind::Message(_) if field.is_list() => {
                    hostile.push((method.path, [tag(2), vec![0]].concat().repeat(LARGEST / 4)));
                }
                _ => {}
            }
        }
    }
    assert!(hostile.len() > 50);
    let mut gateway = Process::start(NOWHERE, &[]).await;
    let channel = gateway.channel().await;
    let before = gateway.peak_memory();
    let calls = hostile.iter().map(|(path, message)| {
        let channel = channel.clone();
        async move {
            let status = call(channel, path, message.clone()).await;
            let told = ["REQUEST_TOO_LARGE", "OVERLOADED"].contains(&reason(&status).as_str());
            assert!(told || message.contains(&1) && status.code() != Code::Internal, "{path}: {status:?}");
        }
    });
    futures::stream::iter(calls).buffer_unordered(16).collect::<()>().await;
    let grown = gateway.peak_memory() - before;
    println!("{grown} KiB for {} requests", hostile.len());
    assert!(grown < 192 * 1024, "{grown} KiB");
    gateway.stop().await;
}

/// Elements of the list of a batch, each unlike the others and as long as they get.
fn items(field: &FieldDescriptor, count: u64) -> Vec<Value> {
    let id = |number: u64| Value::String(format!("{number:032}"));
    let item = |number| match field.kind() {
        Kind::String => id(number),
        Kind::Uint64 => Value::U64(u64::from(u32::MAX) - number),
        Kind::Message(message) => {
            let mut item = DynamicMessage::new(message);
            item.set_field_by_name("user_id", id(number));
            Value::Message(item)
        }
        kind => panic!("what {kind:?} is in a batch is not known here"),
    };
    (0..count).map(item).collect()
}

/// The largest batches that the contract allows, with ids as long as they get, in the room of one caller.
#[tokio::test]
async fn the_largest_batches_have_room() {
    let mut callers = Callers::new();
    let key = callers.key("one", &["read", "message", "member", "admin"], &[]);
    let gateway = callers.gateway(&[("upstream.pacing", "false")]).await;
    let channel = gateway.channel().await;
    let pool = dynamic::pool();
    let mut called = Vec::new();
    for method in METHODS {
        let (_, name) = method.path.rsplit_once('/').unwrap();
        let input = dynamic::method(&pool, method.path).input();
        // These two have no bound of their own.
        if !name.starts_with("Batch") || ["BatchGetGroups", "BatchImportMessages"].contains(&name) {
            continue;
        }
        let list = input.fields().find(FieldDescriptor::is_list).unwrap();
        let mut message = DynamicMessage::new(input.clone());
        message.set_field(&list, Value::List(items(&list, 50_000)));
        message.set_field_by_name("group_id", Value::String("g".to_owned()));
        if let Some(Kind::Message(duration)) = input.get_field_by_name("duration").map(|field| field.kind()) {
            message.set_field_by_name("duration", Value::Message(DynamicMessage::new(duration)));
        }
        let mut request = Request::new(Bytes::from(message.encode_to_vec()));
        request.metadata_mut().insert("authorization", key.parse().unwrap());
        let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
        grpc.ready().await.unwrap();
        let path = format!("/{}", method.path).parse().unwrap();
        let answer = grpc.unary(request, path, Raw).await.unwrap_or_else(|status| panic!("{name}: {status:?}"));
        let answer = DynamicMessage::decode(dynamic::method(&pool, method.path).output(), answer.into_inner()).unwrap();
        assert_eq!(answer.get_field_by_name("results").unwrap().as_list().unwrap().len(), 50_000, "{name}");
        called.push(name);
    }
    assert_eq!(called.len(), 9, "{called:?}");
}

#[test]
fn room_for_less_than_one_request_is_told() {
    let flags = [("sandbox", "true"), ("limits.max_request_bytes", "16MiB")];
    let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let problems = Config::load(&flags, &Default::default(), None).unwrap_err();
    let settings: Vec<_> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["limits.max_request_memory_per_caller"]);
}
