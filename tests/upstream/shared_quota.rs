//! One quota for several replicas, kept in a real Redis.
//!
//! Needs `redis-server` in the PATH (Debian: `apt-get install redis-server`).

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use contract::pb;
use futures::future::join_all;
use tencent_im_grpc::upstream::Observer;
use tencent_im_grpc::upstream::pacing::{LanePacer, Pacer, RedisQuota, Ticket};
use tokio::sync::watch;

use super::*;
use crate::support::process::Process;
use crate::support::sandbox_client::{Sandbox, unpaced};

const RATE: u32 = 40;
const PACED: Command = Command { rate_per_second: RATE, ..READ };
/// What [`RATE`] comes to with its burst of two: 38 a second.
const BURST: u32 = 2;
const INTERVAL: Duration = Duration::from_micros(1_000_000 / 38);

/// The key of the command. It lives for an interval only, and may be gone when one looks.
fn key() -> String {
    format!("tencent-im-grpc:{APP}:{}/{}", PACED.service, PACED.name)
}

/// A Redis of this test's own.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    async fn start(port: u16) -> Self {
        let process = std::process::Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .expect("these tests need redis-server: `apt-get install redis-server`, or leave the feature `redis` out");
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { process, port }
    }

    fn replica(&self, observer: Arc<dyn Observer>) -> LanePacer {
        let url = SecretString::from(format!("redis://127.0.0.1:{}", self.port));
        let quota = RedisQuota::new(&url, APP, 2, observer).unwrap();
        LanePacer::new(&settings([]), Arc::new(quota), 1.0)
    }
}

impl Redis {
    /// Runs a command and returns its text.
    async fn command(&self, words: &[&str]) -> String {
        let mut command = tokio::process::Command::new("redis-cli");
        let output = command.args(["-p", &self.port.to_string()]).args(words).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Its clock, in microseconds.
    async fn now(&self) -> u64 {
        let time = self.command(&["TIME"]).await;
        let (seconds, micros) = time.split_once('\n').unwrap();
        seconds.trim().parse::<u64>().unwrap() * 1_000_000 + micros.trim().parse::<u64>().unwrap()
    }

    fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
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
    let redis = Redis::start(free_port()).await;
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
    let redis = Redis::start(port).await;
    let (observer, mut degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 1).await;
    drop(redis);

    let started = Instant::now();
    pass(&replica, 20).await;
    assert!(*degraded.borrow_and_update(), "the fall back is reported");
    let half = INTERVAL * 2;
    assert!(started.elapsed() >= half * (20 - BURST), "{:?}", started.elapsed());

    let _redis = Redis::start(port).await;
    while *degraded.borrow_and_update() {
        pass(&replica, 1).await;
    }
}

/// A Redis that takes connections and says nothing costs each call a moment once, and then nothing.
#[tokio::test]
async fn a_redis_that_hangs_holds_no_call() {
    let redis = Redis::start(free_port()).await;
    let (observer, mut degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 1).await;
    redis.signal("-STOP");
    let started = Instant::now();
    let calls = 20;
    pass(&replica, calls).await;
    assert!(*degraded.borrow_and_update(), "the fall back is reported");
    // The share of one of two replicas, and the time of failed attempts: a fifth of a second, once each second.
    let expected = INTERVAL * 2 * calls + Duration::from_millis(200) * 3;
    assert!(started.elapsed() < expected + Duration::from_secs(2), "{:?}", started.elapsed());
    redis.signal("-CONT");
    while *degraded.borrow_and_update() {
        pass(&replica, 1).await;
    }
}

/// A foreign value under a key of the quota stops nothing, and is overwritten.
#[tokio::test]
async fn what_is_no_time_counts_as_a_full_bucket() {
    let redis = Redis::start(free_port()).await;
    let (observer, degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 1).await;
    let key = key();
    for broken in [&["RPUSH", &key, "x"][..], &["HSET", &key, "a", "1"], &["SET", &key, "soon"], &["SET", &key, "nan"]]
    {
        redis.command(&["DEL", &key]).await;
        redis.command(broken).await;
        pass(&replica, 1).await;
        // It has a time to live, or is over already.
        let kind = redis.command(&["TYPE", &key]).await;
        assert!(["string", "none"].contains(&&*kind), "{broken:?}: {kind}");
        assert_ne!(redis.command(&["PTTL", &key]).await, "-1", "{broken:?}");
    }
    assert!(!*degraded.borrow(), "Redis was asked");
}

/// After Redis' clock went back, or was put right, the times in its keys are far away.
#[tokio::test]
async fn a_clock_that_goes_back_refuses_nobody() {
    let redis = Redis::start(free_port()).await;
    let (observer, degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 1).await;
    let key = key();
    for later in [3_600_000_000, 1_000_000_000_000_000] {
        let time = (redis.now().await + later).to_string();
        redis.command(&["SET", &key, &time]).await;
        let started = Instant::now();
        pass(&replica, 3).await;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        // The bucket counts as empty, not as full.
        assert!(took >= INTERVAL * 2, "{took:?}");
    }
    redis.command(&["SET", &key, "inf"]).await;
    pass(&replica, 3).await;
    // A clock that went forward leaves a full bucket.
    redis.command(&["SET", &key, "1"]).await;
    pass(&replica, 3).await;
    assert!(!*degraded.borrow(), "Redis was asked");
}

/// Flushing Redis gives each command one burst and removes the script, which is sent again.
#[tokio::test]
async fn a_flushed_redis_goes_on() {
    let redis = Redis::start(free_port()).await;
    let (observer, degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 10).await;
    let started = Instant::now();
    for flush in [&["FLUSHALL"][..], &["SCRIPT", "FLUSH"]] {
        assert_eq!(redis.command(flush).await, "OK");
        pass(&replica, 10).await;
    }
    assert!(!*degraded.borrow(), "Redis was asked");
    assert!(started.elapsed() >= INTERVAL * (20 - 2 * BURST), "the rate is kept to: {:?}", started.elapsed());
}

/// What Redis refuses (here: to write) is no reason to wait.
#[tokio::test]
async fn a_redis_that_refuses_counts_as_away() {
    let redis = Redis::start(free_port()).await;
    let (observer, mut degraded) = observer();
    let replica = redis.replica(observer);
    pass(&replica, 1).await;
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    pass(&replica, 5).await;
    assert!(*degraded.borrow_and_update(), "the fall back is reported");
    redis.command(&["REPLICAOF", "NO", "ONE"]).await;
    while *degraded.borrow_and_update() {
        pass(&replica, 1).await;
    }
}

/// Two gateways, each a separate process, hurry calls through one sandbox, which refuses what exceeds Tencent's rate (two
/// a second, for slow machines to come up to it). How many it refuses.
async fn refused(redis: Option<&str>) -> u64 {
    let sandbox = Sandbox::start_with(sandbox::Settings { rate_scale: 0.01, ..unpaced() }).await;
    let url = format!("http://{}", sandbox.running.api_addr());
    let flags = ["--upstream-rate-factor", "0.01", "--upstream-max-attempts", "1", "--deadline-default", "60s"];
    let variables: Vec<_> = redis.map(|url| ("TIM_UPSTREAM_REDIS_URL", url)).into_iter().collect();
    let mut one = Process::start_as_shipped(&url, &flags, &variables).await;
    let mut two = Process::start_as_shipped(&url, &flags, &variables).await;
    let hurry = |channel| {
        let groups = pb::group_service_client::GroupServiceClient::new(channel);
        join_all((0..8).map(move |_| {
            let mut groups = groups.clone();
            async move {
                let request = pb::GetGroupRequest { group_id: "nowhere".into(), filter: None };
                groups.get_group(request).await.unwrap_err();
            }
        }))
    };
    tokio::join!(hurry(one.channel().await), hurry(two.channel().await));
    let seen = sandbox.look("journal/count?command=get_group_info").await["count"].as_u64().unwrap();
    assert_eq!(seen, 16, "all calls went out");
    tokio::join!(one.stop(), two.stop());
    sandbox.look("journal/count?code=60007").await["count"].as_u64().unwrap()
}

#[tokio::test]
async fn two_gateways_keep_to_one_limit() {
    let redis = Redis::start(free_port()).await;
    let url = format!("redis://127.0.0.1:{}", redis.port);
    assert_eq!(refused(Some(&url)).await, 0);
    // Without it the same two, each of which believes to be alone, go beyond the limit together.
    assert!(refused(None).await > 0);
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
