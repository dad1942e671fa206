//! When a call is repeated, and what its caller is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    // A fault of the request itself was there at the first attempt too.
    let (result, _) = run(&[Act::Lost, code(10004)], &IDEMPOTENT).await;
    assert_eq!(result.unwrap_err().outcome, Outcome::NotExecuted);
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
        (499, Outcome::Unknown),
        (403, Outcome::NotExecuted),
        (404, Outcome::NotExecuted),
    ] {
        let (result, requests) = run(&[Act::Status(status, "")], &UNSAFE).await;
        assert_eq!((result.unwrap_err().outcome, requests), (outcome, 1), "{status}");
    }
}

#[tokio::test]
async fn an_error_that_our_own_repetition_caused_is_success() {
    for (name, number) in [("destroy_group", 10010), ("add_group_member", 10013)] {
        let command = command(name, Safety::Idempotent);
        let (result, requests) = run(&[Act::Lost, code(number)], &command).await;
        assert!(result.is_ok(), "{name}: {result:?}");
        assert_eq!(requests, 2);

        let (result, _) = run(&[code(number)], &command).await;
        assert_eq!(result.unwrap_err().upstream_code(), Some(number), "{name}: nothing was repeated");

        let (result, _) = run(&[code(60007), code(number)], &command).await;
        assert_eq!(result.unwrap_err().upstream_code(), Some(number), "{name}: the first was not executed");
    }
    // A taken id alone tells nothing: it may have been taken before.
    for number in [10021, 10025] {
        let (result, _) = run(&[Act::Lost, code(number)], &command("create_group", Safety::Idempotent)).await;
        assert_eq!(result.unwrap_err().outcome, Outcome::Unknown);
    }
}

/// A server without a clock: five minutes by ours are what tells new from old.
#[tokio::test]
async fn without_tencents_clock_ours_decides_whose_a_group_is() {
    let ask_for = Bytes::from_static(br#"{"GroupId":"g","Name":"Demo","Type":"Public"}"#);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (age, expected) in [(200, None), (400, Some(Outcome::NotExecuted))] {
        let created = now - age;
        let found = format!(
            r#"{{"ErrorCode":0,"GroupInfo":[{{"GroupId":"g","Name":"Demo","Type":"Public","CreateTime":{created}}}]}}"#
        );
        let server = Server::start([Act::Lost, code(10021), Act::Json(found)]).await;
        let upstream = Upstream::new(&settings([server.url.clone()])).unwrap();
        let create = command("create_group", Safety::Idempotent);
        let result = upstream.call(Call { body: ask_for.clone(), ..call(&create) }, decode).await;
        assert_eq!(result.err().map(|error| error.outcome), expected, "{age} s old");
    }
}

/// Tencent has two spellings of some types, and may answer with the other one.
#[tokio::test]
async fn a_new_group_is_known_by_either_spelling_of_its_type() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (wanted, spelt, created) in [
        ("Private", "Work", true),
        ("Work", "Private", true),
        ("ChatRoom", "Meeting", true),
        ("Later", "Later", true),
        ("Private", "Meeting", false),
        ("Public", "ChatRoom", false),
        ("Public", "Later", false),
        ("Later", "Sooner", false),
    ] {
        let body = format!(r#"{{"GroupId":"g","Name":"Demo","Type":"{wanted}"}}"#);
        let found = format!(
            r#"{{"ErrorCode":0,"GroupInfo":[{{"GroupId":"g","Name":"Demo","Type":"{spelt}","CreateTime":{now}}}]}}"#
        );
        let server = Server::start([Act::Lost, code(10021), Act::Json(found)]).await;
        let upstream = Upstream::new(&settings([server.url.clone()])).unwrap();
        let create = command("create_group", Safety::Idempotent);
        let result = upstream.call(Call { body: body.into(), ..call(&create) }, decode).await;
        let expected = if created { None } else { Some(Outcome::NotExecuted) };
        assert_eq!(result.err().map(|error| error.outcome), expected, "{wanted} and {spelt}");
    }
}

/// Without Tencent's clock nobody can tell who has joined since, so that nobody looks.
#[tokio::test]
async fn without_tencents_clock_members_are_said_to_have_been_there() {
    let reply = r#"{"ErrorCode":0,"MemberList":[{"Member_Account":"bob","Result":2}]}"#.to_owned();
    let server = Server::start([Act::Lost, Act::Json(reply.clone())]).await;
    let upstream = Upstream::new(&settings([server.url.clone()])).unwrap();
    let add = command("add_group_member", Safety::Idempotent);
    let body = Bytes::from_static(br#"{"GroupId":"g","MemberList":[{"Member_Account":"bob"}]}"#);
    let raw = |json: &[u8]| {
        let message: serde_json::Value = serde_json::from_slice(json).map_err(|_| Unreadable::NotJson)?;
        Ok(Reply { message, ..Reply::default() })
    };
    let told = upstream.call(Call { body, ..call(&add) }, raw).await.unwrap();
    assert_eq!(told, serde_json::from_str::<serde_json::Value>(&reply).unwrap());
    assert_eq!(server.seen().len(), 2);
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
        let result = upstream.call(Call { deadline, ..call(command) }, decode).await;
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
    let error = upstream.call(Call { deadline, ..call(&READ) }, decode).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Http(502) | Fault::Deadline { .. }), "{error:?}");
    // Pauses of at least 50, 100, 200 and 400 ms leave room for four attempts at most.
    assert!(server.seen().len() <= 4, "{}", server.seen().len());
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
