//! `doctor` against a strict sandbox: as it is, with an edition that lacks commands, with replies that are not as the contract
//! expects, and interrupted.

mod process;

use sandbox::{Limits, Running, Settings};
use serde_json::{Value, json};
use tencent_im_grpc::doctor::{Doctor, Names, Report, Verdict};
use tokio_util::sync::CancellationToken;

use crate::support::{http, settings};

/// A sandbox that is as strict as the documents.
struct Strict(Running);

impl Strict {
    async fn start(limits: Limits) -> Self {
        let _ = http();
        Self(sandbox::start(Settings { limits, ..Settings::default() }).await.unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.api_addr())
    }

    async fn look(&self, path: &str) -> Value {
        let url = format!("http://{}/_sandbox/{path}", self.0.control_addr());
        http().get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("http://{}/_sandbox/{path}", self.0.control_addr());
        let response = http().post(url).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    /// Makes a reply other than it is.
    async fn odd(&self, command: &str, action: Value) {
        self.control("faults", json!({"command": command, "action": action})).await;
    }

    /// How many groups and accounts there are.
    async fn count(&self) -> (usize, usize) {
        let state = self.look("snapshot").await["apps"][0].take();
        let groups = state["groups"].as_array().unwrap().len();
        (groups, state["accounts"].as_object().unwrap().len() + state["robots"].as_array().unwrap().len())
    }

    fn doctor(&self, names: Names) -> Doctor {
        // A tenth of a hundred times the rates does not make the test wait.
        let config = settings(&[("base_urls", &self.url()), ("upstream.rate_factor", "100")]);
        Doctor::new(&config.apps.by_name["default"].upstream, names, true).unwrap()
    }

    async fn report(&self) -> Report {
        self.doctor(Names::random()).examine(&CancellationToken::new()).await
    }
}

/// What was found of a command.
fn of<'a>(report: &'a Report, command: &str) -> Vec<&'a Verdict> {
    report.findings.iter().filter(|found| found.command.ends_with(command)).map(|found| &found.verdict).collect()
}

#[tokio::test]
async fn a_strict_sandbox_answers_every_command_as_the_contract_expects() {
    let sandbox = Strict::start(Limits::default()).await;
    let report = sandbox.report().await;
    println!("{}", report.table());
    assert!(report.is_fine(), "{}", report.table());
    assert!(report.findings.iter().all(|found| found.verdict == Verdict::Expected), "{}", report.table());
    let commands = contract::command::methods::METHODS.iter().filter_map(|method| method.command);
    for command in commands {
        let probed = !of(&report, &format!("{}/{}", command.service, command.name)).is_empty();
        assert!(probed, "add a probe of {} to src/doctor/probes.rs", command.name);
    }
    assert_eq!(sandbox.count().await, (0, 1), "only the admin is left");
}

/// "it prints … refused by edition".
#[tokio::test]
async fn what_an_edition_lacks_is_no_fault_of_the_contract() {
    let sandbox = Strict::start(Limits { basic_edition: true, ..Limits::default() }).await;
    let report = sandbox.report().await;
    assert!(report.is_fine(), "{}", report.table());
    assert_eq!(of(&report, "update_group_counter"), [&Verdict::RefusedByEdition(10059)]);
    assert_eq!(of(&report, "modify_admin"), [&Verdict::RefusedByEdition(10007)]);
    assert_eq!(of(&report, "send_broadcast_msg"), [&Verdict::RefusedByEdition(10007)]);
}

#[tokio::test]
async fn what_needs_a_thing_that_was_refused_is_not_called() {
    let sandbox = Strict::start(Limits { live_rooms: 1, ..Limits::default() }).await;
    sandbox.odd("create_topic", json!({"type": "error", "code": 11000, "info": "not enabled"})).await;
    let report = sandbox.report().await;
    assert_eq!(of(&report, "create_topic"), [&Verdict::RefusedByEdition(11000)]);
    let missing = Verdict::NotCalled("it needs topic, which was not made".to_owned());
    assert_eq!(of(&report, "modify_topic"), [&missing]);
    assert!(report.is_fine(), "{}", report.table());
}

#[tokio::test]
async fn an_unexpected_code_is_found_in_the_reply_and_in_an_item() {
    let sandbox = Strict::start(Limits::default()).await;
    let info = "group doctor of someone@example is odd 144115198371610486";
    sandbox.odd("get_role_in_group", json!({"type": "error", "code": 10015, "info": info})).await;
    sandbox.odd("get_topic", json!({"type": "change", "path": "TopicAndSelfInfo[0].ErrorCode", "value": 99_999})).await;
    let report = sandbox.report().await;
    let redacted = "group doctor of … is odd …".to_owned();
    assert_eq!(of(&report, "get_role_in_group"), [&Verdict::UnexpectedCode(10015, redacted)]);
    assert!(matches!(of(&report, "get_topic")[..], [Verdict::UnexpectedCode(99_999, _)]), "{}", report.table());
    assert!(!report.is_fine());
    assert_eq!(sandbox.count().await, (0, 1));
}

/// "Already when it was asked to stop" it removes what it made.
#[tokio::test]
async fn who_stops_it_before_its_first_call_leaves_nothing() {
    let sandbox = Strict::start(Limits::default()).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let report = sandbox.doctor(Names::random()).examine(&stop).await;
    assert!(report.interrupted && report.findings.is_empty() && report.leftovers.is_empty());
    assert_eq!(sandbox.count().await, (0, 1));
}

#[tokio::test]
async fn a_wrong_key_is_said_once_and_nothing_is_called() {
    let sandbox = Strict::start(Limits::default()).await;
    sandbox.odd("account_import", json!({"type": "error", "code": 70009, "info": "usersig=eJyrVgrx"})).await;
    let report = sandbox.report().await;
    assert!(report.findings.is_empty() && report.stopped_by.is_some());
    assert!(!report.markdown("here").contains("eJyrVgrx"), "{}", report.markdown("here"));
}

/// "Drifted (which path, what came)".
#[tokio::test]
async fn a_text_that_is_not_clean_is_found_with_its_path() {
    let sandbox = Strict::start(Limits::default()).await;
    let half = r#"{"ErrorCode":0,"MemberNum":1,"MemberList":[{"Member_Account":"a","Role":"Member","NameCard":"cut \ud83d"}]}"#;
    sandbox.odd("get_group_member_info", json!({"type": "reply", "body": half})).await;
    let report = sandbox.report().await;
    let [Verdict::Drifted(places)] = &of(&report, "get_group_member_info")[..] else { panic!("{}", report.table()) };
    assert_eq!(places[0].place.path, "MemberList[].NameCard");
    assert!(report.table().contains("get_group_member_info 1"), "{}", report.table());
    assert!(!report.markdown("here").contains("cut"), "{}", report.markdown("here"));
    assert!(!report.is_fine());
}

/// "With drift made by fault rules (a rule that changes a value in a reply), and finds each."
#[tokio::test]
async fn each_kind_of_drift_is_found_with_its_path_and_what_came() {
    let sandbox = Strict::start(Limits::default()).await;
    let odd = [
        ("get_group_member_info", "MemberList[].Role", json!("Superadmin"), "\"Superadmin\""),
        ("get_specified_group_member_info", "MemberList[].JoinTime", json!({"at": 1}), "an object with at"),
        ("get_role_in_group", "NewKey", json!("of somebody, 12"), "a text of 15 bytes"),
        ("get_joined_group_list", "GroupIdList[].NewKey", json!([1, 2]), "a list of 2"),
        ("get_appid_group_list", "NewKey", json!("Superadmin"), "a text of 10 bytes"),
        ("get_group_counter", "NewKey", json!(144_115_198_371_610_486_u64), "a number of 18 characters"),
    ];
    for (command, path, value, _) in &odd {
        sandbox.odd(command, json!({"type": "change", "path": path, "value": value})).await;
    }
    let report = sandbox.report().await;
    let (table, markdown) = (report.table(), report.markdown("here"));
    for (command, path, value, redacted) in &odd {
        let [Verdict::Drifted(places)] = &of(&report, &format!("/{command}"))[..] else { panic!("{command}: {table}") };
        let found: Vec<_> = places.iter().map(|found| (found.place.path.as_str(), found.place.json.clone())).collect();
        assert_eq!(found, [(*path, value.to_string())], "{command}: {table}");
        assert!(table.contains(&value.to_string()), "the operator sees what came: {table}");
        assert!(markdown.contains(&format!("`{path}` ")) && markdown.contains(redacted), "{command}: {markdown}");
    }
    for secret in ["of somebody", "144115198371610486"] {
        assert!(!markdown.contains(secret), "{markdown}");
    }
    let drifted = report.findings.iter().filter(|found| matches!(found.verdict, Verdict::Drifted(_))).count();
    assert_eq!(drifted, odd.len(), "and nothing else: {table}");
}
