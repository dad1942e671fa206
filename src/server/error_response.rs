//! Errors that the layers respond with by themselves.

use http::Response;
use tonic::body::Body;

use crate::context::CallContext;
use crate::status::Problem;

/// The response that carries an error: headers only.
pub fn error_response(problem: Problem, call: &CallContext) -> Response<Body> {
    problem.request_id(call.request_id()).into_status().into_http()
}
