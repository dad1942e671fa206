//! What requests take in memory: the most hostile ones are refused, and the largest that the contract allows have room.

use bytes::Bytes;
use contract::command::methods::METHODS;
use futures::StreamExt;
use prost_reflect::prost::Message as _;
use prost_reflect::prost::encoding::encode_varint;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::callers::{Callers, NOWHERE, reason};
use crate::support::dynamic;
use crate::support::process::Process;
use crate::support::raw::Raw;

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
    let before = gateway.status("VmHWM:");
    let calls = hostile.iter().map(|(path, message)| {
        let channel = channel.clone();
        async move {
            let status = call(channel, path, message.clone()).await;
            let told = ["REQUEST_TOO_LARGE", "OVERLOADED"].contains(&reason(&status).as_str());
            assert!(told || message.contains(&1) && status.code() != Code::Internal, "{path}: {status:?}");
        }
    });
    futures::stream::iter(calls).buffer_unordered(16).collect::<()>().await;
    let grown = gateway.status("VmHWM:") - before;
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
