//! Errors that the layers answer by themselves, with google.rpc details.

use std::collections::HashMap;
use std::time::Duration;

use http::Response;
use tonic::body::Body;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::context::CallContext;

/// `domain` of every ErrorInfo.
pub const DOMAIN: &str = "tencent-im-grpc";

/// An error with its reason (a value of `ErrorReason` without the prefix) and the request id.
pub fn status(code: Code, reason: &str, message: &str, call: &CallContext) -> Status {
    Status::with_error_details(code, message, details(reason, call))
}

/// An error that asks the caller to wait, for clients that read details and for those that read the pushback trailer.
pub fn retry_later(code: Code, reason: &str, message: &str, after: Duration, call: &CallContext) -> Status {
    let mut details = details(reason, call);
    details.set_retry_info(Some(after));
    let mut metadata = MetadataMap::new();
    metadata
        .insert("grpc-retry-pushback-ms", MetadataValue::from(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
    Status::with_error_details_and_metadata(code, message, details, metadata)
}

/// The response that carries an error: headers only.
pub fn response(status: Status) -> Response<Body> {
    status.into_http()
}

fn details(reason: &str, call: &CallContext) -> ErrorDetails {
    let metadata = HashMap::from([("request_id".to_owned(), call.request_id().to_owned())]);
    ErrorDetails::with_error_info(reason, DOMAIN, metadata)
}
