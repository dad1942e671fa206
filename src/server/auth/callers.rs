//! The file of callers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;

use super::grant::Grant;
use super::keys::{self, KeyHash};
use super::scopes;
use super::unknown::Unknown;
use contract::command::Method;

/// The callers of the file.
#[derive(Debug, Default)]
pub struct Callers {
    keys: HashMap<String, Key>,
    identities: Vec<(String, Arc<Grant>)>,
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

    /// Whether the file lists no caller.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.identities.is_empty()
    }

    /// Entries that open applications which are not there: misspelled, or those of another gateway.
    pub fn unknown_apps(&self, known: &BTreeSet<String>) -> Vec<String> {
        let keys = self.keys.iter().map(|(id, key)| (format!("key `{id}`"), &key.grant));
        let identities = self.identities.iter().map(|(uri, grant)| (format!("identity `{uri}`"), grant));
        let mut unknown = Vec::new();
        for (place, grant) in keys.chain(identities) {
            let apps = grant.unknown_apps(known);
            unknown.extend(apps.map(|app| format!("{place}: there is no application `{app}`")));
        }
        unknown.sort();
        unknown
    }

    /// Whose key it is.
    ///
    /// # Errors
    /// When it is not known, or has expired.
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

fn instant(text: &str) -> Result<SystemTime, String> {
    let timestamp: prost_types::Timestamp =
        text.parse().map_err(|_| format!("`{text}` is not a time such as 2030-01-31T00:00:00Z"))?;
    SystemTime::try_from(timestamp).map_err(|_| format!("`{text}` is too far away"))
}
