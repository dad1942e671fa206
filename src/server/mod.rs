//! The gRPC server: listeners, middleware, health, reflection and shutdown.

mod admin;
mod admin_guard;
mod admin_listener;
mod announce;
pub mod auth;
mod calls_only;
pub mod catalog;
mod connection;
mod credentials;
mod error_response;
mod file_watcher;
mod frame_budget;
mod guarded_io;
pub mod health;
mod hosts;
mod listener;
mod message_scanner;
mod middleware;
mod observers;
mod open_files;
mod peer;
mod places;
mod probe;
mod reflection;
mod shutdown;
mod spiffe;
mod streams;
mod tls;
mod web;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use crate::config::{Config, ConfigErrors, env_name, flag_name};
use crate::telemetry::logs::LevelHandle;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::sampler::Sampler;
use admin::Admin;
use catalog::Catalog;
use connection::Connections;
use contract::command::Method;
pub use credentials::Credentials;
use health::Health;
use hosts::AllowedHosts;
use listener::Listener;
use middleware::stack::Stack;
pub use probe::{ProbeTls, probe};
pub use shutdown::{Shutdown, Signals};
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
    Descriptors(#[from] prost::DecodeError),
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
    lines: StrangersLines,
    shutdown: Shutdown,
}

/// Bounds the log lines that strangers cause.
struct StrangersLines {
    calls: Arc<Sampler>,
    connections: Arc<Sampler>,
}

impl Default for StrangersLines {
    fn default() -> Self {
        let sampler = |what| Arc::new(Sampler::new(what));
        Self { calls: sampler("calls that were refused"), connections: sampler("connections that were not accepted") }
    }
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
        let mut routes = application.routes.add_service(health.service());
        if config.server.reflection {
            routes = reflection::add(routes, application.descriptors)?;
        }
        let metrics = application.metrics;
        let lines = StrangersLines::default();
        let layers = middleware::layers(&config, catalog, authenticator, &metrics, lines.calls.clone());
        let stack = Stack::new(layers, routes);
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
        Ok(Self { listener, local_addr, config, health, admin, metrics, stack, tls, watchers, lines, shutdown })
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
        let admin_addr = self.admin_addr();
        let service = web::wrap(&settings, self.tls.as_ref(), self.stack);
        let connections = Arc::new(Connections::new(settings.clone(), self.tls, self.metrics.server.clone(), service));
        // Dropped, and thereby ended, when this function returns.
        let mut background: JoinSet<()> = self.watchers.into_iter().collect();
        let StrangersLines { calls, connections: refusals } = self.lines;
        for lines in [calls, refusals.clone()] {
            background.spawn(async move { lines.summarize().await });
        }
        let refused = self.metrics.server.connections_refused.clone();
        if let Some((listener, admin)) = self.admin {
            // Pages in a browser reach loopback.
            let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
            let hosts = loopback.then(|| AllowedHosts::new(&settings.allowed_hosts, None));
            let routes = admin_guard::guarded(admin::router(admin), hosts);
            // It answers to the end, so that probes and the last scrape see the drain.
            background.spawn(admin_listener::serve(listener, routes, refused.clone(), refusals.clone()));
        }
        let tasks = TaskTracker::new();
        self.health.set(true).await;
        announce::announce(&self.config, self.local_addr, admin_addr);

        let listener = Listener::new(self.listener, settings.limits.max_connections, refused, refusals);
        let served = connections.clone();
        let accepting = listener.accept(tasks.clone(), move |stream, address, seat| {
            let connections = served.clone();
            async move { connections.serve(stream, address, seat).await }
        });
        let leaving = async {
            self.shutdown.asked().await;
            tracing::info!(pause = ?settings.drain.pause, "shutting down: not serving any more");
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
        let error_period = connection::error_period(settings.drain.timeout);
        let drained = tokio::select! {
            biased;
            () = tasks.wait() => true,
            () = self.shutdown.pause(settings.drain.timeout - error_period) => false,
        };
        if !drained {
            tracing::warn!(connections = tasks.len(), "some calls did not end in time; closing their connections");
            connections.ending.cancel();
            let _ = tokio::time::timeout(error_period, tasks.wait()).await;
            connections.killed.cancel();
            // Tasks only have to notice; nothing in them can hold this up.
            let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
        }
        tracing::info!("stopped");
    }
}

fn catalog(application: &Application) -> Result<Arc<Catalog>, Error> {
    let descriptors = [
        application.descriptors,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    Ok(Arc::new(Catalog::new(&descriptors, application.methods)?))
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { setting, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local_addr = listener.local_addr().map_err(failed)?;
    Ok((listener, local_addr))
}
