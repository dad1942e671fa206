//! Errors fit into the 8 KiB of headers that grpc-java, grpcio and many proxies take by default.

use contract::pb;
use http::{HeaderMap, Method};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::Gateway;
use crate::support::callers::{NOWHERE, reason};
use crate::support::http2::Connection;
use crate::support::servers;

/// What the header list of an error may take, as HTTP/2 counts it.
const MOST: usize = 6 * 1024;

async fn error(gateway: &Gateway, method: &str, request: &impl prost::Message) -> Status {
    let connection = Connection::open(&gateway.address.to_string()).await;
    // The id is the caller's own, and comes back.
    let headers = [("x-request-id", &*"r".repeat(128))];
    let path = format!("/tencentim.group.v1.{method}");
    let (head, mut body) = connection.begin(Method::POST, &path, &headers, request).await.into_parts();
    let mut all: HeaderMap = head.headers;
    let message = body.data().await;
    assert!(message.is_none(), "an error has no message: {message:?}");
    all.extend(body.trailers().await.unwrap().unwrap_or_default());
    let size: usize = all.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    assert!(size <= MOST, "{size} bytes: {all:?}");
    Status::from_header_map(&all).expect("a status")
}

fn group(members: impl Iterator<Item = pb::NewGroupMember>) -> pb::CreateGroupRequest {
    pb::CreateGroupRequest {
        name: "n".to_owned(),
        r#type: pb::GroupType::Public.into(),
        members: members.collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn many_violations_are_listed_as_far_as_there_is_room() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    for key in ["群", "k", "\u{1}", "\"", "😀"] {
        let member = |n| pb::NewGroupMember {
            user_id: format!("u{n:02}"),
            custom_data: [(key.repeat(64), "v".to_owned())].into(),
            ..Default::default()
        };
        let status = error(&gateway, "GroupService/CreateGroup", &group((0..40).map(member))).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"), "{key}");
        assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
        let mut violations = status.get_details_bad_request().unwrap().field_violations;
        let more = violations.pop().unwrap();
        assert!(violations.len() >= 3, "{violations:?}");
        let members = violations.iter().map(|violation| {
            let field = violation.field.strip_prefix("members[").expect("the path's beginning");
            field.split_once(']').unwrap().0.parse::<usize>().unwrap()
        });
        assert!(violations[0].field.starts_with("members[0].custom_data") && members.is_sorted(), "{violations:?}");
        let more = (more.field.as_str(), more.description.split_once(' ').unwrap());
        let ("", (count, "more violations are not listed")) = more else { panic!("{more:?}") };
        assert!(count.parse::<usize>().unwrap() + violations.len() >= 40, "{count}");
        assert!(status.message().starts_with("the request breaks the contract: members[0].custom_data"));
    }
}

#[tokio::test]
async fn a_few_violations_are_all_listed() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let member = |_| pb::NewGroupMember::default();
    let status = error(&gateway, "GroupService/CreateGroup", &group((0..4).map(member))).await;
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert!(violations.iter().all(|violation| !violation.description.contains("not listed")), "{violations:?}");
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields[..4], ["members[0].user_id", "members[1].user_id", "members[2].user_id", "members[3].user_id"]);
}

/// What Tencent says may be long, and every byte of it may take three in a header.
#[tokio::test]
async fn long_texts_of_tencent_are_shortened() {
    for text in ["群".repeat(2000), "%".repeat(2000), "x".repeat(100_000), "😀 ".repeat(700)] {
        for code in [10010, 10007, 10002, 10023, 10004, 60007, 60006, 99_999] {
            let reply = json!({"ActionStatus": "FAIL", "ErrorCode": code, "ErrorInfo": text}).to_string();
            let gateway = Gateway::start(&servers::always(reply).await, &[("upstream.max_attempts", "1")]).await;
            let request = pb::DestroyGroupRequest { group_id: "@TGS#".to_owned() + &"g".repeat(40) };
            let status = error(&gateway, "GroupService/DestroyGroup", &request).await;
            let info = status.get_details_error_info().unwrap();
            assert_eq!(info.metadata["upstream_code"], code.to_string());
            assert_eq!(info.metadata["command"], "destroy_group");
            assert_eq!(info.metadata["request_id"], "r".repeat(128));
            assert!(info.metadata["upstream_message"].starts_with(text.chars().next().unwrap()), "{info:?}");
            assert!(info.metadata.contains_key("outcome"), "{info:?}");
            assert!(status.message().starts_with("destroy_group: "), "{status:?}");
        }
    }
}
