//! Accounts: a user exists once imported.

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, done, objects, text, texts};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::ids::Id;
use crate::schema::Kind::{AnyUser, Integer, Objects, Text, Texts, User};
use crate::schema::{Field, opt, req};
use crate::state::account::Account;

const SERVICE: &str = "im_open_login_svc";

const IMPORT: &[Field] = &[
    req("UserID", User).alias(&["Identifier"]),
    opt("Nick", Text),
    opt("FaceUrl", Text),
    opt("Type", Integer).ignored(),
];
/// The newer list carries profiles, the older one bare names. A UserID that cannot be one fails alone.
const IMPORT_MANY: &[Field] = &[
    opt("AccountList", Objects(&[req("UserID", AnyUser), opt("Nick", Text), opt("FaceUrl", Text)])),
    opt("Accounts", Texts),
];
const CHECK: &[Field] = &[req("CheckItem", Objects(&[req("UserID", AnyUser)]))];
const DELETE: &[Field] = &[req("DeleteItem", Objects(&[req("UserID", AnyUser)]))];
const KICK: &[Field] = &[req("UserID", User).alias(&["Identifier"])];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "account_import", IMPORT, account_import).codes(login_code),
    Command::new(SERVICE, "multiaccount_import", IMPORT_MANY, multiaccount_import).rate(100.0).codes(login_code),
    Command::new(SERVICE, "account_check", CHECK, account_check).rate(100.0).read_only().codes(login_code),
    Command::new(SERVICE, "account_delete", DELETE, account_delete).rate(100.0).codes(login_code),
    Command::new(SERVICE, "kick", KICK, kick).codes(login_code),
];

/// Accounts that one call may name.
const ACCOUNTS_PER_CALL: usize = 100;
/// Bytes of a nickname or picture, as of every text of a profile.
pub const PROFILE_BYTES: usize = 500;

const BAD_PARAMETER: i64 = 70402;
const NO_SUCH_ACCOUNT: i64 = 70107;
const TOO_MANY: i64 = 70398;
const DELETED: i64 = 70399;
const TOO_LONG: i64 = 40601;
const UNDELETABLE: i64 = 71000;

/// The login family has its own codes for what is wrong with a request.
fn login_code(error: &ApiError) -> i64 {
    match error.code {
        10004 => BAD_PARAMETER,
        10002 => 70500,
        60010 => 70403,
        code => code,
    }
}

fn account_import(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    import(ctx, text(body, "UserID"), body)?;
    done()
}

fn multiaccount_import(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let bare = Body::new();
    let accounts: Vec<(&str, &Body)> = match texts(body, "Accounts") {
        Some(users) if !body.contains_key("AccountList") => users.into_iter().map(|user| (user, &bare)).collect(),
        _ => objects(body, "AccountList").map(|account| (text(account, "UserID"), account)).collect(),
    };
    check_count(accounts.len())?;
    let failed: Vec<&str> = accounts
        .into_iter()
        .filter(|(user, profile)| import(ctx, user, profile).is_err())
        .map(|(user, _)| user)
        .collect();
    answer(json!({"FailAccounts": failed}))
}

fn check_count(count: usize) -> Result<(), ApiError> {
    match count {
        1..=ACCOUNTS_PER_CALL => Ok(()),
        _ => Err(ApiError::new(BAD_PARAMETER, "invalid parameter: the list must hold 1 to 100 accounts")),
    }
}

/// Makes the account, or renews the profile of one that exists.
fn import(ctx: &mut Ctx<'_>, user: &str, profile: &Body) -> Result<(), ApiError> {
    if user.is_empty() || user.len() > 32 {
        return Err(ApiError::new(BAD_PARAMETER, "invalid parameter: UserID must have 1 to 32 bytes"));
    }
    if text(profile, "Nick").len() > PROFILE_BYTES || text(profile, "FaceUrl").len() > PROFILE_BYTES {
        return Err(ApiError::new(TOO_LONG, "Nick or FaceUrl is longer than 500 bytes"));
    }
    if !ctx.app.accounts.contains_key(user) {
        if ctx.app.is_resting(user, ctx.now, ctx.limits) {
            return Err(ApiError::new(DELETED, "this UserID was deleted and cannot be used again yet"));
        }
        if ctx.limits.accounts > 0 && ctx.app.accounts.len() >= ctx.limits.accounts {
            return Err(ApiError::new(TOO_MANY, "the app has as many accounts as its edition allows"));
        }
    }
    let account: &mut Account = ctx.app.accounts.entry(Id::from(user)).or_default();
    if profile.contains_key("Nick") {
        account.nick = text(profile, "Nick").to_owned();
    }
    if profile.contains_key("FaceUrl") {
        account.face_url = text(profile, "FaceUrl").to_owned();
    }
    Ok(())
}

fn account_check(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users: Vec<&str> = objects(body, "CheckItem").map(|item| text(item, "UserID")).collect();
    check_count(users.len())?;
    let status = |user: &&str| {
        let status = if ctx.app.accounts.contains_key(*user) { "Imported" } else { "NotImported" };
        json!({"UserID": user, "ResultCode": 0, "ResultInfo": "", "AccountStatus": status})
    };
    let results: Vec<Value> = users.iter().map(status).collect();
    answer(json!({"ResultItem": results}))
}

/// An account goes with its profile and memberships. Its groups stay, without an owner where it was the owner; no notice is
/// stored and no webhook fires, for none is documented.
fn account_delete(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users: Vec<&str> = objects(body, "DeleteItem").map(|item| text(item, "UserID")).collect();
    check_count(users.len())?;
    let mut results = Vec::with_capacity(users.len());
    for user in users {
        let (code, info) = match () {
            () if !ctx.app.accounts.contains_key(user) => (NO_SUCH_ACCOUNT, "Err_TLS_PT_Open_Login_Account_Not_Exist"),
            () if ctx.app.admins.contains(user) => (UNDELETABLE, "an app admin cannot be deleted"),
            () => {
                ctx.app.delete_account(user, ctx.now);
                (0, "")
            }
        };
        results.push(json!({"UserID": user, "ResultCode": code, "ResultInfo": info}));
    }
    answer(json!({"ResultItem": results}))
}

/// Ends every login: UserSigs made before this second are void, and no device is online any more.
fn kick(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let (user, now) = (text(body, "UserID"), ctx.now);
    let Some(account) = ctx.app.accounts.get_mut(user) else {
        return Err(ApiError::new(NO_SUCH_ACCOUNT, "Err_TLS_PT_Open_Login_Account_Not_Exist"));
    };
    account.kicked = Some(now);
    account.devices.clear();
    ctx.app.disconnect(user);
    done()
}
