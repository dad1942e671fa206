//! Tencent gone for half a minute and back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use contract::pb;
use sandbox::{Running, Settings};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::calls::Caller;
use crate::support::callers::reason;
use crate::support::process::{PATIENCE, Process};

const CALLERS: usize = 32;
const DEADLINE: Duration = Duration::from_secs(2);
/// Callers at once, while Tencent does not answer. By default the gateway serves 1,024 at once.
const CROWD: usize = 2_048;
const SERVED: usize = 1_024;
/// Connections of the crowd.
const CONNECTIONS: usize = 32;
/// Nobody of the crowd gives up before all are there.
const CROWD_DEADLINE: Duration = Duration::from_secs(20);
/// Each way of being gone lasts so long.
const GONE: Duration = Duration::from_secs(15);

async fn start(address: std::net::SocketAddr) -> Running {
    sandbox::start(Settings { listen: address, auto_import: true, rate_scale: 0.0, ..Settings::default() })
        .await
        .unwrap()
}

/// Quick and clear errors, a bounded queue, steady readiness, and no restart: first no process listens, then one does and
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
    let caller = Caller::connect(gateway.address()).await;
    let callers = (0..CALLERS).map(|_| async {
        while !over.load(Ordering::Relaxed) {
            let started = Instant::now();
            if let Err(status) = caller.get("g", DEADLINE).await {
                judge(&status);
                // That nothing hangs: how quick it is depends on who else uses the machine.
                assert!(started.elapsed() < DEADLINE * 5, "answered after {:?}", started.elapsed());
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let outage = async {
        first.shutdown().await;
        let before = gateway.memory();
        steady(&gateway, GONE).await;
        let silence = TcpListener::bind(address).await.unwrap();
        futures::future::join(steady(&gateway, GONE), crowd(&gateway)).await;
        drop(silence);
        let after = gateway.memory();
        assert!(after < before + 64 * 1024, "memory grew from {before} to {after} KiB");
        let most = gateway.status("VmHWM:");
        assert!(most < before + 128 * 1024, "memory grew from {before} to {most} KiB for a moment");
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

/// What a read returns while Tencent is gone.
fn judge(status: &Status) {
    let codes = [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted];
    assert!(codes.contains(&status.code()), "{status:?}");
    assert!(status.message().len() > 10, "it says what is wrong: {status:?}");
    let outcome = &status.get_details_error_info().unwrap().metadata["outcome"];
    assert!(outcome == "not_executed" || status.code() == Code::DeadlineExceeded && outcome == "unknown", "{status:?}");
}

/// More calls at once than the gateway serves: those beyond are refused at once, with the time to wait.
async fn crowd(gateway: &Process) {
    let callers = futures::future::join_all((0..CONNECTIONS).map(|_| Caller::connect(gateway.address()))).await;
    let calls = (0..CROWD).map(|number| {
        let caller = &callers[number % CONNECTIONS];
        async move {
            let started = Instant::now();
            let status = caller.get("g", CROWD_DEADLINE).await.expect_err("nobody answers");
            (status, started.elapsed())
        }
    });
    let told = futures::future::join_all(calls).await;
    told.iter().for_each(|(status, _)| judge(status));
    let refused: Vec<_> = told.iter().filter(|(status, _)| reason(status) == "OVERLOADED").collect();
    assert!(refused.len() >= CROWD - SERVED, "{} of {CROWD} were refused", refused.len());
    for (status, time) in refused {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some(), "{status:?}");
        assert!(*time < CROWD_DEADLINE / 2, "refused after {time:?}");
    }
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
