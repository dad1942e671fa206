//! The emulated API over HTTP/1.1, with or without TLS.

use std::convert::Infallible;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder;
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::command::Command;
use crate::engine::{Engine, Query, envelope};
use crate::error::ApiError;
use crate::faults::{Action, Verdict};
use crate::journal::Entry;
use crate::listener::{Connection, Listener};
use crate::registry;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A request body may hold so many bytes.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// How long a request body may take to arrive.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// The first second that no `Date` can hold.
const YEAR_10000: u64 = 253_402_300_800;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset")]
struct Reset;

/// What all connections share.
#[derive(Clone)]
struct Server {
    engine: Arc<Engine>,
    /// Requests: a caller that hangs up does not undo what it asked for.
    running: TaskTracker,
    stop: CancellationToken,
}

/// Serves the API until the listener is stopped, and lets the running requests finish.
pub async fn serve(engine: Arc<Engine>, listener: Listener, stop: CancellationToken) {
    let server = Server { engine, running: TaskTracker::new(), stop };
    let service = |connection: Arc<Connection>| {
        let server = server.clone();
        service_fn(move |request| {
            let (server, connection) = (server.clone(), Arc::clone(&connection));
            async move {
                let answer = respond(&server, request).await;
                if answer.is_err() {
                    connection.reset.store(true, Ordering::Relaxed);
                }
                answer.map(|answer| dated(answer, server.engine.clock.now()))
            }
        })
    };
    listener.serve(service).await;
    server.running.close();
    server.running.wait().await;
}

async fn respond(server: &Server, request: Request<Incoming>) -> Result<Response<Body>, Reset> {
    let path = request.uri().path().to_owned();
    if path == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(plain(StatusCode::OK, Bytes::new()));
    }
    let engine = &server.engine;
    let started = Instant::now();
    // Older clients read with GET, and the real service answers them.
    let is_understood = *request.method() == Method::POST || (engine.loose && *request.method() == Method::GET);
    let query: Query = axum::extract::Query::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
    let sdkappid = query.get("sdkappid").and_then(|id| id.parse().ok());
    // A base URL that ends in a slash doubles it.
    let route = path.trim_start_matches('/');
    let (service, name) = route.strip_prefix("v4/").and_then(|rest| rest.split_once('/')).unwrap_or(("", ""));
    let command = match is_understood {
        true if engine.loose => registry::find_loosely(service, name),
        true => registry::find(service, name),
        false => Err(ApiError::new(60009, "only POST is understood")),
    };
    let verdict = if command.is_ok() { engine.faults.judge(sdkappid, name) } else { Verdict::default() };
    let (service, command_name) = (service.to_owned(), name.to_owned());

    let body = Limited::new(request.into_body(), REQUEST_BYTES).collect();
    let (command, body) = match tokio::time::timeout(REQUEST_TIME, body).await.map_err(|_| Reset)? {
        Ok(body) => (command, body.to_bytes()),
        Err(_) => (Err(ApiError::new(93000, "the body is too long")), Bytes::new()),
    };
    let Server { engine, stop, .. } = server.clone();
    let answered = server.running.spawn(async move {
        if !verdict.latency.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(verdict.latency) => {}
                () = stop.cancelled() => {}
            }
        }
        let (reply, code) = outcome(&engine, command, &verdict, &query, &body).await;
        let reply = verdict.edited(reply);
        // A tester sees every request in the journal, whatever becomes of it.
        if !engine.journal.is_off() {
            engine.journal.record(Entry {
                number: 0,
                time: engine.clock.now(),
                sdkappid,
                service,
                command: command_name,
                identifier: query.get("identifier").cloned().unwrap_or_default(),
                body: String::from_utf8_lossy(&body).into_owned(),
                reply: String::from_utf8_lossy(&reply).into_owned(),
                code,
                fault: verdict.name(),
                micros: started.elapsed().as_micros() as u64,
            });
        }
        (verdict, reply)
    });
    let (verdict, reply) = answered.await.map_err(|_| Reset)?;
    deliver(&verdict, reply)
}

/// Executes the command unless a fault comes before it.
async fn outcome(
    engine: &Engine,
    command: Result<&'static Command, ApiError>,
    verdict: &Verdict,
    query: &Query,
    body: &[u8],
) -> (Vec<u8>, i64) {
    match &verdict.action {
        Some(Action::Error { code, info }) => {
            let info = if info.is_empty() { "injected fault".to_owned() } else { info.clone() };
            envelope(Err(ApiError::new(*code, info)))
        }
        Some(Action::Reset | Action::Http { .. }) => (Vec::new(), 0),
        Some(Action::Reply { body: Value::String(text), .. }) => (text.clone().into_bytes(), 0),
        Some(Action::Reply { body, .. }) => (body.to_string().into_bytes(), 0),
        _ => envelope(match command {
            Ok(command) => engine.answer(command, query, body).await,
            Err(error) => Err(error),
        }),
    }
}

fn deliver(verdict: &Verdict, reply: Vec<u8>) -> Result<Response<Body>, Reset> {
    match &verdict.action {
        Some(Action::Reset | Action::LoseReply) => Err(Reset),
        Some(Action::Http { status }) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            Ok(plain(status, Bytes::from_static(b"<html><body>upstream fault</body></html>")))
        }
        Some(Action::Reply { status, headers, .. }) => {
            let bytes = Bytes::from(reply);
            let mut response = json(bytes.clone());
            *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            if headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("content-encoding") && value == "gzip") {
                *response.body_mut() = whole(gzip(&bytes).into());
            }
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    response.headers_mut().insert(name, value);
                }
            }
            Ok(response)
        }
        Some(Action::Truncate) => Ok(truncated(&reply)),
        Some(Action::Garbage) => Ok(json(Bytes::from_static(b"<html>not JSON"))),
        _ => Ok(json(reply.into())),
    }
}

fn json(reply: Bytes) -> Response<Body> {
    let mut response = plain(StatusCode::OK, reply);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    // Reading from memory cannot fail.
    GzEncoder::new(text, Compression::default()).read_to_end(&mut packed).ok();
    packed
}

/// Clients learn the time from an answer: it is that of the emulated server.
fn dated(mut answer: Response<Body>, now: i64) -> Response<Body> {
    let now = u64::try_from(now).ok().filter(|now| *now < YEAR_10000);
    let date = now.map(|now| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now)));
    if let Some(Ok(date)) = date.map(HeaderValue::try_from) {
        answer.headers_mut().insert(header::DATE, date);
    }
    answer
}

/// Announces the whole length, sends half of it and breaks off.
fn truncated(reply: &[u8]) -> Response<Body> {
    let half = Bytes::copy_from_slice(&reply[..reply.len() / 2]);
    let sent = futures::stream::iter([Ok(Frame::data(half))]);
    let broken = futures::stream::once(async {
        // Lets the first half out before the connection breaks.
        tokio::task::yield_now().await;
        Err(io::Error::other("truncated by a fault rule"))
    });
    let mut response = Response::new(StreamBody::new(sent.chain(broken)).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(reply.len()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
