//! The `sandbox` subcommand.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use secrecy::SecretString;

use crate::limits::Limits;
use crate::listener::ConnectionLimits;
use crate::running::{StartError, start};
use crate::settings::{AppSettings, DEFAULT_APP, RESTORE_BYTES, Settings};

/// Serves an emulated Tencent IM for tests.
#[derive(Debug, Clone, Parser)]
pub struct Args {
    /// Address of the emulated API.
    #[arg(long, default_value = "127.0.0.1:8600")]
    pub listen: SocketAddr,
    /// Address of the control API.
    #[arg(long, default_value = "127.0.0.1:8601")]
    pub control_listen: SocketAddr,
    /// PEM certificate chain, to serve HTTPS.
    #[arg(long, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM private key of the certificate.
    #[arg(long, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A further app as `ID:KEY[:ADMIN]`; may be given several times.
    #[arg(long = "app", value_parser = parse_app)]
    pub apps: Vec<AppSettings>,
    /// Seed file or snapshot to start from.
    #[arg(long)]
    pub seed_file: Option<PathBuf>,
    /// Writes a snapshot to this file at the end.
    #[arg(long)]
    pub export_on_exit: Option<PathBuf>,
    /// Keeps the state in this directory across restarts.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Accepts unknown keys and a sloppy query, as the real service does.
    #[arg(long)]
    pub loose: bool,
    /// Makes an account of every unknown user that a request mentions.
    #[arg(long)]
    pub auto_import: bool,
    /// Lets custom fields declare themselves on their first use.
    #[arg(long)]
    pub open_fields: bool,
    /// Server-made ids follow from this number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Multiplies the rate limits; 0 switches them off.
    #[arg(long, default_value_t = 1.0)]
    pub rate_scale: f64,
    /// Requests that the journal keeps; 0 switches it off.
    #[arg(long, default_value_t = 10_000)]
    pub journal: usize,
    /// Open connections of each of the two ports.
    #[arg(long, default_value_t = ConnectionLimits::default().most)]
    pub connections: usize,
    /// Bytes of a snapshot or seed that the control API takes.
    #[arg(long, default_value_t = RESTORE_BYTES)]
    pub restore_bytes: usize,
    /// A further name under which the control API may be called on a loopback address; may be given several times.
    #[arg(long = "allowed-host")]
    pub allowed_hosts: Vec<String>,
    /// Limits that differ between editions.
    #[command(flatten)]
    pub limits: Limits,
}

fn parse_app(text: &str) -> Result<AppSettings, String> {
    let mut parts = text.splitn(3, ':');
    let (id, key, admin) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    let sdkappid = id.parse().map_err(|_| "ID:KEY[:ADMIN] starts with a number".to_owned())?;
    if key.is_empty() || admin == Some("") {
        return Err("the form is ID:KEY[:ADMIN]".to_owned());
    }
    Ok(AppSettings { sdkappid, key: SecretString::from(key), admin: admin.unwrap_or(DEFAULT_APP.admin).to_owned() })
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self {
            listen: args.listen,
            control_listen: args.control_listen,
            tls: args.tls_cert.zip(args.tls_key),
            apps: args.apps,
            seed_file: args.seed_file,
            export_on_exit: args.export_on_exit,
            data_dir: args.data_dir,
            loose: args.loose,
            auto_import: args.auto_import,
            open_fields: args.open_fields,
            seed: args.seed,
            rate_scale: args.rate_scale,
            journal: args.journal,
            limits: args.limits,
            connections: ConnectionLimits { most: args.connections.max(1), ..ConnectionLimits::default() },
            restore_bytes: args.restore_bytes,
            allowed_hosts: args.allowed_hosts,
        }
    }
}

/// Why the subcommand ended in failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The environment configures access to the real service.
    #[error("{0} is set: the sandbox does not start beside credentials or a region of the real service")]
    BesideRealService(String),
    /// The sandbox could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The end of the process could not be awaited.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

impl RunError {
    /// Whether other flags or another environment would help.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::BesideRealService(_) | Self::Start(StartError::Tls(_) | StartError::Seed { .. }))
    }
}

/// How settings end that point the gateway at the real service, for one app or for one of many.
const REAL_SERVICE: &[&str] = &["secret_key", "secret_key_file", "sdk_app_id", "region", "base_urls"];

fn is_of_real_service(setting: &str) -> bool {
    let setting = setting.to_lowercase();
    REAL_SERVICE.iter().any(|end| setting.ends_with(end))
}

/// The first setting of the environment, or of the file that it names, that configures access to the real service.
fn real_service() -> Option<String> {
    let of_environment = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .find(|name| name.starts_with("TIM_") && is_of_real_service(name));
    of_environment.or_else(|| {
        let text = std::fs::read_to_string(std::env::var_os("TIM_CONFIG")?).ok()?;
        let setting = setting_of_real_service(&text.parse().ok()?)?;
        Some(format!("{setting} in the file of TIM_CONFIG"))
    })
}

fn setting_of_real_service(table: &toml::Table) -> Option<String> {
    table.iter().find_map(|(name, value)| match value {
        toml::Value::Table(inner) => setting_of_real_service(inner),
        _ => is_of_real_service(name).then(|| name.clone()),
    })
}

/// Serves until the process is interrupted or terminated.
pub async fn run(args: Args) -> Result<(), RunError> {
    if let Some(name) = real_service() {
        return Err(RunError::BesideRealService(name));
    }
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let running = start(args.into()).await?;
    eprintln!("==============================================================");
    eprintln!(" SANDBOX: an emulated Tencent IM for tests. Not for production.");
    eprintln!(" API      {scheme}://{}", running.api_addr());
    eprintln!(" control  http://{}/_sandbox/", running.control_addr());
    eprintln!(" app      {} (admin {})", DEFAULT_APP.sdkappid, DEFAULT_APP.admin);
    eprintln!("==============================================================");
    terminated().await.map_err(RunError::Signals)?;
    running.shutdown().await;
    Ok(())
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
