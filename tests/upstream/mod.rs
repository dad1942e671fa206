//! The way to Tencent.

mod client;
mod errors;
mod pacing;
mod retry;
mod secrets;
mod server;
#[cfg(feature = "redis")]
mod shared_quota;
mod status;
mod usersig;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use contract::command::{Command, Safety};
use contract::wire::{Reply, Unreadable, decode_verdict};
use secrecy::SecretString;
use serde::Deserialize;
use tencent_im_grpc::upstream::settings::Settings;
use tencent_im_grpc::upstream::{Call, Priority, Upstream, UpstreamError};
use tokio::time::Instant;

/// The reference's first test vector.
const APP: u64 = 1_400_000_001;
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn settings(base_urls: impl IntoIterator<Item = String>) -> Settings {
    Settings {
        base_urls: base_urls.into_iter().map(|url| url.parse().unwrap()).collect(),
        sdk_app_id: APP,
        identifier: "administrator".to_owned(),
        secret_key: SecretString::from(KEY),
        usersig_ttl: Duration::from_secs(604_800),
        attempt_timeout: Duration::from_secs(30),
        max_attempts: 3,
        retry_budget: 1.0,
        replicas: 1,
        pacing: false,
        rate_factor: 1.0,
        rates: BTreeMap::new(),
    }
}

const fn command(name: &'static str, safety: Safety) -> Command<'static> {
    Command {
        service: "group_open_http_svc",
        name,
        label: name,
        safety,
        rate_per_second: 200,
        group_rate_per_second: None,
    }
}

const READ: Command = command("get_group_info", Safety::Read);
const IDEMPOTENT: Command = command("modify_group_base_info", Safety::Idempotent);
const UNSAFE: Command = command("import_group", Safety::Unsafe);

fn call<'a>(command: &'a Command<'_>) -> Call<'a> {
    Call {
        command,
        body: Bytes::from_static(b"{}"),
        group_id: Some("@TGS#1"),
        deadline: Instant::now() + Duration::from_secs(60),
        caller: "tests",
        priority: Priority::Interactive,
        safety: command.safety,
        request_id: "request-1",
        write_sent: None,
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Answer {
    #[serde(rename = "GroupId")]
    group_id: String,
}

fn decode(json: &[u8]) -> Result<Reply<Answer>, Unreadable> {
    let reply = decode_verdict(json)?;
    let message = match serde_json::from_slice(json) {
        Err(_) if reply.error_code == 0 => return Err(Unreadable::WrongShape { place: "GroupId".to_owned() }),
        message => message.unwrap_or_default(),
    };
    Ok(reply.map(|()| message))
}

async fn send(upstream: &Upstream, call: Call<'_>) -> Result<Answer, UpstreamError> {
    let mut answer = None;
    let mut read = |json: &[u8]| Ok(answer.insert(decode(json)?).verdict());
    upstream.call(call, &mut read).await?;
    Ok(answer.unwrap().message)
}

async fn ask(upstream: &Upstream, command: &Command<'_>) -> Result<Answer, UpstreamError> {
    send(upstream, call(command)).await
}
