//! The emulated API over HTTP/1.1, with or without TLS.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::command::Command;
use crate::engine::{Engine, Query, envelope};
use crate::error::ApiError;
use crate::faults::{Action, Verdict};
use crate::journal::Entry;
use crate::registry;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A request body may hold so many bytes.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// The first second that no `Date` can hold.
const YEAR_10000: u64 = 253_402_300_800;

/// A fault closes the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection reset by a fault rule")]
struct Reset;

/// What all connections share.
#[derive(Clone)]
struct Server {
    engine: Arc<Engine>,
    /// Connections, and requests: who hangs up does not undo what it asked for.
    running: TaskTracker,
    stop: CancellationToken,
}

/// Accepts connections until the token is cancelled, then lets the running requests finish.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener, tls: Option<TlsAcceptor>, stop: CancellationToken) {
    let server = Server { engine, running: TaskTracker::new(), stop };
    loop {
        let stream = tokio::select! {
            () = server.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting a sandbox connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (shared, tls) = (server.clone(), tls.clone());
        server.running.spawn(async move {
            // Small answers must not wait for a full packet.
            stream.set_nodelay(true).ok();
            let reset = Arc::new(AtomicBool::new(false));
            let stream = Resettable { stream, reset: Arc::clone(&reset) };
            match tls {
                None => connection(shared, stream, reset).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => connection(shared, stream, reset).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake with the sandbox failed"),
                },
            }
        });
    }
    server.running.close();
    server.running.wait().await;
}

async fn connection<S>(server: Server, stream: S, reset: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = server.stop.clone();
    let service = service_fn(move |request| {
        let (server, reset) = (server.clone(), Arc::clone(&reset));
        async move {
            let answer = respond(&server, request).await;
            if answer.is_err() {
                reset.store(true, Ordering::Relaxed);
            }
            answer.map(|answer| dated(answer, server.engine.clock.now()))
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let finished = tokio::select! {
        finished = connection.as_mut() => finished,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = finished {
        tracing::debug!(%error, "a sandbox connection ended early");
    }
}

async fn respond(server: &Server, request: Request<Incoming>) -> Result<Response<Body>, Reset> {
    let path = request.uri().path().to_owned();
    if path == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(plain(StatusCode::OK, Bytes::new()));
    }
    let engine = &server.engine;
    let started = Instant::now();
    // Clients of old read with GET, and the real service answers them.
    let is_understood = *request.method() == Method::POST || (engine.loose && *request.method() == Method::GET);
    let query: Query = axum::extract::Query::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
    let sdkappid = query.get("sdkappid").and_then(|id| id.parse().ok());
    // A base URL that ends in a slash doubles it.
    let route = path.trim_start_matches('/');
    let (service, name) = route.strip_prefix("v4/").and_then(|rest| rest.split_once('/')).unwrap_or(("", ""));
    let command = match is_understood {
        true => registry::find(service, name),
        false => Err(ApiError::new(60009, "only POST is understood")),
    };
    let verdict = if command.is_ok() { engine.faults.judge(sdkappid, name) } else { Verdict::default() };
    let (service, command_name) = (service.to_owned(), name.to_owned());

    let body = Limited::new(request.into_body(), REQUEST_BYTES).collect().await;
    let (command, body) = match body {
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
        Some(Action::Truncate) => Ok(truncated(&reply)),
        Some(Action::Garbage) => Ok(json(b"<html>not JSON".to_vec())),
        _ => Ok(json(reply)),
    }
}

fn json(reply: Vec<u8>) -> Response<Body> {
    let mut response = plain(StatusCode::OK, reply.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
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

/// A stream that can end with a reset in place of an orderly close.
struct Resettable {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            self.stream.set_zero_linger().ok();
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
