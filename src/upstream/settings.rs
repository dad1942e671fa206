//! What the upstream client needs to know, validated by `config` before it gets here.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use super::hosts::BaseUrl;

/// One Tencent application and how to reach it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Base URLs such as `https://console.tim.qq.com`; the second and later ones are backups that are tried when the
    /// first cannot be reached.
    pub base_urls: Vec<BaseUrl>,
    /// The application's number.
    pub sdk_app_id: u64,
    /// UserID of the app admin in whose name calls are made.
    pub identifier: String,
    /// The application's secret key, used as raw bytes.
    pub secret_key: SecretString,
    /// Life of a UserSig. It is renewed at about 80 % of it.
    pub usersig_ttl: Duration,
    /// Longest time for one HTTP attempt; the caller's deadline may shorten it.
    pub attempt_timeout: Duration,
    /// Attempts of one call, the first included.
    pub max_attempts: u32,
    /// Share of calls that may be retries, over a sliding window (0.2 = one retry for five calls).
    pub retry_budget: f64,
    /// Among how many replicas of this gateway the documented rates are divided.
    pub replicas: u32,
    /// Whether calls are paced at the documented rates at all.
    pub pacing: bool,
    /// Factor on all documented rates, for apps whose limits Tencent raised.
    pub rate_factor: f64,
    /// Calls per second of single commands in place of the documented rates: by name, or by `service/name`.
    pub rates: BTreeMap<String, f64>,
}
