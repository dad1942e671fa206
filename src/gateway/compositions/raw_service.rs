//! RawService: a command by name, for what Tencent added since.

use bytes::Bytes;
use prost_types::Struct;
use prost_types::value::Kind;
use serde_with::ser::SerializeAsWrap;
use tonic::Code;

use crate::gateway::{Call, CallError};
use crate::status::Problem;
use contract::command::{Command, Safety, methods};
use contract::pb;
use contract::pb::ErrorReason;
use contract::wire::{Object, decode_raw};

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
    let mut read = |json: &[u8]| Ok(reply.insert(decode_raw(json)?).verdict());
    call.post(&command, Safety::Unsafe, Bytes::from(json), group_id(&body), &mut read).await?;
    let reply = reply.unwrap_or_default();
    call.note_drift(&command, &reply.drift);
    Ok(pb::CallResponse { body: Some(reply.message) })
}

/// The command with the contract's limits, because it shares them with the typed method; or with the usual ones.
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
