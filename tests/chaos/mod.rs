//! Many callers at once while Tencent fails in every way. Afterwards what the sandbox holds must equal what callers were
//! told: nothing lost, nothing done twice, nothing reported wrongly.

mod calls;
mod drain;
mod ledger;
mod outage;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tencent_im_grpc::sandbox::{self, Settings};

use crate::support::process::Process;
use calls::{Caller, Kind};
use ledger::Ledger;

const CALLS: usize = 20_000;
const CONCURRENCY: usize = 64;
/// Calls after which the gateway's memory is taken as its usual size.
const WARM_UP: usize = 5_000;

/// A fifth of all requests fails: before and after execution, on the wire, in the body and by code.
fn faults() -> Value {
    let error = |code: i64| json!({"type": "error", "code": code});
    json!([
        [0.03, {"type": "reset"}],
        [0.03, {"type": "lose_reply"}],
        [0.03, {"type": "http", "status": 502}],
        [0.02, {"type": "truncate"}],
        [0.01, {"type": "garbage"}],
        [0.02, error(10002)],
        [0.02, error(60008)],
        [0.02, error(60007)],
        [0.02, error(10023)],
        [0.003, {"type": "latency", "ms": 6_000}],
    ])
}

async fn inject(control: &str) {
    let http = crate::support::http();
    for (seed, fault) in faults().as_array().unwrap().iter().enumerate() {
        let rule = json!({"command": "*", "probability": fault[0], "seed": seed, "action": fault[1]});
        let reply = http.post(format!("{control}/faults")).json(&rule).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_callers_were_told_is_what_happened() {
    let export = tempfile::tempdir().unwrap();
    let export = export.path().join("ledger.json");
    let settings = Settings {
        auto_import: true,
        rate_scale: 0.0,
        journal: 0,
        export_on_exit: Some(export.clone()),
        ..Settings::default()
    };
    let sandbox = sandbox::start(settings).await.unwrap();
    let control = format!("http://{}/_sandbox", sandbox.control_addr());
    let mut gateway = Process::start(&format!("http://{}", sandbox.api_addr()), &[]).await;
    let caller = Caller::new(gateway.channel().await);
    caller.prepare(CALLS).await;
    inject(&control).await;

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
    let told: Vec<_> = futures::future::join_all(workers).await.into_iter().flatten().collect();
    let (warm, end) = (warm.into_inner(), gateway.memory());
    gateway.stop().await;
    assert!(!gateway.log().contains("panic"), "{}", gateway.log());
    // Waits for what is still being executed, and writes the ledger.
    sandbox.shutdown().await;

    assert_eq!(told.len(), CALLS);
    let ledger = Ledger::read(&export);
    for told in &told {
        ledger.check(told);
    }
    for kind in [Kind::Read, Kind::Send] {
        let all = told.iter().filter(|told| told.kind == kind).count();
        let fine = told.iter().filter(|told| told.kind == kind && told.is_ok()).count();
        println!("{kind:?}: {fine} of {all} succeeded");
        assert!(fine * 100 >= all * 99, "{kind:?}: {fine} of {all} succeeded");
    }
    println!("memory of the gateway: {warm} KiB after {WARM_UP} calls, {end} KiB at the end");
    assert!(end * 5 <= warm * 6, "memory grew from {warm} to {end} KiB");
}
