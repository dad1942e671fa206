//! The error response of a call that failed on the way to Tencent.

use tonic::Code;

use super::Problem;
use super::advice::after_the_unknown;
use crate::upstream::pacing::Limit;
use crate::upstream::{Fault, Outcome, UpstreamError};
use contract::codes::{self, Disposition};
use contract::pb::ErrorReason;

/// How many characters of Tencent's text the details pass on: they travel in trailers, which are small.
const LONGEST_INFO: usize = 512;
/// The same for the message, whose bytes are percent-encoded on the way.
const LONGEST_INFO_IN_MESSAGE: usize = 160;

impl From<UpstreamError> for Problem {
    fn from(error: UpstreamError) -> Self {
        let (code, reason) = judge(&error);
        let mut problem = Self::new(code, reason, message(&error, reason))
            .request_id(&error.request_id)
            .with("command", &error.command);
        problem = match error.outcome {
            Outcome::NotExecuted => problem.not_executed(),
            Outcome::Unknown => problem.with("outcome", "unknown"),
        };
        if let Fault::Code { code, info } = &error.fault {
            problem =
                problem.with("upstream_code", code.to_string()).with("upstream_message", shorten(info, LONGEST_INFO));
        }
        // Repeating a call that may have been executed is not what we advise.
        if let (Some(time), Outcome::NotExecuted) = (error.retry_after, error.outcome) {
            problem = problem.retry_after(time);
        }
        with_details(problem, &error, code, reason)
    }
}

/// The reason of a failed call.
#[must_use]
pub fn reason_of(error: &UpstreamError) -> ErrorReason {
    judge(error).1
}

/// Code and reason. A write that may have been executed is never UNAVAILABLE: meshes and clients repeat that.
fn judge(error: &UpstreamError) -> (Code, ErrorReason) {
    match (&error.fault, error.outcome) {
        (Fault::Deadline { .. }, _) => (Code::DeadlineExceeded, ErrorReason::DeadlineExceeded),
        (fault, Outcome::Unknown) => match fault.entry() {
            Some(entry) if entry.disposition == Disposition::Unknown => {
                (Code::Unknown, ErrorReason::UnknownUpstreamCode)
            }
            _ => (Code::Unknown, ErrorReason::OutcomeUnknown),
        },
        (Fault::Code { code, info }, _) => {
            let entry = codes::lookup_with_text(*code, info);
            (entry.code, entry.reason)
        }
        (Fault::Throttled(_) | Fault::Http { status: 429, .. }, _) => {
            (Code::ResourceExhausted, ErrorReason::RateLimited)
        }
        (Fault::Unreachable(_) | Fault::Lost(_) | Fault::TimedOut, _) => {
            (Code::Unavailable, ErrorReason::UpstreamUnavailable)
        }
        (Fault::Http { status: 408 | 425 | 500.., .. }, _) => (Code::Unavailable, ErrorReason::UpstreamUnavailable),
        // A peer on the way refuses: a wrong address, a proxy that wants credentials.
        (Fault::Http { .. }, _) => (Code::Internal, ErrorReason::GatewayMisconfigured),
        (Fault::Unreadable(_) | Fault::TooLarge | Fault::ContentCoding | Fault::Incomplete, _) => {
            (Code::Internal, ErrorReason::UpstreamMalformedReply)
        }
    }
}

fn message(error: &UpstreamError, reason: ErrorReason) -> String {
    let command = &error.command;
    let what = match &error.fault {
        Fault::Code { code, info } => {
            let meaning = codes::lookup_with_text(*code, info).meaning;
            let info = shorten(&in_one_line(info), LONGEST_INFO_IN_MESSAGE);
            let separator = if info.is_empty() { "" } else { ": " };
            format!("{meaning} (Tencent answered {code}{separator}{info})")
        }
        fault => fault.to_string(),
    };
    let advice = advice(error, reason).map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{command}: {what}{advice}")
}

/// What the caller can do about it, where the reason alone does not say so.
fn advice(error: &UpstreamError, reason: ErrorReason) -> Option<String> {
    use ErrorReason as R;
    let diagnosis = error.upstream_code().and_then(diagnosis);
    if error.outcome == Outcome::Unknown {
        return Some(after_the_unknown(&error.command, error.safety));
    }
    let advice = match reason {
        R::GatewayMisconfigured => diagnosis.unwrap_or("the gateway's operator must correct its configuration"),
        R::RateLimited | R::UpstreamUnavailable | R::UpstreamFault => "try again later",
        R::Conflict => "read it again, then repeat the change",
        R::GroupFull => "add fewer members, remove some or raise the group's maximum",
        R::UserNotFound => "import the account first",
        R::ResponseTooLarge => "ask for a smaller page or fewer fields",
        R::TooManyItems => "split the request",
        R::MessageTooLarge => "shorten the message",
        R::UnknownUpstreamCode => "see Tencent's list of error codes",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// What the operator should look at first.
fn diagnosis(code: i64) -> Option<&'static str> {
    Some(match code {
        60006 | 60012 | 70014 | 70020 => "the operator should check the SDKAppID",
        60010 | 70013 | 70403 | 90009 => "the operator should set the identifier to a user who is an app admin",
        60016 => "the operator should look at the app's state in Tencent's console",
        60021 => "the operator should allow the gateway's address in Tencent's console",
        60026 => "the operator should set the region in which the app was created",
        70001 => "the operator should check the gateway's clock",
        70003 | 70005 | 70009 | 70016 | 70050 => "the operator should check the secret key",
        _ => return None,
    })
}

/// Adds the details that belong to a code.
fn with_details(problem: Problem, error: &UpstreamError, code: Code, reason: ErrorReason) -> Problem {
    let group = error.group_id.as_deref().unwrap_or_default();
    let meaning = match &error.fault {
        Fault::Code { code, info } => codes::lookup_with_text(*code, info).meaning.to_owned(),
        fault => fault.to_string(),
    };
    match code {
        Code::NotFound | Code::AlreadyExists => {
            let (kind, name) = resource(reason, group);
            problem.resource(kind, name, &meaning)
        }
        Code::FailedPrecondition => problem.precondition(precondition(reason), group, &meaning),
        Code::ResourceExhausted => problem.quota(quota_subject(error, group), meaning),
        _ => problem,
    }
}

fn resource(reason: ErrorReason, group: &str) -> (&'static str, &str) {
    use ErrorReason as R;
    match reason {
        R::UserNotFound => ("user", ""),
        R::MemberAlreadyExists => ("member", ""),
        R::MessageNotFound => ("message", ""),
        R::ReadReceiptNotFound => ("read_receipt", ""),
        R::AttributeNotFound => ("attribute", ""),
        R::TopicNotFound => ("topic", ""),
        R::PermissionGroupNotFound => ("permission_group", ""),
        R::TopicPermissionNotFound | R::TopicPermissionAlreadyExists => ("topic_permission", ""),
        _ => ("group", group),
    }
}

fn precondition(reason: ErrorReason) -> &'static str {
    use ErrorReason as R;
    match reason {
        R::GroupTypeUnsupported => "GROUP_TYPE",
        R::EditionRequired => "EDITION",
        R::FeatureDisabled => "FEATURE",
        R::RecallWindowOver | R::MessageNotRecallable | R::MessageAlreadyRecalled => "MESSAGE",
        _ => "STATE",
    }
}

/// Whose limit it is: that of the group, of the command or of the whole app.
fn quota_subject(error: &UpstreamError, group: &str) -> String {
    let of_group = match &error.fault {
        Fault::Throttled(throttled) => throttled.limit == Limit::Group,
        Fault::Code { code, .. } => matches!(code, 10014 | 10023 | 10047 | 10048 | 10049 | 10063 | 10070 | 23003),
        _ => false,
    };
    let of_command = match &error.fault {
        Fault::Throttled(throttled) => throttled.limit == Limit::Command,
        fault => fault.entry().is_some_and(|entry| entry.reason == ErrorReason::RateLimited) && !of_group,
    };
    if of_group && !group.is_empty() {
        format!("group:{group}")
    } else if of_command {
        format!("command:{}", error.command)
    } else {
        "app".to_owned()
    }
}

/// A text without line ends and other control characters, which a message cannot have.
fn in_one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
