//! Profiles of accounts, field by field.

use serde_json::{Value, json};

use super::account::PROFILE_BYTES;
use crate::body::{Body, Outcome, answer, objects, text, texts};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::schema::Kind::{Objects, Scalar, Text, Texts, User, Users};
use crate::schema::{Field, req};
use crate::state::account::Account;
use crate::state::app::App;
use crate::state::custom_fields::PROFILE_CUSTOM_FIELDS;

const GET: &[Field] = &[req("To_Account", Users), req("TagList", Texts)];
const SET: &[Field] =
    &[req("From_Account", User), req("ProfileItem", Objects(&[req("Tag", Text), req("Value", Scalar)]))];

pub static COMMANDS: &[Command] = &[
    Command::new("profile", "portrait_get", GET, portrait_get).read_only().codes(profile_code),
    Command::new("profile", "portrait_set", SET, portrait_set).codes(profile_code),
];

/// Accounts that one portrait_get call may name.
const ACCOUNTS_PER_CALL: usize = 100;

const BAD_PARAMETER: i64 = 40001;
const NO_SUCH_ACCOUNT: i64 = 40003;
const NO_SUCH_TAG: i64 = 40009;
const TOO_LONG: i64 = 40601;
const NOT_A_VALUE: i64 = 40605;
const WRONG_TYPE: i64 = 40610;

/// The profile family has its own codes for what is wrong with a request.
fn profile_code(error: &ApiError) -> i64 {
    match error.code {
        10004 if error.info.contains("To_Account is missing") => 40002,
        10004 | 60003 => BAD_PARAMETER,
        10019 => NO_SUCH_ACCOUNT,
        10002 => 40006,
        60010 => 40004,
        code => code,
    }
}

/// What a standard field may hold.
enum Form {
    Text(usize),
    Word(&'static [&'static str]),
    Number,
}

const NICK: &str = "Tag_Profile_IM_Nick";
const IMAGE: &str = "Tag_Profile_IM_Image";
const SELF_SIGNATURE: &str = "Tag_Profile_IM_SelfSignature";
const CUSTOM: &str = "Tag_Profile_Custom_";

fn form(tag: &str) -> Option<Form> {
    Some(match tag {
        NICK | IMAGE | SELF_SIGNATURE => Form::Text(PROFILE_BYTES),
        "Tag_Profile_IM_Location" => Form::Text(16),
        "Tag_Profile_IM_Gender" => Form::Word(&["Gender_Type_Unknown", "Gender_Type_Female", "Gender_Type_Male"]),
        "Tag_Profile_IM_AllowType" => {
            Form::Word(&["AllowType_Type_NeedConfirm", "AllowType_Type_AllowAny", "AllowType_Type_DenyAny"])
        }
        "Tag_Profile_IM_AdminForbidType" => Form::Word(&["AdminForbid_Type_None", "AdminForbid_Type_SendOut"]),
        "Tag_Profile_IM_BirthDay"
        | "Tag_Profile_IM_Language"
        | "Tag_Profile_IM_MsgSettings"
        | "Tag_Profile_IM_Level"
        | "Tag_Profile_IM_Role" => Form::Number,
        _ => return None,
    })
}

/// 40009 for a tag that is neither a standard one nor declared; custom ones declare themselves where that is switched on.
fn check_tag(app: &mut App, tag: &str, open: bool) -> Result<Form, ApiError> {
    if let Some(form) = form(tag) {
        return Ok(form);
    }
    let unknown = || ApiError::new(NO_SUCH_TAG, format!("there is no tag {tag}"));
    let own = tag.strip_prefix(CUSTOM).ok_or_else(unknown)?;
    let fields = &mut app.profile_fields;
    let known = if open { fields.declare(own, PROFILE_CUSTOM_FIELDS) } else { fields.check(own) };
    known.map(|()| Form::Text(PROFILE_BYTES)).map_err(|_| unknown())
}

fn check_value(tag: &str, value: &Value, form: &Form) -> Result<(), ApiError> {
    let wrong = |code, why: &str| Err(ApiError::new(code, format!("{tag} {why}")));
    match (form, value) {
        (Form::Text(_) | Form::Word(_), Value::String(text)) if text.len() > PROFILE_BYTES => {
            wrong(TOO_LONG, "is longer than 500 bytes")
        }
        (Form::Text(most), Value::String(text)) if text.len() > *most => wrong(NOT_A_VALUE, "is too long"),
        (Form::Word(words), Value::String(text)) if !words.contains(&text.as_str()) => {
            wrong(NOT_A_VALUE, "has another value than is allowed")
        }
        (Form::Text(_) | Form::Word(_), Value::String(_)) => Ok(()),
        (Form::Number, Value::Number(number)) => match number.as_u64() {
            Some(number) if number <= u64::from(u32::MAX) => Ok(()),
            _ => wrong(NOT_A_VALUE, "must have 32 bits"),
        },
        _ => wrong(WRONG_TYPE, "has the wrong type"),
    }
}

/// A field that was set.
fn field(account: &Account, tag: &str) -> Option<Value> {
    let own = |text: &String| (!text.is_empty()).then(|| json!(text));
    match tag {
        NICK => own(&account.nick),
        IMAGE => own(&account.face_url),
        SELF_SIGNATURE => own(&account.self_signature),
        _ => account.profile.get(tag).cloned(),
    }
}

fn portrait_get(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let users = texts(body, "To_Account").unwrap_or_default();
    let tags = texts(body, "TagList").unwrap_or_default();
    if users.is_empty() || users.len() > ACCOUNTS_PER_CALL || tags.is_empty() {
        return Err(ApiError::new(BAD_PARAMETER, "To_Account must name 1 to 100 accounts, and TagList a field"));
    }
    for tag in &tags {
        check_tag(ctx.app, tag, false)?;
    }
    let (mut items, mut failed) = (Vec::with_capacity(users.len()), Vec::new());
    for user in users {
        let Some(account) = ctx.app.accounts.get(user) else {
            failed.push(user);
            items.push(json!({"To_Account": user, "ResultCode": NO_SUCH_ACCOUNT, "ResultInfo": "account not found"}));
            continue;
        };
        let set = tags.iter().filter_map(|tag| Some(json!({"Tag": tag, "Value": field(account, tag)?})));
        let profile: Vec<Value> = set.collect();
        items.push(json!({"To_Account": user, "ProfileItem": profile, "ResultCode": 0, "ResultInfo": ""}));
    }
    let mut reply = json!({"UserProfileItem": items, "ErrorDisplay": ""});
    if !failed.is_empty() {
        reply["Fail_Account"] = json!(failed);
    }
    answer(reply)
}

/// Writes all fields or none.
fn portrait_set(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let id = ctx.known_account(text(body, "From_Account"))?;
    let open = ctx.open_fields;
    let mut values = Vec::new();
    for item in objects(body, "ProfileItem") {
        let (tag, value) = (text(item, "Tag"), item.get("Value").cloned().unwrap_or_default());
        let form = check_tag(ctx.app, tag, open)?;
        check_value(tag, &value, &form)?;
        values.push((tag, value));
    }
    if let Some(account) = ctx.app.accounts.get_mut(id.as_str()) {
        for (tag, value) in values {
            let own = match tag {
                NICK => Some(&mut account.nick),
                IMAGE => Some(&mut account.face_url),
                SELF_SIGNATURE => Some(&mut account.self_signature),
                _ => None,
            };
            match (own, value) {
                (Some(own), Value::String(text)) => *own = text,
                (_, value) => drop(account.profile.insert(tag.to_owned(), value)),
            }
        }
    }
    answer(json!({"ErrorDisplay": ""}))
}
