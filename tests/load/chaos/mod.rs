//! Many callers at once while Tencent fails in every way. Afterwards what the sandbox holds must equal what callers were
//! told: nothing lost, nothing done twice, nothing reported wrongly.

mod calls;
mod drain;
mod executions;
mod ledger;
mod outage;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sandbox::Settings;
use serde_json::{Value, json};

use crate::support::process::{PATIENCE, Process};
use calls::{Answer, Caller, Kind, Told};
use executions::Executions;
use ledger::Ledger;

const CALLS: usize = 20_000;
const CONCURRENCY: usize = 64;
/// Calls after which the gateway's memory is taken as its usual size.
const WARM_UP: usize = 5_000;

/// More than a fifth of all requests fails: before and after execution, on the wire, in the body and by code, and by an
/// answer that comes when every deadline is past.
fn faults() -> [(f64, Value); 10] {
    let error = |code: i64| json!({"type": "error", "code": code});
    [
        (0.025, json!({"type": "reset"})),
        (0.025, json!({"type": "lose_reply"})),
        (0.025, json!({"type": "http", "status": 502})),
        (0.025, json!({"type": "truncate"})),
        (0.025, json!({"type": "garbage"})),
        (0.025, error(10002)),
        (0.025, error(60008)),
        (0.025, error(60007)),
        (0.025, error(10023)),
        (0.01, json!({"type": "latency", "ms": 6_000})),
    ]
}

/// The sandbox's control API.
struct Control {
    http: reqwest::Client,
    url: String,
}

impl Control {
    async fn inject(&self) {
        for (seed, (probability, action)) in faults().into_iter().enumerate() {
            let rule = json!({"command": "*", "probability": probability, "seed": seed, "action": action});
            let reply = self.http.post(format!("{}/faults", self.url)).json(&rule).send().await.unwrap();
            assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
        }
    }

    async fn ask(&self, path: &str) -> Value {
        self.http.get(format!("{}/{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// Each fault happened, about as often as it should. Returns how many requests were delayed.
    async fn faults_happened(&self) -> usize {
        let rules = self.ask("faults").await;
        for (rule, (probability, action)) in rules.as_array().unwrap().iter().zip(faults()) {
            let hits = rule["hits"].as_u64().unwrap() as f64;
            println!("{hits} times {action}");
            assert!(hits > CALLS as f64 * probability * 0.8, "{hits} times {action}");
        }
        rules.as_array().unwrap().last().unwrap()["hits"].as_u64().unwrap() as usize
    }

    /// What was executed, when the last of the delayed requests has been.
    async fn executions(&self, delayed: usize) -> Executions {
        let all = async {
            loop {
                let executions = Executions::read(&self.ask("journal?limit=1000000").await);
                if executions.delayed >= delayed {
                    return executions;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("all requests end")
    }
}

/// Makes all calls, and takes the gateway's memory after the first ones and at the end.
async fn load(caller: &Caller, gateway: &Process) -> (Vec<Told>, usize, usize) {
    let (next, warm) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let workers = (0..CONCURRENCY).map(|_| async {
        let mut told = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= CALLS {
                return told;
            }
            if number == WARM_UP {
                warm.store(gateway.memory(), Ordering::Relaxed);
            }
            told.push(caller.call(number).await);
        }
    });
    let told = futures::future::join_all(workers).await.into_iter().flatten().collect();
    (told, warm.into_inner(), gateway.memory())
}

/// The gateway runs as it is shipped, its pacing included. The sandbox has no limits of its own: what it refuses by rate,
/// it refuses by the faults.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_callers_were_told_is_what_happened() {
    let export = tempfile::tempdir().unwrap();
    let export = export.path().join("ledger.json");
    let settings = Settings {
        auto_import: true,
        rate_scale: 0.0,
        journal: 4 * CALLS,
        export_on_exit: Some(export.clone()),
        ..Settings::default()
    };
    let sandbox = sandbox::start(settings).await.unwrap();
    let control = Control { http: crate::support::http(), url: format!("http://{}/_sandbox", sandbox.control_addr()) };
    let mut gateway = Process::start_as_shipped(&format!("http://{}", sandbox.api_addr()), &[], &[]).await;
    let caller = Caller::connect(gateway.address()).await;
    caller.prepare(CALLS).await;
    control.inject().await;
    // The preparations are no part of what is counted.
    control.http.delete(format!("{}/journal", control.url)).send().await.unwrap();

    let started = Instant::now();
    let (told, warm, end) = load(&caller, &gateway).await;
    println!("{CALLS} calls in {:?}", started.elapsed());
    gateway.stop().await;
    assert!(!gateway.log().contains("panic"), "{}", gateway.log());
    let delayed = control.faults_happened().await;
    let executions = control.executions(delayed).await;
    // Waits for what is still being executed, and writes the ledger.
    sandbox.shutdown().await;

    let Executions { requests, faulty, .. } = executions;
    println!("{faulty} of {requests} requests met a fault, {delayed} of them a delay");
    assert!(faulty * 5 >= requests, "{faulty} of {requests}");
    assert_eq!(told.len(), CALLS);
    for kind in [Kind::Read, Kind::Send, Kind::Create, Kind::CreateNamed, Kind::AddMember, Kind::Destroy] {
        let all: Vec<_> = told.iter().filter(|told| told.kind == kind).collect();
        let fine = all.iter().filter(|told| told.is_ok()).count();
        let late = all.iter().filter(|told| matches!(told.answer, Answer::TooLate)).count();
        let unknown = all.iter().filter(|told| matches!(told.answer, Answer::Unknown)).count();
        println!("{kind:?}: {fine} of {} succeeded, {unknown} unknown, {late} too late", all.len());
        if matches!(kind, Kind::Read | Kind::Send) {
            assert!(fine * 100 >= all.len() * 99, "{kind:?}: {fine} of {} succeeded", all.len());
        }
    }
    println!("memory of the gateway: {warm} KiB after {WARM_UP} calls, {end} KiB at the end");
    let ledger = Ledger::read(&export);
    for told in &told {
        ledger.check(told);
        executions.check(told);
    }
    // Nothing is repeated of a group without an id, so its caller learns of the deadline while the group comes into being.
    let came_late = told.iter().filter(|told| executions.came_late(told)).count();
    println!("{came_late} were executed after their deadlines");
    assert!(came_late > 0);
    assert!(end * 5 <= warm * 6, "memory grew from {warm} to {end} KiB");
}
