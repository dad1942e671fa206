//! What the tests share: the real server on a real port, and calls by the contract's own descriptors.

pub mod arbitrary;
pub mod callers;
pub mod collector;
pub mod dynamic;
pub mod goldens;
pub mod http2;
pub mod pki;
pub mod process;
pub mod raw;
pub mod servers;
// The tests of the sandbox alone use more of it.
#[allow(dead_code)]
#[path = "../sandbox/client.rs"]
pub mod sandbox_client;
pub mod sandboxed;
pub mod tokens;
pub mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tencent_im_grpc::app;
use tencent_im_grpc::config::Config;
use tencent_im_grpc::server::{Application, Credentials, Server, Shutdown};
use tencent_im_grpc::telemetry::metrics::Metrics;
use tonic::transport::Channel;

pub use sandbox_client::http;

/// A gateway that serves until it is dropped.
pub struct Gateway {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub shutdown: Shutdown,
    metrics: Arc<Metrics>,
}

/// The settings that every test starts from: any free port, and no pauses at shutdown.
pub fn settings(more: &[(&str, &str)]) -> Config {
    settings_with(more, None)
}

/// The same, and a file, which alone can describe several applications.
pub fn settings_with(more: &[(&str, &str)], file: Option<&Path>) -> Config {
    let base = [("listen", "127.0.0.1:0"), ("admin_listen", "127.0.0.1:0"), ("drain.pause", "0s")];
    let app = file.is_none().then_some(("sdk_app_id", "1400000001"));
    let flags: BTreeMap<String, String> =
        base.iter().chain(&app).chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let key = file.is_none().then(|| ("TIM_SECRET_KEY".to_owned(), process::KEY.to_owned()));
    Config::load(&flags, &BTreeMap::from_iter(key), file).unwrap()
}

impl Gateway {
    /// Starts a gateway in front of the upstream at `base_url`. A slow machine needs longer than callers usually wait.
    pub async fn start(base_url: &str, more: &[(&str, &str)]) -> Self {
        let mut all = vec![("base_urls", base_url), ("upstream.pacing", "false"), ("deadline.default", "60s")];
        all.extend_from_slice(more);
        Self::serve(settings(&all)).await
    }

    /// Starts a gateway with these settings.
    pub async fn serve(config: Config) -> Self {
        let mut metrics = Metrics::new();
        let apps = app::clients(&config, &metrics).unwrap();
        metrics.watch_apps(apps.clone());
        let application = app::application(&config, apps, Arc::new(metrics));
        Self::serve_application(config, application).await
    }

    /// Starts a gateway that serves something else than usual.
    pub async fn serve_application(config: Config, application: Application) -> Self {
        watch::watch();
        let metrics = application.metrics.clone();
        let routes = watch::listen(application.routes.clone());
        let credentials = Credentials::load(&config, application.methods, &application.metrics.server).await.unwrap();
        let server = Server::bind(config, credentials, Application { routes, ..application }).await.unwrap();
        let (address, admin, shutdown) = (server.local_addr(), server.admin_addr(), server.shutdown());
        tokio::spawn(server.run());
        Self { address, admin: admin.unwrap(), shutdown, metrics }
    }

    /// Asks the admin port.
    pub async fn ask(&self, path: &str) -> reqwest::Response {
        http().get(format!("http://{}{path}", self.admin)).send().await.unwrap()
    }

    /// A metric's value; the line must begin with exactly this.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.ask("/metrics").await.text().await.unwrap();
        let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line[series.len()..].trim().parse().ok()
    }

    /// Waits until a metric has a value.
    pub async fn wait_for_metric(&self, series: &str, value: f64) {
        let start = tokio::time::Instant::now();
        while start.elapsed() < process::PATIENCE {
            if self.metric(series).await == Some(value) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{series} is {:?} and not {value}", self.metric(series).await);
    }

    /// A connection to it.
    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.hurry();
        watch::check("the metrics", &self.metrics.encode().unwrap());
    }
}
