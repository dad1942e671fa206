//! The gRPC server: listener, layers, health, reflection and the way down.

mod admin;
pub mod auth;
pub mod catalog;
mod connection;
mod credentials;
mod error_response;
mod file_watcher;
pub mod health;
mod message_scanner;
mod middleware;
mod observers;
mod open_files;
mod post_only;
mod preface;
mod probe;
mod streams;
mod tls;
mod web;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use crate::config::{Config, ConfigErrors, env_name, flag_name};
use crate::telemetry::logs::LevelHandle;
use crate::telemetry::metrics::Metrics;
use admin::Admin;
use catalog::Catalog;
use connection::Connections;
use contract::command::Method;
pub use credentials::Credentials;
use health::Health;
use middleware::stack::Stack;
pub use probe::{ProbeTls, probe};
use tls::Tls;

/// What is served.
#[derive(Debug, Clone)]
pub struct Application {
    /// The services of the contract.
    pub routes: Routes,
    /// Their full names, for health.
    pub services: &'static [&'static str],
    /// What the contract says of their methods.
    pub methods: &'static [Method],
    /// Their encoded descriptors, for reflection and labels.
    pub descriptors: &'static [u8],
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Changes the log level, if logging was set up that way.
    pub log_level: Option<LevelHandle>,
}

/// Why the server did not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] ConfigErrors),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; `{setting}` (--{}, {}) chooses another address", flag_name(.setting), env_name(.setting))]
    Listen {
        /// The setting that says so.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The descriptors are broken.
    #[error("broken descriptors: {0}")]
    Descriptors(String),
    /// Signals cannot be received.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

/// A server that listens but does not serve yet.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    config: Arc<Config>,
    health: Health,
    admin: Option<(TcpListener, Admin)>,
    metrics: Arc<Metrics>,
    stack: Stack,
    tls: Option<Arc<Tls>>,
    watchers: Vec<BoxFuture<'static, ()>>,
    shutdown: Shutdown,
}

/// Asks a server to go down.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Go down in good order.
    asked: CancellationToken,
    /// Leave at once.
    urgent: CancellationToken,
}

/// Serves until SIGTERM, SIGINT or SIGHUP asks to stop.
///
/// # Errors
/// When the settings are wrong or a port cannot be bound.
pub async fn run(config: Config, credentials: Credentials, application: Application) -> Result<(), Error> {
    let most_connections = config.server.limits.max_connections;
    // Before anybody can connect.
    open_files::raise(most_connections);
    let server = Server::bind(config, credentials, application).await?;
    let shutdown = server.shutdown();
    let signals = Signals::new().map_err(Error::Signals)?;
    let waiting = tokio::spawn(signals.forward(shutdown));
    server.run().await;
    waiting.abort();
    Ok(())
}

impl Server {
    /// Builds the layers and listens.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub async fn bind(config: Config, credentials: Credentials, application: Application) -> Result<Self, Error> {
        let Credentials { authenticator, tls, watchers } = credentials;
        let config = Arc::new(config);
        let catalog = catalog(&application)?;
        let health = Health::new(application.services).await;
        let mut routes = application.routes.add_service(health.service().max_decoding_message_size(QUESTION));
        if config.server.reflection {
            routes = with_reflection(routes, application.descriptors)?;
        }
        let metrics = application.metrics;
        let stack = Stack::new(middleware::layers(&config, catalog, authenticator, &metrics), routes);
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let (listener, local_addr) = listen("listen", config.server.listen).await?;
        let admin = match config.server.admin_listen {
            Some(address) => {
                let effective = config.effective.clone();
                let ready = health.ready();
                let admin = Admin { metrics: metrics.clone(), ready, effective, level: application.log_level };
                Some((listen("admin_listen", address).await?.0, admin))
            }
            None => None,
        };
        let shutdown = Shutdown::default();
        Ok(Self { listener, local_addr, config, health, admin, metrics, stack, tls, watchers, shutdown })
    }

    /// The address that gRPC is served on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address of the admin port, unless it is off.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// A handle to stop the server with.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Serves until it is asked to stop, then drains. It returns within `drain.pause` + `drain.timeout` of being asked,
    /// whatever clients do.
    pub async fn run(self) {
        let settings = Arc::new(self.config.server.clone());
        let service = web::wrap(&settings, self.stack);
        let connections = Arc::new(Connections::new(settings.clone(), self.tls, self.metrics.server.clone(), service));
        // Dropped, and thereby ended, when this function returns.
        let mut background: JoinSet<()> = self.watchers.into_iter().collect();
        if let Some((listener, admin)) = self.admin {
            // It answers to the end, so that probes and the last scrape see the drain.
            background.spawn(async move {
                let _ = axum::serve(listener, admin::router(admin)).await;
            });
        }
        let tasks = TaskTracker::new();
        self.health.set(true).await;
        tracing::info!(address = %self.local_addr, sandbox = self.config.sandbox.is_some(), "serving");

        let accepting = accept(self.listener, connections.clone(), tasks.clone(), settings.limits.max_connections);
        let leaving = async {
            self.shutdown.asked.cancelled().await;
            tracing::info!(pause = ?settings.drain.pause, "going down: not serving any more");
            self.health.set(false).await;
            self.shutdown.pause(settings.drain.pause).await;
        };
        tokio::select! {
            () = accepting => {}
            () = leaving => {}
        }

        tasks.close();
        tracing::info!(connections = tasks.len(), bound = ?settings.drain.timeout, "draining");
        connections.closing.cancel();
        let farewell = connection::farewell(settings.drain.timeout);
        let drained = tokio::select! {
            () = tasks.wait() => true,
            () = self.shutdown.pause(settings.drain.timeout - farewell) => false,
        };
        if !drained {
            tracing::warn!(connections = tasks.len(), "some calls did not end in time; closing their connections");
            connections.ending.cancel();
            let _ = tokio::time::timeout(farewell, tasks.wait()).await;
            connections.killed.cancel();
            // Tasks only have to notice; nothing in them can hold this up.
            let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
        }
        tracing::info!("stopped");
    }
}

impl Shutdown {
    /// Asks to go down in good order.
    pub fn trigger(&self) {
        self.asked.cancel();
    }

    /// Cuts pauses and drain short.
    pub fn hurry(&self) {
        self.asked.cancel();
        self.urgent.cancel();
    }

    async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.urgent.cancelled() => {}
        }
    }
}

fn catalog(application: &Application) -> Result<Arc<Catalog>, Error> {
    let descriptors = [
        application.descriptors,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    Catalog::new(&descriptors, application.methods).map(Arc::new).map_err(|error| Error::Descriptors(error.to_string()))
}

/// The largest question of a stranger: a name, that is.
const QUESTION: usize = 4096;

fn with_reflection(routes: Routes, descriptors: &[u8]) -> Result<Routes, Error> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // The messages in grpc-status-details-bin, so that grpcurl shows them in words.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let broken = |error: tonic_reflection::server::Error| Error::Descriptors(error.to_string());
    let v1 = builder().build_v1().map_err(broken)?.max_decoding_message_size(QUESTION);
    let v1alpha = builder().build_v1alpha().map_err(broken)?.max_decoding_message_size(QUESTION);
    Ok(routes.add_service(v1).add_service(v1alpha))
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { setting, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local_addr = listener.local_addr().map_err(failed)?;
    Ok((listener, local_addr))
}

async fn accept<S>(listener: TcpListener, connections: Arc<Connections<S>>, tasks: TaskTracker, most: usize)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let slots = Arc::new(Semaphore::new(most));
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others must end first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            connections.refused();
            tracing::warn!(most, "too many connections; closing a new one");
            continue;
        };
        let connections = connections.clone();
        tasks.spawn(async move {
            connections.serve(stream, address).await;
            drop(slot);
        });
    }
}

/// The signals that ask to stop.
struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    /// Files are read again without it; whoever sends it means no harm to running calls.
    hup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let [term, int, hup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { term: term?, int: int?, hup: hup? })
    }

    /// The first signal asks to go down, the second to hurry.
    async fn forward(mut self, shutdown: Shutdown) {
        self.next().await;
        shutdown.trigger();
        self.next().await;
        shutdown.hurry();
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = self.hup.recv() => {}
        }
    }
}
