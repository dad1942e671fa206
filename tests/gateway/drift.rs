//! What Tencent's replies hold that the contract does not expect reaches the caller, the metrics and, without anybody's data,
//! the log.

use axum::Router;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use contract::pb::member_service_client::MemberServiceClient;
use contract::pb::message_service_client::MessageServiceClient;
use contract::pb::{DriftEntry, DriftKind};
use prost_reflect::prost::Message as _;
use tonic::Code;
use tonic::metadata::MetadataMap;

use crate::support::process::Process;
use crate::support::{Gateway, http, servers};

const TRAILER: &str = "x-tim-drift-bin";

/// A member with half an emoji in the name card.
const UNCLEAN: &str = r#"{"Member_Account":"alice","NameCard":"secret \ud83d"}"#;

fn members(list: &[&str], next: &str) -> String {
    format!(r#"{{"ErrorCode":0,"MemberNum":9,"MemberList":[{}],"Next":"{next}"}}"#, list.join(","))
}

/// An upstream that answers the first command with the first reply, and so on; the last one again and again.
async fn upstream(replies: Vec<String>) -> String {
    let replies = std::sync::Arc::new(std::sync::Mutex::new(std::collections::VecDeque::from(replies)));
    let answer = move || async move {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
    };
    servers::serve(Router::new().route("/v4/group_open_http_svc/{command}", post(answer))).await
}

async fn gateway(replies: Vec<String>) -> Gateway {
    Gateway::start(&upstream(replies).await, &[]).await
}

fn drift(trailers: &MetadataMap) -> Option<pb::Drift> {
    trailers.get_bin(TRAILER).map(|drift| pb::Drift::decode(drift.to_bytes().unwrap()).unwrap())
}

fn list() -> pb::ListMembersRequest {
    pb::ListMembersRequest { group_id: "@TGS#_c".into(), ..Default::default() }
}

fn name_card(index: usize) -> DriftEntry {
    DriftEntry {
        kind: DriftKind::Mended.into(),
        command: "get_group_member_info".into(),
        path: format!("MemberList[{index}].NameCard"),
        json: r#""secret \ud83d""#.into(),
        cut: false,
    }
}

#[tokio::test]
async fn a_reply_as_expected_has_no_trailer() {
    let gateway = gateway(vec![members(&[r#"{"Member_Account":"alice"}"#], "")]).await;
    let reply = MemberServiceClient::new(gateway.channel().await).list_members(list()).await.unwrap();
    assert_eq!(drift(reply.metadata()), None);
}

#[tokio::test]
async fn a_call_ends_with_the_place_and_its_exact_json() {
    let gateway = gateway(vec![members(&[r#"{"Member_Account":"bob"}"#, UNCLEAN, UNCLEAN], "")]).await;
    let reply = MemberServiceClient::new(gateway.channel().await).list_members(list()).await.unwrap();
    assert_eq!(drift(reply.metadata()), Some(pb::Drift { entries: vec![name_card(1)], more: 1 }));
    assert_eq!(reply.get_ref().members[1].name_card, "secret \u{fffd}");
    let series = r#"tim_upstream_drift_total{command="get_group_member_info",path="MemberList[].NameCard"}"#;
    assert_eq!(gateway.metric(series).await, Some(1.0));
}

#[tokio::test]
async fn a_stream_ends_with_what_all_its_pages_held() {
    let gateway = gateway(vec![members(&[UNCLEAN], "1"), members(&[UNCLEAN, UNCLEAN], "2"), members(&[], "")]).await;
    let request = pb::StreamMembersRequest { group_id: "@TGS#_c".into(), ..Default::default() };
    let mut client = MemberServiceClient::new(gateway.channel().await);
    let mut stream = client.stream_members(request).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    let trailers = stream.trailers().await.unwrap().unwrap();
    assert_eq!(drift(&trailers), Some(pb::Drift { entries: vec![name_card(0)], more: 2 }));
}

#[tokio::test]
async fn failures_have_it_too() {
    let refusal = r#"{"ActionStatus":"FAIL","ErrorCode":10007,"ErrorInfo":"not allowed"}"#.to_owned();
    let gateway = gateway(vec![members(&[UNCLEAN], "1"), refusal.clone()]).await;
    let request = pb::StreamMembersRequest { group_id: "@TGS#_c".into(), ..Default::default() };
    let mut client = MemberServiceClient::new(gateway.channel().await);
    let mut stream = client.stream_members(request).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().members.len(), 1);
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(drift(status.metadata()).unwrap().entries, [name_card(0)]);

    let ids = r#"{"ErrorCode":0,"TotalCount":1,"Next":0,"GroupIdList":[{"GroupId":"\ud83d"}]}"#;
    let gateway = self::gateway(vec![ids.to_owned(), refusal]).await;
    let mut client = GroupServiceClient::new(gateway.channel().await);
    let status = client.list_groups(pb::ListGroupsRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let told = drift(status.metadata()).unwrap();
    assert_eq!(
        (told.entries[0].command.as_str(), told.entries[0].json.as_str()),
        ("get_appid_group_list", r#""\ud83d""#)
    );
}

#[tokio::test]
async fn all_trailers_together_stay_small() {
    // Many places with long texts, and a refusal with a long text.
    let member = |number: usize| format!(r#"{{"Member_Account":"u","Key{number:02}":"{}"}}"#, "\u{1}你".repeat(900));
    let many: Vec<String> = (0..60).map(member).collect();
    let many = members(&many.iter().map(String::as_str).collect::<Vec<_>>(), "1");
    let refusal = format!(r#"{{"ErrorCode":10007,"ErrorInfo":"{}"}}"#, "不允许".repeat(60));
    let gateway = gateway(vec![many, refusal]).await;
    let request = pb::StreamMembersRequest { group_id: "@TGS#_c".into(), ..Default::default() };
    let mut client = MemberServiceClient::new(gateway.channel().await);
    let mut stream = client.stream_members(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let mut headers = status.metadata().clone().into_headers();
    let told = drift(status.metadata()).map_or(0, |drift| drift.entries.len() + drift.more as usize);
    status.add_header(&mut headers).unwrap();
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    assert!(size <= 8 * 1024, "{size} bytes");
    assert!([0, 120].contains(&told), "each key is unknown and its text unclean, but {told} are told of");

    // Without an error there is room for some of them.
    let gateway = self::gateway(vec![members(&[&member(0), &member(1), &member(2)], "")]).await;
    let reply = MemberServiceClient::new(gateway.channel().await).list_members(list()).await.unwrap();
    let told = drift(reply.metadata()).unwrap();
    assert!(told.entries[0].cut && told.entries[0].json.len() > 900, "{}", told.entries[0].json.len());
    assert_eq!(told.entries.len() + told.more as usize, 6);
}

#[tokio::test]
async fn browsers_see_it() {
    let gateway = gateway(vec![members(&[UNCLEAN], "")]).await;
    let message = list().encode_to_vec();
    let body = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], &message[..]].concat();
    let url = format!("http://{}/tencentim.group.v1.MemberService/ListMembers", gateway.address);
    let reply = http().post(url).header("content-type", "application/grpc-web+proto").body(body).send().await.unwrap();
    let body = reply.bytes().await.unwrap();
    let text = String::from_utf8_lossy(&body);
    let value = text.split(&format!("{TRAILER}:")).nth(1).unwrap().split("\r\n").next().unwrap();
    let drift = pb::Drift::decode(&STANDARD_NO_PAD.decode(value.trim()).unwrap()[..]).unwrap();
    assert_eq!(drift.entries, [name_card(0)]);
}

#[tokio::test]
async fn the_log_has_the_place_and_no_value() {
    let gateway = Process::start(&upstream(vec![members(&[UNCLEAN], "")]).await, &["--log-level", "debug"]).await;
    let reply = MemberServiceClient::new(gateway.channel().await).list_members(list()).await.unwrap();
    assert!(drift(reply.metadata()).is_some());
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("MemberList[].NameCard")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(r#""json_type":"string""#) && line.contains("get_group_member_info"), "{line}");
    assert!(!log.contains("secret \\"), "{log}");
    assert!(!log.contains("alice"), "{log}");
}

/// What does not fit, and what nobody knows.
#[tokio::test]
async fn values_that_are_left_out_and_keys_that_are_unknown_are_named() {
    let odd = r#"{"Member_Account":"alice","JoinTime":{"at":1},"Role":"Boss","NewKey":[1,{"a":"b"}]}"#;
    let replies = vec![members(&[odd, odd, r#"{"Member_Account":"bob"}"#], "")];
    let gateway = Process::start(&upstream(replies).await, &["--log-level", "debug"]).await;
    let mut client = MemberServiceClient::new(gateway.channel().await);
    let reply = client.list_members(list()).await.unwrap();
    let users: Vec<&str> = reply.get_ref().members.iter().map(|member| member.user_id.as_str()).collect();
    assert_eq!(users, ["alice", "alice", "bob"]);
    let drift = drift(reply.metadata()).unwrap();
    let told: Vec<(DriftKind, &str, &str)> =
        drift.entries.iter().map(|entry| (entry.kind(), entry.path.as_str(), entry.json.as_str())).collect();
    assert_eq!(
        told,
        [
            (DriftKind::LeftOut, "MemberList[0].JoinTime", r#"{"at":1}"#),
            (DriftKind::LeftOut, "MemberList[0].Role", r#""Boss""#),
            (DriftKind::Unknown, "MemberList[0].NewKey", r#"[1,{"a":"b"}]"#),
        ]
    );
    assert_eq!(drift.more, 3);
    let metrics = gateway.ask("/metrics").await;
    for key in ["JoinTime", "Role", "NewKey"] {
        let series =
            format!("tim_upstream_drift_total{{command=\"get_group_member_info\",path=\"MemberList[].{key}\"}} 1");
        assert!(metrics.contains(&series), "{series}");
    }
    let log = gateway.log();
    for (key, json_type) in [("JoinTime", "object"), ("Role", "string"), ("NewKey", "array")] {
        let line = log.lines().find(|line| line.contains(&format!("MemberList[].{key}"))).unwrap();
        assert!(line.contains(json_type), "{line}");
    }
    assert!(!log.contains("Boss") && !log.contains("alice"), "{log}");
}

#[tokio::test]
async fn keys_that_are_made_up_make_no_labels_without_end() {
    let replies = (0..40).map(|page| {
        let keys: Vec<String> = (0..30).map(|number| format!(r#""Key{page}x{number}":1"#)).collect();
        members(&[&format!(r#"{{"Member_Account":"a",{}}}"#, keys.join(","))], &(page + 1).to_string())
    });
    let gateway = gateway(replies.chain([members(&[], "")]).collect()).await;
    let request = pb::StreamMembersRequest { group_id: "@TGS#_c".into(), ..Default::default() };
    let mut stream =
        MemberServiceClient::new(gateway.channel().await).stream_members(request).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    let drift = drift(&stream.trailers().await.unwrap().unwrap()).unwrap();
    assert_eq!(drift.entries.len() + drift.more as usize, 1_200);
    let metrics = gateway.ask("/metrics").await.text().await.unwrap();
    let series = metrics.lines().filter(|line| line.starts_with("tim_upstream_drift_total{")).count();
    assert_eq!(series, 257, "256 keys, and one for all others");
    let other = r#"tim_upstream_drift_total{command="get_group_member_info",path="other"}"#;
    assert_eq!(gateway.metric(other).await, Some(944.0));
}

#[tokio::test]
async fn one_odd_item_of_a_history_or_a_batch_is_named_and_costs_no_other() {
    let tip =
        r#"{"From_Account":"@TIM#SYSTEM","MsgSeq":5,"MsgTimeStamp":1718192416797,"MsgBody":{"MsgType":1,"OpType":1}}"#;
    let text = r#"{"From_Account":"alice","MsgSeq":4,"MsgTimeStamp":1700000000,"MsgBody":[]}"#;
    let history = format!(r#"{{"ErrorCode":0,"GroupId":"g","IsFinished":1,"RspMsgList":[{tip},{text}]}}"#);
    let gateway = gateway(vec![history]).await;
    let request = pb::ListMessagesRequest { group_id: "g".into(), ..Default::default() };
    let reply = MessageServiceClient::new(gateway.channel().await).list_messages(request).await.unwrap();
    let [tip, _] = &reply.get_ref().messages[..] else { panic!("{reply:?}") };
    assert_eq!(tip.send_time.unwrap().seconds, 1_718_192_416);
    assert_eq!(tip.elements.len(), 1);
    let told = drift(reply.metadata()).unwrap();
    let body = &told.entries[0];
    assert_eq!((body.path.as_str(), body.json.as_str()), ("RspMsgList[0].MsgBody", r#"{"MsgType":1,"OpType":1}"#));
    assert_eq!((told.entries.len(), body.kind()), (1, DriftKind::Unknown));

    let groups = r#"{"ErrorCode":0,"GroupInfo":[{"GroupId":"g0","ErrorCode":0,"Name":"A"},
        {"GroupId":"bad","ErrorCode":0,"AppDefinedData":[{"Key":"k","Value":{"a":1}}]},{"GroupId":"g1","ErrorCode":0}]}"#;
    let gateway = self::gateway(vec![groups.to_owned()]).await;
    let ids = ["g0", "bad", "g1"].map(str::to_owned).to_vec();
    let request = pb::BatchGetGroupsRequest { group_ids: ids, filter: None };
    let reply = GroupServiceClient::new(gateway.channel().await).batch_get_groups(request).await.unwrap();
    let done = |result: &pb::BatchGetGroupsResult| result.status.as_ref().unwrap().state() == pb::BatchState::Done;
    assert!(done(&reply.get_ref().results[0]) && done(&reply.get_ref().results[2]), "{reply:?}");
    let told = drift(reply.metadata()).unwrap();
    assert!(told.entries[0].path.starts_with("GroupInfo[1].AppDefinedData[0]"), "{told:?}");
    assert!(told.entries[0].json.contains(r#"{"a":1}"#), "{told:?}");
}
