//! Which requests may reach the control API: a page in a browser must not reach it through its user.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::{Refused, Shared};

/// The hosts under which a listener can be called.
pub struct Hosts {
    /// On other addresses than loopback the names that callers use are unknown.
    is_checked: bool,
    allowed: Vec<String>,
}

impl Hosts {
    pub fn new(listener: SocketAddr, allowed: Vec<String>) -> Self {
        Self { is_checked: listener.ip().is_loopback(), allowed }
    }

    fn allow(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            || self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// Refuses calls for another host: a foreign name that resolves to this address. HTTP/2 without TLS is spoken by no browser.
pub async fn own_host(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let is_checked = hosts.is_checked && request.version() <= Version::HTTP_11;
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    match host {
        Some(host) if is_checked && !hosts.allow(host) => {
            let reason = format!("host {host:?} is not this sandbox; --allowed-host adds names");
            Refused(StatusCode::FORBIDDEN, reason).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Refuses changes without `content-type: application/json`, as a form of a foreign page sends them. A page cannot send DELETE
/// without asking first, and nothing here answers that question.
pub async fn wants_json(request: Request, next: Next) -> Response {
    let is_change = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if is_change && !essence.eq_ignore_ascii_case("application/json") {
        let reason = "a change wants the header Content-Type: application/json".to_owned();
        return Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).into_response();
    }
    next.run(request).await
}

/// Takes a body whole and in time, so that no stalled one keeps its connection.
pub async fn whole_body(State(limits): State<BodyLimits>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(limits.time, to_bytes(body, limits.bytes)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let reason = format!("the body cannot be read, or has more than {} bytes", limits.bytes);
            return Refused(StatusCode::PAYLOAD_TOO_LARGE, reason).into_response();
        }
        Err(_) => return Refused(StatusCode::REQUEST_TIMEOUT, "the body came too slowly".to_owned()).into_response(),
    };
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// What the body of a call may be.
#[derive(Clone, Copy)]
pub struct BodyLimits {
    pub bytes: usize,
    pub time: Duration,
}

/// Refuses everything once the data directory cannot be written: what memory holds may never reach the disk.
pub async fn on_disk(State(engine): Shared, request: Request, next: Next) -> Response {
    match engine.broken() {
        Some(reason) => Refused(StatusCode::SERVICE_UNAVAILABLE, reason).into_response(),
        None => next.run(request).await,
    }
}
