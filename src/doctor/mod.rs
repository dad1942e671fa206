//! `doctor`: calls every command of the contract against a real application, with things of its own, and says which replies
//! are not as the contract expects.

mod cleanup;
mod names;
mod probe;
mod probes;
mod redactor;
mod report;

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::upstream::settings::Settings;
use crate::upstream::{SetupError, Upstream};

pub use cleanup::Leftover;
pub use names::Names;
pub use probe::Place;
pub use redactor::{Drifted, Redactor};
pub use report::{Finding, Report, Verdict};

use names::Made;

/// The part of Tencent's rates that is used.
const SHARE: f64 = 0.1;

/// One examination of an application.
#[derive(Debug)]
pub struct Doctor {
    upstream: Upstream,
    names: Names,
    redactor: Redactor,
    /// Whether the command is called that reaches all users of the application.
    broadcast: bool,
}

impl Doctor {
    /// Prepares an examination. It uses a tenth of the rates that `settings` allow.
    ///
    /// # Errors
    /// When the settings make no client.
    pub fn new(settings: &Settings, names: Names, broadcast: bool) -> Result<Self, SetupError> {
        let rates = settings.rates.iter().map(|(command, rate)| (command.clone(), rate * SHARE)).collect();
        let slow = Settings { pacing: true, rate_factor: settings.rate_factor * SHARE, rates, ..settings.clone() };
        let redactor = Redactor::new(&names, &settings.identifier, settings.sdk_app_id);
        Ok(Self { upstream: Upstream::new(&slow)?, names, redactor, broadcast })
    }

    /// Calls every command once at least, until `stop` asks to stop, and removes what was made.
    pub async fn examine(&self, stop: &CancellationToken) -> Report {
        let mut made = Made::default();
        let mut findings = Vec::new();
        let accounts = cleanup::make_accounts(&self.upstream, &self.names).await;
        let stopped_by = accounts.err().map(|error| error.to_string());
        if stopped_by.is_none() {
            findings = self.call_all(&mut made, stop).await;
        }
        let leftovers = cleanup::remove(&self.upstream, &self.names, &made).await;
        Report { findings, leftovers, interrupted: stop.is_cancelled(), stopped_by, redactor: self.redactor.clone() }
    }

    /// Removes what an examination with the same names left behind when it was killed.
    pub async fn clean_up(&self) -> Vec<Leftover> {
        cleanup::remove(&self.upstream, &self.names, &Made::everything()).await
    }

    async fn call_all(&self, made: &mut Made, stop: &CancellationToken) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for probe in probes::probes() {
            if stop.is_cancelled() {
                break;
            }
            let number = numbers.entry(probe.command.name).or_default();
            *number += 1;
            let verdict = if probe.reaches_everybody && !self.broadcast {
                Verdict::NotCalled("it reaches all users of the application; `--broadcast` calls it".to_owned())
            } else {
                match self.names.fill(&probe, made) {
                    Err(missing) => Verdict::NotCalled(format!("it needs {missing}, which was not made")),
                    Ok(body) => {
                        made.begin(probe.makes);
                        let answer = (probe.ask)(&self.upstream, &probe.command, body).await;
                        made.learn(&probe, &answer);
                        Verdict::of(&probe, answer, &self.redactor)
                    }
                }
            };
            let command = format!("{}/{}", probe.command.service, probe.command.name);
            findings.push(Finding { command, number: *number, verdict });
        }
        findings
    }
}
