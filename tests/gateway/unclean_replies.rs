//! Replies whose texts are not clean, and replies that cannot be read at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use contract::pb;
use contract::pb::member_service_client::MemberServiceClient;
use contract::pb::message_service_client::MessageServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::{Gateway, servers};

/// A gateway before an upstream that answers everything with this text, and how often it was asked.
async fn before(reply: &'static [u8]) -> (Gateway, Channel, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let answer = move || {
        count.fetch_add(1, Ordering::Relaxed);
        async move { reply }
    };
    let app = Router::new().route("/v4/group_open_http_svc/{command}", post(answer));
    let gateway = Gateway::start(&servers::serve(app).await, &[]).await;
    let channel = gateway.channel().await;
    (gateway, channel, asked)
}

fn names(members: &[pb::Member]) -> Vec<(&str, &str)> {
    members.iter().map(|member| (member.user_id.as_str(), member.name_card.as_str())).collect()
}

#[tokio::test]
async fn one_bad_name_card_costs_no_page() {
    let replies: [(&[u8], &str); 4] = [
        (br#"{"ErrorCode":0,"MemberNum":2,"MemberList":[{"Member_Account":"a","NameCard":"cut \ud83d"},{"Member_Account":"b"}]}"#, "cut \u{fffd}"),
        (b"{\"ErrorCode\":0,\"MemberNum\":2,\"MemberList\":[{\"Member_Account\":\"a\",\"NameCard\":\"two\nlines\"},{\"Member_Account\":\"b\"}]}", "two\nlines"),
        (b"{\"ErrorCode\":0,\"MemberNum\":2,\"MemberList\":[{\"Member_Account\":\"a\",\"NameCard\":\"\xe4\xbd\"},{\"Member_Account\":\"b\"}]}", "\u{fffd}"),
        (b"\xef\xbb\xbf{\"ErrorCode\":0,\"MemberNum\":2,\"MemberList\":[{\"Member_Account\":\"a\",\"NameCard\":\"marked\"},{\"Member_Account\":\"b\"}]}", "marked"),
    ];
    for (reply, card) in replies {
        let (_gateway, channel, asked) = before(reply).await;
        let mut client = MemberServiceClient::new(channel);
        let request = pb::ListMembersRequest { group_id: "g".into(), ..Default::default() };
        let page = client.list_members(request).await.unwrap().into_inner();
        assert_eq!(names(&page.members), [("a", card), ("b", "")]);
        let request = pb::StreamMembersRequest { group_id: "g".into(), ..Default::default() };
        let mut stream = client.stream_members(request).await.unwrap().into_inner();
        assert_eq!(names(&stream.message().await.unwrap().unwrap().members), [("a", card), ("b", "")]);
        assert!(stream.message().await.unwrap().is_none());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn half_an_emoji_in_a_history_costs_no_message() {
    let reply = br#"{"ErrorCode":0,"GroupId":"g","IsFinished":1,"RspMsgList":[
        {"MsgSeq":2,"From_Account":"a","MsgTimeStamp":1700000000,"CloudCustomData":"\ud83d","MsgBody":[]},
        {"MsgSeq":1,"From_Account":"a","MsgTimeStamp":1700000000,"MsgBody":[
            {"MsgType":"TIMTextElem","MsgContent":{"Text":"\ude00 end"}}]}]}"#;
    let (_gateway, channel, _) = before(reply).await;
    let mut client = MessageServiceClient::new(channel);
    let request = pb::StreamMessagesRequest { group_id: "g".into(), ..Default::default() };
    let mut stream = client.stream_messages(request).await.unwrap().into_inner();
    let messages = stream.message().await.unwrap().unwrap().messages;
    assert_eq!(messages[0].cloud_custom_data, "\u{fffd}");
    let Some(pb::message_element::Element::Text(text)) = &messages[1].elements[0].element else {
        panic!("{messages:?}")
    };
    assert_eq!(text.text, "\u{fffd} end");
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_asked_for_once_more() {
    let replies: [&[u8]; 5] = [
        b"<html>busy</html>",
        br#"{"ErrorCode":0,"MemberNum":2,"MemberList":[{"Member_Account":"a"},{"Member_"#,
        br#"{"ErrorCode":0,"MemberNum":2,"MemberList":"none"}"#,
        br#"{"MemberNum":0,"MemberList":[]}"#,
        br#"{"ErrorCode":0,"MemberNum":2,"MemberList":[]}"#,
    ];
    for reply in replies {
        let shown = String::from_utf8_lossy(reply);
        let (_gateway, channel, asked) = before(reply).await;
        let mut client = MemberServiceClient::new(channel);
        let request = pb::StreamMembersRequest { group_id: "g".into(), ..Default::default() };
        let mut stream = client.stream_members(request).await.unwrap().into_inner();
        let status = stream.message().await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{shown}: {status:?}");
        assert_eq!(asked.swap(0, Ordering::Relaxed), 2, "{shown}");
        let request = pb::AddMembersRequest {
            group_id: "g".into(),
            members: vec![pb::MemberToAdd { user_id: "a".into() }],
            ..Default::default()
        };
        let _ = client.add_members(request).await;
        assert!(asked.load(Ordering::Relaxed) <= 2, "{shown}: a write");
    }
}
