//! RawService: a command by name, for what Tencent added since.

use bytes::Bytes;
use prost_types::Struct;
use prost_types::value::Kind;
use serde::Deserialize;
use serde::de::Error as _;
use serde_with::de::DeserializeAsWrap;
use serde_with::ser::SerializeAsWrap;
use tonic::Code;

use crate::gateway::{Call, CallError};
use crate::status::Problem;
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

pub(in crate::gateway) async fn call(call: Call, request: pb::CallRequest) -> Result<pb::CallResponse, CallError> {
    if !call.raw {
        let message = "raw calls are switched off in this gateway; its operator can allow them with `raw_service`";
        let problem = Problem::new(Code::Unimplemented, ErrorReason::CommandDisabled, message).not_executed();
        return Err(call.problem(problem));
    }
    let body = request.body.unwrap_or_default();
    let json = serde_json::to_vec(&SerializeAsWrap::<Struct, Object>::new(&body))
        .map_err(|_| call.problem(Problem::internal("the body cannot be written as JSON")))?;
    let command = command(&request.service, &request.command);
    // Whatever the contract says of the command: it is not known here what guards this body against being executed twice.
    let mut reply = None;
    let mut read = |json: &[u8]| {
        let (envelope, body) = decode(json)?.split();
        reply = Some(body);
        Ok(envelope)
    };
    call.post(&command, Safety::Unsafe, Bytes::from(json), group_id(&body), &mut read).await?;
    Ok(pb::CallResponse { body: reply })
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
