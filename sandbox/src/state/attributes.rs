//! The attributes of a group: few, small, and in the order in which they were first set.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

const KEYS: usize = 16;
const KEY_BYTES: usize = 32;
const VALUE_BYTES: usize = 4_000;
const ALL_VALUE_BYTES: usize = 16_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// These attributes with others set on top, if the limits allow the result.
    pub fn with<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ApiError> {
        let mut result = self.clone();
        for (key, value) in pairs {
            if key.is_empty() || key.len() > KEY_BYTES {
                return Err(ApiError::new(10045, "a key has 1 to 32 bytes"));
            }
            if value.len() > VALUE_BYTES {
                return Err(ApiError::new(10046, "a value has at most 4000 bytes"));
            }
            match result.0.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => value.clone_into(known),
                None => result.0.push((key.to_owned(), value.to_owned())),
            }
        }
        if result.0.len() > KEYS {
            return Err(ApiError::new(10047, "a group has at most 16 attributes"));
        }
        if result.0.iter().map(|(_, value)| value.len()).sum::<usize>() > ALL_VALUE_BYTES {
            return Err(ApiError::new(10048, "the values of a group have at most 16000 bytes"));
        }
        Ok(result)
    }

    /// These attributes without some of them: 10050 unless all of those are there.
    pub fn without(&self, keys: &[&str]) -> Result<Self, ApiError> {
        if keys.iter().any(|key| key.len() > KEY_BYTES) {
            return Err(ApiError::new(10045, "a key has at most 32 bytes"));
        }
        let has = |key: &&str| self.0.iter().any(|(known, _)| known == key);
        if !keys.iter().all(has) {
            return Err(ApiError::new(10050, "an attribute does not exist"));
        }
        let stays = |(key, _): &&(String, String)| !keys.contains(&key.as_str());
        Ok(Self(self.0.iter().filter(stays).cloned().collect()))
    }
}
