//! The keys of requests: what each may hold, and the check of a body against them.

use serde_json::Value;

use crate::body::Body;
use crate::error::ApiError;
use crate::limits::Limits;

/// Which of a field's meanings the emulator has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    Implemented,
    /// Type-checked, then without effect: what it steers lies outside the emulator (pushes, webhooks, clients).
    Ignored,
    /// Always answered with a failure.
    Refused,
}

/// Checks the items of a list; failures name them by the path.
pub type CheckList = fn(&mut [Value], &str, Strictness<'_>) -> Result<(), ApiError>;

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Text,
    /// Text of at most so many bytes.
    Bytes(usize),
    /// Text whose longest form is a setting.
    Limited(fn(&Limits) -> usize),
    /// A UserID: 60015 when it is no string.
    User,
    /// A UserID of any length: one that is too long fails alone.
    AnyUser,
    Users,
    Texts,
    /// An array of numbers.
    Numbers,
    Word(&'static [&'static str]),
    /// A word in strict mode, any text in loose mode.
    StrictWord(&'static [&'static str]),
    Integer,
    /// One of a closed set of numbers.
    OneOf(&'static [u64]),
    U32,
    /// 0 or 1.
    Flag,
    /// true or false.
    Boolean,
    Number,
    /// A text or a number.
    Scalar,
    /// A cursor that editions of the documents type as text or as a number.
    Cursor,
    Object(&'static [Field]),
    Objects(&'static [Field]),
    /// Any JSON object.
    Any,
    /// A list with special rules, such as the elements of a message.
    List(CheckList),
}

/// A key of a request.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub kind: Kind,
    pub required: bool,
    pub parity: Parity,
    /// Whether 0 means what absence means.
    pub zero_is_absent: bool,
}

pub const fn req(name: &'static str, kind: Kind) -> Field {
    Field { name, aliases: &[], kind, required: true, parity: Parity::Implemented, zero_is_absent: false }
}

pub const fn opt(name: &'static str, kind: Kind) -> Field {
    Field { name, aliases: &[], kind, required: false, parity: Parity::Implemented, zero_is_absent: false }
}

impl Field {
    /// Other spellings that older or newer clients send.
    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub const fn ignored(mut self) -> Self {
        self.parity = Parity::Ignored;
        self
    }

    /// Clients that write every key of their structures send 0 for a number that was not set.
    pub const fn zero_is_absent(mut self) -> Self {
        self.zero_is_absent = true;
        self
    }

    fn is_named(&self, key: &str) -> bool {
        self.name == key || self.aliases.contains(&key)
    }

    /// Whether a value says no more than leaving the key out: an empty optional word, for some numbers 0.
    fn is_unset(&self, value: &Value) -> bool {
        match self.kind {
            Kind::Word(_) | Kind::StrictWord(_) => !self.required && value.as_str() == Some(""),
            _ => self.zero_is_absent && value.as_i64() == Some(0),
        }
    }
}

/// How strictly bodies are read.
#[derive(Clone, Copy)]
pub struct Strictness<'a> {
    /// Whether unknown keys are left alone, as the real service does.
    pub loose: bool,
    pub limits: &'a Limits,
}

/// Checks an object against its table, drops unset keys and renames aliases; failures name the key by its path.
pub fn check(fields: &[Field], body: &mut Body, path: &str, strictness: Strictness<'_>) -> Result<(), ApiError> {
    body.retain(|key, value| {
        !value.is_null() && !fields.iter().any(|field| field.is_unset(value) && field.is_named(key))
    });
    for field in fields {
        for alias in field.aliases {
            if let Some(value) = body.remove(*alias) {
                body.entry(field.name).or_insert(value);
            }
        }
    }
    if !strictness.loose
        && let Some(unknown) = body.keys().find(|key| fields.iter().all(|field| field.name != key.as_str()))
    {
        return Err(ApiError::field(&format!("{path}{unknown}"), "is not a key of this command"));
    }
    for field in fields {
        match body.get_mut(field.name) {
            Some(value) => check_value(field.kind, value, path, field.name, strictness)?,
            None if field.required => {
                return Err(ApiError::field(&format!("{path}{}", field.name), "is missing"));
            }
            None => {}
        }
    }
    Ok(())
}

fn check_value(
    kind: Kind,
    value: &mut Value,
    path: &str,
    name: &str,
    strictness: Strictness<'_>,
) -> Result<(), ApiError> {
    let fail = |why: &str| Err(ApiError::field(&format!("{path}{name}"), why));
    match kind {
        Kind::Text if !value.is_string() => fail("must be a string"),
        Kind::Bytes(max) => check_length(value, max, &fail),
        Kind::Limited(max) => check_length(value, max(strictness.limits), &fail),
        Kind::AnyUser if !value.is_string() => Err(not_a_user(path, name)),
        Kind::User => check_user(value, path, name),
        Kind::Users => match value.as_array() {
            Some(users) => users.iter().try_for_each(|user| check_user(user, path, name)),
            None => fail("must be an array of strings"),
        },
        Kind::Texts if !value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string)) => {
            fail("must be an array of strings")
        }
        Kind::Numbers if !value.as_array().is_some_and(|numbers| numbers.iter().all(Value::is_u64)) => {
            fail("must be an array of numbers")
        }
        Kind::StrictWord(_) if strictness.loose => check_value(Kind::Text, value, path, name, strictness),
        Kind::Word(words) | Kind::StrictWord(words) => match value.as_str() {
            Some(word) if words.contains(&word) => Ok(()),
            Some(_) => fail(&format!("must be one of {}", words.join(", "))),
            None => fail("must be a string"),
        },
        Kind::Integer if !(value.is_i64() || value.is_u64()) => fail("must be an integer"),
        Kind::OneOf(numbers) if value.as_u64().is_none_or(|number| !numbers.contains(&number)) => {
            fail(&format!("must be one of {numbers:?}"))
        }
        Kind::U32 if value.as_u64().is_none_or(|n| n > u64::from(u32::MAX)) => {
            fail("must be an unsigned 32-bit integer")
        }
        Kind::Flag if value.as_u64().is_none_or(|n| n > 1) => fail("must be 0 or 1"),
        Kind::Boolean if !value.is_boolean() => fail("must be true or false"),
        Kind::Number if !value.is_number() => fail("must be a number"),
        Kind::Scalar if !(value.is_string() || value.is_number()) => fail("must be a string or a number"),
        Kind::Cursor if !(value.is_string() || value.is_u64()) => fail("must be a string"),
        Kind::Any if !value.is_object() => fail("must be an object"),
        Kind::Object(fields) => match value.as_object_mut() {
            Some(object) => check(fields, object, &format!("{path}{name}."), strictness),
            None => fail("must be an object"),
        },
        Kind::Objects(fields) => {
            let Some(items) = value.as_array_mut() else {
                return fail("must be an array of objects");
            };
            for (position, item) in items.iter_mut().enumerate() {
                let Some(object) = item.as_object_mut() else {
                    return fail("must be an array of objects");
                };
                check(fields, object, &format!("{path}{name}[{position}]."), strictness)?;
            }
            Ok(())
        }
        Kind::List(check) => match value.as_array_mut() {
            Some(items) => check(items, &format!("{path}{name}"), strictness),
            None => fail("must be an array of objects"),
        },
        _ => Ok(()),
    }
}

fn check_length(value: &Value, max: usize, fail: &impl Fn(&str) -> Result<(), ApiError>) -> Result<(), ApiError> {
    match value.as_str() {
        Some(text) if text.len() <= max => Ok(()),
        Some(_) => fail(&format!("is longer than {max} bytes")),
        None => fail("must be a string"),
    }
}

/// Longest UserID in bytes.
const USER_ID_BYTES: usize = 32;

fn check_user(value: &Value, path: &str, name: &str) -> Result<(), ApiError> {
    match value.as_str() {
        Some(user) if user.len() <= USER_ID_BYTES => Ok(()),
        Some(_) => Err(ApiError::field(&format!("{path}{name}"), "is longer than 32 bytes")),
        None => Err(not_a_user(path, name)),
    }
}

fn not_a_user(path: &str, name: &str) -> ApiError {
    ApiError::new(60015, format!("{path}{name} must be a string"))
}
