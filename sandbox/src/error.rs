//! The failures that the emulated API answers with.

use std::borrow::Cow;

/// A documented error code with the text that goes into `ErrorInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: i64,
    pub info: Cow<'static, str>,
}

impl ApiError {
    pub fn new(code: i64, info: impl Into<Cow<'static, str>>) -> Self {
        Self { code, info: info.into() }
    }

    /// 10004 that names the field at fault.
    pub fn field(name: &str, why: &str) -> Self {
        Self::new(10004, format!("invalid parameter: {name} {why}"))
    }

    /// 10007: wrong group type or role for what was asked.
    pub fn not_allowed(why: &'static str) -> Self {
        Self::new(10007, why)
    }

    /// 10010: well-formed id without a live group.
    pub fn no_such_group() -> Self {
        Self::new(10010, "this group does not exist")
    }

    /// 10015: an id that breaks the id syntax.
    pub fn bad_group_id() -> Self {
        Self::new(10015, "invalid group id")
    }

    /// 10019: an account that was never imported.
    pub fn no_such_account(user: &str) -> Self {
        Self::new(10019, format!("account does not exist: {user}"))
    }
}
