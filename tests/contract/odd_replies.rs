//! Replies as they were seen in the field, through the real server: one odd value costs no more than itself.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use serde_json::{Value, json};
use tonic::Status;
use tonic::transport::Channel;

use crate::support::{Gateway, dynamic, servers};

/// What every command answers, and what the last one was asked.
#[derive(Default)]
struct Said {
    reply: String,
    asked: String,
}

/// A gateway behind which every command answers alike.
struct Field {
    _gateway: Gateway,
    channel: Channel,
    said: Arc<Mutex<Said>>,
}

async fn answer(State(said): State<Arc<Mutex<Said>>>, asked: String) -> String {
    let mut said = said.lock().unwrap();
    said.asked = asked;
    said.reply.clone()
}

impl Field {
    async fn start() -> Self {
        let said = Arc::<Mutex<Said>>::default();
        let router = Router::new().route("/v4/{service}/{command}", axum::routing::post(answer));
        let gateway = Gateway::start(&servers::serve(router.with_state(said.clone())).await, &[]).await;
        let channel = gateway.channel().await;
        Self { _gateway: gateway, channel, said }
    }

    /// What a caller sees of such a reply.
    async fn call(&self, method: &str, request: Value, mut reply: Value) -> Result<Value, Status> {
        for (key, value) in [("ActionStatus", json!("OK")), ("ErrorCode", json!(0)), ("ErrorInfo", json!(""))] {
            reply.as_object_mut().unwrap().entry(key).or_insert(value);
        }
        self.said.lock().unwrap().reply = reply.to_string();
        let method = dynamic::method(&dynamic::pool(), &format!("tencentim.group.v1.{method}"));
        let request = dynamic::message(&method.input(), &request);
        let reply = dynamic::call(self.channel.clone(), &method, request).await?;
        Ok(serde_json::from_str(&dynamic::json(&reply)).unwrap())
    }

    /// A history with this item before an ordinary one.
    async fn history(&self, item: Value) -> Value {
        let text = json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}]);
        let mut items = [item, json!({"From_Account": "alice", "MsgSeq": 4, "MsgBody": text})];
        for (key, value) in [("MsgSeq", json!(5)), ("MsgTimeStamp", json!(1_700_000_000)), ("MsgBody", text)] {
            items[0].as_object_mut().unwrap().entry(key).or_insert(value);
        }
        let reply = json!({"GroupId": "g", "IsFinished": 1, "RspMsgList": items});
        let page = self.call("MessageService/ListMessages", json!({"group_id": "g"}), reply).await.unwrap();
        let messages = page["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2, "{page}");
        assert_eq!(messages[1]["elements"][0]["text"]["text"], "hi");
        messages[0].clone()
    }
}

#[tokio::test]
async fn a_body_that_is_no_list_arrives_as_it_stands() {
    let field = Field::start().await;
    let tip = json!({"MsgType": 1, "OpType": 1, "MemberList": [{"Member_Account": "bob"}]});
    for body in [tip, json!("bob joined"), json!(0), json!("")] {
        let message = field.history(json!({"From_Account": "@TIM#SYSTEM", "IsSystemMsg": 1, "MsgBody": body})).await;
        let unknown = &message["elements"][0]["unknown"];
        assert_eq!(
            (&unknown["content_json"], &unknown["whole"]),
            (&json!(body.to_string()), &json!(true)),
            "{message}"
        );
        assert_eq!((&message["system"], &message["sender_user_id"]), (&json!(true), &json!("@TIM#SYSTEM")));
    }
    for body in [json!(["x"]), json!([null]), json!([{"OpType": 1, "Operator_Account": "a"}])] {
        let message = field.history(json!({"MsgBody": body})).await;
        assert_eq!(message["elements"][0]["unknown"]["content_json"], body[0].to_string(), "{message}");
    }
    assert_eq!(field.history(json!({"MsgBody": null})).await["elements"], Value::Null);
}

#[tokio::test]
async fn what_stands_beside_type_and_content_is_not_lost() {
    let field = Field::start().await;
    let element = json!({"MsgType": "TIMNewElem", "MsgContent": {"A": 1}, "Beside": true});
    let unknown = field.history(json!({"MsgBody": [element]})).await["elements"][0]["unknown"].clone();
    assert_eq!((&unknown["type"], &unknown["whole"]), (&json!("TIMNewElem"), &json!(true)));
    assert_eq!(serde_json::from_str::<Value>(unknown["content_json"].as_str().unwrap()).unwrap(), element);

    let element = json!({"MsgType": "TIMNewElem", "MsgContent": {"A": 12345678901234567890_u64}});
    let unknown = field.history(json!({"MsgBody": [element]})).await["elements"][0]["unknown"].clone();
    assert_eq!((&unknown["content_json"], &unknown["whole"]), (&json!("{\"A\":12345678901234567890}"), &Value::Null));

    let element = json!({"MsgType": "TIMTextElem", "MsgContent": {"Text": "hello"}, "Beside": true});
    assert_eq!(field.history(json!({"MsgBody": [element]})).await["elements"], json!([{"text": {"text": "hello"}}]));
    let element = json!({"MsgType": "TIMTextElem", "MsgContent": {"Text": ["hello"]}});
    let unknown = field.history(json!({"MsgBody": [element]})).await["elements"][0]["unknown"].clone();
    assert_eq!((&unknown["type"], &unknown["content_json"]), (&json!("TIMTextElem"), &json!("{\"Text\":[\"hello\"]}")));
}

#[tokio::test]
async fn ids_and_keys_of_messages_arrive() {
    let field = Field::start().await;
    let message = field.history(json!({"MsgId": "144-1700000000-7", "MsgKey": "4_7_1700000000"})).await;
    assert_eq!(
        (&message["message_id"], &message["message_key"]),
        (&json!("144-1700000000-7"), &json!("4_7_1700000000"))
    );

    let request = json!({"group_id": "g", "elements": [{"text": {"text": "hi"}}]});
    let reply = json!({"MsgTime": 1_700_000_000, "MsgSeq": 4, "MsgId": "id", "MsgKey": "key"});
    let sent = field.call("MessageService/SendMessage", request, reply).await.unwrap();
    assert_eq!((&sent["message_id"], &sent["message_key"]), (&json!("id"), &json!("key")));

    let forwarded = json!({"From_Account": "a", "MsgSeq": 1, "MsgBody": [], "CloudCustomData": "cc"});
    let relay = |more: Value| {
        let mut content = json!({"Title": "t", "MsgNum": 40, "CompatibleText": "c", "AbstractList": ["a: hi"]});
        content.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json!({"MsgType": "TIMRelayElem", "MsgContent": content})
    };
    let body = json!([relay(json!({"JsonMsgKey": "relay-1"})), relay(json!({"MsgList": [forwarded]}))]);
    let message = field.history(json!({"MsgBody": body})).await;
    assert_eq!(message["elements"][0]["relay"]["messages_key"], "relay-1");
    assert_eq!(message["elements"][1]["relay"]["messages"][0]["cloud_custom_data"], "cc");

    let groups = json!({"GroupIdList": [{"GroupId": "g", "SelfInfo": {"Role": "Member", "NameCard": "Bobby"}}], "TotalCount": 1});
    let joined = field.call("GroupService/ListJoinedGroups", json!({"user_id": "bob"}), groups).await.unwrap();
    assert_eq!(joined["groups"][0]["self_info"]["name_card"], "Bobby");
}

#[tokio::test]
async fn a_time_is_one_that_protobuf_can_print() {
    let field = Field::start().await;
    for (time, expected) in [
        (json!(1_718_192_416_797_i64), json!("2024-06-12T11:40:16.797Z")),
        (json!("1718192416797"), json!("2024-06-12T11:40:16.797Z")),
        (json!(1_718_192_416), json!("2024-06-12T11:40:16Z")),
        (json!(4_294_967_295_u32), json!("2106-02-07T06:28:15Z")),
        (json!(i64::MAX), Value::Null),
        (json!(-1), Value::Null),
        (json!(1e300), Value::Null),
        (json!("soon"), Value::Null),
        (json!({"seconds": 1}), Value::Null),
    ] {
        assert_eq!(field.history(json!({"MsgTimeStamp": time})).await["send_time"], expected, "{time}");
    }
}

#[tokio::test]
async fn every_spelling_of_the_end_of_a_mute_is_read_everywhere() {
    let field = Field::start().await;
    for key in ["MuteUntil", "ShutUpUntil", "MutedUntil", "ShuttedUntil"] {
        let members = json!([{"Member_Account": "a", "Role": "Member", key: 1_999_999_999}]);
        let until = json!("2033-05-18T03:33:19Z");
        let reply = json!({"MemberNum": 1, "MemberList": members});
        let listed = field.call("MemberService/ListMembers", json!({"group_id": "g"}), reply).await.unwrap();
        assert_eq!(listed["members"][0]["muted_until"], until, "{key}");
        for list in ["MutedAccountList", "ShuttedUinList"] {
            let reply = json!({"GroupId": "g", list: members});
            let muted = field.call("MemberService/ListMutedMembers", json!({"group_id": "g"}), reply).await.unwrap();
            assert_eq!(muted["muted_members"][0]["muted_until"], until, "{key} in {list}");
        }
    }
    for (key, value) in [("MuteAllMember", "On"), ("ShutUpAllMember", "On"), ("ShutUpAllFlag", "On")] {
        let reply = json!({"GroupInfo": [{"GroupId": "g", "ErrorCode": 0, key: value}]});
        let group = field.call("GroupService/GetGroup", json!({"group_id": "g"}), reply).await.unwrap();
        assert_eq!(group["group"]["mute_all_members"], true, "{key}");
        let topic = json!({"GroupID": "@TGS#_c", "TopicId": "t", key: value});
        let reply = json!({"TopicAndSelfInfo": [{"ErrorCode": 0, "TopicInfo": topic, "SelfInfo": {"MuteTime": 60}}]});
        let topics =
            field.call("TopicService/GetTopics", json!({"group_id": "@TGS#_c", "user_id": "a"}), reply).await.unwrap();
        assert_eq!(topics["results"][0]["topic"]["mute_all_members"], true, "{key}");
        assert_eq!(topics["results"][0]["self_info"]["mute_duration"], "60s");
    }
}

#[tokio::test]
async fn one_odd_group_costs_itself() {
    let field = Field::start().await;
    let bad = |more: Value| {
        let mut bad = json!({"GroupId": "bad", "ErrorCode": 0, "Type": "Public"});
        bad.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json!({"GroupInfo": [{"GroupId": "g0", "ErrorCode": 0, "Name": "A"}, bad, {"GroupId": "g1", "ErrorCode": 0, "Name": "B"}]})
    };
    let ids = json!({"group_ids": ["g0", "bad", "g1"]});
    let states = async |more: Value| {
        let reply = field.call("GroupService/BatchGetGroups", ids.clone(), bad(more)).await.unwrap();
        let results = reply["results"].as_array().unwrap().clone();
        let state = |result: &Value| result["status"]["state"].as_str().unwrap().replace("BATCH_STATE_", "");
        assert_eq!(
            (results[0]["group"]["name"].as_str(), results[2]["group"]["name"].as_str()),
            (Some("A"), Some("B"))
        );
        (state(&results[0]), state(&results[1]), state(&results[2]), results[1].clone())
    };
    let (first, odd, last, result) = states(json!({"AppDefinedData": [{"Key": "k", "Value": {"a": 1}}]})).await;
    assert_eq!((first.as_str(), odd.as_str(), last.as_str()), ("DONE", "FAILED", "DONE"));
    assert_eq!(result["status"]["reason"], "ERROR_REASON_UPSTREAM_MALFORMED_REPLY");
    let (.., odd, _, result) =
        states(json!({"Name": {"a": 1}, "CreateTime": "soon", "MemberList": "none", "Type": "New"})).await;
    assert_eq!((odd.as_str(), &result["group"]["group_id"]), ("DONE", &json!("bad")), "{result}");
    let (.., odd, _, _) = states(json!({"ErrorCode": "none"})).await;
    assert_eq!(odd, "FAILED");
}

#[tokio::test]
async fn what_is_decisive_fails() {
    let field = Field::start().await;
    let list = |reply: Value| field.call("MemberService/ListMembers", json!({"group_id": "@TGS#_c"}), reply);
    let member = json!({"Member_Account": "a", "NameCard": ["x"]});
    let ok = list(json!({"MemberNum": "many", "MemberList": [null, member, {"Member_Account": {}}], "Next": ""})).await;
    assert_eq!(ok.unwrap()["members"], json!([{"user_id": "a"}]));
    for reply in [
        json!({"MemberList": {"a": 1}, "Next": ""}),
        json!({"MemberList": "none", "Next": ""}),
        json!({"MemberList": [null, "x"], "Next": ""}),
        json!({"MemberList": [member], "Next": {}}),
    ] {
        let status = list(reply.clone()).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Internal, "{reply}: {status:?}");
    }
    let request = json!({"group_id": "g", "elements": [{"text": {"text": "hi"}}]});
    let send = |reply: Value| field.call("MessageService/SendMessage", request.clone(), reply);
    assert!(send(json!({"MsgTime": {}, "MsgSeq": 4, "MsgId": []})).await.is_ok());
    assert_eq!(send(json!({"MsgTime": 1, "MsgSeq": []})).await.unwrap_err().code(), tonic::Code::Unknown);
    assert_eq!(send(json!({"ActionStatus": "FAIL", "MsgSeq": 4})).await.unwrap_err().code(), tonic::Code::Unknown);
}

#[tokio::test]
async fn an_element_that_is_left_out_still_counts_where_the_next_page_starts() {
    let field = Field::start().await;
    let reply = json!({"GroupIdList": [{"GroupId": {}}, {"GroupId": "g"}], "TotalCount": 4});
    let list = |token: &str| {
        let request = json!({"user_id": "bob", "page_size": 2, "page_token": token});
        field.call("GroupService/ListJoinedGroups", request, reply.clone())
    };
    let page = list("").await.unwrap();
    assert_eq!(page["groups"].as_array().unwrap().len(), 1);
    list(page["next_page_token"].as_str().unwrap()).await.unwrap();
    let asked: Value = serde_json::from_str(&field.said.lock().unwrap().asked).unwrap();
    assert_eq!(asked["Offset"], 2);

    let items = json!([{"MsgSeq": 9, "MsgBody": []}, {"MsgBody": []}, {"MsgSeq": 8, "MsgBody": []}]);
    let reply = json!({"GroupId": "g", "IsFinished": 1, "RspMsgList": items});
    let page = field.call("MessageService/ListMessages", json!({"group_id": "g"}), reply).await.unwrap();
    assert!(page["next_page_token"].is_string(), "a message without a number does not end the history: {page}");
}
