//! SIGTERM in the middle of load.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use contract::pb;
use sandbox::Settings;
use serde_json::Value;
use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::process::{PATIENCE, Process};

const CALLERS: usize = 32;
/// The longest time that running calls get.
const BOUND: Duration = Duration::from_secs(10);

async fn send(channel: &Channel, group_id: &str, text: String) -> Result<(), Status> {
    let text = pb::message_element::Element::Text(pb::TextElement { text });
    let request = pb::SendMessageRequest {
        group_id: group_id.to_owned(),
        sender_user_id: "bob".to_owned(),
        elements: vec![pb::MessageElement { element: Some(text) }],
        ..Default::default()
    };
    let mut messages = pb::message_service_client::MessageServiceClient::new(channel.clone());
    messages.send_message(request).await.map(drop)
}

/// True of calls that were refused, that the client never sent (CANCELLED), or that it gave up when the server's GOAWAY
/// said that their streams would not be looked at (which tonic calls INTERNAL).
fn was_never_accepted(status: &Status) -> bool {
    let causes = std::iter::successors(status.source(), |&cause| cause.source());
    let left_out = causes
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR));
    left_out || matches!(status.code(), Code::Unavailable | Code::Cancelled)
}

/// Every message that was executed is reported, although a client that reads nothing keeps its stream open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_loses_no_call_and_no_client_can_hold_it() {
    let directory = tempfile::tempdir().unwrap();
    let export = directory.path().join("ledger.json");
    let settings =
        Settings { auto_import: true, rate_scale: 0.0, export_on_exit: Some(export.clone()), ..Settings::default() };
    let sandbox = sandbox::start(settings).await.unwrap();
    let flags = ["--drain-timeout", "10s"];
    let mut gateway = Process::start(&format!("http://{}", sandbox.api_addr()), &flags).await;
    let channel = gateway.channel().await;
    for group_id in ["load", "long"] {
        let request = pb::CreateGroupRequest {
            r#type: pb::GroupType::Public.into(),
            name: "Demo".to_owned(),
            group_id: group_id.to_owned(),
            owner_user_id: "alice".to_owned(),
            ..Default::default()
        };
        let mut groups = pb::group_service_client::GroupServiceClient::new(channel.clone());
        groups.create_group(request).await.unwrap();
    }
    // More than fits into the windows and buffers on the way to a client.
    for number in 0..600 {
        send(&channel, "long", format!("{number:08192}")).await.unwrap();
    }
    let mut reader = pb::message_service_client::MessageServiceClient::new(gateway.channel().await);
    let request = pb::StreamMessagesRequest { group_id: "long".to_owned(), ..Default::default() };
    let stuck = reader.stream_messages(request).await.unwrap().into_inner();

    let (answered, busy) = (AtomicUsize::new(0), Notify::new());
    let callers = (0..CALLERS).map(|caller| {
        let (answered, busy, channel) = (&answered, &busy, channel.clone());
        async move {
            for number in 0.. {
                match send(&channel, "load", format!("{caller}-{number}")).await {
                    Ok(()) => {
                        if answered.fetch_add(1, Ordering::Relaxed) == 500 {
                            busy.notify_one();
                        }
                    }
                    // The caller goes to another replica. That nothing was executed shows in the ledger.
                    Err(status) if was_never_accepted(&status) => return,
                    Err(status) => panic!("an accepted call was lost: {status:?}"),
                }
            }
        }
    });
    let stop = async {
        busy.notified().await;
        gateway.terminate();
        Instant::now()
    };
    let callers = futures::future::join_all(callers);
    let (_, asked) = tokio::time::timeout(PATIENCE, futures::future::join(callers, stop)).await.expect("all end");
    gateway.ended().await;
    // The bound, and time for a busy machine to end a process.
    assert!(asked.elapsed() < BOUND * 3, "ended after {:?}", asked.elapsed());
    drop(stuck);
    sandbox.shutdown().await;

    let snapshot: Value = serde_json::from_slice(&std::fs::read(&export).unwrap()).unwrap();
    let groups = snapshot["apps"][0]["groups"].as_array().unwrap();
    let load = groups.iter().find(|group| group["id"] == "load").unwrap();
    assert_eq!(load["history"]["messages"].as_array().unwrap().len(), answered.into_inner());
}
