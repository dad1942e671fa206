//! RawService: any command by its name, for those whom the operator lets.

use contract::pb;
use contract::pb::raw_service_client::RawServiceClient;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::{Value as Json, json};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::Gateway;
use crate::support::sandbox_client::{Sandbox, unpaced};

const GROUPS: &str = "group_open_http_svc";

struct Raw {
    sandbox: Sandbox,
    gateway: Gateway,
}

impl Raw {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start_with(sandbox::Settings { auto_import: true, ..unpaced() }).await;
        let gateway = Gateway::start(&format!("http://{}", sandbox.running.api_addr()), settings).await;
        Self { sandbox, gateway }
    }

    async fn open() -> Self {
        Self::start(&[("raw_service", "true")]).await
    }

    async fn call(&self, service: &str, command: &str, body: Struct) -> Result<Json, Status> {
        let request = pb::CallRequest { service: service.into(), command: command.into(), body: Some(body) };
        let reply = RawServiceClient::new(self.gateway.channel().await).call(request).await?;
        Ok(from_struct(reply.into_inner().body.unwrap()))
    }

    /// How many requests the sandbox has seen.
    async fn seen(&self) -> u64 {
        self.sandbox.look("journal/count").await["count"].as_u64().unwrap()
    }
}

fn to_struct(json: Json) -> Struct {
    let Json::Object(map) = json else { panic!("{json}") };
    Struct { fields: map.into_iter().map(|(key, item)| (key, to_value(item))).collect() }
}

fn to_value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(value) => Kind::NumberValue(value.as_f64().unwrap()),
        Json::String(value) => Kind::StringValue(value),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(to_value).collect() }),
        object @ Json::Object(_) => Kind::StructValue(to_struct(object)),
    };
    Value { kind: Some(kind) }
}

fn from_struct(body: Struct) -> Json {
    Json::Object(body.fields.into_iter().map(|(key, value)| (key, from_value(value))).collect())
}

fn from_value(value: Value) -> Json {
    match value.kind.unwrap() {
        Kind::NullValue(_) => Json::Null,
        Kind::BoolValue(value) => value.into(),
        Kind::NumberValue(value) => value.into(),
        Kind::StringValue(value) => value.into(),
        Kind::ListValue(list) => list.values.into_iter().map(from_value).collect(),
        Kind::StructValue(body) => from_struct(body),
    }
}

fn group(id: &str) -> Struct {
    to_struct(json!({
        "Type": "Public", "GroupId": id, "Name": "Demo", "Owner_Account": "alice", "MaxMemberCount": 50,
        "MemberList": [{"Member_Account": "bob"}],
    }))
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn it_is_off_until_the_operator_says_so() {
    let raw = Raw::start(&[]).await;
    let status = raw.call(GROUPS, "create_group", group("g")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "COMMAND_DISABLED"));
    assert!(status.message().contains("raw_service"), "{status:?}");
    assert_eq!(raw.seen().await, 0);
}

/// The sandbox refuses unknown keys and numbers with a decimal point, and every request without a valid UserSig.
#[tokio::test]
async fn a_command_called_by_name_does_what_the_typed_method_does() {
    let raw = Raw::open().await;
    let reply = raw.call(GROUPS, "create_group", group("g")).await.unwrap();
    assert_eq!(reply, json!({"ActionStatus": "OK", "ErrorCode": 0.0, "ErrorInfo": "", "GroupId": "g"}));

    let mut groups = pb::group_service_client::GroupServiceClient::new(raw.gateway.channel().await);
    let request = pb::GetGroupRequest { group_id: "g".into(), filter: None };
    let group = groups.get_group(request).await.unwrap().into_inner().group.unwrap();
    assert_eq!((group.name.as_str(), group.max_member_count, group.member_count), ("Demo", 50, 2));

    let nested = to_struct(json!({"GroupIdList": ["g"]}));
    let reply = raw.call(GROUPS, "get_group_info", nested).await.unwrap();
    assert_eq!(reply["GroupInfo"][0]["Owner_Account"], "alice");
}

#[tokio::test]
async fn an_absent_body_is_an_empty_object() {
    let raw = Raw::open().await;
    let request = pb::CallRequest { service: GROUPS.into(), command: "get_appid_group_list".into(), body: None };
    let reply = RawServiceClient::new(raw.gateway.channel().await).call(request).await.unwrap().into_inner();
    assert_eq!(from_struct(reply.body.unwrap())["TotalCount"], 0.0);
}

#[tokio::test]
async fn failures_are_those_of_the_typed_methods() {
    let raw = Raw::open().await;
    let missing = to_struct(json!({"GroupId": "nowhere"}));
    let status = raw.call(GROUPS, "destroy_group", missing).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "GROUP_NOT_FOUND"));
    let details = status.get_error_details();
    assert_eq!(details.resource_info().unwrap().resource_name, "nowhere");
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!((metadata["upstream_code"].as_str(), metadata["command"].as_str()), ("10010", "destroy_group"));

    for (service, command) in [(GROUPS, "from_tomorrow"), ("svc_from_tomorrow", "create_group")] {
        let status = raw.call(service, command, Struct::default()).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "COMMAND_UNKNOWN"), "{service}");
    }
}

#[tokio::test]
async fn names_cannot_leave_the_path() {
    let raw = Raw::open().await;
    let long = "a".repeat(65);
    let names = ["", "..", "a/b", "a?b=c", "a#b", "a%2fb", "a&usersig=x", "Create_group", "a b", "a\n", "ü", &long];
    for name in names {
        for (service, command, field) in [(name, "create_group", "service"), (GROUPS, name, "command")] {
            let status = raw.call(service, command, Struct::default()).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{name:?}");
            let details = status.get_error_details();
            assert_eq!(details.bad_request().unwrap().field_violations[0].field, field, "{name:?}");
        }
    }
    assert_eq!(raw.seen().await, 0);
}

#[tokio::test]
async fn numbers_that_a_struct_does_not_hold_exactly_are_refused() {
    let raw = Raw::open().await;
    let cases = [
        (9_007_199_254_740_994.0, false),
        (-9_007_199_254_740_994.0, false),
        (1e300, false),
        (f64::NAN, false),
        (f64::INFINITY, false),
        // 2^53 may be a rounded number.
        (9_007_199_254_740_992.0, false),
        (9_007_199_254_740_991.0, true),
    ];
    for (number, fine) in cases {
        let list = ListValue { values: vec![Value { kind: Some(Kind::NumberValue(number)) }] };
        let inner = Struct { fields: [("B".to_owned(), Value { kind: Some(Kind::ListValue(list)) })].into() };
        let body = Struct { fields: [("A".to_owned(), Value { kind: Some(Kind::StructValue(inner)) })].into() };
        let status = raw.call(GROUPS, "get_group_info", body).await.unwrap_err();
        let violation =
            status.get_error_details().bad_request().map(|request| request.field_violations[0].field.clone());
        assert_eq!(violation.as_deref(), (!fine).then_some("body[\"A\"][\"B\"][0]"), "{number}: {status:?}");
    }
    // The one that is fine went out, as a whole number.
    let sent = raw.sandbox.look("journal").await["entries"].take();
    assert_eq!(sent.as_array().unwrap().len(), 1);
    assert_eq!(sent[0]["body"], r#"{"A":{"B":[9007199254740991]}}"#);
}

#[tokio::test]
async fn nothing_is_repeated_that_may_have_been_executed() {
    let raw = Raw::open().await;
    let fault = json!({"command": "create_group", "action": {"type": "lose_reply"}, "times": 1});
    raw.sandbox.control("faults", fault).await;
    let status = raw.call(GROUPS, "create_group", group("g")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"));
    assert_eq!(raw.seen().await, 1);
}

/// One call a second is what Tencent allows get_appid_group_list, by whichever way it is called.
#[tokio::test]
async fn it_shares_the_rate_of_the_typed_method() {
    // Once in a hundred seconds.
    let slow = [("raw_service", "true"), ("upstream.pacing", "true"), ("upstream.rate_factor", "0.01")];
    let raw = Raw::start(&slow).await;
    let channel = raw.gateway.channel().await;
    let list = pb::ListGroupIdsRequest::default();
    pb::group_service_client::GroupServiceClient::new(channel.clone()).list_group_ids(list).await.unwrap();
    let request = pb::CallRequest { service: GROUPS.into(), command: "get_appid_group_list".into(), body: None };
    let mut request = Request::new(request);
    request.metadata_mut().insert("grpc-timeout", "30S".parse().unwrap());
    let status = RawServiceClient::new(channel).call(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert_eq!(raw.seen().await, 1);
}

/// Batch import, delete and check of accounts: 100 a second; unlike most commands.
#[tokio::test]
async fn accounts_are_paced_at_the_rate_of_their_commands() {
    let raw = Raw::start(&[("raw_service", "true"), ("upstream.pacing", "true")]).await;
    let body = to_struct(json!({"Accounts": ["u"]}));
    raw.call("im_open_login_svc", "multiaccount_import", body).await.unwrap();
    let left = raw.gateway.metric(r#"tim_upstream_quota_left{app="default",command="raw"}"#).await.unwrap();
    assert!((90.0..=100.0).contains(&left), "{left}");
}

/// What is longer than any group's id names no group, and is not kept in mind as one.
#[tokio::test]
async fn a_text_of_any_length_is_not_taken_for_a_group() {
    // One call in three seconds for the command, one in thirteen for a group.
    let slow = [("raw_service", "true"), ("upstream.pacing", "true"), ("upstream.rate_factor", "0.002")];
    let raw = Raw::start(&slow).await;
    let mut client = RawServiceClient::new(raw.gateway.channel().await);
    let long = "g".repeat(100_000);
    for _ in 0..2 {
        let body = Some(to_struct(json!({"GroupId": long})));
        let request = pb::CallRequest { service: GROUPS.into(), command: "send_group_msg".into(), body };
        let mut request = Request::new(request);
        request.set_timeout(std::time::Duration::from_secs(10));
        let status = client.call(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert_eq!(raw.seen().await, 2);
}

/// A caller that may call any command may do everything, so this takes a scope that no other method needs.
#[test]
fn raw_calls_need_a_scope_of_their_own() {
    use contract::command::Scope;
    use contract::command::methods::METHODS;
    let raw = METHODS.iter().filter(|method| method.scope == Scope::Raw).map(|method| method.path);
    assert_eq!(raw.collect::<Vec<_>>(), ["tencentim.group.v1.RawService/Call"]);
}
