//! The file of callers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;

use super::Unknown;
use super::jwt::CALLER_PREFIX;
use super::keys::{self, KeyHash};
use super::scopes::{self, Permission};
use contract::command::{Method, Scope};

/// Everybody who may call.
#[derive(Debug, Default)]
pub struct Callers {
    keys: HashMap<String, Key>,
    identities: Vec<(String, Arc<Grant>)>,
}

/// What a caller may.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// Name in logs and limits. Several keys may share one.
    pub caller: Arc<str>,
    permissions: Vec<Permission>,
    /// Tencent applications; `None` means just the default one.
    apps: Option<Vec<String>>,
}

#[derive(Debug)]
struct Key {
    hash: KeyHash,
    expires: Option<SystemTime>,
    grant: Arc<Grant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "key")]
    keys: Vec<KeyEntry>,
    #[serde(default, rename = "identity")]
    identities: Vec<IdentityEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    caller: String,
    hash: String,
    scopes: Vec<String>,
    apps: Option<Vec<String>>,
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityEntry {
    uri: String,
    caller: String,
    scopes: Vec<String>,
    apps: Option<Vec<String>>,
}

impl Callers {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Everything that is wrong. Hashes are not repeated.
    pub fn parse(text: &str, methods: &[Method]) -> Result<Self, Vec<String>> {
        // The parser's own text quotes the line.
        let file: File = toml::from_str(text).map_err(|error| vec![error.message().to_owned()])?;
        let (mut callers, mut wrong) = (Self::default(), Vec::new());
        for entry in file.keys {
            let place = |what: String| format!("key `{}`: {what}", entry.id);
            match Key::new(&entry, methods) {
                Ok(key) => {
                    if callers.keys.insert(entry.id.clone(), key).is_some() {
                        wrong.push(place("is there twice".to_owned()));
                    }
                }
                Err(what) => wrong.push(place(what)),
            }
        }
        let mut seen = HashSet::new();
        for entry in file.identities {
            let place = |what: String| format!("identity `{}`: {what}", entry.uri);
            if !entry.uri.starts_with("spiffe://") {
                wrong.push(place("is not a URI that starts with spiffe://".to_owned()));
            }
            if !seen.insert(entry.uri.clone()) {
                wrong.push(place("is there twice".to_owned()));
            }
            match Grant::new(&entry.caller, &entry.scopes, entry.apps.clone(), methods) {
                Ok(grant) => callers.identities.push((entry.uri.clone(), Arc::new(grant))),
                Err(what) => wrong.push(place(what)),
            }
        }
        if wrong.is_empty() { Ok(callers) } else { Err(wrong) }
    }

    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.identities.is_empty()
    }

    /// Entries that open applications which are not there: misspelled, or those of another gateway.
    pub fn unknown_apps(&self, known: &BTreeSet<String>) -> Vec<String> {
        let keys = self.keys.iter().map(|(id, key)| (format!("key `{id}`"), &key.grant));
        let identities = self.identities.iter().map(|(uri, grant)| (format!("identity `{uri}`"), grant));
        let mut unknown = Vec::new();
        for (place, grant) in keys.chain(identities) {
            let apps = grant.apps.iter().flatten().filter(|app| *app != "*" && !known.contains(*app));
            unknown.extend(apps.map(|app| format!("{place}: there is no application `{app}`")));
        }
        unknown.sort();
        unknown
    }

    /// Whose key it is.
    ///
    /// # Errors
    /// When it is nobody's, or too old.
    pub fn by_key(&self, token: &str, now: SystemTime) -> Result<Arc<Grant>, Unknown> {
        let (id, secret) = keys::split(token).ok_or(Unknown::WrongKey)?;
        let key = self.keys.get(id).filter(|key| key.hash.verify(secret)).ok_or(Unknown::WrongKey)?;
        if key.expires.is_some_and(|expires| expires <= now) {
            return Err(Unknown::ExpiredKey);
        }
        Ok(key.grant.clone())
    }

    /// Whose identity it is; the first entry that matches counts.
    pub fn by_identity(&self, uri: &str) -> Option<Arc<Grant>> {
        let entry = self.identities.iter().find(|(pattern, _)| scopes::matches(pattern, uri));
        entry.map(|(_, grant)| grant.clone())
    }
}

impl Key {
    fn new(entry: &KeyEntry, methods: &[Method]) -> Result<Self, String> {
        if !keys::is_id(&entry.id) {
            return Err("an id has 1 to 64 of a-z, 0-9 and -".to_owned());
        }
        let hash = KeyHash::parse(&entry.hash).ok_or("the hash is not one that `keys new` makes")?;
        let expires = entry.expires.as_deref().map(instant).transpose()?;
        let grant = Arc::new(Grant::new(&entry.caller, &entry.scopes, entry.apps.clone(), methods)?);
        Ok(Self { hash, expires, grant })
    }
}

impl Grant {
    fn new(caller: &str, scopes: &[String], apps: Option<Vec<String>>, methods: &[Method]) -> Result<Self, String> {
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

    /// The one of the `known` applications for a call that names `wanted`, or none; `None` when the caller may not use
    /// it. A caller without the default application gets the first of its own.
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

fn instant(text: &str) -> Result<SystemTime, String> {
    let timestamp: prost_types::Timestamp =
        text.parse().map_err(|_| format!("`{text}` is not a time such as 2030-01-31T00:00:00Z"))?;
    SystemTime::try_from(timestamp).map_err(|_| format!("`{text}` is too far away"))
}
