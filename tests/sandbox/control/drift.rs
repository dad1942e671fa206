//! Replies that are not as documented: rules that change them, with which a client is tried against what the service may become.

use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{NOW, Sandbox};

async fn with_group() -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.group("g", "Public").await;
    sandbox.send("g", "bob", 7).await;
    sandbox
}

async fn rule(sandbox: &Sandbox, command: &str, action: Value) {
    sandbox.control("faults", json!({"command": command, "action": action})).await;
}

fn change(path: &str, value: Value) -> Value {
    json!({"type": "change", "path": path, "value": value})
}

fn remove(path: &str) -> Value {
    json!({"type": "remove", "path": path})
}

async fn members(sandbox: &Sandbox) -> Value {
    sandbox.ok("get_group_member_info", json!({"GroupId": "g"})).await
}

#[tokio::test]
async fn a_rule_changes_a_value_of_every_item_of_a_list_or_of_one() {
    let sandbox = with_group().await;
    let add = json!({"GroupId": "g", "MemberList": [{"Member_Account": "dave"}, {"Member_Account": "zoe"}]});
    rule(&sandbox, "add_group_member", change("MemberList[].Result", json!(9))).await;
    let reply = sandbox.ok("add_group_member", add.clone()).await;
    let results = |reply: &Value| -> Vec<Value> {
        reply["MemberList"].as_array().unwrap().iter().map(|member| member["Result"].clone()).collect()
    };
    assert_eq!(results(&reply), [9, 9]);
    rule(&sandbox, "add_group_member", change("MemberList[1].Result", json!("odd"))).await;
    assert_eq!(
        results(&sandbox.ok("add_group_member", add).await),
        [json!(9), json!("odd")],
        "rules add up in their order"
    );
    assert_eq!(sandbox.member("g", "dave").await["Role"], "Member", "it was executed");
    let entries = sandbox.look("journal?command=add_group_member&fault=change").await;
    assert!(entries["entries"][0]["reply"].as_str().unwrap().contains("\"Result\":9"), "the journal has what was sent");
}

#[tokio::test]
async fn a_rule_adds_a_key_and_another_takes_one_away() {
    let sandbox = with_group().await;
    rule(&sandbox, "*", change("NewKey", json!({"a": [1]}))).await;
    rule(&sandbox, "*", json!({"type": "add", "path": "MemberList[].MutedUntil", "value": 1_999_999_999})).await;
    rule(&sandbox, "*", remove("MemberList[].Role")).await;
    rule(&sandbox, "*", remove("MemberList[0]")).await;
    rule(&sandbox, "*", remove("MemberNum")).await;
    let reply = members(&sandbox).await;
    assert_eq!((&reply["NewKey"], reply.get("MemberNum")), (&json!({"a": [1]}), None));
    let list = reply["MemberList"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!((&list[0]["MutedUntil"], list[0].get("Role")), (&json!(1_999_999_999), None));
    // A path that leads nowhere changes nothing.
    sandbox.http.delete(sandbox.control_url("faults")).send().await.unwrap();
    rule(&sandbox, "*", change("Nothing.Here[].Is", json!(1))).await;
    assert_eq!(members(&sandbox).await.get("Nothing"), None);
}

#[tokio::test]
async fn a_rule_that_could_never_go_off_is_refused() {
    let sandbox = Sandbox::start().await;
    let wrong = [
        change("", json!(1)),
        change("MemberList[", json!(1)),
        change("MemberList[x]", json!(1)),
        change("[].Result", json!(1)),
        remove("A..B"),
        json!({"type": "reply", "status": 99, "body": {}}),
        json!({"type": "reply", "headers": {"two words": "x"}, "body": {}}),
    ];
    for action in wrong {
        let body = json!({"command": "*", "action": action});
        let response = sandbox.http.post(sandbox.control_url("faults")).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
    }
}

/// The replies that clients of this service have stumbled over, each as a rule of the sandbox makes it.
#[tokio::test]
async fn replies_that_clients_stumbled_over_can_be_had_from_the_sandbox() {
    let history = ("group_msg_get_simple", json!({"GroupId": "g", "ReqMsgNumber": 5}));
    let members = ("get_group_member_info", json!({"GroupId": "g"}));
    let recall = ("group_msg_recall", json!({"GroupId": "g", "MsgSeqList": [{"MsgSeq": 1}]}));
    let groups = ("get_group_info", json!({"GroupIdList": ["g", "g"]}));
    let tip = json!({"MsgType": 1, "OpType": 1, "MemberList": [{"Member_Account": "bob"}]});
    let relay = json!([{"MsgType": "TIMRelayElem", "MsgContent": {"Title": "t", "JsonMsgKey": "relay-1"}}]);
    let replays = [
        (&history, change("RspMsgList[0].MsgBody", tip.clone()), "/RspMsgList/0/MsgBody", tip),
        (&history, change("RspMsgList[0].MsgBody", json!("bob joined")), "/RspMsgList/0/MsgBody", json!("bob joined")),
        (&history, change("RspMsgList[0].MsgBody", relay.clone()), "/RspMsgList/0/MsgBody", relay),
        (
            &history,
            change("RspMsgList[0].MsgBody[0]", json!({"OpType": 1})),
            "/RspMsgList/0/MsgBody/0/OpType",
            json!(1),
        ),
        (
            &history,
            change("RspMsgList[].MsgTimeStamp", json!(NOW * 1_000 + 797)),
            "/RspMsgList/0/MsgTimeStamp",
            json!(NOW * 1_000 + 797),
        ),
        (
            &members,
            change("MemberList[].MutedUntil", json!(1_999_999_999)),
            "/MemberList/2/MutedUntil",
            json!(1_999_999_999),
        ),
        (&members, change("MemberNum", json!(1)), "/MemberNum", json!(1)),
        (&recall, remove("RecallRetList"), "/RecallRetList", Value::Null),
        (
            &groups,
            change("GroupInfo[1].AppDefinedData", json!([{"Key": "k", "Value": {"a": 1}}])),
            "/GroupInfo/1/AppDefinedData/0/Value/a",
            json!(1),
        ),
        (&groups, change("ActionStatus", json!("FAIL")), "/ActionStatus", json!("FAIL")),
    ];
    for ((command, body), action, pointer, expected) in replays {
        let sandbox = with_group().await;
        rule(&sandbox, command, action.clone()).await;
        let reply = sandbox.post(&sandbox.url("group_open_http_svc", command), body.to_string()).await;
        assert_eq!(reply.pointer(pointer).cloned().unwrap_or_default(), expected, "{action}: {reply}");
        assert_eq!(reply["ErrorCode"], 0);
    }
}

/// Whole replies: other codes and texts, other statuses, text that is not clean, a compressed body.
#[tokio::test]
async fn a_rule_answers_with_exactly_what_it_holds() {
    let sandbox = with_group().await;
    let url = sandbox.url("group_open_http_svc", "get_group_member_info");
    let ask = async |action: Value| {
        sandbox.http.delete(sandbox.control_url("faults")).send().await.unwrap();
        rule(&sandbox, "*", action).await;
        sandbox.http.post(&url).body(r#"{"GroupId":"g"}"#).send().await.unwrap()
    };
    let quota = json!({"ActionStatus": "FAIL", "ErrorCode": 60030, "ErrorInfo": "call blocked by quota of the api"});
    let response = ask(json!({"type": "reply", "body": quota})).await;
    assert_eq!(response.json::<Value>().await.unwrap(), quota);

    let slow = json!({"type": "reply", "status": 429, "headers": {"Retry-After": "2"}, "body": "slow down"});
    let response = ask(slow).await;
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"2".parse().unwrap())
    );
    assert_eq!(response.text().await.unwrap(), "slow down");

    let half = r#"{"ErrorCode":0,"MemberList":[{"Member_Account":"a","NameCard":"cut \ud83d"}]}"#;
    let response = ask(json!({"type": "reply", "body": half})).await;
    assert_eq!(response.text().await.unwrap(), half, "half an emoji is no JSON that could be written again");

    let packed = json!({"type": "reply", "headers": {"content-encoding": "gzip"}, "body": {"ErrorCode": 0}});
    let bytes = ask(packed).await.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    assert_eq!(text, r#"{"ErrorCode":0}"#);
}
