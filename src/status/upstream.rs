//! What a caller is told when a call to Tencent failed.

use tonic::{Code, Status};

use super::Problem;
use crate::upstream::pacing::Limit;
use crate::upstream::{Fault, Outcome, UpstreamError};
use contract::codes::{self, Fate};
use contract::command::Safety;
use contract::pb::ErrorReason;

/// Longest text of Tencent's that is passed on: details travel in trailers, which are small.
const LONGEST_INFO: usize = 512;

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
            problem = problem.with("upstream_code", code.to_string()).with("upstream_message", shorten(info));
        }
        // Repeating a call that may have been executed is not what we advise.
        if let (Some(time), Outcome::NotExecuted) = (error.retry_after, error.outcome) {
            problem = problem.retry_after(time);
        }
        explain(problem, &error, code, reason)
    }
}

impl From<UpstreamError> for Status {
    fn from(error: UpstreamError) -> Self {
        Problem::from(error).into_status()
    }
}

/// Code and reason. A write that may have been executed is never UNAVAILABLE, for meshes and clients repeat that.
fn judge(error: &UpstreamError) -> (Code, ErrorReason) {
    match (&error.fault, error.outcome) {
        (Fault::Deadline { .. }, _) => (Code::DeadlineExceeded, ErrorReason::DeadlineExceeded),
        (Fault::Code { code, .. }, Outcome::Unknown) if codes::lookup(*code).fate == Fate::Unknown => {
            (Code::Unknown, ErrorReason::UnknownUpstreamCode)
        }
        (_, Outcome::Unknown) | (Fault::Unseen(_), _) => (Code::Unknown, ErrorReason::OutcomeUnknown),
        (Fault::Code { code, .. }, _) => {
            let entry = codes::lookup(*code);
            (entry.code, entry.reason)
        }
        (Fault::Throttled(_), _) => (Code::ResourceExhausted, ErrorReason::RateLimited),
        (Fault::Unreachable(_) | Fault::Lost(_) | Fault::TimedOut, _) => {
            (Code::Unavailable, ErrorReason::UpstreamUnavailable)
        }
        (Fault::Http(status), _) if *status >= 500 => (Code::Unavailable, ErrorReason::UpstreamUnavailable),
        // Somebody on the way refuses: a wrong address, a proxy that wants credentials.
        (Fault::Http(_), _) => (Code::Internal, ErrorReason::GatewayMisconfigured),
        (Fault::Unreadable(_) | Fault::TooLarge, _) => (Code::Internal, ErrorReason::UpstreamMalformedReply),
    }
}

fn message(error: &UpstreamError, reason: ErrorReason) -> String {
    let command = &error.command;
    let what = match &error.fault {
        Fault::Code { code, info } => {
            let meaning = codes::lookup(*code).meaning;
            let info = shorten(info);
            let separator = if info.is_empty() { "" } else { ": " };
            format!("{meaning} (Tencent answered {code}{separator}{info})")
        }
        fault => fault.to_string(),
    };
    let advice = advice(error, reason).map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{command}: {what}{advice}")
}

/// What the caller can do about it, where the reason alone does not say so.
fn advice(error: &UpstreamError, reason: ErrorReason) -> Option<&'static str> {
    use ErrorReason as R;
    let diagnosis = error.upstream_code().and_then(diagnosis);
    Some(match reason {
        R::OutcomeUnknown | R::DeadlineExceeded | R::UnknownUpstreamCode if error.outcome == Outcome::Unknown => {
            after_the_unknown(error)
        }
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
    })
}

/// What to do about a write that may have been executed.
fn after_the_unknown(error: &UpstreamError) -> &'static str {
    match error.safety {
        Safety::Unsafe => "whether it was executed is not known: look before repeating it",
        // Messages are told apart by a number that comes from the caller's id.
        _ if error.command.starts_with("send_") => {
            "whether it was executed is not known: repeat it with the same request_id, or look first if it had none"
        }
        _ => "whether it was executed is not known; it is safe to repeat",
    }
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
fn explain(problem: Problem, error: &UpstreamError, code: Code, reason: ErrorReason) -> Problem {
    let group = error.group_id.as_deref().unwrap_or_default();
    let meaning = match &error.fault {
        Fault::Code { code, .. } => codes::lookup(*code).meaning.to_owned(),
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
        Fault::Code { code, .. } => codes::lookup(*code).fate == Fate::Throttled && !of_group,
        _ => false,
    };
    if of_group && !group.is_empty() {
        format!("group:{group}")
    } else if of_command {
        format!("command:{}", error.command)
    } else {
        "app".to_owned()
    }
}

fn shorten(info: &str) -> String {
    let kept: String = info.chars().filter(|c| !c.is_control()).take(LONGEST_INFO).collect();
    if kept.len() < info.len() && kept.chars().count() == LONGEST_INFO { format!("{kept}…") } else { kept }
}
