//! Imports: Tencent's cap of each call, and times, of which two messages of a group must not share a second.

use serde_json::{Value, json};

use crate::support::sandboxed::Sandboxed;

/// A group that was created in 2019.
async fn old_group() -> Sandboxed {
    let s = Sandboxed::start().await;
    let old =
        json!({"type": "GROUP_TYPE_PUBLIC", "group_id": "old", "name": "n", "create_time": "2019-01-01T00:00:00Z"});
    s.ok("ImportService/ImportGroup", old).await;
    s
}

fn message(time: &str) -> Value {
    json!({"sender_user_id": "bob", "send_time": time, "elements": [{"text": {"text": "x"}}]})
}

fn messages(times: &[&str]) -> Value {
    json!({"group_id": "old", "messages": times.iter().map(|time| message(time)).collect::<Vec<_>>()})
}

async fn import(s: &Sandboxed, rpc: &str, request: Value) -> Vec<Value> {
    s.ok(&format!("ImportService/{rpc}"), request).await["results"].as_array().unwrap().clone()
}

fn times(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["send_time"].as_str().unwrap_or("none")).collect()
}

#[tokio::test]
async fn members_are_imported_twenty_at_a_time() {
    let s = old_group().await;
    let members: Vec<_> = (0..21).map(|number| json!({"user_id": format!("u{number:02}")})).collect();
    let results = import(&s, "BatchImportMembers", json!({"group_id": "old", "members": members})).await;
    assert!(results.iter().all(|result| result["status"]["state"] == "BATCH_STATE_DONE"), "{results:?}");
    assert_eq!((results.len(), s.count("import_group_member").await), (21, 2));

    let status =
        s.call("ImportService/ImportMembers", json!({"group_id": "old", "members": members})).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
    assert_eq!(s.count("import_group_member").await, 2);
}

/// What the last message of each list is refused for.
#[tokio::test]
async fn a_message_that_is_refused_for_its_time_says_which_rule_it_breaks() {
    let lists: [(&[&str], &str); 5] = [
        (&["2024-01-01T00:00:01Z", "2024-01-01T00:00:01Z"], "messages[0], which was imported with the same second"),
        (&["2024-01-01T00:01:01.1Z", "2024-01-01T00:01:01.9Z"], "messages[0], which was imported with the same second"),
        (&["2024-01-01T00:02:09Z", "2024-01-01T00:02:08Z"], "messages[0], which was imported before it"),
        (&["2124-01-01T00:00:00Z"], "in the future"),
        (&["2018-01-01T00:00:00Z"], "the creation of the group or topic"),
    ];
    let s = old_group().await;
    for (list, words) in lists {
        let results = import(&s, "BatchImportMessages", messages(list)).await;
        let status = &results.last().unwrap()["status"];
        assert_eq!(status["state"], "BATCH_STATE_FAILED", "{list:?}: {results:?}");
        assert_eq!(
            (&status["reason"], &status["error_code"]),
            (&json!("ERROR_REASON_INVALID_ARGUMENT"), &json!(10004))
        );
        assert!(status["error_message"].as_str().unwrap().contains(words), "{list:?}: {status}");
    }
    for (list, words) in lists {
        // The groups's newest message is a later one by now.
        let words = if words.contains("messages[0]") { "newest message" } else { words };
        let results = import(&s, "ImportMessages", messages(list)).await;
        let last = results.last().unwrap();
        assert_eq!(last["error_code"], 10004, "{list:?}: {last}");
        assert!(last["error_message"].as_str().unwrap().contains(words), "{list:?}: {last}");
    }
}

#[tokio::test]
async fn equal_seconds_move_on_if_the_request_says_so() {
    let s = old_group().await;
    // More than Tencent takes in one call.
    let mut list = vec!["2024-01-01T00:00:01.5Z"; 8];
    list.push("2024-01-01T00:00:30Z");
    let mut request = messages(&list);
    request["move_equal_times"] = json!(true);
    let results = import(&s, "BatchImportMessages", request).await;
    assert!(results.iter().all(|result| result["status"]["state"] == "BATCH_STATE_DONE"), "{results:?}");
    let mut expected: Vec<_> = (1..=8).map(|second| format!("2024-01-01T00:00:0{second}Z")).collect();
    expected.push("2024-01-01T00:00:30Z".to_owned());
    assert_eq!(times(&results), expected);
    let history = s.ok("MessageService/ListMessages", json!({"group_id": "old"})).await;
    let stored: Vec<_> = history["messages"].as_array().unwrap().iter().rev().map(|m| m["send_time"].clone()).collect();
    assert_eq!(stored, expected);

    let mut request = messages(&["2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z"]);
    request["move_equal_times"] = json!(true);
    let results = import(&s, "ImportMessages", request).await;
    assert_eq!(times(&results), ["2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z", "2025-01-01T00:00:02Z"]);
    assert!(results.iter().all(|result| result["seq"] != "0" && result.get("error_message").is_none()), "{results:?}");
}

/// Without the option no time is moved, and the times that were sent are returned as well.
#[tokio::test]
async fn times_are_the_callers_by_default() {
    let s = old_group().await;
    let results =
        import(&s, "BatchImportMessages", messages(&["2024-01-01T00:00:01.5Z", "2024-01-01T00:00:01Z"])).await;
    assert_eq!(times(&results), ["2024-01-01T00:00:01Z", "2024-01-01T00:00:01Z"]);
    assert_eq!(results[1]["status"]["state"], "BATCH_STATE_FAILED");
}

#[tokio::test]
async fn what_was_not_attempted_has_no_time() {
    let s = old_group().await;
    s.fault(json!({"command": "import_group_msg", "action": {"type": "error", "code": 10004}, "times": 1})).await;
    let results = import(&s, "BatchImportMessages", messages(&["2024-01-01T00:00:01Z"; 8])).await;
    assert_eq!(times(&results)[6..], ["2024-01-01T00:00:01Z", "none"]);
    // The whole call was refused: that says nothing of a message's time.
    let words = results[0]["status"]["error_message"].as_str().unwrap();
    assert!(!words.contains("send_time"), "{words}");
}
