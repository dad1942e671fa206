//! When a call is repeated, and what its caller gets.

use std::time::{Duration, SystemTime};

use contract::pb::ErrorReason;
use tencent_im_grpc::status::reason_of;
use tencent_im_grpc::upstream::{Fault, Outcome, Upstream};

use super::server::{Act, Server, code, dead_url, success};
use super::*;

/// Faults after which nobody knows whether the call was executed.
fn ambiguous() -> Vec<Act> {
    let codes = [10002, 20004, 20005, 60008, 70169, 70500, 90992, 90994, 90995, 91000, 110_007];
    let mut acts = vec![Act::Lost, Act::Truncated, Act::Status(502, "<html>"), Act::Status(200, "<html>")];
    acts.extend(codes.map(code));
    acts
}

/// Faults that are certain to have come before anything was executed.
fn refusals() -> [Act; 8] {
    [60004, 60005, 60007, 60011, 60014, 60018, 60019, 10023].map(code)
}

async fn run(script: &[Act], command: &Command<'_>) -> (Result<Answer, UpstreamError>, usize) {
    let server = Server::start(script.to_vec()).await;
    let upstream = Upstream::new(&settings([server.url.clone()])).unwrap();
    let result = ask(&upstream, command).await;
    (result, server.seen().len())
}

/// Runs each fault as the first of a call's attempts, all calls at once.
async fn run_each(
    acts: impl IntoIterator<Item = Act>,
    command: &Command<'_>,
) -> Vec<(Act, Result<Answer, UpstreamError>, usize)> {
    let runs = acts.into_iter().map(|act| async move {
        let (result, requests) = run(std::slice::from_ref(&act), command).await;
        (act, result, requests)
    });
    futures::future::join_all(runs).await
}

#[tokio::test]
async fn reads_and_idempotent_writes_are_repeated_after_passing_faults() {
    for command in [&READ, &IDEMPOTENT] {
        for (act, result, requests) in run_each(ambiguous().into_iter().chain(refusals()), command).await {
            assert!(result.is_ok(), "{act:?}: {result:?}");
            assert_eq!(requests, 2, "{act:?}");
        }
    }
}

#[tokio::test]
async fn an_unsafe_write_is_not_repeated_when_it_may_have_been_executed() {
    for (act, result, requests) in run_each(ambiguous(), &UNSAFE).await {
        assert_eq!(result.unwrap_err().outcome, Outcome::Unknown, "{act:?}");
        assert_eq!(requests, 1, "{act:?}");
    }
}

#[tokio::test]
async fn an_unsafe_write_is_repeated_when_it_was_certainly_not_executed() {
    for (act, result, requests) in run_each(refusals(), &UNSAFE).await {
        assert!(result.is_ok(), "{act:?}: {result:?}");
        assert_eq!(requests, 2, "{act:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for number in [10004, 10007, 10010, 10015, 10016, 10056, 20027, 10123, 125_000, 60026, 70009, 19_999] {
        let (result, requests) = run(&[code(number)], &READ).await;
        let error = result.unwrap_err();
        assert_eq!((error.upstream_code(), error.outcome), (Some(number), Outcome::NotExecuted));
        assert_eq!(requests, 1, "{number}");
    }
}

#[tokio::test]
async fn attempts_are_bounded_and_the_last_error_is_told() {
    let script = [code(10002), Act::Lost, code(60008), success()];
    let (result, requests) = run(&script, &IDEMPOTENT).await;
    let error = result.unwrap_err();
    assert_eq!((error.upstream_code(), error.outcome, error.attempts), (Some(60008), Outcome::Unknown, 3));
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn a_write_stays_uncertain_when_its_repetition_is_refused() {
    let (result, _) = run(&[Act::Lost, code(10007)], &IDEMPOTENT).await;
    assert_eq!(result.unwrap_err().outcome, Outcome::Unknown);
    // What is wrong with the request alone was wrong with it at the first attempt too.
    for number in [10005, 10045, 60003, 80002, 90001] {
        let (result, _) = run(&[Act::Lost, code(number)], &IDEMPOTENT).await;
        assert_eq!(result.unwrap_err().outcome, Outcome::NotExecuted, "{number}");
    }
    let (result, _) = run(&[Act::Lost, code(10007)], &READ).await;
    assert_eq!(result.unwrap_err().outcome, Outcome::NotExecuted);
}

/// Whatever stands between may answer anything; only a refusal of the request itself went no further.
#[tokio::test]
async fn the_status_of_a_proxy_tells_little_of_a_write() {
    for (status, outcome) in [
        (204, Outcome::Unknown),
        (302, Outcome::Unknown),
        (408, Outcome::Unknown),
        (425, Outcome::Unknown),
        (429, Outcome::Unknown),
        (499, Outcome::Unknown),
        (403, Outcome::NotExecuted),
        (404, Outcome::NotExecuted),
    ] {
        let (result, requests) = run(&[Act::Status(status, "")], &UNSAFE).await;
        assert_eq!((result.unwrap_err().outcome, requests), (outcome, 1), "{status}");
    }
}

/// What it says of the repetition says nothing of the attempt before.
#[tokio::test]
async fn a_refusal_after_a_lost_reply_leaves_the_outcome_unknown() {
    for number in [10004, 10007, 10010, 10013, 10021, 10025, 10050, 80001] {
        let (result, requests) = run(&[Act::Lost, code(number)], &IDEMPOTENT).await;
        assert_eq!((result.unwrap_err().outcome, requests), (Outcome::Unknown, 2), "{number}");
        let (result, _) = run(&[code(60007), code(number)], &IDEMPOTENT).await;
        assert_eq!(result.unwrap_err().outcome, Outcome::NotExecuted, "{number}: the first was not executed");
    }
}

#[tokio::test]
async fn an_expired_usersig_is_replaced_once() {
    let (result, requests) = run(&[code(70001)], &UNSAFE).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(requests, 2);
    let (result, requests) = run(&[code(70001), code(70001)], &READ).await;
    assert_eq!(result.unwrap_err().upstream_code(), Some(70001));
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn a_backup_takes_over_when_the_usual_host_cannot_be_reached() {
    let backup = Server::start([]).await;
    let upstream = Upstream::new(&settings([dead_url().await, backup.url.clone()])).unwrap();
    let observed = ask(&upstream, &UNSAFE).await;
    assert!(observed.is_ok(), "{observed:?}");
    ask(&upstream, &UNSAFE).await.unwrap();
    assert_eq!(backup.seen().len(), 2);
}

#[tokio::test]
async fn what_was_never_sent_was_not_executed() {
    let upstream = Upstream::new(&settings([dead_url().await])).unwrap();
    let error = ask(&upstream, &UNSAFE).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unreachable(_)), "{error:?}");
    assert_eq!(error.outcome, Outcome::NotExecuted);
    assert_eq!(error.attempts, 3);
    assert!(error.retry_after.is_some());
}

#[tokio::test]
async fn an_attempt_that_hangs_is_the_end_of_unsafe_writes_alone() {
    let seven_seconds = async |command: &'static Command<'static>, max_attempts: u32| {
        let server = Server::start([Act::Stall]).await;
        let upstream = Upstream::new(&Settings { max_attempts, ..settings([server.url.clone()]) }).unwrap();
        let deadline = Instant::now() + Duration::from_secs(7);
        let result = send(&upstream, Call { deadline, ..call(command) }).await;
        (result.map_err(|error| (error.fault, error.outcome)), server.seen().len())
    };
    let (read, idempotent, write, once) = futures::join!(
        seven_seconds(&READ, 2),
        seven_seconds(&IDEMPOTENT, 2),
        seven_seconds(&UNSAFE, 2),
        seven_seconds(&IDEMPOTENT, 1)
    );
    assert!(matches!(read, (Ok(_), 2)), "{read:?}");
    assert!(matches!(idempotent, (Ok(_), 2)), "{idempotent:?}");
    let too_late = (Err((Fault::Deadline { sent: true }, Outcome::Unknown)), 1);
    assert_eq!(write, too_late);
    assert_eq!(once, too_late, "nothing follows the last attempt");
}

#[tokio::test]
async fn nothing_is_repeated_past_the_deadline() {
    let server = Server::start(vec![Act::Status(502, ""); 100]).await;
    let upstream = Upstream::new(&Settings { max_attempts: 100, ..settings([server.url.clone()]) }).unwrap();
    let deadline = Instant::now() + Duration::from_millis(400);
    let error = send(&upstream, Call { deadline, ..call(&READ) }).await.unwrap_err();
    assert!(
        matches!(error.fault, Fault::Http { status: 502, retry_after: None } | Fault::Deadline { .. }),
        "{error:?}"
    );
    // Pauses of at least 50, 100, 200 and 400 ms leave room for four attempts at most.
    assert!(server.seen().len() <= 4, "{}", server.seen().len());
}

/// A text says that it was quota, which a code that no document lists does not.
#[tokio::test]
async fn a_refusal_for_quota_under_another_code_is_one() {
    let texts =
        ["call blocked by quota of the api", "Frequency limit", "QPS exceeded", "请求过于频繁", "too many requests"];
    for text in texts {
        let refusal = || Act::Json(format!(r#"{{"ErrorCode":60030,"ErrorInfo":"{text}"}}"#));
        let (result, requests) = run(&[refusal()], &READ).await;
        assert!(result.is_ok() && requests == 2, "{text}: {result:?}");
        let (result, _) = run(&[refusal(), refusal(), refusal()], &READ).await;
        let error = result.unwrap_err();
        assert!(error.retry_after.is_some() && error.outcome == Outcome::NotExecuted, "{text}: {error:?}");
        assert_eq!(reason_of(&error), ErrorReason::RateLimited, "{text}");
        // The text proves nothing.
        let (result, requests) = run(&[refusal()], &UNSAFE).await;
        assert_eq!((result.unwrap_err().outcome, requests), (Outcome::Unknown, 1), "{text}");
    }
    let (result, requests) = run(&[Act::Json(r#"{"ErrorCode":10010,"ErrorInfo":"quota"}"#.to_owned())], &READ).await;
    assert_eq!((reason_of(&result.unwrap_err()), requests), (ErrorReason::GroupNotFound, 1), "a known code decides");
}

/// Proxies and gateways on the way have limits of their own.
#[tokio::test]
async fn what_stands_on_the_way_may_ask_for_a_pause() {
    for status in [408, 425, 429, 503] {
        let slow = |when: String| Act::StatusWith(status, format!("Retry-After: {when}\r\n"));
        let started = Instant::now();
        let (result, requests) = run(&[slow("1".to_owned())], &READ).await;
        assert!(result.is_ok() && requests == 2, "{status}: {result:?}");
        assert!(started.elapsed() >= Duration::from_secs(1), "{status}");

        // As a date, further away than the call can wait: the caller hears of it.
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
        for (command, outcome) in [(&READ, Outcome::NotExecuted), (&IDEMPOTENT, Outcome::Unknown)] {
            let (result, requests) = run(&[slow(date.clone())], command).await;
            let error = result.unwrap_err();
            assert_eq!((error.outcome, requests), (outcome, 1), "{status}");
            assert!(error.retry_after.unwrap() > Duration::from_secs(500), "{status}: {error:?}");
            assert_ne!(reason_of(&error), ErrorReason::GatewayMisconfigured, "{status}");
        }
        let (result, requests) = run(&[slow("1".to_owned())], &UNSAFE).await;
        assert_eq!((result.unwrap_err().outcome, requests), (Outcome::Unknown, 1), "{status}");
    }
    // Who asks for ever, or for nothing that can be read, is not believed.
    for (when, most) in [("99999999999", Duration::from_secs(3600)), ("soon", Duration::from_secs(1))] {
        let script = vec![Act::StatusWith(429, format!("Retry-After: {when}\r\n")); 3];
        assert!(run(&script, &READ).await.0.unwrap_err().retry_after.unwrap() <= most, "{when}");
    }
}

#[tokio::test]
async fn retries_are_bounded_by_the_budget() {
    let calls = 300;
    let server = Server::start(vec![Act::Status(502, ""); 3 * calls]).await;
    let upstream = Upstream::new(&Settings { retry_budget: 0.0, ..settings([server.url.clone()]) }).unwrap();
    futures::future::join_all((0..calls).map(|_| ask(&upstream, &READ))).await;
    // Without a share of the calls there is only the reserve of ten a second, over ten seconds.
    let retries = server.seen().len() - calls;
    assert!((1..=200).contains(&retries), "{retries}");
}
