//! The client: one call from pacing to the decoded reply, repeated where that is safe.

mod clock;
mod crowd;
mod http;
mod repeated;
mod self_test;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Code;
use tracing::{Instrument, Span, field};

use self::http::Http;
use super::call::Call;
use super::error::{Fault, Outcome, UpstreamError};
use super::hosts::Hosts;
use super::observer::{AttemptResult, NoObserver, Observer};
use super::pacing::{LanePacer, LocalQuota, Pacer, Ticket};
use super::retry::{Budget, Pauses, repeatable, share_of};
use super::settings::Settings;
use super::usersig::{Signature, Signer, UsersigError};
use contract::codes::{self, Fate};
use contract::command::Safety;
use contract::wire::{Reply, Unreadable};

/// The client of one Tencent application. Share it: it holds the connections, the UserSig and the quota.
#[derive(Debug)]
pub struct Upstream {
    http: Http,
    /// The app's admin, in whose name calls are made.
    identifier: String,
    hosts: Hosts,
    signer: Signer,
    pacer: Option<Arc<dyn Pacer>>,
    budget: Budget,
    observer: Arc<dyn Observer>,
    attempt_timeout: Duration,
    max_attempts: u32,
}

/// Why a client cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The UserSig cannot be made.
    #[error(transparent)]
    Usersig(#[from] UsersigError),
    /// There is no base URL.
    #[error("there is no base URL to call")]
    NoBaseUrl,
    /// The HTTP client cannot be made: most likely there are no root certificates.
    #[error("the HTTP client cannot be made: {0}")]
    Http(String),
}

/// Kept back from the caller's deadline, so that our own answer arrives before it.
const MARGIN: Duration = Duration::from_millis(20);
/// The code for an expired UserSig.
const USERSIG_EXPIRED: i64 = 70001;
/// The reply of a command that has nothing to say.
const SUCCESS: &[u8] = br#"{"ErrorCode":0}"#;
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
            identifier: settings.identifier.clone(),
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

    /// Calls a command and decodes its reply with `decode`.
    ///
    /// Dropping the future drops its HTTP request, or its place in the queue, at once.
    ///
    /// # Errors
    /// When Tencent refused the call, or it failed for good.
    pub async fn call<R>(
        &self,
        call: Call<'_>,
        decode: impl Fn(&[u8]) -> Result<Reply<R>, Unreadable> + Send + Sync,
    ) -> Result<R, UpstreamError> {
        let limit = limit(call.deadline);
        let mut pauses = Pauses::new();
        let mut course = Course::default();
        self.budget.earn();
        loop {
            let fault = match self.attempt(&call, limit, &mut course, &decode).await {
                Ok(reply) if reply.error_code == 0 => return Ok(reply.message),
                Ok(reply) => Fault::Code { code: reply.error_code, info: reply.error_info },
                Err(fault) => fault,
            };
            let (command, request_id, attempt) = (call.command.name, call.request_id, course.attempts);
            tracing::debug!(command, request_id, attempt, error = %fault, "an attempt failed");
            if course.may_sign_again(&fault) {
                continue;
            }
            if course.uncertain {
                match self.was_done(&call, &course, &fault).await {
                    Some(true) if let Ok(reply) = decode(SUCCESS) => return Ok(reply.message),
                    Some(false) => course.uncertain = false,
                    _ => {}
                }
            }
            let tried_all = course.attempts >= self.max_attempts;
            if tried_all || !repeatable(call.safety, &fault) {
                return Err(course.failed(&call, fault));
            }
            let pause = pauses.next(&fault);
            if Instant::now() + pause >= limit {
                return Err(course.failed(&call, fault));
            }
            if !self.budget.spend() {
                self.observer.retry_budget_spent(call.command.label);
                return Err(course.failed(&call, fault));
            }
            course.remember(&fault);
            self.observer.retried(call.command.label);
            sleep(pause).await;
        }
    }

    /// One attempt: pace, sign, POST, decode. `Ok` is any reply of Tencent, refusals too.
    async fn attempt<R>(
        &self,
        call: &Call<'_>,
        limit: Instant,
        course: &mut Course,
        decode: &(impl Fn(&[u8]) -> Result<Reply<R>, Unreadable> + Send + Sync),
    ) -> Result<Reply<R>, Fault> {
        self.pace(call, limit).await?;
        if Instant::now() >= limit {
            return Err(Fault::Deadline { sent: false });
        }
        course.attempts += 1;
        course.first_sent.get_or_insert_with(Instant::now);
        let span = tracing::info_span!(
            "upstream",
            otel.name = %format_args!("{}/{}", call.command.service, call.command.name),
            otel.kind = "client",
            command = call.command.name,
            attempt = course.attempts,
            upstream_code = field::Empty,
            error = field::Empty,
            otel.status_code = field::Empty,
        );
        let mut watch = Watch::start(&*self.observer, call.command.label);
        let signature = self.signer.current();
        if let Some(sent) = call.write_sent
            && call.safety != Safety::Read
        {
            sent.store(true, Ordering::Relaxed);
        }
        let end = self.end_of_attempt(call, limit, course);
        let posted = self.post(call, end, &signature).instrument(span.clone()).await;
        let posted = posted.map_err(|fault| match fault {
            Fault::TimedOut if end == limit => Fault::Deadline { sent: true },
            fault => fault,
        });
        let result = posted.as_ref().map_err(Fault::clone).and_then(|body| read(body, &signature, decode));
        watch.finish(&result, &span);
        self.learn(call, &signature, watch.result);
        let corrected = match posted {
            Ok(body) if course.uncertain => self.corrected(call, course, &body).await?,
            _ => None,
        };
        match corrected {
            Some(body) => read(&body, &signature, decode),
            None => result,
        }
    }

    /// When the attempt that begins now has taken too long.
    fn end_of_attempt(&self, call: &Call<'_>, limit: Instant, course: &Course) -> Instant {
        let now = Instant::now();
        let may_repeat = course.attempts < self.max_attempts && repeatable(call.safety, &Fault::TimedOut);
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

    /// Draws the consequences of a reply that other calls profit from.
    fn learn(&self, call: &Call<'_>, signature: &Arc<Signature>, result: AttemptResult) {
        let AttemptResult::Code(code) = result else {
            return;
        };
        if code == USERSIG_EXPIRED {
            self.signer.replace(signature);
        }
        if codes::lookup(code).fate == Fate::Throttled
            && let Some(pacer) = &self.pacer
        {
            pacer.throttled(call.command, call.group_id, code);
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

/// What happened to a call so far.
#[derive(Debug, Default)]
struct Course {
    attempts: u32,
    first_sent: Option<Instant>,
    /// An attempt before the last one may have been executed.
    uncertain: bool,
    signed_again: bool,
}

impl Course {
    /// A UserSig that Tencent calls expired was replaced. That is worth one attempt more, whatever the class of the call:
    /// it was refused before anything was executed.
    fn may_sign_again(&mut self, fault: &Fault) -> bool {
        let expired = matches!(fault, Fault::Code { code: USERSIG_EXPIRED, .. });
        expired && !std::mem::replace(&mut self.signed_again, true)
    }

    fn remember(&mut self, fault: &Fault) {
        self.uncertain |= fault.uncertain();
    }

    fn failed(&self, call: &Call<'_>, fault: Fault) -> UpstreamError {
        // What is wrong with the request itself was wrong with it at every earlier attempt too.
        let refused_always =
            matches!(fault, Fault::Code { code, .. } if codes::lookup(code).code == Code::InvalidArgument);
        let uncertain = fault.uncertain() || (self.uncertain && !refused_always);
        let unknown = call.safety != Safety::Read && uncertain;
        let retry_after = match &fault {
            Fault::Throttled(throttled) => Some(throttled.retry_after),
            fault if fault.passes() => Some(ADVISED_PAUSE),
            _ => None,
        };
        UpstreamError {
            outcome: if unknown { Outcome::Unknown } else { Outcome::NotExecuted },
            retry_after,
            command: call.command.name.to_owned(),
            safety: call.safety,
            group_id: call.group_id.map(str::to_owned),
            request_id: call.request_id.to_owned(),
            attempts: self.attempts,
            fault,
        }
    }
}

/// Reports an attempt to the observer, also when the caller went away in the middle of it.
struct Watch<'a> {
    observer: &'a dyn Observer,
    command: &'static str,
    started: Instant,
    result: AttemptResult,
}

impl<'a> Watch<'a> {
    fn start(observer: &'a dyn Observer, command: &'static str) -> Self {
        observer.attempt_started(command);
        Self { observer, command, started: Instant::now(), result: AttemptResult::Cancelled }
    }

    fn finish<R>(&mut self, result: &Result<Reply<R>, Fault>, span: &Span) {
        self.result = match result {
            Ok(reply) => AttemptResult::Code(reply.error_code),
            Err(fault) => {
                span.record("error", field::display(fault));
                match fault {
                    Fault::Code { code, .. } => AttemptResult::Code(*code),
                    Fault::Unreachable(_) => AttemptResult::Unreachable,
                    Fault::Lost(_) => AttemptResult::Lost,
                    Fault::TimedOut | Fault::Deadline { .. } | Fault::Throttled(_) | Fault::Unseen(_) => {
                        AttemptResult::TimedOut
                    }
                    Fault::Http(status) => AttemptResult::Http(*status),
                    Fault::Unreadable(_) | Fault::TooLarge => AttemptResult::Malformed,
                }
            }
        };
        if let AttemptResult::Code(code) = self.result {
            span.record("upstream_code", code);
        }
        if self.result != AttemptResult::Code(0) {
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Watch<'_> {
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

/// Decodes a reply.
fn read<R>(
    body: &[u8],
    signature: &Signature,
    decode: &impl Fn(&[u8]) -> Result<Reply<R>, Unreadable>,
) -> Result<Reply<R>, Fault> {
    let reply = decode(body).map_err(Fault::Unreadable)?;
    Ok(Reply { error_info: signature.redact(&reply.error_info), ..reply })
}
