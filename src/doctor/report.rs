//! What an examination found: a table for the terminal, and a file without anybody's data that fits a bug report.

use std::fmt::Write as _;

use serde_json::Value;

use contract::codes;
use contract::pb::ErrorReason;
use contract::wire::Unreadable;

use super::cleanup::Leftover;
use super::probe::{Answer, Failure, Place, Probe, value_at, without_indices};
use super::redactor::{Drifted, Redactor};
use crate::upstream::Fault;

/// The code by which commands are refused that only larger editions have.
const NOT_ALLOWED: i64 = 10007;

/// What one probe found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The command, as `service/name`.
    pub command: String,
    /// The number of the probe among those of its command, from 1.
    pub number: usize,
    /// How it was answered.
    pub verdict: Verdict,
}

/// How a probe was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As the contract expects.
    Expected,
    /// The application's edition or its settings in the console do not allow the command.
    RefusedByEdition(i64),
    /// A success that holds what the contract does not expect.
    Drifted(Vec<Drifted>),
    /// Tencent's code, or that of an item, is not one that the contract expects here. With its text, redacted.
    UnexpectedCode(i64, String),
    /// There was no reply that can be read.
    Failed(String),
    /// It was not called.
    NotCalled(String),
}

/// The outcome of an examination.
#[derive(Debug)]
pub struct Report {
    /// What each probe found.
    pub findings: Vec<Finding>,
    /// What could not be removed.
    pub leftovers: Vec<Leftover>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Why no probe was sent at all.
    pub stopped_by: Option<String>,
    pub(super) redactor: Redactor,
}

impl Verdict {
    pub(super) fn of(probe: &Probe, answer: Answer, redactor: &Redactor) -> Self {
        let code = match answer.result {
            Ok(()) => item_code(&answer.json).unwrap_or((0, String::new())),
            Err(Failure::Request(error)) => return Self::Failed(format!("the request cannot be written: {error}")),
            Err(Failure::Call(error)) => match error.fault {
                Fault::Code { code, info } => (code, info),
                Fault::Unreadable(Unreadable::WrongShape { place }) => {
                    let json = value_at(&answer.json, &place).map(ToString::to_string).unwrap_or_default();
                    let place = Place { path: without_indices(&place), json, what: "makes the reply unreadable" };
                    return Self::Drifted(vec![redactor.drifted(probe, place)]);
                }
                // Texts of the transport name hosts and reasons, and nobody's data.
                fault => return Self::Failed(fault.to_string()),
            },
        };
        match code {
            (0, _) if answer.drift.is_empty() => Self::Expected,
            (0, _) => Self::Drifted(answer.drift.into_iter().map(|place| redactor.drifted(probe, place)).collect()),
            (code, _) if probe.expects == Some(code) => Self::Expected,
            (code, _) if refused_by_edition(code) || (probe.larger_editions && code == NOT_ALLOWED) => {
                Self::RefusedByEdition(code)
            }
            (code, info) => Self::UnexpectedCode(code, redactor.text(&info)),
        }
    }

    /// Whether nothing is wrong with the contract.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Expected | Self::RefusedByEdition(_) | Self::NotCalled(_))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Expected => "as expected",
            Self::RefusedByEdition(_) => "refused by edition",
            Self::Drifted(_) => "DRIFTED",
            Self::UnexpectedCode(..) => "UNEXPECTED CODE",
            Self::Failed(_) => "FAILED",
            Self::NotCalled(_) => "not called",
        }
    }

    /// What is said beside the name, a line for each thing.
    fn details(&self, value: impl Fn(&Drifted) -> String) -> Vec<String> {
        match self {
            Self::Expected => Vec::new(),
            Self::RefusedByEdition(code) => vec![format!("{code}")],
            Self::Drifted(places) => places.iter().map(value).collect(),
            Self::UnexpectedCode(code, info) => vec![format!("{code}: {info}")],
            Self::Failed(why) | Self::NotCalled(why) => vec![why.clone()],
        }
    }
}

fn refused_by_edition(code: i64) -> bool {
    matches!(
        codes::reason(code),
        ErrorReason::EditionRequired
            | ErrorReason::FeatureDisabled
            | ErrorReason::CommandDisabled
            | ErrorReason::PlanLimitReached
            | ErrorReason::QuotaExhausted
    )
}

/// The first code of an item that is no success, and its text.
fn item_code(json: &Value) -> Option<(i64, String)> {
    match json {
        Value::Array(items) => items.iter().find_map(item_code),
        Value::Object(fields) => {
            let code = ["ErrorCode", "RetCode", "Code"].iter().find_map(|key| fields.get(*key)?.as_i64());
            let info = || fields.get("ErrorInfo").and_then(Value::as_str).unwrap_or("an item failed").to_owned();
            code.filter(|code| *code != 0).map(|code| (code, info())).or_else(|| fields.values().find_map(item_code))
        }
        _ => None,
    }
}

impl Report {
    /// Whether every command was answered as the contract expects, as far as the edition has it, and nothing is left.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        let fine = self.findings.iter().all(|finding| finding.verdict.is_fine());
        fine && self.leftovers.is_empty() && !self.interrupted && self.stopped_by.is_none()
    }

    /// The table for the operator, with what exactly came.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.findings.iter().map(|finding| finding.command.len()).max().unwrap_or(0) + 3;
        let mut table = String::new();
        for finding in &self.findings {
            let command = format!("{} {}", finding.command, finding.number);
            let _ = writeln!(table, "{command:width$}  {}", finding.verdict.name());
            for detail in finding.verdict.details(Drifted::exactly) {
                let _ = writeln!(table, "    {detail}");
            }
        }
        table + &self.ending(|leftover| &leftover.id)
    }

    /// The report as Markdown: no ids, no signatures and no texts of others. `host` says what was examined.
    #[must_use]
    pub fn markdown(&self, host: &str) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut report = format!(
            "# Replies of Tencent against the contract\n\nMade by `tencent-im-grpc doctor` {version} against {host}.\n\n\
             | Command | Call | Answer | Details |\n|---|---|---|---|\n"
        );
        for Finding { command, number, verdict } in &self.findings {
            let details = verdict.details(|found| found.redacted.clone()).join("<br>").replace('|', "\\|");
            let _ = writeln!(report, "| `{command}` | {number} | {} | {details} |", verdict.name());
        }
        report + "\n" + &self.ending(|_| "one thing")
    }

    fn ending<'a>(&'a self, id: impl Fn(&'a Leftover) -> &'a str) -> String {
        let mut ending = String::new();
        if let Some(why) = &self.stopped_by {
            let _ = writeln!(ending, "No command was called: {}", self.redactor.text(why));
        }
        if self.interrupted {
            ending += "It was interrupted: not every command was called.\n";
        }
        for leftover in &self.leftovers {
            let _ = writeln!(ending, "Not removed: {}: {}", id(leftover), self.redactor.text(&leftover.why));
        }
        let count = |fits: fn(&Verdict) -> bool| self.findings.iter().filter(|finding| fits(&finding.verdict)).count();
        let _ = writeln!(
            ending,
            "{} calls: {} as expected, {} refused by edition, {} drifted, {} with an unexpected code, {} failed, {} not called",
            self.findings.len(),
            count(|verdict| *verdict == Verdict::Expected),
            count(|verdict| matches!(verdict, Verdict::RefusedByEdition(_))),
            count(|verdict| matches!(verdict, Verdict::Drifted(_))),
            count(|verdict| matches!(verdict, Verdict::UnexpectedCode(..))),
            count(|verdict| matches!(verdict, Verdict::Failed(_))),
            count(|verdict| matches!(verdict, Verdict::NotCalled(_))),
        );
        ending
    }
}
