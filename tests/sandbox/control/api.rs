//! The control API: faults, clock, journal, snapshots, seeds.

use std::time::{Duration, Instant};

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, unpaced};

const ROLE: &str = "get_role_in_group";

fn ask() -> Value {
    json!({"GroupId": "g", "User_Account": ["alice"]})
}

async fn with_group() -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox
}

#[tokio::test]
async fn an_error_rule_fails_the_next_calls_of_its_command_only() {
    let sandbox = with_group().await;
    sandbox.control("faults", json!({"command": ROLE, "action": {"type": "error", "code": 60008}, "times": 2})).await;
    sandbox.info("g").await;
    sandbox.fails(ROLE, ask(), 60008).await;
    sandbox.fails(ROLE, ask(), 60008).await;
    sandbox.ok(ROLE, ask()).await;
    assert_eq!(sandbox.look("faults").await[0]["hits"], 2);
}

#[tokio::test]
async fn a_probability_repeats_with_its_seed() {
    let sandbox = with_group().await;
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let rule = json!({"command": "*", "action": {"type": "error", "code": 10002}, "probability": 0.5, "seed": 7});
        let id = sandbox.control("faults", rule).await["id"].clone();
        let mut round = Vec::new();
        for _ in 0..40 {
            round.push(sandbox.call(ROLE, ask()).await["ErrorCode"].clone());
        }
        rounds.push(round);
        sandbox.http.delete(sandbox.control_url(&format!("faults/{id}"))).send().await.unwrap();
    }
    assert_eq!(rounds[0], rounds[1]);
    assert!(rounds[0].contains(&json!(0)) && rounds[0].contains(&json!(10002)));
}

#[tokio::test]
async fn transport_faults_break_the_transport() {
    let sandbox = with_group().await;
    let url = sandbox.url("group_open_http_svc", "send_group_msg");
    let send = async |action: Value, random: u32| {
        sandbox.control("faults", json!({"command": "send_group_msg", "action": action, "times": 1})).await;
        sandbox.http.post(&url).body(message("g", "bob", random).to_string()).send().await
    };
    assert!(send(json!({"type": "reset"}), 1).await.is_err());
    assert_eq!(send(json!({"type": "http", "status": 502}), 2).await.unwrap().status(), 502);
    assert_eq!(sandbox.history("g").await.len(), 0, "neither was executed");
    assert!(send(json!({"type": "lose_reply"}), 3).await.is_err());
    assert!(send(json!({"type": "truncate"}), 4).await.unwrap().bytes().await.is_err());
    let garbage = send(json!({"type": "garbage"}), 5).await.unwrap().bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&garbage).is_err());
    assert_eq!(sandbox.history("g").await.len(), 3, "these were executed");
}

#[tokio::test]
async fn a_latency_rule_delays() {
    let sandbox = with_group().await;
    sandbox.control("faults", json!({"command": ROLE, "action": {"type": "latency", "ms": 120}})).await;
    let started = Instant::now();
    sandbox.ok(ROLE, ask()).await;
    assert!(started.elapsed() >= Duration::from_millis(120));
}

/// As with the real service: the backend knows nothing of who waits.
#[tokio::test]
async fn a_delayed_request_is_executed_although_its_client_hung_up() {
    let sandbox = with_group().await;
    let rule = json!({"command": "send_group_msg", "action": {"type": "latency", "ms": 500}, "times": 1});
    sandbox.control("faults", rule).await;
    let url = sandbox.url("group_open_http_svc", "send_group_msg");
    let send = sandbox.http.post(&url).body(message("g", "bob", 1).to_string()).send();
    let arrived = async { while sandbox.look("faults").await[0]["hits"] == 0 {} };
    tokio::select! {
        _ = send => {}
        () = arrived => {}
    }
    while sandbox.look("journal/count?command=send_group_msg&fault=latency&code=0").await["count"] == 0 {}
    assert_eq!(sandbox.history("g").await.len(), 1);
}

/// How long each of some calls took under a latency rule, in milliseconds.
async fn latencies(rule: Value, calls: usize) -> Vec<u64> {
    let sandbox = with_group().await;
    sandbox.control("faults", json!({"command": ROLE, "action": rule, "seed": 11})).await;
    for _ in 0..calls {
        sandbox.ok(ROLE, ask()).await;
    }
    let journal = sandbox.look(&format!("journal?command={ROLE}&fault=latency")).await;
    let millis = |entry: &Value| entry["micros"].as_u64().unwrap() / 1_000;
    let found: Vec<u64> = journal["entries"].as_array().unwrap().iter().map(millis).collect();
    assert_eq!(found.len(), calls, "the journal names the fault");
    found
}

/// "latency fixed or distribution": evenly drawn between two bounds, or exponentially around a mean.
#[tokio::test]
async fn latencies_are_drawn_from_a_distribution() {
    let even = latencies(json!({"type": "latency", "ms": 40, "max_ms": 200}), 12).await;
    assert!(even.iter().all(|millis| *millis >= 40), "{even:?}");
    assert!(even.iter().any(|millis| *millis < 120) && even.iter().any(|millis| *millis >= 160), "{even:?}");
    let exponential = latencies(json!({"type": "latency", "ms": 60, "exponential": true}), 20).await;
    assert!(exponential.iter().any(|millis| *millis < 60), "{exponential:?}");
    assert!(exponential.iter().any(|millis| *millis >= 150), "far beyond the mean: {exponential:?}");
}

/// "per command", of one app or of all, and until they are removed.
#[tokio::test]
async fn a_rule_holds_for_its_command_and_app_until_it_is_removed() {
    let sandbox = with_group().await;
    let error = json!({"type": "error", "code": 60008, "info": "timed out"});
    sandbox.control("apps", json!({"sdkappid": 7, "key": "another"})).await;
    let other = json!({"command": "*", "sdkappid": 7, "action": error});
    sandbox.control("faults", other).await;
    sandbox.ok(ROLE, ask()).await;
    let id = sandbox.control("faults", json!({"command": ROLE, "action": error})).await["id"].clone();
    assert_eq!(sandbox.fails(ROLE, ask(), 60008).await, "timed out");
    sandbox.info("g").await;
    let remove = async |path: &str| sandbox.http.delete(sandbox.control_url(path)).send().await.unwrap().status();
    assert_eq!(remove(&format!("faults/{id}")).await, 200);
    assert_eq!(remove(&format!("faults/{id}")).await, 404);
    sandbox.ok(ROLE, ask()).await;
    assert_eq!(remove("faults").await, 200);
    assert_eq!(sandbox.look("faults").await, json!([]));
    let bad = json!({"command": ROLE, "action": error, "probability": 1.5});
    let refused = sandbox.http.post(sandbox.control_url("faults")).json(&bad).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let unknown = json!({"command": "send_grup_msg", "action": error});
    let refused = sandbox.http.post(sandbox.control_url("faults")).json(&unknown).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let why: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert!(why["error"].as_str().unwrap().contains("send_grup_msg"), "{why}");
    assert_eq!(sandbox.look("faults").await, json!([]));
}

#[tokio::test]
async fn the_clock_stands_jumps_and_runs() {
    let sandbox = Sandbox::start().await;
    assert_eq!(sandbox.look("clock").await, json!({"now": NOW, "frozen": true}));
    sandbox.advance(10).await;
    assert_eq!(sandbox.look("clock").await["now"], NOW + 10);
    sandbox.control("clock", json!({"op": "set", "at": 5})).await;
    assert_eq!(sandbox.look("clock").await["now"], 5);
    let running = sandbox.control("clock", json!({"op": "resume"})).await;
    assert_eq!(running["frozen"], false);
    assert!((5..60).contains(&running["now"].as_i64().unwrap()));
    sandbox.control("clock", json!({"op": "reset"})).await;
    assert!(sandbox.look("clock").await["now"].as_i64().unwrap() > NOW);
}

#[tokio::test]
async fn the_journal_shows_and_counts_requests() {
    let sandbox = with_group().await;
    sandbox.send("g", "bob", 1).await;
    sandbox.fails("send_group_msg", message("g", "nobody", 2), 10019).await;
    let journal = sandbox.look("journal?command=send_group_msg").await;
    let entries = journal["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((&entries[1]["code"], &entries[1]["time"]), (&json!(10019), &json!(NOW)));
    assert!(entries[0]["body"].as_str().unwrap().contains("hello"));
    assert!(entries[0]["reply"].as_str().unwrap().contains("MsgSeq"));
    assert!(!journal.to_string().contains("usersig"));
    assert_eq!(sandbox.look("journal/count?command=send_group_msg&key=From_Account&value=bob").await["count"], 1);
    let status =
        async |query: &str| sandbox.http.get(sandbox.control_url(query)).send().await.unwrap().status().as_u16();
    assert_eq!(status("journal/count?command=send_group_msg&exactly=2").await, 200);
    assert_eq!(status("journal/count?command=send_group_msg&exactly=1").await, 409);
}

#[tokio::test]
async fn the_journal_is_filtered_by_every_criterion() {
    let sandbox = with_group().await;
    let counts = async |query: &str| sandbox.look(&format!("journal/count?{query}")).await["count"].clone();
    let before = counts("").await.as_u64().unwrap();
    let error = json!({"type": "error", "code": 10002});
    sandbox.control("faults", json!({"command": ROLE, "times": 1, "action": error})).await;
    sandbox.fails(ROLE, ask(), 10002).await;
    sandbox.ok(ROLE, ask()).await;
    sandbox.ok(ROLE, json!({"GroupId": "g", "User_Account": ["bob"]})).await;
    assert_eq!(counts("").await, before + 3);
    assert_eq!(counts(&format!("after={}", before + 1)).await, 2);
    assert_eq!(counts(&format!("command={ROLE}&code=0")).await, 2);
    assert_eq!(counts(&format!("command={ROLE}&fault=error")).await, 1);
    assert_eq!(counts(&format!("command={ROLE}&sdkappid=7")).await, 0);
    assert_eq!(counts(&format!("command={ROLE}&sdkappid=1400000001")).await, 3);
    assert_eq!(counts("key=User_Account&value=[%22bob%22]").await, 1);
    assert_eq!(counts(&format!("command={ROLE}&key=NoSuchKey")).await, 0);
    let last = sandbox.look("journal?limit=1").await["entries"].clone();
    assert_eq!((last.as_array().unwrap().len(), &last[0]["number"]), (1, &json!(before + 3)));
    sandbox.http.delete(sandbox.control_url("journal")).send().await.unwrap();
    assert_eq!(counts("").await, 0);
}

#[tokio::test]
async fn a_snapshot_restores_everything_and_a_reset_forgets_it() {
    let sandbox = with_group().await;
    sandbox.send("g", "bob", 1).await;
    sandbox.ok("forbid_send_msg", json!({"GroupId": "g", "Members_Account": ["carol"], "MuteTime": 60})).await;
    let (info, history) = (sandbox.info("g").await, sandbox.history("g").await);
    let snapshot = sandbox.look("snapshot").await;
    assert!(!snapshot.to_string().contains("00112233"), "keys stay out");
    sandbox.control("reset?sdkappid=1400000001", json!({})).await;
    assert_eq!(sandbox.info("g").await["ErrorCode"], 10010);
    sandbox.control("restore", snapshot.clone()).await;
    assert_eq!((sandbox.info("g").await, sandbox.history("g").await), (info, history));
    assert_eq!(sandbox.look("snapshot").await, snapshot);
    sandbox.advance(10).await;
    let (mut later, mut expected) = (sandbox.look("snapshot").await, snapshot);
    assert_eq!((later["time"].take(), expected["time"].take()), (json!(NOW + 10), json!(NOW)));
    assert_eq!(later, expected, "the time alone differs");
    assert_eq!(sandbox.send("g", "bob", 1).await["MsgSeq"], 1, "duplicates are still known");
}

#[tokio::test]
async fn a_seed_file_and_an_export_carry_state_from_run_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let (seed, export) = (folder.path().join("seed.json"), folder.path().join("export.json"));
    let commands = json!([{"command": "create_group", "body": {"Type": "Public", "GroupId": "g", "Name": "seeded"}}]);
    std::fs::write(&seed, json!({"apps": [{"accounts": ["alice"], "commands": commands}]}).to_string()).unwrap();
    let settings = Settings { seed_file: Some(seed), export_on_exit: Some(export.clone()), ..unpaced() };
    let first = Sandbox::start_with(settings).await;
    assert_eq!(first.info("g").await["Name"], "seeded");
    first.send("g", "alice", 1).await;
    first.running.shutdown().await;
    let second = Sandbox::start_with(Settings { seed_file: Some(export), ..unpaced() }).await;
    assert_eq!(second.history("g").await.len(), 1);
}

/// Several megabytes: more than a server takes by itself, and than the data directory keeps in one piece.
#[tokio::test]
async fn a_large_state_is_restored_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let settings = || Settings { data_dir: Some(folder.path().join("data")), ..unpaced() };
    let accounts = async |sandbox: &Sandbox| sandbox.look("apps").await["apps"][0]["accounts"].clone();
    let first = Sandbox::start_with(settings()).await;
    let users: Vec<String> = (0..30_000).map(|number| format!("user-{number:0100}")).collect();
    first.control("restore", json!({"apps": [{"accounts": users}]})).await;
    let snapshot = first.look("snapshot").await;
    first.control("reset", json!({})).await;
    assert_eq!(accounts(&first).await, 1);
    first.control("restore", snapshot).await;
    first.running.shutdown().await;
    let second = Sandbox::start_with(settings()).await;
    assert_eq!(accounts(&second).await, 30_001, "the users and the admin");
    assert!(second.look("snapshot").await["apps"][0]["accounts"].get(&users[29_999]).is_some());
}

/// The directory is copied while the sandbox runs, as a crash would leave it: what was answered is there.
#[tokio::test]
async fn a_data_directory_holds_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (live, crashed) = (folder.path().join("live"), folder.path().join("crashed"));
    let first = Sandbox::start_with(Settings { data_dir: Some(live.clone()), ..unpaced() }).await;
    first.freeze(NOW).await;
    first.control("apps", json!({"sdkappid": 20_000_001, "key": "test-key"})).await;
    first.control("apps/1400000001/accounts", json!({"users": ["alice", "bob", "carol"]})).await;
    first.group("g", "Public").await;
    for random in 1..=20 {
        first.send("g", "bob", random).await;
    }
    let made = first.ok("create_group", json!({"Type": "Public", "Name": "n"})).await;
    std::fs::create_dir(&crashed).unwrap();
    std::fs::copy(live.join("sandbox.redb"), crashed.join("sandbox.redb")).unwrap();

    let second = Sandbox::start_with(Settings { data_dir: Some(crashed), ..unpaced() }).await;
    second.freeze(NOW).await;
    assert_eq!(second.info("g").await, first.info("g").await);
    assert_eq!(second.history("g").await, first.history("g").await);
    assert_eq!(second.info(made["GroupId"].as_str().unwrap()).await["ErrorCode"], 0);
    assert_eq!(second.send("g", "bob", 20).await["MsgSeq"], 20, "duplicates are still known");
    assert_eq!(second.look("apps").await["apps"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn server_made_ids_follow_from_the_seed() {
    let mut ids = Vec::new();
    for seed in [1, 1, 2] {
        let sandbox = Sandbox::start_with(Settings { seed, ..unpaced() }).await;
        ids.push(sandbox.ok("create_group", json!({"Type": "Public", "Name": "n"})).await["GroupId"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

/// Every refusal, of a handler or of the framework, has its reason in JSON.
#[tokio::test]
async fn every_refusal_is_json_and_says_why() {
    let sandbox = with_group().await;
    let http = &sandbox.http;
    let url = |path: &str| sandbox.control_url(path);
    let fault = |action: Value, mut rule: Value| {
        (rule["command"], rule["action"]) = (json!(ROLE), action);
        http.post(url("faults")).json(&rule)
    };
    for (request, status, word) in [
        (http.get(url("nothing")), 404, "Not Found"),
        (http.put(url("clock")), 405, "Method Not Allowed"),
        (http.get(url("apps/none/accounts")), 400, "none"),
        (http.get(url("apps/7/accounts")), 404, "there is no app 7"),
        (http.post(url("rates")).json(&json!({"scale": -1})), 400, "scale"),
        (http.post(url("rates")).json(&json!({"rate": 1})), 422, "unknown field `rate`"),
        (http.post(url("faults")).body("{}"), 415, "Content-Type"),
        (fault(json!({"type": "reset"}), json!({"times": 0})), 400, "times"),
        (fault(json!({"type": "reset"}), json!({"sdkappid": 7})), 404, "there is no app 7"),
        (fault(json!({"type": "error", "code": 0}), json!({})), 400, "code"),
        (fault(json!({"type": "http", "status": 200}), json!({})), 400, "status"),
        (http.get(url("journal?limit=all")), 400, "invalid digit"),
    ] {
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), status);
        let body: Value = reply.json().await.unwrap();
        assert!(body["error"].as_str().unwrap().contains(word), "{word}: {body}");
    }
}
