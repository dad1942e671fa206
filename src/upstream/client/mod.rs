//! The client: one call from pacing to the decoded reply, repeated where that is safe.

mod complexity;
mod http;
mod setup_error;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, Span, field};

use self::http::Http;
pub use self::setup_error::SetupError;
use super::call::{Answer, Call, Read};
use super::error::{Fault, Outcome, UpstreamError};
use super::hosts::Hosts;
use super::observer::{AttemptResult, NoObserver, Observer};
use super::pacing::{LanePacer, LocalQuota, Pacer, Ticket};
use super::retry::{Budget, Pauses, repeatable, share_of};
use super::settings::Settings;
use super::usersig::{Signature, Signer};
use contract::command::Safety;
use contract::wire::Reply;

/// The client of one Tencent application. Share it: it holds the connections, the UserSig and the quota.
#[derive(Debug)]
pub struct Upstream {
    http: Http,
    hosts: Hosts,
    signer: Signer,
    pacer: Option<Arc<dyn Pacer>>,
    budget: Budget,
    observer: Arc<dyn Observer>,
    attempt_timeout: Duration,
    max_attempts: u32,
}

/// Kept back from the caller's deadline, so that our own answer arrives before it.
const MARGIN: Duration = Duration::from_millis(20);
/// The code for an expired UserSig.
const USERSIG_EXPIRED: i64 = 70001;
/// What a caller is advised to wait when Tencent is out of order or refuses by rate.
const ADVISED_PAUSE: Duration = Duration::from_secs(1);

impl Upstream {
    /// A client with the in-process pacer and no observer.
    ///
    /// # Errors
    /// When the settings do not make a client.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        Ok(Self {
            http: Http::new(settings)?,
            hosts: Hosts::new(settings.base_urls.clone()),
            signer: Signer::new(settings)?,
            pacer: settings.pacing.then(|| local_pacer(settings)),
            budget: Budget::new(settings.retry_budget),
            observer: Arc::new(NoObserver),
            attempt_timeout: settings.attempt_timeout,
            max_attempts: settings.max_attempts.max(1),
        })
    }

    /// Tells `observer` about everything from now on.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Paces by `pacer`.
    #[must_use]
    pub fn with_pacer(mut self, pacer: Arc<dyn Pacer>) -> Self {
        self.pacer = Some(pacer);
        self
    }

    /// Who is told about everything.
    #[must_use]
    pub fn observer(&self) -> &dyn Observer {
        &*self.observer
    }

    /// Age of the UserSig in use.
    #[must_use]
    pub fn usersig_age(&self) -> Duration {
        self.signer.current().age()
    }

    /// What each command's rate left of the last second, by the command's label; empty without pacing.
    #[must_use]
    pub fn quota_left(&self) -> BTreeMap<&'static str, f64> {
        self.pacer.as_ref().map(|pacer| pacer.quota_left()).unwrap_or_default()
    }

    /// Calls a command, and hands its reply to `read`.
    ///
    /// Dropping the future drops its HTTP request, or its place in the queue, at once.
    ///
    /// # Errors
    /// When Tencent refused the call, or it failed for good.
    pub async fn call(&self, call: Call<'_>, read: Read<'_>) -> Result<Answer, UpstreamError> {
        let limit = limit(call.deadline);
        let mut pauses = Pauses::new();
        let mut attempts = Attempts::default();
        self.budget.earn();
        loop {
            let fault = match self.attempt(&call, limit, &mut attempts, read).await {
                Ok(()) => return Ok(Answer { repeated_in_doubt: attempts.in_doubt }),
                Err(fault) => fault,
            };
            let (command, request_id, attempt) = (call.command.name, call.request_id, attempts.count);
            tracing::debug!(command, request_id, attempt, error = %fault, "an attempt failed");
            if attempts.may_sign_again(&fault) {
                continue;
            }
            let pause = pauses.next(&fault);
            let last = attempts.count >= self.max_attempts
                || attempts.is_unreadable_again(&fault)
                || Instant::now() + pause >= limit;
            if last || !repeatable(call.safety, &fault) {
                return Err(attempts.failed(&call, fault));
            }
            if !self.budget.spend() {
                self.observer.retry_budget_spent(call.command.label);
                return Err(attempts.failed(&call, fault));
            }
            attempts.in_doubt |= fault.uncertain();
            self.observer.retried(call.command.label);
            sleep(pause).await;
        }
    }

    /// One attempt: pace, sign, POST, read.
    async fn attempt(
        &self,
        call: &Call<'_>,
        limit: Instant,
        attempts: &mut Attempts,
        read: Read<'_>,
    ) -> Result<(), Fault> {
        self.pace(call, limit).await?;
        if Instant::now() >= limit {
            return Err(Fault::Deadline { sent: false });
        }
        attempts.count += 1;
        let span = tracing::info_span!(
            "upstream",
            otel.name = %format_args!("{}/{}", call.command.service, call.command.name),
            otel.kind = "client",
            command = call.command.name,
            attempt = attempts.count,
            upstream_code = field::Empty,
            error = field::Empty,
            otel.status_code = field::Empty,
        );
        let mut report = Report::start(&*self.observer, call.command.label);
        let signature = self.signer.current();
        if let Some(sent) = call.write_sent
            && call.safety != Safety::Read
        {
            sent.store(true, Ordering::Relaxed);
        }
        let end = self.end_of_attempt(call, limit, attempts);
        let posted = self.post(call, end, &signature).instrument(span.clone()).await;
        let result = match posted {
            Ok(body) => judge(&signature.redact_reply(body), read),
            Err(Fault::TimedOut) if end == limit => Err(Fault::Deadline { sent: true }),
            Err(fault) => Err(fault),
        };
        report.finish(&result, &span);
        if let Err(fault) = &result {
            self.learn(call, &signature, fault);
        }
        result
    }

    /// When the attempt that begins now has taken too long.
    fn end_of_attempt(&self, call: &Call<'_>, limit: Instant, attempts: &Attempts) -> Instant {
        let now = Instant::now();
        let may_repeat = attempts.count < self.max_attempts && repeatable(call.safety, &Fault::TimedOut);
        let share = share_of(limit.saturating_duration_since(now), may_repeat);
        limit.min(now + share.min(self.attempt_timeout))
    }

    /// Posts to the usual host, or to the one that takes its place.
    async fn post(&self, call: &Call<'_>, end: Instant, signature: &Signature) -> Result<Bytes, Fault> {
        let (host, base) = self.hosts.pick();
        let posted = self.http.post(base, call.command, call.body.clone(), signature);
        let body = match timeout_at(end, posted).await {
            Ok(result) => result,
            Err(_) => Err(Fault::TimedOut),
        };
        if let Err(Fault::Unreachable(_)) = &body {
            self.hosts.unreachable(host);
        }
        body
    }

    /// Draws the consequences of a refusal that other calls profit from.
    fn learn(&self, call: &Call<'_>, signature: &Arc<Signature>, fault: &Fault) {
        let Fault::Code { code, .. } = fault else {
            return;
        };
        if *code == USERSIG_EXPIRED {
            self.signer.replace(signature);
        }
        if fault.throttled()
            && let Some(pacer) = &self.pacer
        {
            pacer.throttled(call.command, call.group_id, *code);
        }
    }

    async fn pace(&self, call: &Call<'_>, limit: Instant) -> Result<(), Fault> {
        let Some(pacer) = &self.pacer else {
            return Ok(());
        };
        let asked = Instant::now();
        let ticket = Ticket {
            command: call.command,
            group_id: call.group_id,
            caller: call.caller,
            priority: call.priority,
            deadline: limit,
        };
        let granted = pacer.acquire(ticket).await;
        match &granted {
            Ok(()) => self.observer.queued(call.command.label, asked.elapsed()),
            Err(_) => self.observer.queue_refused(call.command.label),
        }
        granted.map_err(Fault::Throttled)
    }
}

/// The attempts of a call so far.
#[derive(Debug, Default)]
struct Attempts {
    count: u32,
    /// One before the last may have been executed.
    in_doubt: bool,
    signed_again: bool,
    unreadable: bool,
}

impl Attempts {
    /// A UserSig that Tencent calls expired was replaced. That is worth one attempt more, whatever the class of the call:
    /// it was refused before anything was executed.
    fn may_sign_again(&mut self, fault: &Fault) -> bool {
        let expired = matches!(fault, Fault::Code { code: USERSIG_EXPIRED, .. });
        expired && !std::mem::replace(&mut self.signed_again, true)
    }

    /// A reply that cannot be read is asked for once more, in case something on the way broke it. What Tencent says in
    /// another shape it says again.
    fn is_unreadable_again(&mut self, fault: &Fault) -> bool {
        matches!(fault, Fault::Unreadable(_)) && std::mem::replace(&mut self.unreadable, true)
    }

    fn failed(&self, call: &Call<'_>, fault: Fault) -> UpstreamError {
        let uncertain = fault.uncertain() || (self.in_doubt && !fault.is_of_the_request());
        let unknown = call.safety != Safety::Read && uncertain;
        UpstreamError {
            outcome: if unknown { Outcome::Unknown } else { Outcome::NotExecuted },
            retry_after: fault.retry_after().or(fault.passes().then_some(ADVISED_PAUSE)),
            command: call.command.name.to_owned(),
            safety: call.safety,
            group_id: call.group_id.map(str::to_owned),
            request_id: call.request_id.to_owned(),
            attempts: self.count,
            fault,
        }
    }
}

/// Reports an attempt to the observer, also when the caller went away in the middle of it.
struct Report<'a> {
    observer: &'a dyn Observer,
    command: &'static str,
    started: Instant,
    result: AttemptResult,
}

impl<'a> Report<'a> {
    fn start(observer: &'a dyn Observer, command: &'static str) -> Self {
        observer.attempt_started(command);
        Self { observer, command, started: Instant::now(), result: AttemptResult::Cancelled }
    }

    fn finish(&mut self, result: &Result<(), Fault>, span: &Span) {
        self.result = match result {
            Ok(()) => AttemptResult::Code(0),
            Err(Fault::Code { code, .. }) => AttemptResult::Code(*code),
            Err(Fault::Unreachable(_)) => AttemptResult::Unreachable,
            Err(Fault::Lost(_)) => AttemptResult::Lost,
            Err(Fault::TimedOut | Fault::Deadline { .. } | Fault::Throttled(_)) => AttemptResult::TimedOut,
            Err(Fault::Http { status, .. }) => AttemptResult::Http(*status),
            Err(Fault::Unreadable(_) | Fault::TooLarge | Fault::ContentCoding | Fault::Incomplete) => {
                AttemptResult::Malformed
            }
        };
        match result {
            Err(fault) if !matches!(fault, Fault::Code { .. }) => {
                span.record("error", field::display(fault));
            }
            _ => {}
        }
        if let AttemptResult::Code(code) = self.result {
            span.record("upstream_code", code);
        }
        if self.result != AttemptResult::Code(0) {
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.observer.attempt_finished(self.command, self.result, self.started.elapsed());
    }
}

/// The caller's deadline less a margin, which is smaller where little time is left.
fn limit(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub(MARGIN.min(left / 10)).unwrap_or(deadline)
}

/// The pacer of a process that knows only how many others there are.
fn local_pacer(settings: &Settings) -> Arc<dyn Pacer> {
    Arc::new(LanePacer::new(settings, Arc::new(LocalQuota), 1.0 / f64::from(settings.replicas.max(1))))
}

/// Reads a reply, of which its code alone says whether the call was refused.
fn judge(body: &[u8], read: Read<'_>) -> Result<(), Fault> {
    match read(body).map_err(Fault::Unreadable)? {
        Reply { error_code: 0, .. } => Ok(()),
        Reply { error_code: code, error_info: info, .. } => Err(Fault::Code { code, info }),
    }
}
