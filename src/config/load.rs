//! Reads the whole configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::apps::Apps;
use super::batch::Batch;
use super::error::{ConfigError, ConfigErrors};
use super::key::Key;
use super::log::Log;
use super::print::Effective;
use super::reader::Reader;
use super::server::Server;
use super::sources::Values;
use super::table;

/// Where a sandbox in this process listens.
#[derive(Debug, Clone, Copy)]
pub struct InProcessSandbox {
    /// Tencent's API.
    pub listen: SocketAddr,
    /// The control API.
    pub control_listen: SocketAddr,
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The gRPC server.
    pub server: Server,
    /// The Tencent applications.
    pub apps: Apps,
    /// At what sizes batches are split.
    pub batch: Batch,
    /// The sandbox to start in this process; `None` with a real application.
    pub sandbox: Option<InProcessSandbox>,
    /// The Redis that all replicas share one quota in.
    pub redis_url: Option<SecretString>,
    /// Whether RawService is open.
    pub raw_service: bool,
    /// Logs.
    pub log: Log,
    /// What was set, from where, for `config print` and `/config`; secrets are left out.
    pub effective: Effective,
}

impl Config {
    /// Reads and checks everything. `flags` maps keys of the table to texts.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn load(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigErrors> {
        let (config, errors) = Self::read(flags, env, file);
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
    }

    /// The same with all errors. A setting that is wrong has a harmless value, so that the rest can be looked at too.
    #[must_use]
    pub fn read(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> (Self, Vec<ConfigError>) {
        let mut errors = Vec::new();
        let values = Values::collect(flags, env, file, &mut errors);
        let mut reader = Reader::new(&values, errors);
        let sandbox = reader.get(&table::SANDBOX);
        let config = Self {
            server: Server::read(&mut reader),
            sandbox: sandbox.then(|| InProcessSandbox {
                listen: reader.get(&table::SANDBOX_LISTEN),
                control_listen: reader.get(&table::SANDBOX_CONTROL_LISTEN),
            }),
            apps: Apps::read(&mut reader, &values, sandbox),
            redis_url: redis_url(&mut reader),
            batch: Batch::new(reader.get(&table::BATCH_CONCURRENCY), &reader.get(&table::BATCH_CAPS)),
            raw_service: reader.get(&table::RAW_SERVICE),
            log: Log { filter: reader.get(&table::LOG_LEVEL), format: reader.get(&table::LOG_FORMAT) },
            effective: Effective::new(&values),
        };
        (config, reader.errors)
    }

    /// What is in force from these sources, whether it is right or not.
    #[must_use]
    pub fn effective(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> Effective {
        Effective::new(&Values::collect(flags, env, file, &mut Vec::new()))
    }
}

fn redis_url(reader: &mut Reader<'_>) -> Option<SecretString> {
    const KEY: &Key<Option<String>> = &table::UPSTREAM_REDIS_URL;
    let url = reader.secret_of("", KEY, &table::UPSTREAM_REDIS_URL_FILE)?;
    if !cfg!(feature = "redis") {
        let fix = "build it with the feature `redis`, or remove the setting";
        reader.wrong(KEY, "this build cannot use Redis", fix);
    } else if !url.expose_secret().starts_with("redis://") {
        reader.wrong(KEY, "is not a redis:// URL", "write one such as redis://127.0.0.1:6379");
    }
    Some(url)
}
