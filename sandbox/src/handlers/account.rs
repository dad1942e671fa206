//! Accounts: a user exists once imported.

use serde_json::json;

use crate::body::{Body, Outcome, answer, done, objects, text, texts};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::ids::Id;
use crate::schema::Kind::{Integer, Objects, Text, Texts, User};
use crate::schema::{Field, opt, req};
use crate::state::app::Account;

const SERVICE: &str = "im_open_login_svc";

const IMPORT: &[Field] = &[
    req("UserID", User).alias(&["Identifier"]),
    opt("Nick", Text),
    opt("FaceUrl", Text),
    opt("Type", Integer).ignored(),
];
/// The newer list carries profiles, the older one bare names.
const IMPORT_MANY: &[Field] = &[
    opt("AccountList", Objects(&[req("UserID", User), opt("Nick", Text), opt("FaceUrl", Text)])),
    opt("Accounts", Texts),
];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "account_import", IMPORT, account_import),
    Command::new(SERVICE, "multiaccount_import", IMPORT_MANY, multiaccount_import).rate(100.0),
];

/// Accounts that one multiaccount_import call may name.
const ACCOUNTS_PER_CALL: usize = 100;

fn account_import(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    if !import(ctx, text(body, "UserID"), body) {
        return Err(ApiError::new(70402, "invalid parameter: UserID must have 1 to 32 bytes"));
    }
    done()
}

fn multiaccount_import(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let bare = Body::new();
    let accounts: Vec<(&str, &Body)> = match texts(body, "Accounts") {
        Some(users) => users.into_iter().map(|user| (user, &bare)).collect(),
        None => objects(body, "AccountList").map(|account| (text(account, "UserID"), account)).collect(),
    };
    if accounts.is_empty() || accounts.len() > ACCOUNTS_PER_CALL {
        return Err(ApiError::new(70402, "invalid parameter: the list must hold 1 to 100 accounts"));
    }
    let failed: Vec<&str> =
        accounts.into_iter().filter(|(user, profile)| !import(ctx, user, profile)).map(|(user, _)| user).collect();
    answer(json!({"FailAccounts": failed}))
}

/// Makes the account, or renews the profile of one that exists.
fn import(ctx: &mut Ctx<'_>, user: &str, profile: &Body) -> bool {
    if user.is_empty() || user.len() > 32 {
        return false;
    }
    let account: &mut Account = ctx.app.accounts.entry(Id::from(user)).or_default();
    if profile.contains_key("Nick") {
        account.nick = text(profile, "Nick").to_owned();
    }
    if profile.contains_key("FaceUrl") {
        account.face_url = text(profile, "FaceUrl").to_owned();
    }
    true
}
