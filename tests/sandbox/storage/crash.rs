//! A crash at any moment leaves the whole state: whatever commands came before, those that failed included.

use std::path::Path;

use sandbox::Settings;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox, message, unpaced};
use crate::examples::{self, Example};

const STEPS: u64 = 1_200;
const CRASHES: u64 = 4;

/// Numbers that look drawn and repeat in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len() as u64) as usize]
    }
}

const GROUPS: &[(&str, &str)] = &[
    ("g-private", "Private"),
    ("g-public", "Public"),
    ("g-meeting", "ChatRoom"),
    ("g-live", "AVChatRoom"),
    ("@TGS#_club", "Community"),
];
const USERS: &[&str] = &["alice", "bob", "carol", "dave", "u1", "u2"];

async fn create_all(sandbox: &Sandbox) {
    for (id, kind) in GROUPS {
        let mut body = json!({"Type": kind, "GroupId": id, "Name": "n", "Owner_Account": "alice"});
        if *kind == "Community" {
            body["SupportTopic"] = json!(1);
            body["EnablePermission"] = json!(1);
        }
        sandbox.call("create_group", body).await;
    }
}

async fn step(sandbox: &Sandbox, draw: &mut Draw, examples: &[Example], number: u64) {
    let (group, kind) = draw.of(GROUPS);
    let user = draw.of(USERS);
    match draw.below(12) {
        0 => {
            // Without an id the server makes one, also where it then refuses.
            let mut body = json!({"Type": kind, "Name": "n"});
            if draw.below(2) == 0 {
                body["MemberList"] = json!([{"Member_Account": user, "Role": "Admin"}]);
            }
            sandbox.call("create_group", body).await;
        }
        1 => {
            let mut body = message(group, user, number as u32);
            body["NeedReadReceipt"] = json!(draw.below(2));
            body["SupportMessageExtension"] = json!(1);
            sandbox.call("send_group_msg", body).await;
        }
        2 => {
            let change = json!({"group": group, "join": [user], "leave": [draw.of(USERS)]});
            let url = sandbox.control_url("apps/1400000001/presence");
            sandbox.http.post(url).json(&change).send().await.unwrap();
        }
        3 => {
            let stranger = format!("stranger-{}", draw.below(40));
            sandbox.call("send_group_msg", message("g-nowhere", &stranger, 1)).await;
            sandbox.call("change_group_owner", json!({"GroupId": group, "NewOwner_Account": stranger})).await;
            sandbox.call("add_group_member", json!({"GroupId": group, "MemberList": [{"Member_Account": user}]})).await;
        }
        4 => {
            let key = format!("field_{}", draw.below(12));
            let body = json!({"GroupId": group, "MaxMemberNum": draw.below(2), "AppDefinedData": [{"Key": key, "Value": "v"}]});
            sandbox.call("modify_group_base_info", body).await;
        }
        _ => {
            let Example { service, command, request, .. } = draw.of(examples);
            let mut body = request.clone();
            if draw.below(3) > 0 && body.get("GroupId").is_some() && command != "create_group" {
                body["GroupId"] = json!(group);
            }
            if body.get("MsgSeq").is_some() {
                body["MsgSeq"] = json!(draw.below(6) + 1);
            }
            sandbox.call_at(service, command, body).await;
        }
    }
    if number.is_multiple_of(100) {
        sandbox.advance(1).await;
        create_all(sandbox).await;
    }
}

/// The snapshot without the moment at which it was taken.
async fn state(sandbox: &Sandbox) -> Value {
    let mut snapshot = sandbox.look("snapshot").await;
    snapshot["time"] = Value::Null;
    snapshot
}

fn settings(directory: &Path) -> Settings {
    Settings { data_dir: Some(directory.to_owned()), auto_import: true, ..unpaced() }
}

/// "crash-safe": the file is copied while the sandbox serves from it, as a crash would leave it.
#[tokio::test]
async fn a_crash_after_any_commands_leaves_everything_that_a_snapshot_holds() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let sandbox = Sandbox::start_with(settings(&live)).await;
    sandbox.freeze(NOW).await;
    create_all(&sandbox).await;
    let (examples, mut draw) = (examples::all(), Draw(0x9e37_79b9_7f4a_7c15));
    for crash in 0..CRASHES {
        for number in 1..=STEPS / CRASHES {
            step(&sandbox, &mut draw, &examples, crash * STEPS + number).await;
        }
        let crashed = folder.path().join(format!("crashed-{crash}"));
        std::fs::create_dir(&crashed).unwrap();
        std::fs::copy(live.join("sandbox.redb"), crashed.join("sandbox.redb")).unwrap();
        let restarted = Sandbox::start_with(settings(&crashed)).await;
        assert_same(&state(&restarted).await, &state(&sandbox).await, "");
    }
    let fine = sandbox.look("journal?code=0&limit=10000").await["entries"].as_array().unwrap().len() as u64;
    assert!((STEPS / 4..STEPS * 3).contains(&fine), "{fine} commands succeeded: too few or too many to prove anything");
}

/// Like `assert_eq`, but shows where the two differ.
fn assert_same(restarted: &Value, sandbox: &Value, path: &str) {
    match (restarted, sandbox) {
        (Value::Object(one), Value::Object(other)) => {
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{path}");
            for (key, value) in one {
                assert_same(value, &other[key], &format!("{path}.{key}"));
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{path}: {restarted} instead of {sandbox}");
            for (position, (one, other)) in one.iter().zip(other).enumerate() {
                assert_same(one, other, &format!("{path}[{position}]"));
            }
        }
        _ => assert_eq!(restarted, sandbox, "{path}"),
    }
}
