//! One connection: handshake, HTTP, age, and shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use super::guarded_io::GuardedIo;
use super::listener::Seat;
use super::peer::{HealthOnly, Peer};
use super::streams::Streams;
use super::tls::{self, Tls};
use crate::config::Server as Settings;
use crate::telemetry::metrics::ServerMetrics;

/// Serves connections with one set of settings.
pub struct Connections<S> {
    builder: Builder<Streams>,
    service: S,
    settings: Arc<Settings>,
    tls: Option<Arc<Tls>>,
    metrics: ServerMetrics,
    /// Asks every connection to finish its calls and close.
    pub closing: CancellationToken,
    /// Asks every call to end with an error now.
    pub ending: CancellationToken,
    /// Ends every connection at once.
    pub killed: CancellationToken,
}

impl<S> Connections<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// Prepares to serve.
    pub fn new(settings: Arc<Settings>, tls: Option<Arc<Tls>>, metrics: ServerMetrics, service: S) -> Self {
        Self {
            builder: builder(&settings),
            service,
            settings,
            tls,
            metrics,
            closing: CancellationToken::new(),
            ending: CancellationToken::new(),
            killed: CancellationToken::new(),
        }
    }

    /// Serves one connection to its end.
    pub async fn serve(&self, stream: TcpStream, address: SocketAddr, seat: Seat) {
        self.metrics.connections.inc();
        self.handshake(stream, address, seat).await;
        self.metrics.connections.dec();
    }

    async fn handshake(&self, stream: TcpStream, address: SocketAddr, seat: Seat) {
        let deadline = Instant::now() + self.settings.limits.handshake_timeout;
        // Small frames that wait for more would add 40 ms to calls.
        let _ = stream.set_nodelay(true);
        let (closing, ending) = (self.closing.child_token(), self.ending.child_token());
        let peer = Peer { address, certified: false, identity: None, closing, ending };
        let Some(tls) = &self.tls else { return self.drive(stream, peer, deadline, seat).await };
        let handshake = timeout_at(deadline, tls.acceptor().accept(stream));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = self.closing.cancelled() => return,
            () = seat.place.revoked().cancelled() => return,
        };
        match handshake {
            Ok(Ok(stream)) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let identity = certificate.and_then(tls::identity).map(Arc::from);
                let peer = Peer { certified: certificate.is_some(), identity, ..peer };
                self.drive(stream, peer, deadline, seat).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, %address, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
        }
    }

    async fn drive<I>(&self, io: I, peer: Peer, deadline: Instant, seat: Seat)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.service.clone();
        let (closing, ending) = (peer.closing.clone(), peer.ending.clone());
        let Seat { place, beyond_limit } = seat;
        let in_use = place.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            request.extensions_mut().insert(in_use.clone());
            if beyond_limit {
                request.extensions_mut().insert(HealthOnly);
            }
            service.clone().call(request)
        });
        let io = TokioIo::new(GuardedIo::new(io, deadline));
        let connection = self.builder.serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let settings = &self.settings.connection;
        // Neither replicas nor connections shed their clients in step.
        let age =
            if beyond_limit { PROBE } else { or_forever(settings.max_age.mul_f64(rand::random_range(0.9..=1.1))) };
        let mut age = std::pin::pin!(sleep_until(Instant::now() + age));
        let mut idle = std::pin::pin!(sleep_until(Instant::now() + IDLE));
        let mut errors = std::pin::pin!(sleep_until(Instant::now() + FOREVER));
        let mut end = std::pin::pin!(sleep_until(Instant::now() + FOREVER));
        let (mut leaving, mut draining) = (false, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended");
                    }
                    return;
                }
                () = &mut age, if !leaving => leaving = true,
                () = place.revoked().cancelled(), if !leaving => leaving = true,
                () = &mut idle, if !leaving => {
                    if place.idle_for() < IDLE {
                        idle.as_mut().reset(Instant::now() + IDLE - place.idle_for());
                        continue;
                    }
                    leaving = true;
                }
                () = self.closing.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                () = &mut errors, if leaving && !ending.is_cancelled() => {
                    ending.cancel();
                    continue;
                }
                () = &mut end, if leaving => return,
                () = self.killed.cancelled() => return,
            }
            // It takes no more calls from here on, and those that run have their time.
            closing.cancel();
            connection.as_mut().graceful_shutdown();
            let grace = if place.is_busy() { settings.max_age_grace } else { settings.max_age_grace.min(IDLE_GRACE) };
            errors.as_mut().reset(Instant::now() + grace - error_period(grace));
            end.as_mut().reset(Instant::now() + grace);
        }
    }
}

/// The last part of a grace period, in which the calls that are left are answered with an error.
pub fn error_period(bound: Duration) -> Duration {
    (bound / 10).min(Duration::from_secs(1))
}

/// How much of a response is buffered for a slow reader, for each call.
const SEND_BUFFER: usize = 256 << 10;
/// How long a connection without calls is kept.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// How long a connection without calls may take to close once it is asked to.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// How long a connection beyond the limit lasts: long enough for a probe.
const PROBE: Duration = Duration::from_secs(5);
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

fn or_forever(duration: Duration) -> Duration {
    if duration.is_zero() { FOREVER } else { duration }
}

fn builder(settings: &Settings) -> Builder<Streams> {
    let mut builder = Builder::new(Streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.limits.handshake_timeout)
        .max_buf_size(usize::try_from(settings.limits.max_header_bytes).unwrap_or(usize::MAX).max(8192));
    let keepalive = settings.connection.keepalive_interval;
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(keepalive).filter(|interval| !interval.is_zero()))
        .keep_alive_timeout(settings.connection.keepalive_timeout)
        .max_concurrent_streams(settings.limits.max_concurrent_streams)
        .max_header_list_size(settings.limits.max_header_bytes)
        .max_send_buf_size(SEND_BUFFER);
    // HTTP/1.1 is only there for gRPC-Web.
    if settings.grpc_web { builder } else { builder.http2_only() }
}
