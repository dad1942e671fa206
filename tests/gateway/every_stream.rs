//! Every stream of the contract: complete and without repetition, through failing pages, and continued from each token.

use std::collections::BTreeSet;

use contract::command::methods::METHODS;
use serde_json::{Value, json};

use crate::support::sandboxed::Sandboxed;

struct Stream {
    rpc: &'static str,
    request: Value,
    /// The list in each message.
    list: &'static str,
    /// What names an item.
    key: fn(&Value) -> String,
    expected: BTreeSet<String>,
}

fn named(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:03}")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

const CLUB: &str = "@TGS#_club";
const EDITORS: &str = "@PMG#_000";

/// More of everything than three pages take.
async fn fill(s: &Sandboxed) {
    s.group("g").await;
    for number in 0..65 {
        s.send("g", &number.to_string()).await;
    }
    s.members_of("g", named("member", 310)).await;
    let request = json!({"group_id": "g", "user_ids": named("banned", 210), "duration": "3600s"});
    s.ok("BanService/BatchBanMembers", request).await;
    for name in named("group", 260) {
        s.group(&name).await;
    }
    let club = json!({
        "type": "GROUP_TYPE_COMMUNITY", "group_id": CLUB, "name": "Club", "owner_user_id": "alice",
        "support_topic": true, "enable_permission": true,
    });
    s.ok("GroupService/CreateGroup", club).await;
    for id in named("@PMG#_", 45) {
        let request = json!({"group_id": CLUB, "permission_group_id": id, "name": "n"});
        s.ok("PermissionGroupService/CreatePermissionGroup", request).await;
    }
    s.members_of(CLUB, named("editor", 110)).await;
    for editors in named("editor", 110).chunks(10) {
        let request = json!({"group_id": CLUB, "permission_group_id": EDITORS, "user_ids": editors});
        s.ok("PermissionGroupService/AddPermissionGroupMembers", request).await;
    }
}

fn streams() -> Vec<Stream> {
    let set = |names: Vec<String>, more: &[&str]| names.into_iter().chain(more.iter().map(|&n| n.to_owned())).collect();
    vec![
        Stream {
            rpc: "GroupService/StreamGroups",
            request: json!({}),
            list: "results",
            key: |result| text(&result["group"]["group_id"]),
            expected: set(named("group", 260), &["g", CLUB]),
        },
        Stream {
            rpc: "GroupService/StreamJoinedGroups",
            request: json!({"user_id": "alice"}),
            list: "groups",
            key: |joined| text(&joined["group"]["group_id"]),
            expected: set(named("group", 260), &["g", CLUB]),
        },
        Stream {
            rpc: "MemberService/StreamMembers",
            request: json!({"group_id": "g"}),
            list: "members",
            key: |member| text(&member["user_id"]),
            expected: set(named("member", 310), &["alice"]),
        },
        Stream {
            rpc: "MessageService/StreamMessages",
            request: json!({"group_id": "g"}),
            list: "messages",
            key: |message| text(&message["elements"][0]["text"]["text"]),
            expected: (0..65).map(|number| number.to_string()).collect(),
        },
        Stream {
            rpc: "BanService/StreamBannedMembers",
            request: json!({"group_id": "g"}),
            list: "banned_members",
            key: |member| text(&member["user_id"]),
            expected: set(named("banned", 210), &[]),
        },
        Stream {
            rpc: "PermissionGroupService/StreamPermissionGroups",
            request: json!({"group_id": CLUB}),
            list: "permission_groups",
            key: |group| text(&group["permission_group_id"]),
            expected: set(named("@PMG#_", 45), &[]),
        },
        Stream {
            rpc: "PermissionGroupService/StreamPermissionGroupMembers",
            request: json!({"group_id": CLUB, "permission_group_id": EDITORS}),
            list: "members",
            key: |member| text(&member["user_id"]),
            expected: set(named("editor", 110), &[]),
        },
    ]
}

impl Stream {
    /// What some messages hold, each item once.
    fn check(&self, how: &str, messages: &[Value]) {
        let items: Vec<String> =
            messages.iter().filter_map(|message| message[self.list].as_array()).flatten().map(self.key).collect();
        let once: BTreeSet<String> = items.iter().cloned().collect();
        assert_eq!(items.len(), once.len(), "{}, {how}: something came twice", self.rpc);
        assert!(once == self.expected, "{}, {how}: {} of {} items", self.rpc, once.len(), self.expected.len());
        assert!(messages.len() >= 2, "{}, {how}: only one page", self.rpc);
    }
}

#[tokio::test]
async fn each_is_complete_through_faults_and_breaks() {
    let s = Sandboxed::start().await;
    fill(&s).await;
    let streams = streams();
    let written: Vec<&str> =
        METHODS.iter().map(|method| method.path.trim_start_matches("tencentim.group.v1.")).collect();
    let written: Vec<&str> = written.into_iter().filter(|path| path.contains("/Stream")).collect();
    assert!(
        written.iter().all(|path| streams.iter().any(|stream| stream.rpc == *path)),
        "one is missing of {written:?}"
    );
    assert_eq!(written.len(), streams.len());

    let refusal = json!({"type": "error", "code": 10002});
    s.fault(json!({"command": "*", "probability": 0.2, "seed": 11, "action": refusal})).await;
    for stream in &streams {
        let mut open = s.stream(stream.rpc, stream.request.clone()).await.unwrap();
        let mut messages = Vec::new();
        while let Some(message) = open.next().await.unwrap() {
            messages.push(message);
        }
        assert!(messages.last().unwrap()["next_page_token"].is_null(), "{}: the end has a token", stream.rpc);
        stream.check("whole", &messages);

        // Each stream is broken after its first message and continued from there.
        let (mut messages, mut request) = (Vec::new(), stream.request.clone());
        loop {
            let message = s.stream(stream.rpc, request.clone()).await.unwrap().next().await.unwrap().unwrap();
            let token = message["next_page_token"].clone();
            messages.push(message);
            if token.is_null() {
                break;
            }
            request["page_token"] = token;
        }
        stream.check("broken", &messages);
    }
}
