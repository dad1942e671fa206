//! A listener that no peer can fill: it closes connections that send no request, and makes room for new ones when it is full.

use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{cmp, io};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sync::lock;

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Open connections. When there are so many, a new one takes the place of the one of the largest holder that has done
    /// nothing for the longest time.
    pub most: usize,
    /// From the first byte of a request's head to its last; also the time of a TLS handshake.
    pub header_timeout: Duration,
    /// Without a request.
    pub idle_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { most: 1_024, header_timeout: Duration::from_secs(10), idle_timeout: Duration::from_secs(120) }
    }
}

/// A bound port.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: ConnectionLimits,
    stop: CancellationToken,
}

/// One connection, as its service and its watcher see it.
pub struct Connection {
    opened: Instant,
    /// Requests that are being answered.
    busy: AtomicU32,
    /// When something was last read, written or answered, in milliseconds since the opening.
    active: AtomicU64,
    /// When the head began that has not ended yet, in the same way; 0 while there is none.
    head: AtomicU64,
    /// Whether it ends with a reset in place of an orderly close.
    pub reset: AtomicBool,
    /// Ends it at once.
    close: CancellationToken,
}

impl Connection {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            busy: AtomicU32::new(0),
            active: AtomicU64::new(0),
            head: AtomicU64::new(0),
            reset: AtomicBool::new(false),
            close: CancellationToken::new(),
        }
    }

    fn now(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }

    fn touch(&self) -> u64 {
        let now = self.now();
        self.active.store(now, Ordering::Relaxed);
        now
    }

    fn read(&self) {
        let now = self.touch();
        if self.busy.load(Ordering::Relaxed) == 0 && self.head.load(Ordering::Relaxed) == 0 {
            self.head.store(now.max(1), Ordering::Relaxed);
        }
    }

    fn begin(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
        self.touch();
    }

    fn end(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
        self.touch();
    }

    fn is_overdue(&self, limits: &ConnectionLimits) -> bool {
        let since = |then: &AtomicU64| Duration::from_millis(self.now().saturating_sub(then.load(Ordering::Relaxed)));
        let head_is_slow = self.head.load(Ordering::Relaxed) > 0 && since(&self.head) > limits.header_timeout;
        self.busy.load(Ordering::Relaxed) == 0 && (head_is_slow || since(&self.active) > limits.idle_timeout)
    }
}

/// The open connections by peer.
#[derive(Default)]
struct Open(Mutex<Numbered>);

/// The last number that was given, and the open connections by their numbers.
type Numbered = (u64, HashMap<u64, (IpAddr, Arc<Connection>)>);

impl Open {
    /// Adds a connection, in the place of another one when there are enough.
    fn add(&self, peer: IpAddr, connection: &Arc<Connection>, most: usize) -> u64 {
        let (last, open) = &mut *lock(&self.0);
        if open.len() >= most {
            let mut held: HashMap<IpAddr, usize> = HashMap::new();
            open.values().for_each(|(peer, _)| *held.entry(*peer).or_default() += 1);
            let idle =
                |connection: &Connection| cmp::Reverse(connection.now() - connection.active.load(Ordering::Relaxed));
            let rank = |(peer, connection): &(IpAddr, Arc<Connection>)| {
                (cmp::Reverse(held.get(peer).copied()), connection.busy.load(Ordering::Relaxed) > 0, idle(connection))
            };
            let victim = open.iter().min_by_key(|(number, entry)| (rank(entry), **number)).map(|(number, _)| *number);
            if let Some((_, connection)) = victim.and_then(|number| open.remove(&number)) {
                connection.close.cancel();
            }
        }
        *last += 1;
        open.insert(*last, (peer, Arc::clone(connection)));
        *last
    }

    fn remove(&self, number: u64) {
        lock(&self.0).1.remove(&number);
    }

    fn close_overdue(&self, limits: &ConnectionLimits) {
        let (_, open) = &*lock(&self.0);
        open.values()
            .filter(|(_, connection)| connection.is_overdue(limits))
            .for_each(|(_, connection)| connection.close.cancel());
    }
}

/// How often connections are looked at.
const SWEEP: Duration = Duration::from_millis(500);

impl Listener {
    pub async fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        limits: ConnectionLimits,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, tls, limits, stop })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves each connection with its own service until it is stopped, then lets the running requests finish.
    pub async fn serve<S, B>(self, service: impl Fn(Arc<Connection>) -> S)
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self { listener, tls, limits, stop, .. } = self;
        let (open, running) = (Arc::<Open>::default(), TaskTracker::new());
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                _ = sweep.tick() => {
                    open.close_overdue(&limits);
                    continue;
                }
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "accepting a sandbox connection failed");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let connection = Arc::new(Connection::new());
            let number = open.add(peer.ip(), &connection, limits.most);
            let service = Tracked { service: service(Arc::clone(&connection)), connection: Arc::clone(&connection) };
            let (open, tls, stop) = (Arc::clone(&open), tls.clone(), stop.clone());
            running.spawn(async move {
                // Small answers must not wait for a full packet.
                stream.set_nodelay(true).ok();
                let stream = Watched { stream, connection: Arc::clone(&connection) };
                tokio::select! {
                    () = connection.close.cancelled() => {}
                    () = serve_connection(stream, tls, limits.header_timeout, service, &stop) => {}
                }
                open.remove(number);
            });
        }
        drop(listener);
        running.close();
        running.wait().await;
    }
}

async fn serve_connection<S, B>(
    stream: Watched,
    tls: Option<TlsAcceptor>,
    handshake_timeout: Duration,
    service: S,
    stop: &CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match tls {
        None => speak_http(stream, service, stop).await,
        Some(tls) => match tokio::time::timeout(handshake_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => speak_http(stream, service, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake with the sandbox failed"),
            Err(_) => tracing::debug!("TLS handshake with the sandbox took too long"),
        },
    }
}

async fn speak_http<I, S, B>(stream: I, service: S, stop: &CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
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

/// A service whose requests its connection counts.
struct Tracked<S> {
    service: S,
    connection: Arc<Connection>,
}

/// Counts a request for as long as it lives.
struct Running(Arc<Connection>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<S> Service<Request<Incoming>> for Tracked<S>
where
    S: Service<Request<Incoming>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.connection.begin();
        let (running, answer) = (Running(Arc::clone(&self.connection)), self.service.call(request));
        Box::pin(async move {
            let answer = answer.await;
            drop(running);
            answer
        })
    }
}

/// A stream whose connection sees what is read and written, and that can end with a reset.
struct Watched {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Watched {
    fn ends_with_reset(&self) -> bool {
        self.connection.reset.load(Ordering::Relaxed)
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.connection.touch();
        }
        written
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.ends_with_reset() {
            self.stream.set_zero_linger().ok();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.connection.read();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ends_with_reset() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
