//! Large lists through the real binary, with gateway and sandbox in separate processes: `cargo bench --bench bulk`.
//!
//! Everything that the streams deliver is compared item by item with the sandbox's snapshot, first without and then with
//! one upstream call in ten failing; a stream is broken again and again and continued; readers stop. The gateway's memory is
//! watched throughout. `BULK_DIVISOR=100` makes everything so much smaller.
//!
//! At the end: how fast streams are with an upstream that takes 20 ms, against what is possible. A list that is read by a
//! cursor allows one page in 20 ms, because only a page says where the next one starts, and the quota of 200 calls a second
//! allows more than that. Groups are bounded by the quota: ids once a second, 10,000 at a time, and profiles of 50 groups
//! 200 times a second, which is 10,000 groups a second both.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod data;
mod process;
mod read;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tonic::transport::Channel;

use data::{Expected, Sizes};
use process::{Gateway, Sandbox};

const LIMIT_MIB: u64 = 100;
/// What the upstream takes when speed is measured.
const LATENCY: Duration = Duration::from_millis(20);
/// How long a reader stops.
const STALL: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    // The HTTP client of the bench itself needs one too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let divisor = std::env::var("BULK_DIVISOR").map_or(1, |divisor| divisor.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();

    let sizes = Sizes { groups: 100_000 / divisor, members: 1_000_000 / divisor, messages: 200_000 / divisor };
    let seed = directory.path().join("lists.json");
    data::write_seed(&seed, &sizes);
    let sandbox = Sandbox::start(&seed).await;
    let expected = Expected::of(&sandbox.snapshot().await);
    println!(
        "seeded: {} groups, {} members, {} messages",
        expected.groups.len(),
        expected.members.len(),
        expected.messages.len()
    );
    let mut gateway = Gateway::start(&sandbox, "1000").await;
    let channel = gateway.channel().await;
    let watch = Watch::start(gateway);
    everything("no faults", &channel, &expected).await;
    sandbox
        .control("faults", json!({"command": "*", "probability": 0.05, "seed": 7, "action": {"type": "reset"}}))
        .await;
    let error = json!({"type": "error", "code": 10002});
    sandbox.control("faults", json!({"command": "*", "probability": 0.05, "seed": 8, "action": error})).await;
    everything("10 % faults", &channel, &expected).await;
    sandbox.clear_faults().await;
    let started = Instant::now();
    let (members, breaks) = read::members_broken(&channel, 97).await;
    assert!(members == expected.members, "broken streams lost or repeated members");
    println!("members, broken {breaks} times and continued: {} in {:.1?}", members.len(), started.elapsed());
    read::stalled_members(&channel, STALL).await;
    watch.report("lists");

    let seed = directory.path().join("long.json");
    data::write_seed(&seed, &Sizes { groups: 0, members: 0, messages: 1_000_000 / divisor });
    let long = Sandbox::start(&seed).await;
    let mut gateway = Gateway::start(&long, "1000").await;
    let channel = gateway.channel().await;
    let watch = Watch::start(gateway);
    let count = read::stalled_messages(&channel, STALL).await;
    assert_eq!(count, 1_000_000 / divisor);
    watch.report("1,000,000 messages with a reader that stops");
    drop(long);

    throughput(&sandbox, &expected).await;
}

/// Reads all lists and compares.
async fn everything(how: &str, channel: &Channel, expected: &Expected) {
    let started = Instant::now();
    let groups = read::groups(channel, usize::MAX).await;
    assert_eq!(groups.len(), expected.groups.len(), "a group was lost or repeated");
    assert!(groups.into_iter().collect::<std::collections::HashMap<_, _>>() == expected.groups, "groups differ");
    println!("groups, {how}: {} in {:.1?}", expected.groups.len(), started.elapsed());

    let started = Instant::now();
    assert!(read::members(channel, usize::MAX).await == expected.members, "members differ");
    println!("members, {how}: {} in {:.1?}", expected.members.len(), started.elapsed());

    let started = Instant::now();
    assert!(read::messages(channel, usize::MAX).await == expected.messages, "messages differ");
    println!("messages, {how}: {} in {:.1?}", expected.messages.len(), started.elapsed());
}

/// Speed at the documented rates and 20 ms for each call.
async fn throughput(sandbox: &Sandbox, expected: &Expected) {
    let latency = json!({"type": "latency", "ms": LATENCY.as_millis() as u64});
    sandbox.control("faults", json!({"command": "*", "action": latency})).await;
    let mut gateway = Gateway::start(sandbox, "1").await;
    let channel = gateway.channel().await;
    let pages_per_second = 1.0 / LATENCY.as_secs_f64();

    let started = Instant::now();
    let members = read::members(&channel, 40_000).await.len();
    ratio("members", members, started.elapsed(), 200.0 * pages_per_second);
    let started = Instant::now();
    let messages = read::messages(&channel, 5_000).await.len();
    ratio("messages", messages, started.elapsed(), 20.0 * pages_per_second);
    let started = Instant::now();
    let groups = read::groups(&channel, expected.groups.len()).await.len();
    ratio("groups", groups, started.elapsed(), 10_000.0);
}

fn ratio(what: &str, items: usize, time: Duration, allowed: f64) {
    let rate = items as f64 / time.as_secs_f64();
    println!(
        "{what}: {rate:.0} of {allowed:.0} items/s that quota and upstream allow: {:.0} %",
        100.0 * rate / allowed
    );
}

/// Looks at a gateway's memory ten times a second.
struct Watch {
    gateway: Arc<Gateway>,
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn start(gateway: Gateway) -> Self {
        let gateway = Arc::new(gateway);
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watched = (gateway.clone(), most.clone(), over.clone());
        std::thread::spawn(move || {
            let (gateway, most, over) = watched;
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(gateway.memory().0, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { gateway, most, over }
    }

    fn report(self, what: &str) {
        self.over.store(true, Ordering::Relaxed);
        let (sampled, peak) = (self.most.load(Ordering::Relaxed), self.gateway.memory().1);
        println!("memory of the gateway, {what}: at most {sampled} MiB sampled, {peak} MiB peak");
        assert!(peak < LIMIT_MIB, "{peak} MiB");
    }
}
