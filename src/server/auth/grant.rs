//! What a caller may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::scopes::Permission;
use contract::command::{Method, Scope};

/// Separates the names of tokens from those of the callers file: the issuer of tokens does not know the latter, and must not
/// share their limits.
pub const CALLER_PREFIX: &str = "jwt:";

/// What a caller may.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// Name in logs and limits. Several keys may share one.
    pub caller: Arc<str>,
    permissions: Vec<Permission>,
    /// Tencent applications; `None` means just the default one.
    apps: Option<Vec<String>>,
}

impl Grant {
    /// For an entry of the callers file.
    ///
    /// # Errors
    /// What is wrong with the entry.
    pub(super) fn new(
        caller: &str,
        scopes: &[String],
        apps: Option<Vec<String>>,
        methods: &[Method],
    ) -> Result<Self, String> {
        if caller.is_empty() {
            return Err("the caller has no name".to_owned());
        }
        if caller.starts_with(CALLER_PREFIX) {
            return Err(format!("names that begin with `{CALLER_PREFIX}` are those of tokens"));
        }
        if apps.as_ref().is_some_and(Vec::is_empty) {
            return Err("`apps` names no application; leave it out for the default one".to_owned());
        }
        let permissions = scopes.iter().map(|text| Permission::parse(text, methods)).collect::<Result<_, _>>()?;
        Ok(Self { caller: caller.into(), permissions, apps })
    }

    /// For the caller of a token with these scopes and applications.
    pub(super) fn of_token(caller: &str, scopes: &[Scope], apps: Option<Vec<String>>) -> Self {
        let permissions = scopes.iter().copied().map(Permission::Scope).collect();
        Self { caller: caller.into(), permissions, apps }
    }

    /// Whether the caller may call a method.
    pub fn allows(&self, method: &Method) -> bool {
        self.permissions.iter().any(|permission| permission.allows(method))
    }

    /// The applications that are opened and not `known`.
    pub(super) fn unknown_apps<'a>(&'a self, known: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
        self.apps.iter().flatten().filter(move |app| *app != "*" && !known.contains(*app))
    }

    /// The one of the `known` applications for a call that names `wanted`, or none; `None` when the caller may not use
    /// it. A caller without the default application gets its first one.
    pub fn app<'a>(&'a self, wanted: Option<&'a str>, default: &'a str, known: &BTreeSet<String>) -> Option<&'a str> {
        let allowed = |app: &str| match &self.apps {
            None => app == default,
            Some(apps) => apps.iter().any(|allowed| allowed == app || allowed == "*"),
        };
        match wanted {
            Some(wanted) => Some(wanted).filter(|wanted| allowed(wanted) && known.contains(*wanted)),
            None if allowed(default) => Some(default),
            None => self.apps.iter().flatten().find(|app| known.contains(*app)).map(String::as_str),
        }
    }
}
