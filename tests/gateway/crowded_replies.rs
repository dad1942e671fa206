//! Replies of less than a megabyte with so much in them that they would take hundreds once they are decoded.

use std::convert::identity;

use axum::Router;
use axum::http::Uri;
use bytes::Bytes;
use contract::pb;
use contract::pb::message_element::Element;
use contract::pb::message_service_client::MessageServiceClient;
use prost_reflect::prost::Message as _;
use serde_json::{Value, json};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::callers::reason;
use crate::support::dynamic;
use crate::support::process::Process;
use crate::support::raw::Raw;

const CALLS: usize = 16;
/// A mebibyte for the bytes of each reply, as much again while it comes in, and what the gateway needs for anything.
const MOST_KIB: usize = (2 * CALLS + 32) * 1024;

/// A reply with a list of so many times the same.
pub fn crowd(list: &str, element: &str, count: usize) -> String {
    let elements = vec![element; count].join(",");
    format!(r#"{{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","{list}":[{elements}]}}"#)
}

/// Answers whatever is asked with one reply.
async fn upstream(reply: String) -> String {
    let reply = Bytes::from(reply);
    let router = Router::new().fallback(|_: Uri| async { identity(reply) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn call(channel: Channel, path: &str, request: &Value) -> Result<Bytes, Status> {
    let input = dynamic::method(&dynamic::pool(), path).input();
    let message = dynamic::message(&input, request).encode_to_vec();
    let mut grpc = Grpc::new(channel).max_decoding_message_size(64 << 20);
    grpc.ready().await.unwrap();
    let path = format!("/{path}").parse().unwrap();
    grpc.unary(Request::new(Bytes::from(message)), path, Raw).await.map(|answer| answer.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowded_replies_are_refused_before_they_take_memory() {
    let group = json!({"group_id": "g"});
    let raw = json!({"service": "group_open_http_svc", "command": "get_group_info", "body": {}});
    for (path, request, list, element, count) in [
        ("MemberService/ListMembers", &group, "MemberList", "{}", 300_000),
        ("GroupService/GetGroup", &group, "GroupInfo", "{}", 300_000),
        ("MessageService/ListMessages", &group, "RspMsgList", "{}", 300_000),
        ("RobotService/ListRobots", &json!({}), "Robot_Account", r#""""#, 300_000),
        ("RawService/Call", &raw, "Any", "0", 500_000),
        ("RawService/Call", &raw, "Any", "[]", 300_000),
    ] {
        let mut gateway = Process::start(&upstream(crowd(list, element, count)).await, &["--raw-service"]).await;
        let channel = gateway.channel().await;
        let before = gateway.peak_memory();
        // A raw call may do anything, and may have done it.
        let expected = match path {
            "RawService/Call" => (Code::Unknown, "OUTCOME_UNKNOWN"),
            _ => (Code::Internal, "UPSTREAM_MALFORMED_REPLY"),
        };
        let path = format!("tencentim.group.v1.{path}");
        let calls = (0..CALLS).map(|_| call(channel.clone(), &path, request));
        let results = futures::future::join_all(calls).await;
        let grown = gateway.peak_memory() - before;
        println!("{path} {list} of {element}: {grown} KiB");
        for result in results {
            let status = result.map(drop).expect_err(&path);
            let told = (status.code(), reason(&status));
            assert_eq!(told, (expected.0, expected.1.to_owned()), "{path}: {status:?}");
        }
        assert!(grown < MOST_KIB, "{path} {list} of {element}: {grown} KiB");
        gateway.stop().await;
    }
}

/// What people write to each other may look like anything.
#[tokio::test]
async fn texts_full_of_braces_are_delivered() {
    let texts: Vec<String> =
        ["{", ",", r#"\"{"#].map(|text| text.repeat(12_000 / text.len())).into_iter().cycle().take(60).collect();
    let messages = texts.iter().enumerate().map(|(number, text)| {
        let element = json!({"MsgType": "TIMTextElem", "MsgContent": {"Text": text}});
        json!({"From_Account": "a", "MsgSeq": number + 1, "MsgTimeStamp": 1_700_000_000, "MsgBody": [element]})
    });
    let messages: Vec<Value> = messages.collect();
    let reply = json!({"ActionStatus": "OK", "ErrorCode": 0, "GroupId": "g", "IsFinished": 1, "RspMsgList": messages});
    let gateway = Process::start(&upstream(reply.to_string()).await, &[]).await;
    let request = pb::ListMessagesRequest { group_id: "g".to_owned(), ..Default::default() };
    let page = MessageServiceClient::new(gateway.channel().await).list_messages(request).await.unwrap().into_inner();
    let delivered =
        page.messages.into_iter().flat_map(|message| message.elements).map(|element| match element.element {
            Some(Element::Text(text)) => text.text,
            other => panic!("{other:?}"),
        });
    let (mut delivered, mut sent) = (delivered.collect::<Vec<_>>(), texts);
    delivered.sort();
    sent.sort();
    assert!(delivered == sent, "{} of {} texts", delivered.len(), sent.len());
}
