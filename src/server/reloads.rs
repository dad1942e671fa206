//! What the server reads from files: at the start, and again when they change.

use std::sync::Arc;

use futures::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;

use super::Error;
use super::auth::{Authenticator, Jwks, Source, Tokens};
use super::reload::{Watch, read_all};
use super::tls::{self, Tls};
use crate::command::Method;
use crate::config::{Config, JwksSource, Jwt, Problem, Problems};
use crate::telemetry::metrics::{FileLabels, ServerMetrics};

/// Collects the tasks that watch files.
pub struct Reloads {
    metrics: ServerMetrics,
    /// They run for ever.
    pub tasks: Vec<BoxFuture<'static, ()>>,
}

impl Reloads {
    /// Counts failures in `metrics`.
    pub fn new(metrics: ServerMetrics) -> Self {
        Self { metrics, tasks: Vec::new() }
    }

    /// Reads the callers; `None` when everybody may call.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub async fn authenticator(
        &mut self,
        config: &Config,
        methods: &'static [Method],
    ) -> Result<Option<Arc<Authenticator>>, Error> {
        let auth = &config.server.auth;
        if !auth.is_on() {
            return Ok(None);
        }
        let tokens = match &auth.jwt {
            Some(jwt) => Some(self.tokens(jwt).await?),
            None => None,
        };
        let wrong = |error| problem("auth.callers_file", error);
        let Some(path) = &auth.callers_file else {
            return Ok(Some(Arc::new(Authenticator::new(auth, "", tokens, methods).map_err(wrong)?)));
        };
        let paths = vec![path.clone()];
        let contents = read_all(&paths).await.map_err(wrong)?;
        let authenticator = text(&contents)
            .and_then(|text| Authenticator::new(auth, &text, tokens, methods))
            .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
        let authenticator = Arc::new(authenticator);
        let kept = authenticator.clone();
        let apply = move |contents: &[Vec<u8>]| kept.replace(&text(contents)?, methods);
        let failures = self.failures("callers");
        let watch = Watch { what: "the callers file", paths, every: auth.reload_interval, apply, failures };
        self.tasks.push(Box::pin(watch.run(contents)));
        Ok(Some(authenticator))
    }

    /// Reads the keys of tokens from their file. Those of a web server come later: it may be away for a while, and that
    /// must not keep callers with other credentials out.
    async fn tokens(&mut self, settings: &Jwt) -> Result<Tokens, Error> {
        let source = match &settings.keys {
            JwksSource::File(path) => Source::File(path.clone()),
            JwksSource::Url(url) => Source::url(url.clone()).map_err(|error| problem("jwt.jwks_url", error))?,
        };
        let keys = Arc::new(Jwks::new(source, self.failures("jwks")));
        if !keys.is_remote() {
            keys.load().await.map_err(|error| problem("jwt.jwks_file", error))?;
        }
        self.tasks.push(Box::pin(keys.clone().run(settings.refresh_interval)));
        Ok(Tokens::new(settings.clone(), keys))
    }

    /// Reads certificate and key; `None` without TLS.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub async fn tls(&mut self, config: &Config) -> Result<Option<Arc<Tls>>, Error> {
        let Some(settings) = &config.server.tls else { return Ok(None) };
        let paths = tls::paths(settings);
        let wrong = |error| problem("tls.cert_file", error);
        let contents = read_all(&paths).await.map_err(wrong)?;
        let tls = Arc::new(Tls::new(settings, config.server.grpc_web, &contents).map_err(wrong)?);
        let kept = tls.clone();
        let expiry = self.metrics.certificate_not_after.clone();
        expiry.set(tls.not_after());
        let apply = move |contents: &[Vec<u8>]| {
            kept.replace(contents)?;
            expiry.set(kept.not_after());
            Ok(())
        };
        let failures = self.failures("tls");
        let watch = Watch { what: "the TLS files", paths, every: settings.reload_interval, apply, failures };
        self.tasks.push(Box::pin(watch.run(contents)));
        Ok(Some(tls))
    }

    fn failures(&self, file: &'static str) -> Counter {
        self.metrics.reload_failures.get_or_create(&FileLabels { file }).clone()
    }
}

fn text(contents: &[Vec<u8>]) -> Result<String, String> {
    let bytes = contents.first().cloned().unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

fn problem(setting: &str, what: String) -> Error {
    let fix = "correct the file or the setting".to_owned();
    Error::Settings(Problems(vec![Problem { setting: setting.to_owned(), what, fix }]))
}
