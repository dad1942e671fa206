//! What callers see of a failed call.

use std::time::Duration;

use tencent_im_grpc::status::{Problem, Violation};
use tencent_im_grpc::upstream::pacing::{Limit, Throttled};
use tencent_im_grpc::upstream::{Fault, Outcome};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::*;

fn failed(command: Command, fault: Fault, outcome: Outcome) -> UpstreamError {
    UpstreamError {
        fault,
        outcome,
        retry_after: Some(Duration::from_millis(1500)),
        command: command.name.to_owned(),
        safety: command.safety,
        group_id: Some("@TGS#1".to_owned()),
        request_id: "request-1".to_owned(),
        attempts: 1,
    }
}

fn refused(code: i64) -> Status {
    let fault = Fault::Code { code, info: "said Tencent".to_owned() };
    Problem::from(failed(READ, fault, Outcome::NotExecuted)).into_status()
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "tencent-im-grpc");
    info.reason
}

fn metadata(status: &Status, key: &str) -> Option<String> {
    status.get_details_error_info().unwrap().metadata.get(key).cloned()
}

#[test]
fn error_info_says_what_tencent_said() {
    let status = refused(10010);
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(reason(&status), "GROUP_NOT_FOUND");
    assert_eq!(metadata(&status, "upstream_code").as_deref(), Some("10010"));
    assert_eq!(metadata(&status, "upstream_message").as_deref(), Some("said Tencent"));
    assert_eq!(metadata(&status, "command").as_deref(), Some("get_group_info"));
    assert_eq!(metadata(&status, "request_id").as_deref(), Some("request-1"));
    assert_eq!(metadata(&status, "outcome").as_deref(), Some("not_executed"));
    let resource = status.get_details_resource_info().unwrap();
    assert_eq!((resource.resource_type.as_str(), resource.resource_name.as_str()), ("group", "@TGS#1"));
}

#[test]
fn an_unknown_code_keeps_its_number() {
    let status = refused(19_999);
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "UNKNOWN_UPSTREAM_CODE"));
    assert_eq!(metadata(&status, "upstream_code").as_deref(), Some("19999"));
    assert!(status.message().contains("19999"), "{}", status.message());
}

#[test]
fn the_details_have_tencents_text_as_it_is() {
    let info = "50% 群组\nnext line\r\n\tand \u{0}\"more\"";
    let status = Problem::from(failed(READ, Fault::Code { code: 10007, info: info.to_owned() }, Outcome::NotExecuted));
    let status = status.into_status();
    assert_eq!(metadata(&status, "upstream_message").as_deref(), Some(info));
    assert!(status.message().contains("50% 群组 next line and \"more\""), "{}", status.message());
}

#[test]
fn a_long_text_of_tencent_is_cut() {
    let fault = Fault::Code { code: 10004, info: "é\n".repeat(100_000) };
    let status = Problem::from(failed(READ, fault, Outcome::NotExecuted)).into_status();
    assert!(status.details().len() < 4096 && status.message().len() < 4096);
    assert!(!status.message().contains('\n'));
}

#[test]
fn the_operators_faults_are_not_the_callers() {
    for code in [60004, 60010, 60016, 60021, 60026, 70001, 70009, 70020] {
        let status = refused(code);
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "GATEWAY_MISCONFIGURED"), "{code}");
    }
    assert!(refused(60026).message().contains("region"));
    assert!(refused(70009).message().contains("secret key"));
}

#[test]
fn a_rule_of_the_group_type_is_a_precondition() {
    let details = refused(10033).get_error_details();
    let violation = &details.precondition_failure().unwrap().violations[0];
    assert_eq!((violation.r#type.as_str(), violation.subject.as_str()), ("GROUP_TYPE", "@TGS#1"));
}

#[test]
fn limits_say_when_to_come_back() {
    let throttled = Throttled { limit: Limit::Group, retry_after: Duration::from_millis(1500) };
    let own = Problem::from(failed(READ, Fault::Throttled(throttled), Outcome::NotExecuted)).into_status();
    for (status, subject) in
        [(refused(60007), "command:get_group_info"), (refused(10023), "group:@TGS#1"), (own, "group:@TGS#1")]
    {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
        let details: ErrorDetails = status.get_error_details();
        assert_eq!(details.quota_failure().unwrap().violations[0].subject, subject);
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(1500)));
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1500");
    }
}

#[test]
fn a_write_that_may_have_been_executed_is_never_unavailable() {
    let lost = || Fault::Lost("reset".to_owned());
    let faults = [
        lost(),
        Fault::TimedOut,
        Fault::Http { status: 502, retry_after: None },
        Fault::Unreadable(Unreadable::NotJson),
        Fault::TooLarge,
        Fault::Unreadable(Unreadable::Contradictory),
        Fault::Code { code: 60008, info: String::new() },
        Fault::Code { code: 10002, info: String::new() },
        Fault::Unreachable("after a lost reply".to_owned()),
        Fault::Code { code: 10007, info: String::new() },
        Fault::Http { status: 429, retry_after: Some(Duration::from_secs(1)) },
        Fault::Incomplete,
    ];
    for fault in faults {
        let status = Problem::from(failed(UNSAFE, fault.clone(), Outcome::Unknown)).into_status();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"), "{fault:?}");
        assert_eq!(metadata(&status, "outcome").as_deref(), Some("unknown"));
        assert!(status.get_details_retry_info().is_none(), "{fault:?}: repeating it is not advised");
    }
    let status = Problem::from(failed(UNSAFE, Fault::Deadline { sent: true }, Outcome::Unknown)).into_status();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    let status = Problem::from(failed(READ, lost(), Outcome::NotExecuted)).into_status();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UPSTREAM_UNAVAILABLE"));
}

#[test]
fn all_violations_are_told_at_once() {
    let violation = |field: &str| Violation { field: field.to_owned(), description: "must be set".to_owned() };
    let fields = ["name", "type", "members[3].user_id", "owner", "face_url"];
    let status = Problem::invalid_argument(fields.map(violation)).request_id("request-1").into_status();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    let told = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(told.iter().map(|told| told.field.as_str()).collect::<Vec<_>>(), fields);
    assert!(status.message().contains("members[3].user_id must be set"));
}

#[test]
fn the_gateways_own_limits_say_when_to_come_back() {
    let status = Problem::overloaded("caller:a", "too many calls at once", Duration::from_millis(250)).into_status();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "250");
    assert_eq!(status.get_error_details().quota_failure().unwrap().violations[0].subject, "caller:a");
}
