//! Errors that the framework answers before a handler sees the call, or when its reply cannot be sent: they get the details
//! that every error of the contract carries, and the code that says whose fault it is.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request};
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::{Code, Status};

use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::CallContext;
use crate::server::catalog::Family;
use crate::status::Problem;
use contract::command::Safety;
use contract::pb::ErrorReason;

/// Completes bare errors.
#[derive(Debug, Clone, Copy)]
pub struct CompleteErrors;

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

impl Middleware for CompleteErrors {
    fn name(&self) -> &'static str {
        "complete_errors"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        if call.method().family() != Family::Contract {
            return next.run(request);
        }
        let answer = next.run(request);
        Box::pin(async move {
            let response = answer.await;
            match bare(response.headers(), refused) {
                Some(problem) => problem.not_executed().request_id(call.request_id()).into_status().into_http(),
                None => response.map(|body| Body::new(body.map_frame(move |frame| explained(frame, &call)))),
            }
        })
    }
}

/// The same frame, unless it ends the response with an error that has no details.
fn explained(frame: Frame<Bytes>, call: &CallContext) -> Frame<Bytes> {
    let problem = frame.trailers_ref().and_then(|trailers| bare(trailers, cut_off));
    // The handler was done: what it was to write is written.
    let read = call.method().rule.is_some_and(|rule| rule.safety == Safety::Read);
    let outcome = if read { "not_executed" } else { "unknown" };
    let problem = problem.map(|problem| match call.command() {
        Some(command) => problem.with("outcome", outcome).with("command", command),
        None => problem.with("outcome", outcome),
    });
    let mut trailers = HeaderMap::new();
    match problem.map(|problem| problem.request_id(call.request_id()).into_status().add_header(&mut trailers)) {
        Some(Ok(())) => Frame::trailers(trailers),
        _ => frame,
    }
}

/// The error of headers or trailers that have no details, as `judge` sees it. Errors of handlers always have some.
fn bare(headers: &HeaderMap, judge: fn(Code) -> (Code, ErrorReason, &'static str)) -> Option<Problem> {
    if headers.contains_key(&DETAILS) {
        return None;
    }
    let status = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok)?;
    let (code, reason, advice) = judge(status.code());
    let message = match status.message() {
        "" => advice.to_owned(),
        message => format!("{advice} ({})", message.trim_start_matches("Error, ")),
    };
    Some(Problem::new(code, reason, message))
}

/// What it means when a handler was not reached.
fn refused(code: Code) -> (Code, ErrorReason, &'static str) {
    match code {
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
    }
}

/// What it means when the reply could not be sent.
fn cut_off(code: Code) -> (Code, ErrorReason, &'static str) {
    match code {
        Code::OutOfRange => {
            let advice = "the reply is too large: ask for a smaller page or fewer fields";
            (Code::InvalidArgument, ErrorReason::ResponseTooLarge, advice)
        }
        code => (code, ErrorReason::Internal, "the call failed"),
    }
}
