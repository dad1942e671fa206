//! Who is online, on which devices.

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, switch, texts};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::schema::Kind::{Flag, Texts};
use crate::schema::{Field, opt, req};
use crate::state::account::Reach;

const QUERY: &[Field] = &[
    req("To_Account", Texts),
    opt("IsNeedDetail", Flag),
    opt("IsReturnInstid", Flag),
    opt("IsReturnCustomStatus", Flag),
];

pub static COMMANDS: &[Command] =
    &[Command::new("openim", "query_online_status", QUERY, query_online_status).read_only().codes(openim_code)];

/// Accounts that one call may name.
const ACCOUNTS_PER_CALL: usize = 500;

const NO_SUCH_ACCOUNT: i64 = 70107;

/// The openim family has its own codes for what is wrong with a request.
fn openim_code(error: &ApiError) -> i64 {
    match error.code {
        60003 => 90001,
        10004 if error.info.contains("To_Account must be") => 90003,
        10004 => 90001,
        10002 => 90994,
        code => code,
    }
}

fn query_online_status(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users = texts(body, "To_Account").unwrap_or_default();
    if users.is_empty() {
        return Err(ApiError::field("To_Account", "is empty"));
    }
    if users.len() > ACCOUNTS_PER_CALL {
        return Err(ApiError::new(90011, "To_Account names more than 500 accounts"));
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for user in users {
        let Some(account) = ctx.app.accounts.get(user) else {
            unknown.push(json!({"To_Account": user, "ErrorCode": NO_SUCH_ACCOUNT}));
            continue;
        };
        let status = account.reach();
        let mut entry = json!({"To_Account": user, "Status": status});
        if switch(body, "IsNeedDetail") && status != Reach::Offline {
            let with_number = switch(body, "IsReturnInstid");
            let devices = account.devices.iter().zip(1..).map(|((platform, reach), number)| {
                let mut device = json!({"Platform": platform, "Status": reach});
                if with_number {
                    device["Instid"] = json!(number);
                }
                device
            });
            entry["Detail"] = devices.collect::<Value>();
        }
        if switch(body, "IsReturnCustomStatus") {
            entry["CustomStatus"] = json!(account.custom_status);
        }
        known.push(entry);
    }
    answer(json!({"QueryResult": known, "ErrorList": unknown}))
}
