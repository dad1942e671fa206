//! One HTTP request and its reply.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use percent_encoding::percent_decode_str;
use tencent_im_grpc::gateway::self_test;
use tencent_im_grpc::status::Problem;
use tencent_im_grpc::upstream::usersig::verify;
use tencent_im_grpc::upstream::{BaseUrl, Fault, Upstream};
use tokio::time::Instant;

use super::server::{Act, Server, code, success};
use super::*;

/// A client that tries once.
fn once(server: &Server) -> Upstream {
    Upstream::new(&Settings { max_attempts: 1, ..settings([server.url.clone()]) }).unwrap()
}

#[tokio::test]
async fn the_request_is_what_tencent_documents() {
    let server = Server::start([]).await;
    let identifier = "ad min&x=1#ü";
    let settings = Settings { identifier: identifier.to_owned(), ..settings([server.url.clone()]) };
    let upstream = Upstream::new(&settings).unwrap();
    let call = Call { body: Bytes::from_static(br#"{"GroupIdList":["a"]}"#), ..call(&READ) };

    let answer = send(&upstream, call).await.unwrap();

    assert_eq!(answer.group_id, "@TGS#1");
    let seen = &server.seen()[0];
    assert_eq!(seen.body, br#"{"GroupIdList":["a"]}"#);
    assert!(seen.headers.contains("content-type: application/json"));
    let target = seen.line.strip_prefix("POST ").unwrap().strip_suffix(" HTTP/1.1\r\n").unwrap();
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, "/v4/group_open_http_svc/get_group_info");
    let query: HashMap<_, _> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key, percent_decode_str(value).decode_utf8().unwrap().into_owned()))
        .collect();
    assert_eq!(query.len(), 5);
    assert_eq!(query["sdkappid"], "1400000001");
    assert_eq!(query["identifier"], identifier);
    assert_eq!(query["contenttype"], "json");
    query["random"].parse::<u32>().unwrap();
    let claims = verify(&query["usersig"], &SecretString::from(KEY)).unwrap();
    assert_eq!((claims.identifier.as_str(), claims.sdk_app_id, claims.expire), (identifier, APP, 604_800));
}

#[tokio::test]
async fn calls_share_a_connection() {
    let server = Server::start([]).await;
    let upstream = once(&server);
    for _ in 0..5 {
        ask(&upstream, &READ).await.unwrap();
    }
    assert_eq!((server.seen().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn the_error_code_alone_tells_success_from_failure() {
    let server = Server::start([
        Act::Json(r#"{"ErrorCode":0,"GroupId":"a"}"#.to_owned()),
        Act::Json(r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"succeed","Surprise":[1]}"#.to_owned()),
        Act::Json(r#"{"ErrorCode":10010,"ErrorInfo":"group not exist"}"#.to_owned()),
        // A refusal whose other fields have another shape than those of a success.
        Act::Json(r#"{"ErrorCode":10010,"ErrorInfo":"group not exist","GroupId":{}}"#.to_owned()),
    ])
    .await;
    let upstream = once(&server);
    assert_eq!(ask(&upstream, &READ).await.unwrap().group_id, "a");
    assert_eq!(ask(&upstream, &READ).await.unwrap().group_id, "");
    for _ in 0..2 {
        let error = ask(&upstream, &READ).await.unwrap_err();
        assert_eq!(error.fault, Fault::Code { code: 10010, info: "group not exist".to_owned() });
    }
}

#[tokio::test]
async fn a_bad_reply_is_an_error_of_its_own_kind() {
    let mib = 1024 * 1024;
    let server = Server::start([
        Act::Status(200, "<html>"),
        Act::Status(200, ""),
        Act::Status(200, r#"{"ErrorCode":0,"GroupId":5}"#),
        Act::Status(200, r#"{"GroupId":"a"}"#),
        Act::Status(502, r#"{"ErrorCode":0}"#),
        Act::Huge { bytes: mib + 1, chunked: false },
        Act::Huge { bytes: mib + 1024, chunked: true },
        Act::Huge { bytes: mib, chunked: false },
        Act::Truncated,
        Act::Lost,
        success(),
    ])
    .await;
    let upstream = once(&server);
    let mut faults = Vec::new();
    for _ in 0..10 {
        faults.push(ask(&upstream, &READ).await.unwrap_err().fault);
    }
    assert_eq!(faults[0], Fault::Unreadable(Unreadable::NotJson));
    assert_eq!(faults[1], Fault::Unreadable(Unreadable::NotJson));
    assert!(matches!(faults[2], Fault::Unreadable(Unreadable::WrongShape { .. })), "{:?}", faults[2]);
    assert_eq!(faults[3], Fault::Unreadable(Unreadable::NoErrorCode));
    assert_eq!(faults[4], Fault::Http { status: 502, retry_after: None });
    assert_eq!(faults[5], Fault::TooLarge);
    assert_eq!(faults[6], Fault::TooLarge);
    assert_eq!(faults[7], Fault::Unreadable(Unreadable::NotJson), "a reply of exactly 1 MiB is read");
    assert!(matches!(faults[8], Fault::Lost(_)), "{:?}", faults[8]);
    assert!(matches!(faults[9], Fault::Lost(_)), "{:?}", faults[9]);
    ask(&upstream, &READ).await.unwrap();
}

/// Without Accept-Encoding any coding would be acceptable (RFC 9110, 12.5.3).
#[tokio::test]
async fn a_reply_that_was_compressed_on_the_way_is_read() {
    let json = br#"{"ErrorCode":0,"GroupId":"@TGS#1"}"#;
    let gzip = |json: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(json).unwrap();
        encoder.finish().unwrap()
    };
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(json).unwrap();
    let zlib = zlib.finish().unwrap();
    let acts = [
        Act::Coded("gzip", gzip(json)),
        Act::Coded("X-GZIP", gzip(json)),
        Act::Coded("deflate", zlib),
        Act::Coded("identity", json.to_vec()),
        Act::Coded("br", json.to_vec()),
        Act::Coded("gzip", json.to_vec()),
        Act::Coded("gzip", gzip(&vec![b' '; 64 * 1024 * 1024])),
    ];
    let server = Server::start(acts).await;
    let upstream = once(&server);
    for _ in 0..4 {
        assert_eq!(ask(&upstream, &READ).await.unwrap().group_id, "@TGS#1");
    }
    for fault in [Fault::ContentCoding, Fault::ContentCoding, Fault::TooLarge] {
        assert_eq!(ask(&upstream, &READ).await.unwrap_err().fault, fault);
    }
    assert!(server.seen()[0].headers.contains("accept-encoding: identity"));
}

#[tokio::test]
async fn an_attempt_ends_at_its_own_time_or_at_the_deadline() {
    let server = Server::start(vec![Act::Stall; 10]).await;
    let (mut faults, mut asked) = (Vec::new(), 0);
    // Of each, the shortest time in which a request can be sent.
    for attempt_timeout in TIMES {
        let brief = Settings { max_attempts: 1, attempt_timeout, ..settings([server.url.clone()]) };
        faults.push(ask(&Upstream::new(&brief).unwrap(), &READ).await.unwrap_err().fault);
        asked += 1;
        if faults.ends_with(&[Fault::TimedOut]) {
            break;
        }
    }
    assert!(faults.ends_with(&[Fault::TimedOut]), "{faults:?}");

    let upstream = once(&server);
    for time in TIMES {
        let soon = Instant::now() + time;
        faults.push(send(&upstream, Call { deadline: soon, ..call(&READ) }).await.unwrap_err().fault);
        asked += 1;
        if faults.ends_with(&[Fault::Deadline { sent: true }]) {
            break;
        }
    }
    assert!(faults.ends_with(&[Fault::Deadline { sent: true }]), "{faults:?}");

    let past = Call { deadline: Instant::now(), ..call(&READ) };
    let error = send(&upstream, past).await.unwrap_err();
    assert_eq!(error.fault, Fault::Deadline { sent: false });
    assert!(server.seen().len() <= asked, "nothing is sent after the deadline");
}

/// For what must end soon, but not before it begins: each is tried.
const TIMES: [Duration; 3] = [Duration::from_millis(50), Duration::from_secs(1), Duration::from_secs(10)];

#[tokio::test]
async fn a_dropped_call_drops_its_request() {
    let server = Server::start([Act::Stall]).await;
    let upstream = once(&server);
    tokio::select! {
        _ = ask(&upstream, &READ) => panic!("a stalled request was answered"),
        () = server.arrived() => {}
    }
    server.given_up().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start([Act::Status(302, ""), code(0)]).await;
    let error = ask(&once(&server), &READ).await.unwrap_err();
    assert_eq!(error.fault, Fault::Http { status: 302, retry_after: None });
}

#[tokio::test]
async fn settings_that_make_no_client_are_refused() {
    assert!(Upstream::new(&settings([])).is_err());
    for text in ["console.tim.qq.com", "ftp://x", "https://u:p@x", "https://x?a=1", "https://x#a", ""] {
        assert!(text.parse::<BaseUrl>().is_err(), "{text}");
    }
    let identifier = "admin\nTLS.sdkappid:1".to_owned();
    let forged = Settings { identifier, ..settings(["http://127.0.0.1:1".to_owned()]) };
    assert!(Upstream::new(&forged).is_err());
}

#[tokio::test]
async fn the_self_test_names_the_setting_that_is_likely_wrong() {
    let suspects = [(60026, "region"), (70009, "secret key"), (60010, "identifier"), (70020, "SDKAppID")];
    let server = Server::start(suspects.map(|(number, _)| code(number))).await;
    let upstream = once(&server);
    for (_, suspect) in suspects {
        let problem = Problem::from(self_test(&upstream).await.unwrap_err());
        assert!(problem.message().contains(suspect), "{}", problem.message());
    }
    self_test(&upstream).await.unwrap();
    assert!(server.seen()[0].line.contains("/v4/group_open_http_svc/get_appid_group_list?"));
}
