//! The keys of custom fields that an app has declared.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Most custom fields of groups and of members in one app.
pub const GROUP_CUSTOM_FIELDS: usize = 10;
pub const MEMBER_CUSTOM_FIELDS: usize = 5;
/// Most custom fields of profiles in one app.
pub const PROFILE_CUSTOM_FIELDS: usize = 20;

/// Custom fields of groups, members or profiles: at most so many keys for each app.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CustomFields {
    pub declared: BTreeSet<String>,
}

impl CustomFields {
    /// 10004 for a key that is not declared.
    pub fn check(&self, key: &str) -> Result<(), ApiError> {
        if self.declared.contains(key) {
            return Ok(());
        }
        Err(undeclared())
    }

    /// Declares a key: 10004 for one that no field can have, or when there are enough.
    pub fn declare(&mut self, key: &str, most: usize) -> Result<(), ApiError> {
        if self.declared.contains(key) {
            return Ok(());
        }
        let well_formed =
            !key.is_empty() && key.len() <= 16 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if self.declared.len() >= most || !well_formed {
            return Err(undeclared());
        }
        self.declared.insert(key.to_owned());
        Ok(())
    }
}

fn undeclared() -> ApiError {
    ApiError::new(10004, "all defined key is invalid")
}
