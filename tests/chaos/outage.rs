//! Tencent gone for half a minute and back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tencent_im_grpc::pb;
use tencent_im_grpc::sandbox::{self, Running, Settings};
use tokio::net::TcpListener;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::process::{PATIENCE, Process};

const CALLERS: usize = 32;
const DEADLINE: Duration = Duration::from_secs(2);
/// Each way of being gone lasts so long.
const GONE: Duration = Duration::from_secs(15);

async fn start(address: std::net::SocketAddr) -> Running {
    sandbox::start(Settings { listen: address, auto_import: true, rate_scale: 0.0, ..Settings::default() })
        .await
        .unwrap()
}

/// Quick and clear errors, a bounded queue, steady readiness, and no restart: first nobody listens, then somebody does and
/// never says a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_half_a_minute_passes_without_a_restart() {
    let first = start(([127, 0, 0, 1], 0).into()).await;
    let address = first.api_addr();
    let mut gateway = Process::start_as_shipped(&format!("http://{address}"), &[], &[]).await;
    let channel = gateway.channel().await;
    let groups = pb::group_service_client::GroupServiceClient::new(channel.clone());
    let create = pb::CreateGroupRequest {
        r#type: pb::GroupType::Public.into(),
        name: "Demo".to_owned(),
        group_id: "g".to_owned(),
        owner_user_id: "alice".to_owned(),
        ..Default::default()
    };
    groups.clone().create_group(create.clone()).await.unwrap();

    let (over, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let callers = (0..CALLERS).map(|_| {
        let (over, failed, mut groups) = (&over, &failed, groups.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                let mut request = Request::new(pb::GetGroupRequest { group_id: "g".to_owned(), filter: None });
                request.metadata_mut().insert("grpc-timeout", format!("{}m", DEADLINE.as_millis()).parse().unwrap());
                let started = Instant::now();
                if let Err(status) = groups.get_group(request).await {
                    // CANCELLED is the client's own word when the answer comes later than its clock allows.
                    let codes = [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted, Code::Cancelled];
                    assert!(codes.contains(&status.code()), "{status:?}");
                    assert!(status.message().len() > 10, "it says what is wrong: {status:?}");
                    // Generous: what matters is that nothing hangs.
                    assert!(started.elapsed() < DEADLINE * 5, "answered after {:?}", started.elapsed());
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    let outage = async {
        first.shutdown().await;
        let before = gateway.memory();
        steady(&gateway, GONE).await;
        let silence = TcpListener::bind(address).await.unwrap();
        steady(&gateway, GONE).await;
        drop(silence);
        let after = gateway.memory();
        assert!(after < before + 64 * 1024, "memory grew from {before} to {after} KiB");
        over.store(true, Ordering::Relaxed);
    };
    futures::future::join(futures::future::join_all(callers), outage).await;
    assert!(failed.load(Ordering::Relaxed) > CALLERS, "callers noticed");

    let second = start(address).await;
    let mut again = groups.clone();
    let back = async { while again.create_group(create.clone()).await.is_err() {} };
    tokio::time::timeout(PATIENCE, back).await.expect("calls succeed again");
    second.shutdown().await;
    gateway.stop().await;
}

/// Asks for the health all the while.
async fn steady(gateway: &Process, time: Duration) {
    let mut health = HealthClient::new(gateway.channel().await);
    let end = Instant::now() + time;
    while Instant::now() < end {
        let reply = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(reply.status(), ServingStatus::Serving);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
