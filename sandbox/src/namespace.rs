//! One app: its credentials, its state, and what its clients and webhooks receive.

use std::sync::{Arc, Mutex, RwLock};

use secrecy::SecretString;

use crate::events::Mailbox;
use crate::state::app::App;
use crate::sync::{lock, read, write};
use crate::webhook::Target;

/// One app: its credentials and its state, apart from every other.
pub struct Namespace {
    pub sdkappid: u64,
    key: RwLock<SecretString>,
    pub state: Mutex<App>,
    /// What clients would have received.
    pub mailbox: Mailbox,
    webhook: RwLock<Option<Arc<Target>>>,
    /// The UserSig that was verified last: clients use one for many calls.
    verified: Mutex<Option<Verified>>,
    /// The running minute and its bad UserSigs.
    bad_signatures: Mutex<(i64, u32)>,
}

struct Verified {
    usersig: String,
    identifier: String,
    made: i64,
    valid_until: i64,
}

impl Namespace {
    pub fn new(app: App, key: SecretString) -> Self {
        Self {
            sdkappid: app.sdkappid,
            key: RwLock::new(key),
            state: Mutex::new(app),
            mailbox: Mailbox::default(),
            webhook: RwLock::default(),
            verified: Mutex::default(),
            bad_signatures: Mutex::default(),
        }
    }

    /// UserSigs of the earlier key are void from now on.
    pub fn set_key(&self, key: SecretString) {
        *write(&self.key) = key;
        *lock(&self.verified) = None;
    }

    /// Remembers a UserSig that was verified.
    pub fn remember(&self, usersig: &str, identifier: &str, made: i64, valid_until: i64) {
        let (usersig, identifier) = (usersig.to_owned(), identifier.to_owned());
        *lock(&self.verified) = Some(Verified { usersig, identifier, made, valid_until });
    }

    /// Counts a bad UserSig; returns how many there were in this minute.
    pub fn count_bad_signature(&self, now: i64) -> u32 {
        let (minute, bad) = &mut *lock(&self.bad_signatures);
        if *minute != now / 60 {
            (*minute, *bad) = (now / 60, 0);
        }
        *bad += 1;
        *bad
    }

    /// When this UserSig was made, if it was the last to be verified and has not expired since.
    pub fn knows(&self, usersig: &str, identifier: &str, now: i64) -> Option<i64> {
        let known = lock(&self.verified);
        let same = |known: &&Verified| known.usersig == usersig && known.identifier == identifier;
        known.as_ref().filter(same).filter(|known| now <= known.valid_until).map(|known| known.made)
    }

    /// Where the app's webhooks go.
    pub fn webhook(&self) -> Option<Arc<Target>> {
        read(&self.webhook).clone()
    }

    pub fn set_webhook(&self, target: Option<Target>) {
        *write(&self.webhook) = target.map(Arc::new);
    }

    /// The secret key.
    pub fn key(&self) -> SecretString {
        read(&self.key).clone()
    }
}
