//! The accounts of an examination, and the removal of everything that it made.

use bytes::Bytes;
use serde_json::{Value, json};

use contract::codes;
use contract::command::{Command, Safety, methods};
use contract::pb::ErrorReason;
use contract::wire::{self, Reply, Unreadable};

use super::names::{GROUPS, Made, Names, ROBOT, USERS};
use super::probe::call;
use crate::upstream::{Upstream, UpstreamError};

/// Something that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

/// A command of accounts, which the contract does not have.
const fn accounts(name: &'static str, label: &'static str) -> Command<'static> {
    Command {
        service: "im_open_login_svc",
        name,
        label,
        // Importing twice and deleting twice leave what doing so once leaves.
        safety: Safety::Idempotent,
        rate_per_second: 100,
        group_rate_per_second: None,
    }
}

/// Imports the accounts.
///
/// # Errors
/// The first failure, which most often says what is wrong with the application's settings.
pub(super) async fn make_accounts(upstream: &Upstream, names: &Names) -> Result<(), UpstreamError> {
    for user in USERS {
        send(upstream, &accounts("account_import", "raw"), &json!({"UserID": names.id(user)})).await?;
    }
    Ok(())
}

/// Removes everything that may be there; the accounts too. Goes on past what cannot be removed.
pub(super) async fn remove(upstream: &Upstream, names: &Names, made: &Made) -> Vec<Leftover> {
    let mut leftovers = Vec::new();
    let mut note = |id: &str, result: Result<(), UpstreamError>| {
        let gone = |error: &UpstreamError| error.upstream_code().is_some_and(is_gone);
        if let Err(error) = result
            && !gone(&error)
        {
            leftovers.push(Leftover { id: id.to_owned(), why: error.fault.to_string() });
        }
    };
    if made.may_be_there(ROBOT)
        && let Some(command) = methods::find_command("openim_robot_http_svc", "delete_robot")
    {
        let id = names.id(ROBOT);
        note(id, send(upstream, &command, &json!({"Robot_Account": id})).await);
    }
    if let Some(command) = methods::find_command("group_open_http_svc", "destroy_group") {
        for id in GROUPS.into_iter().filter(|name| made.may_be_there(name)).map(|name| names.id(name)) {
            note(id, send(upstream, &command, &json!({"GroupId": id})).await);
        }
    }
    // The account of a robot stays when the robot goes.
    for id in USERS.into_iter().chain(made.may_be_there(ROBOT).then_some(ROBOT)).map(|user| names.id(user)) {
        let item = json!({"DeleteItem": [{"UserID": id}]});
        note(id, send(upstream, &accounts("account_delete", "raw"), &item).await);
    }
    leftovers
}

/// Whether a code says that there is nothing to remove.
fn is_gone(code: i64) -> bool {
    matches!(codes::reason(code), ErrorReason::GroupNotFound | ErrorReason::GroupIdInvalid | ErrorReason::UserNotFound)
}

async fn send(upstream: &Upstream, command: &Command<'_>, body: &Value) -> Result<(), UpstreamError> {
    let call = call(command, Bytes::from(body.to_string()), command.safety, None);
    upstream.call(call, &mut decode).await.map(drop)
}

/// Reads what became of the one thing that was named: the code of its item, where a reply has items, is the reply's.
fn decode(json: &[u8]) -> Result<Reply<()>, Unreadable> {
    let reply = wire::decode_verdict(json)?;
    let items: Value = serde_json::from_slice(json).unwrap_or_default();
    match items.pointer("/ResultItem/0/ResultCode").and_then(Value::as_i64) {
        Some(code) if code != 0 && reply.error_code == 0 => Ok(Reply { error_code: code, ..reply }),
        _ => Ok(reply),
    }
}
