//! An account: its profile, its devices and its groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a user can be reached on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    Online,
    /// The process is gone, but pushes arrive.
    PushOnline,
    Offline,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Account {
    pub nick: String,
    pub face_url: String,
    #[serde(default)]
    pub self_signature: String,
    /// The other fields of the profile that were set, by tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profile: BTreeMap<String, Value>,
    /// Devices by platform, as the control API says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, Reach>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custom_status: String,
    /// UserSigs that were made before this second are void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kicked: Option<i64>,
    /// Numbers of the groups that the user is in.
    pub groups: BTreeSet<u64>,
}

impl Account {
    /// Online as soon as one device is.
    pub fn reach(&self) -> Reach {
        let is = |reach| self.devices.values().any(|device| *device == reach);
        match () {
            () if is(Reach::Online) => Reach::Online,
            () if is(Reach::PushOnline) => Reach::PushOnline,
            () => Reach::Offline,
        }
    }
}
