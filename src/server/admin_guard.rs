//! Guards the admin port, which trusts every peer that reaches it: against pages in a browser, large bodies and slow requests.
//! Compresses what it answers, if the client takes that: metrics are long.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;

use super::hosts::AllowedHosts;

/// The largest body: a log filter is short.
const BODY_LIMIT: usize = 4096;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The routes behind the guard. `hosts` are the names that may be called; `None` where any may be.
pub fn guarded(routes: Router, hosts: Option<AllowedHosts>) -> Router {
    let guard = move |request: Request, next: Next| {
        let hosts = hosts.clone();
        async move {
            if hosts.is_some_and(|hosts| !hosts.allow(&request)) {
                return refused(StatusCode::FORBIDDEN, "the host is not this machine; `allowed_hosts` adds names\n");
            }
            // A page can send what forms can send without asking; this it cannot.
            if changes_state(request.method()) && !is_json(request.headers()) {
                return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send `content-type: application/json`\n");
            }
            let response = tokio::time::timeout(TIMEOUT, next.run(request)).await;
            response.unwrap_or_else(|_| refused(StatusCode::REQUEST_TIMEOUT, "the request took too long\n"))
        }
    };
    routes.layer(DefaultBodyLimit::max(BODY_LIMIT)).layer(from_fn(guard)).layer(CompressionLayer::new())
}

fn changes_state(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

fn refused(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}
