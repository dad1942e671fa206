//! Replies of Tencent, or of something on the way, that are neither a plain success nor a plain refusal.

use std::time::Duration;

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::callers::reason;
use crate::support::sandboxed::Sandboxed;

impl Sandboxed {
    /// What a call comes to when its command is answered like this, however often it is asked.
    async fn answered(&self, rpc: &str, command: &str, request: Value, answer: Value) -> Result<Value, Status> {
        let mut action = json!({"type": "reply"});
        action.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        self.heal().await;
        self.fault(json!({"command": command, "action": action})).await;
        self.call(rpc, request).await
    }

    async fn roles(&self, answer: Value) -> Result<Value, Status> {
        let request = json!({"group_id": "g", "user_ids": ["a"]});
        self.answered("MemberService/GetRoles", "get_role_in_group", request, answer).await
    }
}

fn metadata(status: &Status, key: &str) -> Option<String> {
    status.get_details_error_info().unwrap().metadata.get(key).cloned()
}

fn assert_unknown(status: &Status, command: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"), "{status:?}");
    assert_eq!(metadata(status, "outcome").as_deref(), Some("unknown"));
    assert_eq!(metadata(status, "command").as_deref(), Some(command));
}

#[tokio::test]
async fn an_outcome_that_does_not_say_success_is_not_done() {
    let s = Sandboxed::start().await;
    let members = ["a", "b", "c", "d"].map(|id| json!({"user_id": id}));
    for (rpc, command, request) in [
        (
            "MemberService/BatchAddMembers",
            "add_group_member",
            json!({"group_id": "g", "user_ids": ["a", "b", "c", "d"]}),
        ),
        ("ImportService/BatchImportMembers", "import_group_member", json!({"group_id": "g", "members": members})),
    ] {
        let list = json!([{"Member_Account": "a", "Result": 1}, {"Member_Account": "b", "Result": 9}, {"Member_Account": "c"}]);
        let body = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "", "MemberList": list});
        let reply = s.answered(rpc, command, request, json!({"body": body})).await.unwrap();
        let states: Vec<_> = reply["results"].as_array().unwrap().iter().map(|item| &item["status"]["state"]).collect();
        let unknown = "BATCH_STATE_UNKNOWN";
        assert_eq!(states, ["BATCH_STATE_DONE", unknown, unknown, unknown], "{rpc}: {reply}");
        assert_eq!(reply["results"][1]["status"]["reason"], "ERROR_REASON_OUTCOME_UNKNOWN", "{rpc}");
    }
}

#[tokio::test]
async fn a_recall_without_its_result_is_of_unknown_outcome() {
    let s = Sandboxed::start().await;
    let ok = |more: Value| {
        let mut body = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"body": body})
    };
    for more in [json!({}), json!({"RecallRetList": []}), json!({"RecallRetList": [{"MsgSeq": 3, "RetCode": 0}]})] {
        let one = json!({"group_id": "g", "seq": 2});
        let answered = s.answered("MessageService/RecallMessage", "group_msg_recall", one, ok(more.clone())).await;
        assert_unknown(&answered.unwrap_err(), "group_msg_recall");
        let all = json!({"group_id": "g", "seqs": [2]});
        let answered = s.answered("MessageService/BatchRecallMessages", "group_msg_recall", all, ok(more)).await;
        assert_eq!(answered.unwrap()["results"][0]["status"]["state"], "BATCH_STATE_UNKNOWN");
    }
}

#[tokio::test]
async fn recalls_without_any_result_are_of_unknown_outcome() {
    let s = Sandboxed::start().await;
    let all = json!({"group_id": "g", "seqs": [2, 3]});
    let body = json!({"body": {"ActionStatus": "OK", "ErrorCode": 0}});
    let answered = s.answered("MessageService/RecallMessages", "group_msg_recall", all, body).await;
    assert_unknown(&answered.unwrap_err(), "group_msg_recall");
}

#[tokio::test]
async fn a_message_that_is_dropped_for_an_unknown_reason_is_not_sent_for_certain() {
    let s = Sandboxed::start().await;
    let message = json!({"group_id": "g", "sender_user_id": "bob", "elements": [{"text": {"text": "x"}}]});
    for (dropped, known) in [("MsgFreqCtrl", true), ("", true), ("MsgContentCtrl", false)] {
        let body = json!({"ActionStatus": "OK", "ErrorCode": 0, "MsgSeq": 1, "MsgDropReason": dropped});
        let answer = json!({"body": body});
        let answered = s.answered("MessageService/SendMessage", "send_group_msg", message.clone(), answer).await;
        match answered {
            Ok(_) => assert!(known, "{dropped}"),
            Err(status) => {
                assert!(!known, "{dropped}: {status:?}");
                assert_unknown(&status, "send_group_msg");
            }
        }
    }
}

#[tokio::test]
async fn a_reply_that_contradicts_itself_is_no_success() {
    let s = Sandboxed::start().await;
    for body in [
        json!({"ActionStatus": "FAIL", "ErrorCode": 0, "ErrorInfo": ""}).to_string(),
        r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorCode":10002}"#.to_owned(),
    ] {
        let status = s.roles(json!({"body": body})).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "UPSTREAM_MALFORMED_REPLY"), "{body}");
        let group = json!({"type": "GROUP_TYPE_PUBLIC", "name": "n"});
        let answered = s.answered("GroupService/CreateGroup", "create_group", group, json!({"body": body})).await;
        assert_unknown(&answered.unwrap_err(), "create_group");
    }
    // The code alone decides where the text is none.
    let status = s.roles(json!({"body": {"ErrorCode": 10007, "ErrorInfo": {"a": 1}}})).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_ALLOWED");
}

#[tokio::test]
async fn quota_is_known_by_its_text() {
    let s = Sandboxed::start().await;
    let refusal = || {
        let info = "call blocked by quota of the api";
        json!({"body": {"ActionStatus": "FAIL", "ErrorCode": 60030, "ErrorInfo": info}})
    };
    let status = s.roles(refusal()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert_eq!(metadata(&status, "outcome").as_deref(), Some("not_executed"));
    assert!(status.get_details_retry_info().is_some());
    let group = json!({"type": "GROUP_TYPE_PUBLIC", "name": "n"});
    let before = s.count("create_group").await;
    let answered = s.answered("GroupService/CreateGroup", "create_group", group, refusal()).await;
    assert_unknown(&answered.unwrap_err(), "create_group");
    assert_eq!(s.count("create_group").await, before + 1, "it is not repeated");
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_pause_is_not_the_operators_fault() {
    let s = Sandboxed::start_with(&[("deadline.default", "5s")]).await;
    for (status, code) in
        [(429, Code::ResourceExhausted), (408, Code::Unavailable), (425, Code::Unavailable), (503, Code::Unavailable)]
    {
        let answer =
            |seconds: &str| json!({"status": status, "headers": {"Retry-After": seconds}, "body": "slow down"});
        let before = s.count("get_role_in_group").await;
        let error = s.roles(answer("600")).await.unwrap_err();
        assert_eq!(error.code(), code, "{status}: {error:?}");
        let pause = error.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(pause, Some(Duration::from_secs(600)), "{status}");
        assert_eq!(s.count("get_role_in_group").await, before + 1, "{status}: it cannot be waited for");
        s.roles(answer("1")).await.unwrap_err();
        assert!(s.count("get_role_in_group").await > before + 2, "{status}: a read is tried again");
        let group = json!({"type": "GROUP_TYPE_PUBLIC", "name": "n"});
        let answered = s.answered("GroupService/CreateGroup", "create_group", group, answer("1")).await;
        assert_unknown(&answered.unwrap_err(), "create_group");
    }
}

#[tokio::test]
async fn tencents_text_reaches_the_details_as_it_is() {
    let s = Sandboxed::start().await;
    let info = "50% 群组\nnext\tline";
    let body = json!({"ActionStatus": "FAIL", "ErrorCode": 10007, "ErrorInfo": info});
    let request = json!({"group_id": "g"});
    let answered = s.answered("GroupService/DestroyGroup", "destroy_group", request, json!({"body": body})).await;
    let status = answered.unwrap_err();
    assert_eq!(metadata(&status, "upstream_message").as_deref(), Some(info));
    assert!(status.message().contains("50% 群组 next line"), "{}", status.message());
}
