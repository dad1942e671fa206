//! The usual host and its backups.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use crate::loopback::is_loopback;

/// Where Tencent's API is: the part of its URLs before `/v4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    /// The same without a slash at its end.
    text: String,
}

/// A text is not a base URL. It is not repeated, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an http or https URL without user, password, query and fragment")]
pub struct NotABaseUrl;

impl BaseUrl {
    /// Whether it leads to this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Whether what goes there can be read on the way.
    #[must_use]
    pub fn is_clear_text(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for BaseUrl {
    type Err = NotABaseUrl;

    fn from_str(text: &str) -> Result<Self, NotABaseUrl> {
        let url = Url::parse(text).map_err(|_| NotABaseUrl)?;
        let http = matches!(url.scheme(), "http" | "https") && url.has_host();
        let plain = url.username().is_empty() && url.password().is_none();
        if !http || !plain || url.query().is_some() || url.fragment().is_some() {
            return Err(NotABaseUrl);
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), url })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Base URLs; the first is used as long as it can be reached.
#[derive(Debug)]
pub(super) struct Hosts {
    urls: Vec<BaseUrl>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: usize,
    since: Instant,
}

/// How long a backup is used before the usual host gets another chance.
const RETURN_AFTER: Duration = Duration::from_secs(60);

impl Hosts {
    pub(super) fn new(urls: Vec<BaseUrl>) -> Self {
        Self { urls, state: Mutex::new(State { current: 0, since: Instant::now() }) }
    }

    /// The base URL for the next attempt, with the number by which to report it.
    pub(super) fn pick(&self) -> (usize, &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current != 0 && state.since.elapsed() >= RETURN_AFTER {
            state.current = 0;
        }
        (state.current, self.urls.get(state.current).map_or("", BaseUrl::as_str))
    }

    /// Moves on to the next host, unless another call did so already.
    pub(super) fn unreachable(&self, host: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current == host && self.urls.len() > 1 {
            *state = State { current: (host + 1) % self.urls.len(), since: Instant::now() };
        }
    }
}
