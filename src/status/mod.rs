//! Every error of the service, made in one place: a gRPC status with the google.rpc details that `ErrorReason` promises.

mod advice;
mod size;
mod upstream;

pub use contract::validate::Violation;
pub use upstream::reason_of;

use std::collections::HashMap;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use contract::command::Safety;
use contract::pb::ErrorReason;

/// `domain` of every ErrorInfo.
pub const DOMAIN: &str = "tencent-im-grpc";

/// The trailer that says how long a client's retry policy waits.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    /// Boxed, because it is large and most results are no problem.
    details: Box<ErrorDetails>,
    retry_after: Option<Duration>,
    /// How many violations there are besides those in the details.
    unlisted_violations: usize,
}

impl Problem {
    /// An error without further details. The message says what to do, if anything can be done.
    #[must_use]
    pub fn new(code: Code, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            metadata: HashMap::new(),
            details: Box::new(ErrorDetails::new()),
            retry_after: None,
            unlisted_violations: 0,
        }
    }

    /// Why it failed.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        self.reason
    }

    /// What went wrong, in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request breaks the contract. All violations belong into one error; the caller gets as many as fit into headers.
    #[must_use]
    pub fn invalid_argument(violations: impl IntoIterator<Item = Violation>) -> Self {
        let mut details = Box::new(ErrorDetails::new());
        let mut message = String::from("the request breaks the contract");
        for (n, Violation { field, description }) in violations.into_iter().enumerate() {
            // The first few are enough for a log line; the details have them all.
            match n {
                0 => message.push_str(&format!(": {field} {description}")),
                1..3 => message.push_str(&format!("; {field} {description}")),
                3 => message.push_str("; …"),
                _ => {}
            }
            details.add_bad_request_violation(field, description);
        }
        Self { details, ..Self::new(Code::InvalidArgument, ErrorReason::InvalidArgument, message).not_executed() }
    }

    /// There are so many violations besides those that are named.
    #[must_use]
    pub fn unlisted_violations(mut self, count: usize) -> Self {
        self.unlisted_violations = count;
        self
    }

    /// The caller gave no valid credential.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, ErrorReason::Unauthenticated, message).not_executed()
    }

    /// The caller's credential does not carry a scope.
    #[must_use]
    pub fn scope_missing(scope: &str) -> Self {
        let message = format!("the credential lacks the scope `{scope}` that this method needs");
        Self::new(Code::PermissionDenied, ErrorReason::ScopeMissing, message).not_executed().with("scope", scope)
    }

    /// The Tencent app that the caller chose is not open to it.
    #[must_use]
    pub fn app_not_allowed() -> Self {
        let message = "the app named in x-tim-app does not exist or is not open to this caller";
        Self::new(Code::PermissionDenied, ErrorReason::AppNotAllowed, message).not_executed()
    }

    /// A limit of the gateway itself is reached. `subject` names it, such as `caller:orders`.
    #[must_use]
    pub fn overloaded(subject: impl Into<String>, message: impl Into<String>, retry_after: Duration) -> Self {
        let message = message.into();
        Self::new(Code::ResourceExhausted, ErrorReason::Overloaded, message.clone())
            .not_executed()
            .quota(subject, message)
            .retry_after(retry_after)
    }

    /// The deadline passed. Whether anything was executed by then is not known here, unless the caller states it.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        let message = "the deadline passed before the call was done";
        Self::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, message).with("outcome", "unknown")
    }

    /// The request did not come to its end in time, so that nothing was done.
    #[must_use]
    pub fn request_too_slow() -> Self {
        let message = "the request was not complete in time";
        Self::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, message).not_executed()
    }

    /// The connection closes before the call is done, which was not sent to Tencent or only reads.
    #[must_use]
    pub fn shutting_down() -> Self {
        let message = "the gateway closes the connection; repeat the call, another connection or replica will take it";
        Self::new(Code::Unavailable, ErrorReason::ShuttingDown, message).not_executed()
    }

    /// The connection closes before Tencent has answered a write. Never UNAVAILABLE: meshes and clients repeat that.
    #[must_use]
    pub fn cut_off(command: &str, safety: Safety) -> Self {
        let advice = advice::after_the_unknown(command, safety);
        let message = format!("the gateway closes the connection before Tencent has answered; {advice}");
        Self::new(Code::Unknown, ErrorReason::OutcomeUnknown, message)
            .with("outcome", "unknown")
            .with("command", command)
    }

    /// A fault of the gateway itself.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, ErrorReason::Internal, message)
    }

    /// A group that is not there.
    #[must_use]
    pub fn group_not_found(group_id: &str) -> Self {
        let message = "the group does not exist or was destroyed";
        Self::new(Code::NotFound, ErrorReason::GroupNotFound, message)
            .not_executed()
            .resource("group", group_id, message)
    }

    /// The id by which callers and logs know the call.
    #[must_use]
    pub fn request_id(self, id: &str) -> Self {
        self.with("request_id", id)
    }

    /// Adds to the metadata of the ErrorInfo.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Asks the caller to wait before it repeats the call.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// Names what is missing, or there already.
    #[must_use]
    pub fn resource(mut self, kind: &str, name: &str, description: &str) -> Self {
        self.details.set_resource_info(kind, name, "", description);
        self
    }

    /// Names the state that forbids the call.
    #[must_use]
    pub fn precondition(mut self, kind: &str, subject: &str, description: &str) -> Self {
        self.details.add_precondition_failure_violation(kind, subject, description);
        self
    }

    /// Names the limit that is reached.
    #[must_use]
    pub fn quota(mut self, subject: impl Into<String>, description: impl Into<String>) -> Self {
        self.details.add_quota_failure_violation(subject, description);
        self
    }

    /// States that nothing was executed.
    #[must_use]
    pub fn not_executed(self) -> Self {
        self.with("outcome", "not_executed")
    }

    /// The status to answer with, as short as clients need it.
    #[must_use]
    pub fn into_status(self) -> Status {
        let Self { code, reason, message, metadata, mut details, retry_after, unlisted_violations } = self;
        details.set_error_info(reason_name(reason), DOMAIN, metadata);
        let mut trailers = MetadataMap::new();
        if let Some(time) = retry_after {
            details.set_retry_info(Some(time));
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            trailers.insert(PUSHBACK, millis.into());
        }
        size::bounded(code, &message, *details, unlisted_violations, trailers)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        problem.into_status()
    }
}

/// A reason as it stands in an ErrorInfo.
fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}
