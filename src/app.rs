//! The composition root, from the settings to a serving gateway: the sandbox if one is asked for, a client for each Tencent application, the
//! services on top, and the server around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::build_info;
use crate::config::{App, Config, InProcessSandbox};
use crate::gateway::{self, Gateway, MessageSizes, routes};
use crate::server::{self, Application, Credentials};
use crate::status::Problem;
use crate::telemetry::logs::LevelHandle;
use crate::telemetry::metrics::Metrics;
use crate::upstream::pacing::Pacer;
#[cfg(feature = "redis")]
use crate::upstream::pacing::{LanePacer, RedisQuota, RedisUrlError};
use crate::upstream::settings::Settings;
#[cfg(feature = "sandbox")]
use crate::upstream::{BaseUrl, NotABaseUrl};
use crate::upstream::{Observer, SetupError, Upstream};
use contract::command::methods::{METHODS, SERVICES};

/// Why the gateway did not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// A Tencent application's settings do not make a client.
    #[error("application `{app}`: {source}")]
    App {
        /// Its name.
        app: String,
        /// Why.
        source: SetupError,
    },
    /// The URL of the shared quota is not valid.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Redis(#[from] RedisUrlError),
    /// The settings name a Redis.
    #[cfg(not(feature = "redis"))]
    #[error("this build cannot use Redis; build it with the feature `redis`")]
    NoRedis,
    /// The sandbox did not start.
    #[error("the sandbox did not start: {0}")]
    Sandbox(String),
}

/// Serves until SIGTERM, SIGINT or SIGHUP asks to stop.
///
/// # Errors
/// When the settings are wrong or a port cannot be bound.
pub async fn run(mut config: Config, log_level: Option<LevelHandle>) -> Result<(), Error> {
    tracing::info!(version = build_info::VERSION, commit = build_info::COMMIT, "starting tencent-im-grpc");
    let mut metrics = Metrics::new();
    // Before anything listens, the sandbox included.
    let credentials = Credentials::load(&config, METHODS, &metrics.server).await.map_err(server::Error::Settings)?;
    let sandbox = match config.sandbox {
        Some(sandbox) => Some(start_sandbox(sandbox, &mut config).await?),
        None => None,
    };
    let apps = clients(&config, &metrics)?;
    metrics.watch_apps(apps.clone());
    if sandbox.is_none() {
        for (name, upstream) in apps.clone() {
            tokio::spawn(self_test(name, upstream));
        }
    }
    let application = Application { log_level, ..application(&config, apps, Arc::new(metrics)) };
    server::run(config, credentials, application).await?;
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    Ok(())
}

/// The services of the contract on top of the given clients.
#[must_use]
pub fn application(config: &Config, apps: BTreeMap<String, Arc<Upstream>>, metrics: Arc<Metrics>) -> Application {
    let sizes = MessageSizes {
        decode: config.server.limits.max_request_bytes,
        encode: config.server.limits.max_response_bytes,
    };
    let gateway = Gateway::new(apps, config.batch, sizes.encode).with_raw_service(config.raw_service);
    Application {
        routes: routes(&gateway, sizes),
        services: SERVICES,
        methods: METHODS,
        descriptors: contract::FILE_DESCRIPTOR_SET,
        metrics,
        log_level: None,
    }
}

/// A client for each Tencent application of the settings, counted in `metrics`.
///
/// # Errors
/// When the settings of one do not make a client.
pub fn clients(config: &Config, metrics: &Metrics) -> Result<BTreeMap<String, Arc<Upstream>>, Error> {
    let client = |(name, app): (&String, &App)| {
        let upstream = Upstream::new(&app.upstream).map_err(|source| Error::App { app: name.clone(), source })?;
        let upstream = upstream.with_observer(metrics.upstream.clone());
        let upstream = match &config.redis_url {
            Some(url) if app.upstream.pacing => {
                upstream.with_pacer(shared_pacer(url, &app.upstream, metrics.upstream.clone())?)
            }
            _ => upstream,
        };
        Ok((name.clone(), Arc::new(upstream)))
    };
    config.apps.by_name.iter().map(client).collect()
}

/// The pacer of one replica of several, which share the application's quota.
#[cfg(feature = "redis")]
fn shared_pacer(url: &SecretString, app: &Settings, observer: Arc<dyn Observer>) -> Result<Arc<dyn Pacer>, Error> {
    let quota = RedisQuota::new(url, app.sdk_app_id, app.replicas, observer)?;
    Ok(Arc::new(LanePacer::new(app, Arc::new(quota), 1.0)))
}

#[cfg(not(feature = "redis"))]
fn shared_pacer(_url: &SecretString, _app: &Settings, _observer: Arc<dyn Observer>) -> Result<Arc<dyn Pacer>, Error> {
    Err(Error::NoRedis)
}

/// Calls Tencent once, so that a wrong key or region stands in the log before the first caller meets it. It does not
/// decide about readiness: an outage of Tencent must not keep every replica from starting.
async fn self_test(name: String, upstream: Arc<Upstream>) {
    match gateway::self_test(&upstream).await {
        Ok(()) => tracing::info!(app = name, "Tencent accepts the application's key"),
        Err(error) => {
            let problem = Problem::from(error);
            tracing::error!(app = name, error = problem.message(), "Tencent does not accept the start-up call");
        }
    }
}

/// A sandbox in this process.
struct InProcess {
    #[cfg(feature = "sandbox")]
    running: sandbox::Running,
}

impl InProcess {
    async fn stop(self) {
        #[cfg(feature = "sandbox")]
        self.running.shutdown().await;
    }
}

/// Starts the sandbox and points the sandbox application's client at it.
#[cfg(feature = "sandbox")]
async fn start_sandbox(addresses: InProcessSandbox, config: &mut Config) -> Result<InProcess, Error> {
    let settings = sandbox::Settings {
        listen: addresses.listen,
        control_listen: addresses.control_listen,
        auto_import: true,
        open_fields: true,
        limits: sandbox::Limits::newest(),
        ..sandbox::Settings::default()
    };
    let running = sandbox::start(settings).await.map_err(|error| Error::Sandbox(error.to_string()))?;
    tracing::info!(api = %running.api_addr(), control = %running.control_addr(), "the sandbox serves in Tencent's place");
    let base_url: BaseUrl = format!("http://{}", running.api_addr())
        .parse()
        .map_err(|error: NotABaseUrl| Error::Sandbox(error.to_string()))?;
    for app in config.apps.by_name.values_mut() {
        app.upstream.base_urls = vec![base_url.clone()];
    }
    Ok(InProcess { running })
}

#[cfg(not(feature = "sandbox"))]
async fn start_sandbox(_addresses: InProcessSandbox, _config: &mut Config) -> Result<InProcess, Error> {
    Err(Error::Sandbox("this build has no sandbox; build it with the feature `sandbox`".to_owned()))
}
