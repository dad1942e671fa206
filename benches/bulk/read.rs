//! Reading of streams. Each stops at so many items.

use std::time::Duration;

use contract::pb;
use tonic::transport::Channel;

use crate::data::{CROWD, Said, TALK};

type Joined = (String, i64);

/// Ids and names.
pub async fn groups(channel: &Channel, most: usize) -> Vec<(String, String)> {
    let mut client = pb::group_service_client::GroupServiceClient::new(channel.clone());
    let mut stream = client.stream_groups(pb::StreamGroupsRequest::default()).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        let groups = chunk.results.into_iter().filter_map(|result| result.group);
        all.extend(groups.map(|group| (group.group_id, group.name)));
        if all.len() >= most {
            break;
        }
    }
    all
}

async fn members_from(channel: &Channel, page_token: String) -> tonic::Streaming<pb::StreamMembersResponse> {
    let mut client = pb::member_service_client::MemberServiceClient::new(channel.clone());
    let request = pb::StreamMembersRequest { group_id: CROWD.to_owned(), page_token, ..Default::default() };
    client.stream_members(request).await.unwrap().into_inner()
}

fn joined(chunk: pb::StreamMembersResponse) -> impl Iterator<Item = Joined> {
    chunk.members.into_iter().map(|member| (member.user_id, member.join_time.map_or(0, |time| time.seconds)))
}

/// Ids and times of joining.
pub async fn members(channel: &Channel, most: usize) -> Vec<Joined> {
    let mut stream = members_from(channel, String::new()).await;
    let mut all = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        all.extend(joined(chunk));
        if all.len() >= most {
            break;
        }
    }
    all
}

/// The same by streams that are dropped after so many messages, and how many those were.
pub async fn members_broken(channel: &Channel, messages: usize) -> (Vec<Joined>, usize) {
    let (mut all, mut token, mut breaks) = (Vec::new(), String::new(), 0);
    loop {
        let mut stream = members_from(channel, token.clone()).await;
        for _ in 0..messages {
            let chunk = stream.message().await.unwrap().unwrap();
            token.clone_from(&chunk.next_page_token);
            all.extend(joined(chunk));
            if token.is_empty() {
                return (all, breaks);
            }
        }
        breaks += 1;
    }
}

/// Takes one message and leaves the rest for a while.
pub async fn stalled_members(channel: &Channel, pause: Duration) {
    let mut stream = members_from(channel, String::new()).await;
    stream.message().await.unwrap().unwrap();
    tokio::time::sleep(pause).await;
}

async fn history(channel: &Channel) -> tonic::Streaming<pb::StreamMessagesResponse> {
    let mut client = pb::message_service_client::MessageServiceClient::new(channel.clone());
    let request = pb::StreamMessagesRequest { group_id: TALK.to_owned(), ..Default::default() };
    client.stream_messages(request).await.unwrap().into_inner()
}

/// The history, the newest message first.
pub async fn messages(channel: &Channel, most: usize) -> Vec<Said> {
    let mut stream = history(channel).await;
    let mut all = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        all.extend(chunk.messages.into_iter().map(said));
        if all.len() >= most {
            break;
        }
    }
    all
}

fn said(message: pb::HistoryMessage) -> Said {
    let text = message.elements.into_iter().find_map(|element| match element.element {
        Some(pb::message_element::Element::Text(text)) => Some(text.text),
        _ => None,
    });
    let time = message.send_time.map_or(0, |time| time.seconds);
    (message.seq, message.sender_user_id, time, text.unwrap_or_default())
}

/// Reads a history to its end with one long stop after the first message, and counts what came.
pub async fn stalled_messages(channel: &Channel, pause: Duration) -> usize {
    let mut stream = history(channel).await;
    let mut count = stream.message().await.unwrap().unwrap().messages.len();
    tokio::time::sleep(pause).await;
    while let Some(chunk) = stream.message().await.unwrap() {
        count += chunk.messages.len();
    }
    count
}
