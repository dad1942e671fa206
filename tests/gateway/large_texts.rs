//! Replies whose texts look like JSON.

use contract::pb;
use contract::pb::message_element::Element;
use contract::pb::message_service_client::MessageServiceClient;
use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::servers;

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
    let gateway = Process::start(&servers::always(reply.to_string()).await, &[]).await;
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
