//! Errors that the layers answer by themselves.

use http::Response;
use tonic::body::Body;

use crate::context::CallContext;
use crate::status::Problem;

/// The response that carries an error: headers only.
pub fn response(problem: Problem, call: &CallContext) -> Response<Body> {
    problem.request_id(call.request_id()).into_status().into_http()
}
