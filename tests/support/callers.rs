//! Callers with keys, and what they do.

use std::io::Write;
use std::time::Duration;

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use secrecy::ExposeSecret;
use tencent_im_grpc::server::auth::keys;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::Gateway;

/// Nobody listens there: what gets past the layers fails soon, with UNAVAILABLE.
pub const NOWHERE: &str = "http://127.0.0.1:1";

/// A callers file that is there until dropped.
pub struct Callers {
    file: tempfile::NamedTempFile,
}

impl Callers {
    pub fn new() -> Self {
        Self { file: tempfile::NamedTempFile::new().unwrap() }
    }

    /// Adds a key and returns what the caller sends.
    pub fn key(&mut self, caller: &str, scopes: &[&str], apps: &[&str]) -> String {
        self.entry(caller, scopes, apps, None)
    }

    /// Adds a key whose time is over.
    pub fn expired(&mut self, caller: &str, scopes: &[&str]) -> String {
        self.entry(caller, scopes, &[], Some(Duration::ZERO))
    }

    fn entry(&mut self, caller: &str, scopes: &[&str], apps: &[&str], life: Option<Duration>) -> String {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let key = keys::generate(caller, &owned(scopes), &owned(apps), life);
        self.write(&key.entry);
        format!("Bearer {}", key.token.expose_secret())
    }

    /// Adds any text to the file.
    pub fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
        self.file.flush().unwrap();
    }

    /// Puts another text in the file's place at once: a reader never sees a part of it.
    pub fn replace(&self, text: &str) {
        let fresh = format!("{}.new", self.path());
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, self.path()).unwrap();
    }

    pub fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    /// A gateway for them, with no upstream.
    pub async fn gateway(&self, more: &[(&str, &str)]) -> Gateway {
        let mut all = vec![("auth.callers_file", self.path()), ("upstream.max_attempts", "1")];
        all.extend_from_slice(more);
        Gateway::start(NOWHERE, &all).await
    }
}

/// Metadata from texts.
pub fn with(metadata: &[(&'static str, &str)]) -> MetadataMap {
    let mut map = MetadataMap::new();
    for (name, value) in metadata {
        map.insert(*name, value.parse().unwrap());
    }
    map
}

/// A call that needs the scope `read`.
pub async fn ask(channel: &Channel, metadata: &[(&'static str, &str)]) -> Status {
    let message = pb::GetGroupRequest { group_id: "g".into(), filter: None };
    let request = Request::from_parts(with(metadata), Default::default(), message);
    GroupServiceClient::new(channel.clone()).get_group(request).await.unwrap_err()
}

/// Whether the gateway's health can be asked.
pub async fn healthy(channel: &Channel) -> bool {
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.is_ok()
}

/// The reason in an error's details.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
