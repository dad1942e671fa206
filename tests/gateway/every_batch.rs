//! Every batch of the contract: split at its cap, one result per item in the caller's order, a part that fails marks its
//! own items.

use contract::command::methods::METHODS;
use serde_json::{Value, json};

use crate::support::sandboxed::Sandboxed;

const ITEMS: usize = 10;
/// Items in one call.
const CAP: usize = 3;

struct Batch {
    rpc: &'static str,
    command: &'static str,
    /// Names an item in its result; imported messages have no name.
    key: Option<&'static str>,
    request: Value,
    /// What the items after a failed one come to.
    others: &'static str,
}

fn names(prefix: &str) -> Vec<String> {
    (0..ITEMS).map(|number| format!("{prefix}{number}")).collect()
}

fn of_users(rpc: &'static str, command: &'static str, mut request: Value) -> Batch {
    request["group_id"] = json!("g");
    request["user_ids"] = json!(names("u"));
    Batch { rpc, command, key: Some("user_id"), request, others: "BATCH_STATE_DONE" }
}

/// All batches, in an order in which each finds what it needs.
fn batches(seqs: &[u64]) -> Vec<Batch> {
    let message = |number: usize| {
        json!({
            "sender_user_id": "u1",
            "send_time": format!("2020-01-01T00:00:{number:02}Z"),
            "elements": [{"text": {"text": number.to_string()}}],
        })
    };
    vec![
        of_users("MemberService/BatchAddMembers", "add_group_member", json!({"silent": true})),
        of_users("MemberService/BatchGetRoles", "get_role_in_group", json!({})),
        of_users("MemberService/BatchGetMembers", "get_specified_group_member_info", json!({})),
        of_users("MemberService/BatchMuteMembers", "forbid_send_msg", json!({"duration": "60s"})),
        of_users("MemberService/BatchRemoveMembers", "delete_group_member", json!({"silent": true})),
        of_users("BanService/BatchBanMembers", "ban_group_member", json!({"duration": "60s"})),
        of_users("BanService/BatchUnbanMembers", "unban_group_member", json!({})),
        Batch {
            rpc: "GroupService/BatchGetGroups",
            command: "get_group_info",
            key: Some("group_id"),
            request: json!({"group_ids": names("group")}),
            others: "BATCH_STATE_DONE",
        },
        Batch {
            rpc: "MessageService/BatchRecallMessages",
            command: "group_msg_recall",
            key: Some("seq"),
            request: json!({"group_id": "g", "seqs": seqs}),
            others: "BATCH_STATE_DONE",
        },
        Batch {
            rpc: "ImportService/BatchImportMembers",
            command: "import_group_member",
            key: Some("user_id"),
            request: json!({"group_id": "old", "members": names("u").iter().map(|id| json!({"user_id": id})).collect::<Value>()}),
            others: "BATCH_STATE_DONE",
        },
        Batch {
            rpc: "ImportService/BatchImportMessages",
            command: "import_group_msg",
            key: None,
            request: json!({"group_id": "old", "messages": (0..ITEMS).map(message).collect::<Value>()}),
            // Later messages would overtake the failed one.
            others: "BATCH_STATE_NOT_ATTEMPTED",
        },
    ]
}

/// The list that a batch's request is about.
fn items(request: &Value) -> &Vec<Value> {
    request.as_object().unwrap().values().find_map(Value::as_array).unwrap()
}

#[tokio::test]
async fn each_has_one_result_per_item_in_order_and_a_failed_part_marks_its_own() {
    let caps = contract::batches::Batch::ALL.map(|batch| format!("{}={CAP}", batch.method())).join(",");
    let s = Sandboxed::start_with(&[("batch.caps", &caps), ("batch.concurrency", "1")]).await;
    s.group("g").await;
    let mut seqs = Vec::new();
    for name in names("group") {
        s.group(&name).await;
        seqs.push(s.send("g", &name).await);
    }
    let old =
        json!({"type": "GROUP_TYPE_PUBLIC", "group_id": "old", "name": "Old", "create_time": "2019-01-01T00:00:00Z"});
    s.ok("ImportService/ImportGroup", old).await;

    let batches = batches(&seqs);
    let written: Vec<&str> =
        METHODS.iter().map(|method| method.path.trim_start_matches("tencentim.group.v1.")).collect();
    let written: Vec<&str> = written.into_iter().filter(|path| path.contains("/Batch")).collect();
    assert!(written.iter().all(|path| batches.iter().any(|batch| batch.rpc == *path)), "one is missing of {written:?}");
    assert_eq!(written.len(), batches.len());

    for Batch { rpc, command, key, request, others } in batches {
        let before = s.count(command).await;
        let refusal = json!({"type": "error", "code": 10007});
        s.fault(json!({"command": command, "times": 1, "action": refusal})).await;
        let reply = s.ok(rpc, request.clone()).await;
        let results = reply["results"].as_array().unwrap();
        assert_eq!(results.len(), ITEMS, "{rpc}");
        for (number, (result, item)) in results.iter().zip(items(&request)).enumerate() {
            let expected = if number < CAP { "BATCH_STATE_FAILED" } else { others };
            assert_eq!(result["status"]["state"], *expected, "{rpc}, item {number}: {result}");
            if expected != "BATCH_STATE_DONE" {
                assert_eq!(result["status"]["reason"], "ERROR_REASON_NOT_ALLOWED", "{rpc}, item {number}: {result}");
            }
            if let Some(key) = key {
                let name = result[key].as_str().unwrap();
                let wanted = item.get(key).unwrap_or(item);
                assert!(
                    wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned) == name,
                    "{rpc}: {name} stands in the place of {wanted}"
                );
            }
        }
        let calls = if others == "BATCH_STATE_DONE" { ITEMS.div_ceil(CAP) } else { 1 };
        assert_eq!(s.count(command).await - before, calls as u64, "{rpc}");

        // Once more without a fault: every item is there. Users can be added, muted, removed or banned twice.
        let reply = s.ok(rpc, request).await;
        let results = reply["results"].as_array().unwrap();
        let undone: Vec<_> = results.iter().filter(|result| result["status"]["state"] != "BATCH_STATE_DONE").collect();
        assert!(undone.iter().all(|result| may_be_undone(rpc, result)), "{rpc}: {undone:?}");
    }
}

/// A message that is recalled cannot be recalled again.
fn may_be_undone(rpc: &str, result: &Value) -> bool {
    rpc == "MessageService/BatchRecallMessages" && result["status"]["reason"] == "ERROR_REASON_MESSAGE_NOT_RECALLABLE"
}
