//! Secrets stay inside: whatever a gateway says at its most talkative is searched for them.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::pb;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tencent_im_grpc::app;
use tencent_im_grpc::config::{Log, LogFormat, parse_filter};
use tencent_im_grpc::server::{Application, Credentials, Server};
use tencent_im_grpc::telemetry::logs;
use tencent_im_grpc::telemetry::metrics::Metrics;
use tencent_im_grpc::telemetry::traces::Traces;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::callers::{Callers, NOWHERE, with};
use crate::support::collector::Collector;
use crate::support::process::{KEY, Process};
use crate::support::tokens::{AUDIENCE, ISSUER, Signer, claims, file};
use crate::support::{settings, watch};

/// An upstream that does what the group's id says, and remembers the UserSigs that it saw.
struct Upstream {
    url: String,
    user_sigs: Arc<Mutex<BTreeSet<String>>>,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let user_sigs = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = user_sigs.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, seen.clone()));
            }
        });
        Self { url, user_sigs }
    }
}

/// Answers one request and closes.
async fn answer(mut stream: TcpStream, seen: Arc<Mutex<BTreeSet<String>>>) -> Option<()> {
    let mut request = String::new();
    while !request.contains("GroupIdList") || !request.ends_with('}') {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        request += std::str::from_utf8(&buffer[..read]).ok()?;
    }
    let sig = request.split_once("usersig=")?.1.split('&').next()?;
    seen.lock().unwrap().insert(sig.to_owned());
    let what = request.split_once("\"do-")?.1.split('"').next()?;
    let (status, body) = match what {
        "reset" => return None,
        "hang" => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            return None;
        }
        "502" => ("502 Bad Gateway", "<html>".to_owned()),
        "garbage" => ("200 OK", "<html>".to_owned()),
        "truncate" => ("200 OK", "{".to_owned()),
        code => {
            let reply = json!({"ActionStatus": "FAIL", "ErrorCode": code.parse::<i64>().unwrap(), "ErrorInfo": "no"});
            ("200 OK", reply.to_string())
        }
    };
    let length = body.len() + usize::from(what == "truncate");
    let reply = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(reply.as_bytes()).await.ok()
}

async fn ask(channel: &Channel, what: &str, metadata: MetadataMap) -> Status {
    let message = pb::GetGroupRequest { group_id: format!("do-{what}"), filter: None };
    let request = Request::from_parts(metadata, Default::default(), message);
    pb::group_service_client::GroupServiceClient::new(channel.clone()).get_group(request).await.unwrap_err()
}

#[tokio::test]
async fn nothing_that_is_said_holds_a_secret() {
    let (mut callers, signer, upstream) = (Callers::new(), Signer::ec(), Upstream::start().await);
    let good = [callers.key("orders", &["read"], &[]), signer.token("a", &claims())];
    let mut late = claims();
    late["exp"] = json!(1);
    let mut bad = vec![
        callers.expired("late", &["read"]),
        callers.key("out-of-scope", &["message"], &[]),
        Signer::ec().token("a", &claims()),
        signer.token("unknown", &claims()),
        signer.token("a", &late),
        "Basic c2VjcmV0OnNlY3JldA==".to_owned(),
        "Bearer just-some-secret".to_owned(),
    ];
    let last = if good[0].ends_with('0') { '1' } else { '0' };
    bad.push(format!("{}{last}", &good[0][..good[0].len() - 1]));
    let jwks = file(&[signer.jwk("a")]);
    let collector = Collector::start().await;
    let mut gateway = Process::start_with(
        &upstream.url,
        &[
            ["--log-level", "trace,h2=trace"],
            ["--upstream-max-attempts", "2"],
            ["--auth-callers-file", callers.path()],
            ["--jwt-issuer", ISSUER],
            ["--jwt-audiences", AUDIENCE],
            ["--jwt-jwks-file", jwks.path().to_str().unwrap()],
        ]
        .concat(),
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)],
    )
    .await;
    let channel = gateway.channel().await;

    let mut said = String::new();
    let faults = ["reset", "hang", "502", "garbage", "truncate"];
    // Busy, limits, an operator's mistakes, and UserSigs that do not count any more.
    let codes =
        ["10002", "60008", "60007", "10023", "60004", "60006", "70001", "70003", "70009", "70013", "10010", "1"];
    for what in faults.into_iter().chain(codes) {
        for credential in &good {
            let status = ask(&channel, what, with(&[("authorization", credential)])).await;
            assert!(!matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{what}: {status:?}");
            said += &heard(&status);
        }
    }
    for credential in &bad {
        let status = ask(&channel, "1", with(&[("authorization", credential)])).await;
        assert!(matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{status:?}");
        said += &heard(&status);
    }
    for path in ["/metrics", "/config", "/version", "/readyz"] {
        let page = gateway.ask(path).await;
        assert!(page.len() > 2, "{path}");
        said += &page;
    }
    gateway.stop().await;
    let log = gateway.log();
    said += &log;
    let calls = 2 * (faults.len() + codes.len()) + bad.len();
    for body in collector.bytes() {
        said += &String::from_utf8_lossy(&body);
    }
    let spans = collector.spans().into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
    assert!(spans.count() >= calls, "every call is a span");

    // The search is worth something: the log is at its most talkative, and every call is in it.
    assert!(log.contains(r#""level":"TRACE""#));
    assert!(log.matches("GroupService/GetGroup").count() >= calls);
    assert!(said.contains("secret_key"), "the settings name what they do not show");

    let user_sigs = upstream.user_sigs.lock().unwrap().clone();
    assert!(!user_sigs.is_empty());
    let mut secrets = vec![KEY.to_owned(), KEY.to_uppercase()];
    for sig in &user_sigs {
        secrets.extend([sig.clone(), percent_decode_str(sig).decode_utf8().unwrap().into_owned()]);
    }
    for credential in good.iter().chain(&bad) {
        let token = credential.split_once(' ').unwrap().1;
        secrets.push(token.to_owned());
        // The secret half of a key, the signature of a token.
        secrets.extend(token.rsplit(['_', '.']).next().filter(|part| part.len() > 20).map(str::to_owned));
    }
    for line in std::fs::read_to_string(callers.path()).unwrap().lines() {
        secrets.extend(line.strip_prefix("hash = ").map(|hash| hash.trim_matches('"').to_owned()));
    }
    // All other tests are listened to for what looks like these.
    for secret in user_sigs.iter().chain(&good).map(String::as_str).chain([KEY]) {
        assert!(watch::secret(&format!("url=\"/v4/x?usersig={secret}&random=1\"")).is_some(), "{secret}");
    }
    for secret in secrets {
        if let Some(place) = said.find(&secret) {
            let line = said[..place].rsplit('\n').next().unwrap_or_default();
            panic!("a secret appears after: {line}");
        }
    }
}

/// All that a caller learns from an error.
fn heard(status: &Status) -> String {
    format!("{status:?}\n{}\n{}\n", status.message(), String::from_utf8_lossy(status.details()))
}

/// A panic's text may quote anything.
const CANARY: &str = "canary-3b1f";
const CHILD: &str = "REDACTION_TEST_CHILD";

/// The panic happens in a separate process, whose log is the gateway's.
#[test]
fn what_a_panic_says_stays_inside() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "telemetry::redaction::a_handler_panics", "--nocapture"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(r#""message":"panic""#) && said.contains("redaction.rs"), "{said}");
    assert!(!said.contains(CANARY), "{said}");
}

#[tokio::test]
async fn a_handler_panics() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    logs::init(&Log { filter: parse_filter("trace,h2=trace").unwrap(), format: LogFormat::Json }, &Traces::default())
        .unwrap();
    let config = settings(&[("base_urls", NOWHERE)]);
    let metrics = Arc::new(Metrics::new());
    let apps = app::clients(&config, &metrics).unwrap();
    let application = app::application(&config, apps, metrics);
    let panicking = axum::routing::any(panics);
    let routes = Routes::from(axum::Router::new().route("/tencentim.group.v1.GroupService/GetGroup", panicking));
    let credentials = Credentials::load(&config, application.methods, &application.metrics.server).await.unwrap();
    let server = Server::bind(config, credentials, Application { routes, ..application }).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run());
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let status = ask(&channel, "1", MetadataMap::new()).await;
    assert_eq!(status.code(), Code::Internal);
    assert!(!heard(&status).contains(CANARY));
}

async fn panics() -> &'static str {
    panic!("{CANARY} {KEY}")
}
