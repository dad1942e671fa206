//! Random commands against a model that is simple enough to be right: sets of members and lists of messages.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::sandbox_client::{Sandbox, message, text};

const STEPS: u32 = 10_000;
const GROUPS: usize = 4;
const USERS: usize = 8;

#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Destroy(usize),
    Add(usize, usize),
    Remove(usize, usize),
    Send(usize, usize),
    Recall(usize, u64),
    Check(usize),
}

struct Sent {
    user: usize,
    random: u32,
    recalled: bool,
}

#[derive(Default)]
struct Model {
    members: BTreeSet<usize>,
    messages: Vec<Sent>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..GROUPS).prop_map(Step::Create),
        1 => prop_oneof![9 => Just(None), 1 => (0..GROUPS).prop_map(Some)]
            .prop_map(|group| group.map_or(Step::Check(0), Step::Destroy)),
        4 => (0..GROUPS, 0..USERS).prop_map(|(group, user)| Step::Add(group, user)),
        3 => (0..GROUPS, 0..USERS).prop_map(|(group, user)| Step::Remove(group, user)),
        8 => (0..GROUPS, 0..USERS).prop_map(|(group, user)| Step::Send(group, user)),
        2 => (0..GROUPS, 1..30_u64).prop_map(|(group, seq)| Step::Recall(group, seq)),
        2 => (0..GROUPS).prop_map(Step::Check),
    ]
}

/// Member counts agree, numbers have no gaps, and nothing is lost.
#[tokio::test]
async fn ten_thousand_random_commands_agree_with_a_simple_model() {
    let sandbox = Sandbox::start().await;
    let users: Vec<String> = (0..USERS).map(|user| format!("u{user}")).collect();
    sandbox.ok_at("im_open_login_svc", "multiaccount_import", json!({"Accounts": users})).await;
    let mut groups: BTreeMap<usize, Model> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let steps = step();
    for random in 0..STEPS {
        let step = steps.new_tree(&mut runner).unwrap().current();
        apply(&sandbox, &mut groups, step, random).await;
    }
    for group in 0..GROUPS {
        check(&sandbox, groups.get(&group), group).await;
    }
}

async fn apply(sandbox: &Sandbox, groups: &mut BTreeMap<usize, Model>, step: Step, random: u32) {
    let id = |group: usize| format!("g{group}");
    match step {
        Step::Create(group) => {
            let body = json!({"Type": "Public", "Name": "n", "GroupId": id(group)});
            let code = if groups.contains_key(&group) { 10021 } else { 0 };
            assert_eq!(sandbox.call("create_group", body).await["ErrorCode"], code);
            groups.entry(group).or_default();
        }
        Step::Destroy(group) => {
            let code = if groups.remove(&group).is_some() { 0 } else { 10010 };
            assert_eq!(sandbox.call("destroy_group", json!({"GroupId": id(group)})).await["ErrorCode"], code);
        }
        Step::Add(group, user) => {
            let body =
                json!({"GroupId": id(group), "Silence": 1, "MemberList": [{"Member_Account": format!("u{user}")}]});
            let reply = sandbox.call("add_group_member", body).await;
            match groups.get_mut(&group) {
                None => assert_eq!(reply["ErrorCode"], 10010),
                Some(model) => {
                    let result = if model.members.insert(user) { 1 } else { 2 };
                    assert_eq!(reply["MemberList"][0]["Result"], result);
                }
            }
        }
        Step::Remove(group, user) => {
            let body = json!({"GroupId": id(group), "Silence": 1, "MemberToDel_Account": [format!("u{user}")]});
            let code = if groups.contains_key(&group) { 0 } else { 10010 };
            assert_eq!(sandbox.call("delete_group_member", body).await["ErrorCode"], code);
            groups.get_mut(&group).map(|model| model.members.remove(&user));
        }
        Step::Send(group, user) => {
            let mut body = message(&id(group), &format!("u{user}"), random);
            body["MsgBody"] = text(&format!("message {random}"));
            let reply = sandbox.call("send_group_msg", body).await;
            match groups.get_mut(&group) {
                None => assert_eq!(reply["ErrorCode"], 10010),
                Some(model) => {
                    model.messages.push(Sent { user, random, recalled: false });
                    assert_eq!(reply["MsgSeq"], model.messages.len());
                }
            }
        }
        Step::Recall(group, seq) => {
            let Some(model) = groups.get_mut(&group) else {
                return;
            };
            let body = json!({"GroupId": id(group), "MsgSeqList": [{"MsgSeq": seq}]});
            let code = match model.messages.get_mut(seq as usize - 1) {
                None => 10030,
                Some(sent) if sent.recalled => 10032,
                Some(sent) => {
                    sent.recalled = true;
                    0
                }
            };
            assert_eq!(sandbox.ok("group_msg_recall", body).await["RecallRetList"][0]["RetCode"], code);
        }
        Step::Check(group) => check(sandbox, groups.get(&group), group).await,
    }
}

async fn check(sandbox: &Sandbox, model: Option<&Model>, group: usize) {
    let id = format!("g{group}");
    let info = sandbox.info(&id).await;
    let Some(model) = model else {
        assert_eq!(info["ErrorCode"], 10010);
        return;
    };
    assert_eq!(info["MemberNum"], model.members.len());
    assert_eq!(info["NextMsgSeq"], model.messages.len() + 1);
    let names: BTreeSet<&str> =
        info["MemberList"].as_array().unwrap().iter().filter_map(|member| member["Member_Account"].as_str()).collect();
    let expected: BTreeSet<String> = model.members.iter().map(|user| format!("u{user}")).collect();
    assert_eq!(names, expected.iter().map(String::as_str).collect());

    let mut seq = model.messages.len();
    while seq > 0 {
        let body = json!({"GroupId": id, "ReqMsgNumber": 20, "ReqMsgSeq": seq, "WithRecalledMsg": 1});
        let page = sandbox.ok("group_msg_get_simple", body).await;
        for entry in page["RspMsgList"].as_array().unwrap() {
            let Sent { user, random, recalled } = model.messages[seq - 1];
            let place: Value = if recalled { json!(2) } else { json!(0) };
            assert_eq!((&entry["MsgSeq"], &entry["IsPlaceMsg"]), (&json!(seq), &place));
            assert_eq!((&entry["From_Account"], &entry["MsgRandom"]), (&json!(format!("u{user}")), &json!(random)));
            let elements = if recalled { json!([]) } else { text(&format!("message {random}")) };
            assert_eq!(entry["MsgBody"], elements);
            seq -= 1;
        }
    }
}
