//! gRPC-Web and CORS around the middleware, and what of HTTP does not get that far.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::ServiceBuilder;
use tower::layer::layer_fn;
use tower::util::{Either, option_layer};
use tower_http::cors::{AllowHeaders, AllowOrigin, Cors, CorsLayer};

use super::calls_only::{CallsOnly, Rules};
use super::hosts::AllowedHosts;
use super::middleware::stack::Stack;
use super::tls::Tls;

use crate::config::Server as Settings;

/// The middleware with what browsers need.
pub type Web = Either<Cors<CallsOnly<Translated>>, CallsOnly<Translated>>;
type Translated = Either<GrpcWebService<Stack>, Stack>;

/// Headers that a page may read.
const EXPOSED: [&str; 7] = [
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-retry-pushback-ms",
    "x-request-id",
    "x-tim-drift-bin",
    "x-tim-sandbox",
];

/// Wraps the middleware as the settings say.
pub fn wrap(settings: &Settings, tls: Option<&Arc<Tls>>, stack: Stack) -> Web {
    let web = settings.grpc_web.then(GrpcWebLayer::new);
    let cors = (settings.grpc_web && !settings.cors_origins.is_empty()).then(|| cors(&settings.cors_origins));
    // No listener on loopback is for the pages of a browser, unless callers are known.
    let closed = settings.listen.ip().is_loopback() && !settings.auth.is_on();
    let hosts = closed.then(|| AllowedHosts::new(&settings.allowed_hosts, tls.cloned()));
    let rules = Rules { web: settings.grpc_web, tls: tls.is_some(), hosts };
    // CORS answers the OPTIONS requests of browsers.
    let calls_only = layer_fn(move |inner| CallsOnly::new(inner, rules.clone()));
    ServiceBuilder::new().layer(option_layer(cors)).layer(calls_only).layer(option_layer(web)).service(stack)
}

fn cors(origins: &[String]) -> CorsLayer {
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(Duration::from_secs(3600))
}
