//! Replies of less than a megabyte with so much in them that they would take hundreds once they are decoded.

use bytes::Bytes;
use prost_reflect::prost::Message as _;
use serde_json::{Value, json};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::callers::reason;
use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::{dynamic, servers};

const CALLS: usize = 16;
/// A mebibyte for the bytes of each reply, as much again while it comes in, and what the gateway needs for anything.
const MOST_KIB: usize = (2 * CALLS + 32) * 1024;

/// A reply with a list of so many times the same element.
pub fn list_reply(list: &str, element: &str, count: usize) -> String {
    let elements = vec![element; count].join(",");
    format!(r#"{{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","{list}":[{elements}]}}"#)
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
async fn replies_of_many_elements_are_refused_before_they_take_memory() {
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
        let mut gateway =
            Process::start(&servers::always(list_reply(list, element, count)).await, &["--raw-service"]).await;
        let channel = gateway.channel().await;
        let before = gateway.status("VmHWM:");
        // A raw call may do anything, and may have done it.
        let expected = match path {
            "RawService/Call" => (Code::Unknown, "OUTCOME_UNKNOWN"),
            _ => (Code::Internal, "UPSTREAM_MALFORMED_REPLY"),
        };
        let path = format!("tencentim.group.v1.{path}");
        let calls = (0..CALLS).map(|_| call(channel.clone(), &path, request));
        let results = futures::future::join_all(calls).await;
        let grown = gateway.status("VmHWM:") - before;
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
