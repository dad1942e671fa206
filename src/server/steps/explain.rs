//! Errors that the framework answers before a handler sees the call: they get the details that every error of the
//! contract carries, and the code that says whose fault it is.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Request};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::pb::ErrorReason;
use crate::server::catalog::{Catalog, Family};
use crate::server::chain::{Answer, Next, Step};
use crate::server::context::CallContext;
use crate::status::Problem;

/// Completes bare errors.
#[derive(Debug)]
pub struct Explain {
    /// Knows which methods are the contract's.
    pub catalog: Arc<Catalog>,
}

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

impl Step for Explain {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        if self.catalog.find(request.uri().path()).family() != Family::Contract {
            return next.run(request);
        }
        let call = CallContext::of(request.extensions());
        let answer = next.run(request);
        Box::pin(async move {
            let response = answer.await;
            match bare(response.headers()) {
                Some(problem) => problem.request_id(call.request_id()).into_status().into_http(),
                None => response,
            }
        })
    }
}

/// The error of a response that has no details. Errors of handlers always have some.
fn bare(headers: &HeaderMap) -> Option<Problem> {
    if headers.contains_key(&DETAILS) {
        return None;
    }
    let status = Status::from_header_map(headers)?;
    let (code, reason, advice) = match status.code() {
        Code::Ok => return None,
        // The bytes are not the method's message: the framework calls that internal, but it is the caller's fault.
        Code::Internal => {
            (Code::InvalidArgument, ErrorReason::InvalidArgument, "the request is not the method's message")
        }
        // As other gRPC servers say it.
        Code::OutOfRange => {
            (Code::ResourceExhausted, ErrorReason::RequestTooLarge, "the request is too large: split it")
        }
        Code::Unimplemented => {
            (Code::Unimplemented, ErrorReason::MethodUnknown, "there is no such method here, or not in this encoding")
        }
        code => (code, ErrorReason::Internal, "the call failed"),
    };
    let message = match status.message() {
        "" => advice.to_owned(),
        message => format!("{advice} ({message})"),
    };
    Some(Problem::new(code, reason, message).not_executed())
}
