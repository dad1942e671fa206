//! Calls are POST requests of gRPC or gRPC-Web. Whatever else comes, a browser's navigation or a scanner, is no call: it is
//! answered as HTTP wants it, ahead of everything that counts, logs or authenticates calls.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use tonic::Code;
use tonic::body::Body;
use tower::Service;

use super::hosts::AllowedHosts;
use crate::status::{Problem, Violation};
use contract::pb::ErrorReason;

/// What is let pass.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whether gRPC-Web is served.
    pub web: bool,
    /// Whether connections are TLS.
    pub tls: bool,
    /// The names that may be called; `None` where any may be.
    pub hosts: Option<AllowedHosts>,
}

/// Lets calls pass.
#[derive(Debug, Clone)]
pub struct CallsOnly<S> {
    inner: S,
    rules: Rules,
}

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

impl<S> CallsOnly<S> {
    /// Guards a service.
    pub fn new(inner: S, rules: Rules) -> Self {
        Self { inner, rules }
    }
}

impl<S> Service<Request<Body>> for CallsOnly<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.rules.refuse(&request) {
            None => Either::Left(self.inner.call(request)),
            Some(response) => Either::Right(ready(Ok(response))),
        }
    }
}

impl Rules {
    fn refuse(&self, request: &Request<Body>) -> Option<Response<Body>> {
        // A mesh's sidecar reaches loopback by the names of services, in plain HTTP/2; no browser speaks that.
        let browser = self.tls || request.version() < Version::HTTP_2;
        if browser && self.hosts.as_ref().is_some_and(|hosts| !hosts.allow(request)) {
            return Some(foreign_host());
        }
        if request.method() != Method::POST {
            return Some(not_allowed());
        }
        let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if self.speaks(content_type) { None } else { Some(self.unsupported()) }
    }

    fn speaks(&self, content_type: &[u8]) -> bool {
        let media = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let media = media.to_ascii_lowercase();
        let is = |kind: &str| {
            media.strip_prefix(kind.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
        };
        is("application/grpc") || self.web && (is("application/grpc-web") || is("application/grpc-web-text"))
    }

    fn unsupported(&self) -> Response<Body> {
        let kinds = if self.web { "application/grpc, application/grpc-web" } else { "application/grpc" };
        let description = format!("must be one of {kinds}");
        let problem = Problem::invalid_argument([Violation { field: "content-type".to_owned(), description }]);
        let mut response = answered(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem);
        if let Ok(kinds) = HeaderValue::from_str(kinds) {
            response.headers_mut().insert(ACCEPT_POST, kinds);
        }
        response
    }
}

fn foreign_host() -> Response<Body> {
    let description = "must name this machine; `allowed_hosts` adds names";
    let violation = Violation { field: "host".to_owned(), description: description.to_owned() };
    answered(StatusCode::FORBIDDEN, Problem::invalid_argument([violation]))
}

fn not_allowed() -> Response<Body> {
    let message = "calls are made with the HTTP method POST";
    let problem = Problem::new(Code::Unimplemented, ErrorReason::MethodUnknown, message).not_executed();
    let mut response = answered(StatusCode::METHOD_NOT_ALLOWED, problem);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// The status of HTTP, and for clients of gRPC one that no mesh repeats.
fn answered(status: StatusCode, problem: Problem) -> Response<Body> {
    let mut response = problem.into_status().into_http();
    *response.status_mut() = status;
    response
}
