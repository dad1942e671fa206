//! One quota for several replicas, kept in a real Redis.
//!
//! Needs `redis-server` in the PATH (Debian: `apt-get install redis-server`) and is passed over without it.

use std::net::TcpListener;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tencent_im_grpc::pb;
use tencent_im_grpc::upstream::Observer;
use tencent_im_grpc::upstream::pacing::{LanePacer, Pacer, RedisQuota, Ticket};
use tokio::sync::watch;

use super::*;
use crate::sandbox::client::{Sandbox, unpaced};
use crate::support::Gateway;

const RATE: u32 = 40;
const PACED: Command = Command { rate_per_second: RATE, ..READ };
/// What [`RATE`] comes to with its burst of two: 38 a second.
const BURST: u32 = 2;
const INTERVAL: Duration = Duration::from_micros(1_000_000 / 38);

/// A Redis of this test's own.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start(port: u16) -> Option<Self> {
        let process = Process::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            eprintln!("SKIPPED: there is no redis-server");
            return None;
        };
        Some(Self { process, port })
    }

    async fn ready(&self) {
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn replica(&self, observer: Arc<dyn Observer>) -> LanePacer {
        let url = SecretString::from(format!("redis://127.0.0.1:{}", self.port));
        let quota = RedisQuota::new(&url, APP, 2, observer).unwrap();
        LanePacer::new(&settings([]), Arc::new(quota), 1.0)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[derive(Debug)]
struct Degraded(watch::Sender<bool>);

impl Observer for Degraded {
    fn quota_degraded(&self, degraded: bool) {
        self.0.send_replace(degraded);
    }
}

fn observer() -> (Arc<dyn Observer>, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    (Arc::new(Degraded(sender)), receiver)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn pass(pacer: &LanePacer, calls: u32) {
    let ticket = || Ticket {
        command: &PACED,
        group_id: None,
        caller: "a",
        priority: Priority::Interactive,
        deadline: Instant::now() + Duration::from_secs(3600),
    };
    for passed in join_all((0..calls).map(|_| pacer.acquire(ticket()))).await {
        passed.unwrap();
    }
}

#[tokio::test]
async fn replicas_share_one_quota() {
    let Some(redis) = Redis::start(free_port()) else {
        return;
    };
    redis.ready().await;
    let (observer, degraded) = observer();
    let (one, two) = (redis.replica(observer.clone()), redis.replica(observer));
    let started = Instant::now();
    // Unevenly, which a division by the number of replicas would not allow in the time.
    tokio::join!(pass(&one, 70), pass(&two, 10));
    let took = started.elapsed();
    assert!(!*degraded.borrow(), "Redis was asked");
    assert!(took >= INTERVAL * (80 - BURST), "both together keep to the rate: {took:?}");
}

#[tokio::test]
async fn without_redis_each_replica_keeps_to_its_share() {
    let port = free_port();
    let Some(redis) = Redis::start(port) else {
        return;
    };
    redis.ready().await;
    let (observer, mut degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 1).await;
    drop(redis);

    let started = Instant::now();
    pass(&replica, 20).await;
    assert!(*degraded.borrow_and_update(), "the fall back is told");
    let half = INTERVAL * 2;
    assert!(started.elapsed() >= half * (20 - BURST), "{:?}", started.elapsed());

    let redis = Redis::start(port).unwrap();
    redis.ready().await;
    while *degraded.borrow_and_update() {
        pass(&replica, 1).await;
    }
}

/// Two gateways hurry calls through one sandbox, which refuses what exceeds Tencent's rate (20 a second, to be quick).
/// How many it refuses.
async fn refused(settings: &[(&str, &str)]) -> u64 {
    let sandbox = Sandbox::start_with(tencent_im_grpc::sandbox::Settings { rate_scale: 0.1, ..unpaced() }).await;
    let url = format!("http://{}", sandbox.running.api_addr());
    let base = [("upstream.pacing", "true"), ("upstream.rate_factor", "0.1"), ("upstream.max_attempts", "1")];
    let settings = [&base, settings].concat();
    let (one, two) = (Gateway::start(&url, &settings).await, Gateway::start(&url, &settings).await);
    let hurry = |channel| {
        let groups = pb::group_service_client::GroupServiceClient::new(channel);
        join_all((0..45).map(move |_| {
            let mut groups = groups.clone();
            async move {
                let request = pb::GetGroupRequest { group_id: "nowhere".into(), filter: None };
                groups.get_group(request).await.unwrap_err();
            }
        }))
    };
    tokio::join!(hurry(one.channel().await), hurry(two.channel().await));
    let seen = sandbox.look("journal/count?command=get_group_info").await["count"].as_u64().unwrap();
    assert_eq!(seen, 90, "all calls went out");
    sandbox.look("journal/count?code=60007").await["count"].as_u64().unwrap()
}

#[tokio::test]
async fn two_gateways_keep_to_one_limit() {
    let Some(redis) = Redis::start(free_port()) else {
        return;
    };
    redis.ready().await;
    let url = format!("redis://127.0.0.1:{}", redis.port);
    assert_eq!(refused(&[("upstream.redis_url", &url)]).await, 0);
    // Without it the same two, each of which believes to be alone, go beyond the limit together.
    assert!(refused(&[]).await > 0);
}

#[tokio::test]
async fn a_url_with_a_password_is_not_shown() {
    let url = SecretString::from("redis://:opensesame@127.0.0.1:1");
    let (observer, _degraded) = observer();
    let quota = RedisQuota::new(&url, APP, 2, observer.clone()).unwrap();
    assert!(!format!("{quota:?}").contains("opensesame"));
    let error = RedisQuota::new(&SecretString::from("http://opensesame"), APP, 2, observer).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("opensesame"));
}
