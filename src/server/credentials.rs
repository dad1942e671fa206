//! What the server reads from files: at the start, and again when they change.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::auth::{Authenticator, Jwks, Source, Tokens};
use super::file_watcher::{FileWatcher, read_all};
use super::tls::{self, Tls};
use crate::config::{Config, ConfigError, ConfigErrors, JwksSource, Jwt, reason};
use crate::telemetry::metrics::ServerMetrics;
use contract::command::Method;

/// Everything that the server reads from files, read once: what is checked at the start is what is served.
#[derive(Default)]
pub struct Credentials {
    /// Knows the callers; `None` when everybody may call.
    pub(super) authenticator: Option<Arc<Authenticator>>,
    /// Certificate and key; `None` without TLS.
    pub(super) tls: Option<Arc<Tls>>,
    /// Put changed files in force. They run for ever.
    pub(super) watchers: Vec<BoxFuture<'static, ()>>,
}

/// Reads the files, and collects what watches them.
struct Loader {
    metrics: ServerMetrics,
    watchers: Vec<BoxFuture<'static, ()>>,
}

impl Credentials {
    /// Reads the files that the settings name. Failures of later changes are counted in `metrics`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub async fn load(
        config: &Config,
        methods: &'static [Method],
        metrics: &ServerMetrics,
    ) -> Result<Self, ConfigErrors> {
        let (credentials, problems) = Self::read(config, methods, metrics).await;
        if problems.is_empty() { Ok(credentials) } else { Err(ConfigErrors(problems)) }
    }

    /// Reads the same, and returns everything that is wrong; entries that open applications which are not there, too.
    pub async fn check(config: &Config, methods: &'static [Method]) -> Vec<ConfigError> {
        let (credentials, mut problems) = Self::read(config, methods, &ServerMetrics::default()).await;
        problems.extend(credentials.unknown_apps(config));
        problems
    }

    async fn read(config: &Config, methods: &'static [Method], metrics: &ServerMetrics) -> (Self, Vec<ConfigError>) {
        let mut loader = Loader { metrics: metrics.clone(), watchers: Vec::new() };
        let mut problems = Vec::new();
        let mut note = |ConfigErrors(wrong)| problems.extend(wrong);
        let authenticator = loader.authenticator(config, methods).await.map_err(&mut note).ok().flatten();
        let tls = loader.tls(config).await.map_err(&mut note).ok().flatten();
        (Self { authenticator, tls, watchers: loader.watchers }, problems)
    }

    /// Entries of the callers file that open applications which are not there. The gateway serves all the same, because
    /// gateways may share the file.
    fn unknown_apps(&self, config: &Config) -> Vec<ConfigError> {
        let apps = config.apps.by_name.keys().cloned().collect();
        let unknown = self.authenticator.iter().flat_map(|known| known.unknown_apps(&apps));
        let problem = |what| ConfigError {
            setting: "auth.callers_file".to_owned(),
            what,
            fix: "correct the name, or add the application".to_owned(),
        };
        unknown.map(problem).collect()
    }
}

impl Loader {
    /// Reads the callers; `None` when everybody may call.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    async fn authenticator(
        &mut self,
        config: &Config,
        methods: &'static [Method],
    ) -> Result<Option<Arc<Authenticator>>, ConfigErrors> {
        let auth = &config.server.auth;
        if !auth.is_on() {
            return Ok(None);
        }
        let mut problems = Vec::new();
        let tokens = match &auth.jwt {
            Some(jwt) => self.tokens(jwt).await.map_err(|problem| problems.push(problem)).ok(),
            None => None,
        };
        let (contents, callers) = match &auth.callers_file {
            Some(path) => read_text(path).await,
            None => (Vec::new(), Ok(String::new())),
        };
        let authenticator =
            callers.map_err(|error| vec![error]).and_then(|text| Authenticator::new(auth, &text, tokens, methods));
        let authenticator = match authenticator {
            Ok(authenticator) if problems.is_empty() => Arc::new(authenticator),
            Ok(_) => return Err(ConfigErrors(problems)),
            Err(wrong) => {
                let path = auth.callers_file.clone().unwrap_or_default();
                let told = |what| problem("auth.callers_file", format!("{}: {what}", path.display()));
                problems.extend(wrong.into_iter().map(told));
                return Err(ConfigErrors(problems));
            }
        };
        if let Some(path) = auth.callers_file.clone() {
            let kept = authenticator.clone();
            let apps: BTreeSet<String> = config.apps.by_name.keys().cloned().collect();
            warn_of_callers(&kept, &apps);
            let apply = move |contents: &[Vec<u8>]| {
                let text = text(contents)?;
                // Rewriting a file empties it first. A file with a comment alone lets no caller in.
                if text.trim().is_empty() {
                    return Err("is empty, which is not taken for a change".to_owned());
                }
                kept.replace(&text, methods)?;
                warn_of_callers(&kept, &apps);
                Ok(())
            };
            let (paths, metrics) = (vec![path], self.metrics.reload("callers"));
            let watch =
                FileWatcher { what: "the callers file", paths, every: config.server.reload_interval, apply, metrics };
            self.watchers.push(Box::pin(watch.run(contents)));
        }
        Ok(Some(authenticator))
    }

    /// Reads the keys of tokens from their file. Those of a web server come later: it may be away for a while, and that
    /// must not keep callers with other credentials out.
    async fn tokens(&mut self, settings: &Jwt) -> Result<Tokens, ConfigError> {
        let source = match &settings.keys {
            JwksSource::File(path) => Source::File(path.clone()),
            JwksSource::Url(url) => Source::url(url.clone()).map_err(|error| problem("jwt.jwks_url", error))?,
        };
        let keys = Arc::new(Jwks::new(source, self.metrics.reload("jwks")));
        if !keys.is_remote() {
            keys.load().await.map_err(|error| problem("jwt.jwks_file", error))?;
        }
        self.watchers.push(Box::pin(keys.clone().run(settings.refresh_interval)));
        Ok(Tokens::new(settings.clone(), keys))
    }

    /// Reads certificate and key; `None` without TLS.
    ///
    /// # Errors
    /// What is wrong with the files.
    async fn tls(&mut self, config: &Config) -> Result<Option<Arc<Tls>>, ConfigErrors> {
        let Some(settings) = &config.server.tls else { return Ok(None) };
        let paths = tls::paths(settings);
        let (mut contents, mut problems) = (Vec::new(), Vec::new());
        for (path, setting) in paths.iter().zip(["tls.cert_file", "tls.key_file", "tls.client_ca_file"]) {
            match read_all(std::slice::from_ref(path)).await {
                Ok(content) => contents.extend(content),
                Err(error) => problems.push(problem(setting, error)),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigErrors(problems));
        }
        let tls = Tls::new(settings, config.server.grpc_web, &contents)
            .map_err(|fault| ConfigErrors(vec![problem(fault.setting, fault.to_string())]))?;
        let tls = Arc::new(tls);
        let kept = tls.clone();
        let expiry = self.metrics.certificate_not_after.clone();
        expiry.set(tls.not_after());
        let apply = move |contents: &[Vec<u8>]| {
            kept.replace(contents).map_err(|fault| format!("{}: {fault}", fault.setting))?;
            expiry.set(kept.not_after());
            Ok(())
        };
        let metrics = self.metrics.reload("tls");
        let watch = FileWatcher { what: "the TLS files", paths, every: config.server.reload_interval, apply, metrics };
        self.watchers.push(Box::pin(watch.run(contents)));
        Ok(Some(tls))
    }
}

fn text(contents: &[Vec<u8>]) -> Result<String, String> {
    let bytes = contents.first().cloned().unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// A file's content and text.
async fn read_text(path: &PathBuf) -> (Vec<Vec<u8>>, Result<String, String>) {
    match tokio::fs::read(path).await {
        Ok(content) => {
            let contents = vec![content];
            let text = text(&contents);
            (contents, text)
        }
        Err(error) => (Vec::new(), Err(reason(&error))),
    }
}

/// Gateways may share a file of callers: an entry for another one does not keep this one from serving. Nor does a file that has yet to be
/// filled.
fn warn_of_callers(authenticator: &Authenticator, known: &BTreeSet<String>) {
    if authenticator.has_no_callers() {
        tracing::warn!("the callers file holds no caller");
    }
    for entry in authenticator.unknown_apps(known) {
        tracing::warn!(entry, "the callers file opens an application that is not there");
    }
}

fn problem(setting: &str, what: String) -> ConfigError {
    ConfigError { setting: setting.to_owned(), what, fix: "correct the file or the setting".to_owned() }
}
