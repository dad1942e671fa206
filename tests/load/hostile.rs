//! Requests and replies that no sane program would send: a hundred thousand of each. Nothing panics, no caller gets INTERNAL
//! for its own mistake, and memory does not grow.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::command::methods::METHODS;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sandbox::Settings;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::large_replies::list_reply;
use crate::support::goldens::goldens;
use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::{arbitrary, dynamic, servers};

const REQUESTS: usize = 100_000;
/// Those of them that meet an upstream as hostile; the others meet a sandbox.
const BOTH: usize = 80_000;
const REPLIES: usize = 100_000;
const CONCURRENCY: usize = 64;
/// Requests after which the gateway's memory is taken as its usual size.
const WARM_UP: usize = 20_000;

/// Time enough for any machine: slowness is not tested here.
const UNHURRIED: [&str; 8] = [
    "--upstream-rate-factor",
    "100",
    "--upstream-attempt-timeout",
    "10m",
    "--deadline-default",
    "10m",
    "--deadline-max",
    "10m",
];

/// Makes requests of every kind from a seed.
struct Maker {
    pool: DescriptorPool,
    /// Requests that are right, by path.
    right: Vec<(String, Vec<u8>)>,
}

/// A call: its path, its bytes, and whether the bytes are the method's message.
struct Hostile {
    path: String,
    bytes: Vec<u8>,
    decodable: bool,
    metadata: Option<(&'static str, String)>,
}

impl Maker {
    fn new() -> Self {
        let pool = dynamic::pool();
        let goldens = goldens();
        let cases = goldens.values().flat_map(|golden| golden.cases.iter().map(|case| (&golden.method, case)));
        let right = cases.map(|(path, case)| {
            let message = dynamic::message(&dynamic::method(&pool, path).input(), &case.grpc_request);
            (path.clone(), message.encode_to_vec())
        });
        Self { right: right.collect(), pool }
    }

    fn make(&self, random: &mut StdRng) -> Hostile {
        let (mut path, mut bytes) = match random.random_range(0..10) {
            0..3 => self.right[random.random_range(0..self.right.len())].clone(),
            choice => {
                let path = METHODS[random.random_range(0..METHODS.len())].path;
                let input = dynamic::method(&self.pool, path).input();
                (path.to_owned(), payload(random, &input, choice))
            }
        };
        if random.random_bool(0.2) && !bytes.is_empty() {
            let place = random.random_range(0..bytes.len());
            bytes[place] = random.random();
            bytes.truncate(random.random_range(place..=bytes.len()));
        }
        let decodable = DynamicMessage::decode(dynamic::method(&self.pool, &path).input(), bytes.as_slice()).is_ok();
        if random.random_bool(0.01) {
            path.push('x');
        }
        let metadata = random.random_bool(0.1).then(|| metadata(random));
        Hostile { path, bytes, decodable, metadata }
    }
}

fn payload(random: &mut StdRng, input: &MessageDescriptor, choice: u32) -> Vec<u8> {
    match choice {
        3..6 => (0..random.random_range(0..80)).map(|_| random.random()).collect(),
        // A field of one huge string; rarely more than the gateway takes.
        6 if random.random_bool(0.02) => {
            let length: usize = random.random_range(1..5 << 20);
            let mut bytes = vec![0x0a];
            prost_reflect::prost::encoding::encode_varint(length as u64, &mut bytes);
            bytes.resize(bytes.len() + length, b'a');
            bytes
        }
        _ => arbitrary::message(random, input, 0).encode_to_vec(),
    }
}

fn metadata(random: &mut StdRng) -> (&'static str, String) {
    let junk: String = (0..random.random_range(0..200)).map(|_| char::from(random.random_range(b' '..=b'~'))).collect();
    let keys = ["grpc-timeout", "x-request-id", "traceparent", "x-tim-app", "grpc-encoding", "authorization"];
    (keys[random.random_range(0..keys.len())], junk)
}

/// Sends it, and reads up to three messages of the answer: every method can be called as if it streamed.
async fn call(channel: Channel, hostile: &Hostile) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let mut request = Request::new(Bytes::from(hostile.bytes.clone()));
    if let Some((key, value)) = &hostile.metadata {
        request.metadata_mut().insert(*key, MetadataValue::try_from(value.as_str()).unwrap());
    }
    let path = format!("/{}", hostile.path).parse().unwrap();
    let mut answers = grpc.server_streaming(request, path, Raw).await?.into_inner();
    for _ in 0..3 {
        if answers.message().await?.is_none() {
            break;
        }
    }
    Ok(())
}

fn judge(hostile: &Hostile, result: &Result<(), Status>) {
    let Err(status) = result else { return };
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str()).unwrap_or_default();
    let complaint = || format!("{} {:?}: {status:?}", hostile.path, hostile.metadata);
    let upstreams = ["UPSTREAM_MALFORMED_REPLY", "UPSTREAM_FAULT", "GATEWAY_MISCONFIGURED"];
    match status.code() {
        Code::Internal => assert!(upstreams.contains(&reason), "{}", complaint()),
        Code::Unknown => {
            assert!(["OUTCOME_UNKNOWN", "UNKNOWN_UPSTREAM_CODE"].contains(&reason), "{}", complaint());
        }
        // The client's own: a header that no HTTP/2 client may send.
        Code::Cancelled => panic!("{}", complaint()),
        _ => assert!(!reason.is_empty(), "every error has a reason: {}", complaint()),
    }
    if !hostile.decodable && hostile.metadata.is_none() && METHODS.iter().any(|method| method.path == hostile.path) {
        let codes = [Code::InvalidArgument, Code::ResourceExhausted];
        assert!(codes.contains(&status.code()), "{}", complaint());
    }
}

/// A reply of any kind, from a number.
async fn reply(number: u64) -> Response {
    let mut random = StdRng::seed_from_u64(number);
    let body = match random.random_range(0..14) {
        0 => (0..random.random_range(0..200)).map(|_| random.random()).collect(),
        1 => br#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","GroupInfo":[{"GroupId":"#.to_vec(),
        2 => [br#"{"ErrorCode":0,"GroupInfo":"#.to_vec(), b"[".repeat(20_000)].concat(),
        3 => br#"{"ActionStatus":"FAIL","ErrorCode":"10010","ErrorInfo":null}"#.to_vec(),
        4 => br#"{"ErrorCode":1e400}"#.to_vec(),
        5 => br#"{"ErrorCode":-9223372036854775809,"ErrorInfo":[]}"#.to_vec(),
        6 => format!(r#"{{"ActionStatus":"FAIL","ErrorCode":{},"ErrorInfo":"\u0000\ud800<script>"}}"#, random.random::<i32>()).into(),
        7 => b"null".to_vec(),
        8 => Vec::new(),
        9 if number.is_multiple_of(50) => vec![b' '; 3 << 20],
        10 => return (StatusCode::from_u16(random.random_range(300..600)).unwrap(), "<html>").into_response(),
        11 => {
            let to = [("location", "http://127.0.0.1:1/elsewhere"), ("content-encoding", "gzip")];
            return (StatusCode::FOUND, to, "").into_response();
        }
        12 if number.is_multiple_of(50) => {
            let lists = ["MemberList", "GroupInfo", "RspMsgList", "GroupIdList"];
            list_reply(lists[random.random_range(0..lists.len())], "{}", 300_000).into()
        }
        _ => br#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","MemberList":[{}],"GroupInfo":[{"ErrorCode":7}],"Next":"x"}"#.to_vec(),
    };
    Response::new(Body::from(body))
}

async fn upstream() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    servers::serve(Router::new().fallback(|| reply(NUMBER.fetch_add(1, Ordering::Relaxed)))).await
}

/// Sends requests of these numbers, has each answer judged, and counts their codes. Tells what the gateway took after the
/// warm-up.
async fn send(
    gateway: &Process,
    numbers: Range<usize>,
    judge: fn(&Hostile, &Result<(), Status>),
) -> (BTreeMap<String, usize>, usize) {
    let maker = Maker::new();
    let (next, warm) = (AtomicUsize::new(numbers.start), AtomicUsize::new(0));
    let workers = (0..CONCURRENCY).map(|_| async {
        let channel = gateway.channel().await;
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return codes;
            }
            if number == WARM_UP {
                warm.store(gateway.memory(), Ordering::Relaxed);
            }
            let hostile = maker.make(&mut StdRng::seed_from_u64(number as u64));
            let result = call(channel.clone(), &hostile).await;
            judge(&hostile, &result);
            let code = result.map_or_else(|status| status.code(), |()| Code::Ok);
            *codes.entry(format!("{code:?}")).or_default() += 1;
        }
    });
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for (code, count) in futures::future::join_all(workers).await.into_iter().flatten() {
        *codes.entry(code).or_default() += count;
    }
    println!("{codes:?}");
    (codes, warm.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_makes_the_gateway_panic_or_grow() {
    let mut gateway = Process::start_as_shipped(
        &upstream().await,
        &[&UNHURRIED[..], &["--upstream-max-attempts", "1"]].concat(),
        &[],
    )
    .await;
    let (codes, warm) = send(&gateway, 0..BOTH, judge).await;
    // Enough of the requests came as far as the upstream, and enough of its replies were taken for one.
    assert!(codes["InvalidArgument"] > BOTH / 4 && codes["Internal"] > 1_000 && codes["Ok"] > 1_000, "{codes:?}");
    let end = gateway.memory();
    gateway.stop().await;
    assert!(!gateway.log().contains("panic"), "{}", gateway.log());
    println!("memory of the gateway: {warm} KiB after {WARM_UP} requests, {end} KiB at the end");
    assert!(end < warm + 64 * 1024, "memory grew from {warm} to {end} KiB");
}

/// When Tencent behaves, every error is the caller's mistake, and the status says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_request_is_blamed_on_its_caller() {
    let settings = Settings { auto_import: true, rate_scale: 0.0, ..Settings::default() };
    let sandbox = sandbox::start(settings).await.unwrap();
    let mut gateway = Process::start_as_shipped(&format!("http://{}", sandbox.api_addr()), &UNHURRIED, &[]).await;
    let (codes, _) = send(&gateway, BOTH..REQUESTS, |hostile, result| {
        judge(hostile, result);
        let code = result.as_ref().map_or_else(Status::code, |()| Code::Ok);
        let blamed = [Code::Internal, Code::Unknown, Code::Unavailable, Code::DataLoss];
        assert!(!blamed.contains(&code), "{} {:?}: {result:?}", hostile.path, hostile.metadata);
    })
    .await;
    assert!(codes["InvalidArgument"] > 1_000 && codes["NotFound"] > 100 && codes["Ok"] > 100, "{codes:?}");
    gateway.stop().await;
    assert!(!gateway.log().contains("panic"), "{}", gateway.log());
}

#[test]
fn no_reply_makes_the_decoder_panic() {
    let pool = dynamic::pool();
    let mut random = StdRng::seed_from_u64(7);
    let messages: Vec<_> = arbitrary::messages().into_iter().collect();
    for _ in 0..REPLIES {
        let (name, (_, read)) = &messages[random.random_range(0..messages.len())];
        let descriptor = pool.get_message_by_name(&format!("tencentim.group.v1.{name}")).unwrap();
        let mut bytes = arbitrary::json(&mut random, &descriptor, 0).to_string().into_bytes();
        if random.random_bool(0.5) {
            let place = random.random_range(0..bytes.len());
            bytes[place] = random.random();
            bytes.truncate(random.random_range(place..=bytes.len()));
        }
        read(&bytes);
    }
}
