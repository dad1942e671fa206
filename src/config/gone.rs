//! Settings of earlier releases, and what takes their place.

use super::error::ConfigError;
use super::key::Setting;
use super::table;

/// A setting that is gone.
#[derive(Debug)]
pub struct Gone {
    /// Its key.
    pub key: &'static str,
    instead: Instead,
}

#[derive(Debug)]
enum Instead {
    /// Another setting, and what to write there.
    Setting(&'static Setting, &'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}

const fn replaced(key: &'static str, by: &'static Setting, how: &'static str) -> Gone {
    Gone { key, instead: Instead::Setting(by, how) }
}

const fn removed(key: &'static str, why: &'static str) -> Gone {
    Gone { key, instead: Instead::Nothing(why) }
}

const CAPS: &Setting = &table::BATCH_CAPS.setting;
const RELOAD: &Setting = &table::RELOAD_INTERVAL.setting;

/// All of them.
pub const GONE: &[Gone] = &[
    replaced("batch.add_members", CAPS, "BatchAddMembers=COUNT"),
    replaced("batch.remove_members", CAPS, "BatchRemoveMembers=COUNT"),
    replaced("batch.mute_members", CAPS, "BatchMuteMembers=COUNT"),
    replaced("batch.get_roles", CAPS, "BatchGetRoles=COUNT"),
    replaced("batch.get_members", CAPS, "BatchGetMembers=COUNT"),
    replaced("batch.get_groups", CAPS, "BatchGetGroups=COUNT"),
    replaced("batch.recall_messages", CAPS, "BatchRecallMessages=COUNT"),
    replaced("batch.ban_members", CAPS, "BatchBanMembers=COUNT,BatchUnbanMembers=COUNT"),
    replaced("batch.import_members", CAPS, "BatchImportMembers=COUNT"),
    replaced("batch.import_messages", CAPS, "BatchImportMessages=COUNT"),
    replaced("auth.reload_interval", RELOAD, "DURATION"),
    replaced("tls.reload_interval", RELOAD, "DURATION"),
    replaced("jwt.app_prefix", &table::JWT_APP_CLAIM.setting, "the name of a claim that lists applications alone"),
    removed("jwt.refresh_pause", "tokens with unknown keys cause a reading of the key set every ten seconds at most"),
    removed("upstream.pool_idle_timeout", "idle connections to Tencent are kept for 30 seconds"),
    removed(
        "limits.max_send_buffer_bytes",
        "256 KiB are buffered for each slow reader; `limits.max_in_flight` bounds them",
    ),
];

impl Gone {
    /// What to say when it is set; `name` is what it was called there.
    pub(super) fn error(&self, name: &str) -> ConfigError {
        let fix = match &self.instead {
            Instead::Setting(setting, how) => format!("set {} to {how}", setting.names()),
            Instead::Nothing(why) => format!("remove it: {why}"),
        };
        ConfigError::new(name, "is not a setting any more", fix)
    }
}

/// The setting of this key, if it is gone.
pub(super) fn find(key: &str) -> Option<&'static Gone> {
    GONE.iter().find(|gone| gone.key == key)
}
