//! Calls are POST requests. Whatever else comes, a browser's navigation or a scanner, is no call: it is answered as HTTP wants
//! it, ahead of everything that counts, logs or authenticates calls.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use tonic::Code;
use tonic::body::Body;
use tower::Service;

use crate::status::Problem;
use contract::pb::ErrorReason;

/// Lets POST requests pass.
#[derive(Debug, Clone)]
pub struct PostOnly<S>(pub S);

impl<S> Service<Request<Body>> for PostOnly<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.method() == Method::POST {
            Either::Left(self.0.call(request))
        } else {
            Either::Right(ready(Ok(not_allowed())))
        }
    }
}

/// The status of HTTP, and for clients of gRPC one that no mesh repeats.
fn not_allowed() -> Response<Body> {
    let message = "calls are made with the HTTP method POST";
    let problem = Problem::new(Code::Unimplemented, ErrorReason::MethodUnknown, message).not_executed();
    let mut response = problem.into_status().into_http();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}
