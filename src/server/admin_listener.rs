//! Serves the admin port: bounded like the other one, and guarded by [`admin_guard`](super::admin_guard).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::counter::Counter;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::listener::{Listener, Seat};
use crate::telemetry::sampler::Sampler;

/// Connections at once: scrapers, probes and people.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that has to go may take.
const GRACE: Duration = Duration::from_secs(1);

/// Serves for ever.
pub async fn serve(listener: TcpListener, routes: Router, refused: Counter, lines: Arc<Sampler>) {
    let listener = Listener::new(listener, CONNECTIONS, refused, lines);
    listener.accept(TaskTracker::new(), move |stream, _, seat| connection(stream, routes.clone(), seat)).await;
}

async fn connection(stream: TcpStream, routes: Router, Seat { place, .. }: Seat) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = place.revoked().cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(GRACE, connection).await;
}
