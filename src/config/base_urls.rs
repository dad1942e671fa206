//! Base URLs of Tencent's API.

use super::key::Wrong;
use super::kinds::words;
use crate::upstream::BaseUrl;

/// Reads base URLs. They are not repeated, because they may hold a password.
pub(super) fn parse_base_urls(text: &str) -> Result<Vec<BaseUrl>, Wrong> {
    words(text).map(str::parse).collect::<Result<_, _>>().map_err(|_| {
        Wrong::new("holds something that is not a plain URL", "write one such as https://console.tim.qq.com")
    })
}
