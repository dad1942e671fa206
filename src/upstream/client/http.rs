//! One HTTP request to Tencent.

use std::io::Read;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentelemetry::global;
use opentelemetry::propagation::Injector;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, redirect};

use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::complexity::too_complex;
use super::setup_error::SetupError;
use crate::upstream::error::Fault;
use crate::upstream::hosts::BaseUrl;
use crate::upstream::settings::Settings;
use crate::upstream::usersig::Signature;
use contract::command::Command;

/// The connections to Tencent, and what every URL has in common.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    sdk_app_id: u64,
    identifier: String,
}

/// Tencent's replies end at 1 MB.
const MAX_REPLY: usize = 1024 * 1024;
/// The longest pause that a peer on the way may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Everything but the characters that RFC 3986 leaves unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, SetupError> {
        if settings.base_urls.is_empty() {
            return Err(SetupError::NoBaseUrl);
        }
        let local = settings.base_urls.iter().any(BaseUrl::is_loopback);
        let plain = settings.base_urls.iter().all(BaseUrl::is_clear_text);
        // reqwest takes the process's provider. The error says that there is one already, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // What serves on this machine is not reached by a proxy elsewhere.
        let builder = if local { Client::builder().no_proxy() } else { Client::builder() };
        // Reading the machine's certificates is most of a start beside a sandbox, which has none to be checked.
        let builder = if plain { builder.tls_certs_only([]) } else { builder };
        let client = builder
            // A dropped HTTP/1 request closes its connection, so that a cancelled call ends upstream too.
            .http1_only()
            .pool_idle_timeout(IDLE)
            // Where no host answers, half the time is left for a backup.
            .connect_timeout(settings.attempt_timeout / 2)
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("tencent-im-grpc/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SetupError::Http(describe(error)))?;
        let identifier = utf8_percent_encode(&settings.identifier, ESCAPED).to_string();
        Ok(Self { client, sdk_app_id: settings.sdk_app_id, identifier })
    }

    /// Posts a body and reads the whole reply.
    pub(super) async fn post(
        &self,
        base: &str,
        command: &Command<'_>,
        body: Bytes,
        signature: &Signature,
    ) -> Result<Bytes, Fault> {
        let url = format!(
            "{base}/v4/{}/{}?sdkappid={}&identifier={}&usersig={}&random={}&contenttype=json",
            command.service,
            command.name,
            self.sdk_app_id,
            self.identifier,
            signature.expose(),
            rand::random::<u32>(),
        );
        let headers = trace_headers();
        let request = self.client.post(url).headers(headers).header(CONTENT_TYPE, "application/json");
        let request = request.header(ACCEPT_ENCODING, "identity").body(body);
        let mut response = request.send().await.map_err(fault)?;
        if response.status() != StatusCode::OK {
            let retry_after = retry_after(response.headers());
            return Err(Fault::Http { status: response.status().as_u16(), retry_after });
        }
        let coding = response.headers().get(CONTENT_ENCODING).cloned();
        if response.content_length().is_some_and(|length| length > MAX_REPLY as u64) {
            return Err(Fault::TooLarge);
        }
        let mut reply = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(fault)? {
            if reply.len() + chunk.len() > MAX_REPLY {
                return Err(Fault::TooLarge);
            }
            reply.extend_from_slice(&chunk);
        }
        let reply = decoded(reply.freeze(), coding.as_ref())?;
        if too_complex(&reply) {
            return Err(Fault::TooLarge);
        }
        Ok(reply)
    }
}

/// The attempt's trace, for whatever on the way takes part in it; nothing unless spans are exported.
fn trace_headers() -> HeaderMap {
    struct Headers(HeaderMap);

    impl Injector for Headers {
        fn set(&mut self, key: &str, value: String) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
                self.0.insert(name, value);
            }
        }
    }

    let mut headers = Headers(HeaderMap::new());
    global::get_text_map_propagator(|propagator| propagator.inject_context(&Span::current().context(), &mut headers));
    headers.0
}

/// The reply itself, where something on the way has compressed it though nobody asked for that.
fn decoded(reply: Bytes, coding: Option<&HeaderValue>) -> Result<Bytes, Fault> {
    let coding = coding.map_or(&b""[..], HeaderValue::as_bytes).to_ascii_lowercase();
    let mut reader: Box<dyn Read> = match coding.as_slice() {
        b"" | b"identity" => return Ok(reply),
        b"gzip" | b"x-gzip" => Box::new(MultiGzDecoder::new(&*reply)),
        b"deflate" => Box::new(ZlibDecoder::new(&*reply)),
        _ => return Err(Fault::ContentCoding),
    };
    let mut plain = Vec::new();
    let most = MAX_REPLY as u64 + 1;
    match reader.by_ref().take(most).read_to_end(&mut plain) {
        Ok(_) if plain.len() > MAX_REPLY => Err(Fault::TooLarge),
        Ok(_) => Ok(Bytes::from(plain)),
        Err(_) => Err(Fault::ContentCoding),
    }
}

/// When to come back, in seconds or as a date. The longest pause keeps a wrong clock from shutting callers out.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(pause.min(LONGEST_RETRY_AFTER))
}

/// What an error of the HTTP client means for the call.
fn fault(error: reqwest::Error) -> Fault {
    if error.is_connect() || error.is_builder() {
        Fault::Unreachable(describe(error))
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Lost(describe(error))
    }
}

/// The innermost cause, which says most; never the URL, because it holds the UserSig.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
