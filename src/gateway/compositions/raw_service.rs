//! RawService: a command by name, for what Tencent added since.

use bytes::Bytes;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde::Deserialize;
use serde::de::Error as _;
use serde_with::de::DeserializeAsWrap;
use serde_with::ser::SerializeAsWrap;
use tonic::{Code, Status};

use crate::gateway::Call;
use crate::status::{Problem, Violation};
use contract::command::{Command, Safety, methods};
use contract::pb;
use contract::pb::ErrorReason;
use contract::wire::Object;
use contract::wire::Reply;

/// One label for all commands that the contract does not have.
const LABEL: &str = "raw";
/// What Tencent allows a command unless it says otherwise.
const USUAL_RATE: u32 = 200;
/// Commands outside the contract that Tencent allows less.
const RATES: [(&str, &str, u32); 3] = [
    ("im_open_login_svc", "account_check", 100),
    ("im_open_login_svc", "account_delete", 100),
    ("im_open_login_svc", "multiaccount_import", 100),
];
/// The longest id that a group can have, in bytes. What is longer names no group, and must not be kept in mind as one.
const LONGEST_GROUP_ID: usize = 48;
/// 2^53: beyond it a double skips whole numbers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

pub(in crate::gateway) async fn call(call: Call, request: pb::CallRequest) -> Result<pb::CallResponse, Status> {
    if !call.raw {
        let message = "raw calls are switched off in this gateway; its operator can allow them with `raw_service`";
        let problem = Problem::new(Code::Unimplemented, ErrorReason::CommandDisabled, message).not_executed();
        return Err(call.problem(problem));
    }
    let body = request.body.unwrap_or_default();
    let violations = violations(&request.service, &request.command, &body);
    if !violations.is_empty() {
        return Err(call.problem(Problem::invalid_argument(violations)));
    }
    let json = serde_json::to_vec(&SerializeAsWrap::<Struct, Object>::new(&body))
        .map_err(|_| call.problem(Problem::internal("the body cannot be written as JSON")))?;
    let command = command(&request.service, &request.command);
    // Whatever the contract says of the command: it is not known here what guards this body against being executed twice.
    let reply = call.post(&command, Safety::Unsafe, Bytes::from(json), group_id(&body), decode).await?;
    Ok(pb::CallResponse { body: Some(reply) })
}

/// The command with the contract's limits, for it shares them with the typed method; or with the usual ones.
fn command<'a>(service: &'a str, name: &'a str) -> Command<'a> {
    methods::find_command(service, name).unwrap_or(Command {
        service,
        name,
        label: LABEL,
        safety: Safety::Unsafe,
        rate_per_second: rate(service, name),
        group_rate_per_second: None,
    })
}

fn rate(service: &str, name: &str) -> u32 {
    let own = RATES.iter().find(|(of, command, _)| (*of, *command) == (service, name));
    own.map_or(USUAL_RATE, |(.., rate)| *rate)
}

/// The group that a body concerns, for the limits of each group: all of Tencent's group commands name it alike.
fn group_id(body: &Struct) -> Option<&str> {
    match &body.fields.get("GroupId")?.kind {
        Some(Kind::StringValue(id)) if id.len() <= LONGEST_GROUP_ID => Some(id),
        _ => None,
    }
}

fn violations(service: &str, command: &str, body: &Struct) -> Vec<Violation> {
    let mut found = Vec::new();
    for (field, name) in [("service", service), ("command", command)] {
        // The names become the URL's path.
        if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
            let description = "has other characters than a-z, 0-9 and _".to_owned();
            found.push(Violation { field: field.to_owned(), description });
        }
    }
    found.extend(body.fields.iter().find_map(|(key, value)| inexact(value, &format!("body.{key}"))));
    found
}

/// The first number that would not arrive as the caller meant it.
fn inexact(value: &Value, path: &str) -> Option<Violation> {
    match &value.kind {
        Some(Kind::NumberValue(number)) => {
            let description = if !number.is_finite() {
                "is not a number that JSON can hold"
            } else if number.fract() == 0.0 && number.abs() > LARGEST_EXACT {
                "is a whole number beyond 2^53, which a Struct does not hold exactly"
            } else {
                return None;
            };
            Some(Violation { field: path.to_owned(), description: description.to_owned() })
        }
        Some(Kind::StructValue(object)) => {
            object.fields.iter().find_map(|(key, value)| inexact(value, &format!("{path}.{key}")))
        }
        Some(Kind::ListValue(list)) => {
            list.values.iter().enumerate().find_map(|(index, value)| inexact(value, &format!("{path}[{index}]")))
        }
        _ => None,
    }
}

/// The whole reply, and what it says of the outcome.
fn decode(json: &[u8]) -> serde_json::Result<Reply<Struct>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let message = DeserializeAsWrap::<Struct, Object>::deserialize(&mut reader)?.into_inner();
    reader.end()?;
    let field = |key| message.fields.get(key).and_then(|value| value.kind.as_ref());
    let error_code = match field("ErrorCode") {
        #[expect(clippy::cast_possible_truncation, reason = "Tencent's codes are small whole numbers")]
        Some(Kind::NumberValue(code)) => Some(*code as i64),
        Some(Kind::StringValue(code)) => code.parse().ok(),
        _ => None,
    };
    let error_code = error_code.ok_or_else(|| serde_json::Error::custom("the reply has no ErrorCode"))?;
    let error_info = match field("ErrorInfo") {
        Some(Kind::StringValue(info)) => info.clone(),
        _ => String::new(),
    };
    Ok(Reply { error_code, error_info, message })
}
