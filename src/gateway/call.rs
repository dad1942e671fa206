//! One call from the caller's side: who calls, until when, and the way to Tencent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Extensions};

use crate::config;
use crate::context::CallContext;
use crate::status::{Problem, Violation};
use crate::upstream::{Answer, Call as UpstreamCall, Fault, Outcome, Priority, Read, Upstream, UpstreamError};
use contract::codes;
use contract::command::{Command, Safety};
use contract::pb::ErrorReason;
use contract::validate::{self, Validate};
use contract::wire::{self, Drift, JsonMessage};

use super::error::CallError;
use super::item::Item;
use super::service::Gateway;
use super::turns::Turns;

/// A request that maps to one Tencent command. Implemented by the generator.
pub trait Mapped: JsonMessage + Validate + Clone + 'static {
    /// The reply.
    type Reply: JsonMessage + 'static;

    /// The command.
    const COMMAND: &'static Command<'static>;

    /// The group that the call concerns, for the limits that Tencent has for each group.
    fn group_id(&self) -> Option<&str> {
        None
    }

    /// Whether something in the request guards against executing it twice.
    fn guarded(&self) -> bool {
        false
    }

    /// Whether the request names one thing and not several, so that a refusal is about that one.
    fn single(&self) -> bool {
        true
    }

    /// Fills in what the gateway adds, before the first attempt.
    fn prepare(&mut self) {}

    /// Completes the reply with what follows from the request.
    ///
    /// `lost` elements of its list were left out: they count where the next page starts.
    fn finish(&self, _reply: &mut Self::Reply, _lost: usize) {}

    /// The items of the reply of an idempotent write that have their own code.
    fn items(_reply: &mut Self::Reply) -> Vec<Item<'_>> {
        Vec::new()
    }
}

/// One call of a caller. Cheap to clone: compositions make many calls of Tencent within it.
#[derive(Debug, Clone)]
pub struct Call {
    upstream: Arc<Upstream>,
    context: CallContext,
    priority: Priority,
    /// Kept back from the caller's deadline.
    margin: Duration,
    /// Becomes true when a write of this part of a call is sent.
    part_sent: Option<Arc<AtomicBool>>,
    /// At what sizes batches are split.
    pub(super) batch: config::Batch,
    /// The largest reply that can be sent, in bytes.
    pub(super) largest_reply: usize,
    /// Whether commands may be called by name.
    pub(super) raw: bool,
    /// Imports of messages follow each other.
    pub(super) imports: Arc<Turns>,
}

impl Call {
    /// The call that a request belongs to.
    pub(super) fn new(gateway: &Gateway, extensions: &Extensions) -> Result<Self, CallError> {
        let context = CallContext::of(extensions);
        let upstream = gateway
            .upstream(context.app())
            .ok_or_else(|| CallError::Gateway(Box::new(Problem::app_not_allowed().request_id(context.request_id()))))?;
        Ok(Self {
            upstream,
            context,
            priority: Priority::Interactive,
            margin: Duration::ZERO,
            part_sent: None,
            batch: gateway.batch,
            largest_reply: gateway.largest_reply,
            raw: gateway.raw,
            imports: gateway.imports.clone(),
        })
    }

    /// The same call, whose calls of Tencent now give way to interactive ones.
    #[must_use]
    pub fn bulk(mut self) -> Self {
        self.priority = Priority::Bulk;
        self
    }

    /// The same call, whose calls of Tencent now end ahead of the caller's deadline, so that an answer can be put together.
    #[must_use]
    pub fn ahead(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// A part of this call, with its own record of whether a write was sent. Of the whole call that is assumed.
    #[must_use]
    pub fn part(&self, safety: Safety, sent: Arc<AtomicBool>) -> Self {
        if safety != Safety::Read {
            self.context.write_sent().store(true, Ordering::Relaxed);
        }
        Self { part_sent: Some(sent), ..self.clone() }
    }

    /// Cancelled when the call must be answered at once, because its connection will be closed by force.
    #[must_use]
    pub fn ending(&self) -> &CancellationToken {
        self.context.ending()
    }

    /// Name of the Tencent application that the call is for.
    #[must_use]
    pub fn app(&self) -> &str {
        self.context.app()
    }

    /// When calls of Tencent must have ended.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let deadline = self.context.deadline();
        deadline.checked_sub(self.margin).unwrap_or(deadline)
    }

    /// How long that still is.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// An error of the gateway's own, marked with the call's request id.
    #[must_use]
    pub fn problem(&self, problem: Problem) -> CallError {
        CallError::Gateway(Box::new(problem.request_id(self.context.request_id())))
    }

    /// The error for an item that Tencent refused within a call that succeeded.
    #[must_use]
    pub fn refused<R: Mapped>(&self, code: i64, info: String, outcome: Outcome, group_id: &str) -> CallError {
        self.context.set_upstream_code(code);
        self.failed(R::COMMAND, Fault::Code { code, info }, outcome, group_id)
    }

    /// The error for an item that Tencent's reply does not name: for a write it is then unknown whether it was executed.
    #[must_use]
    pub fn unnamed<R: Mapped>(&self, group_id: &str) -> CallError {
        let outcome = match R::COMMAND.safety {
            Safety::Read => Outcome::NotExecuted,
            Safety::Idempotent | Safety::Unsafe => Outcome::Unknown,
        };
        self.failed(R::COMMAND, Fault::Incomplete, outcome, group_id)
    }

    fn failed(&self, command: &Command<'_>, fault: Fault, outcome: Outcome, group_id: &str) -> CallError {
        CallError::from(UpstreamError {
            fault,
            outcome,
            retry_after: None,
            command: command.name.to_owned(),
            safety: command.safety,
            group_id: Some(group_id.to_owned()),
            request_id: self.context.request_id().to_owned(),
            attempts: 1,
        })
    }

    /// The error for an empty page of a list that goes on.
    #[must_use]
    pub fn incomplete(&self) -> CallError {
        let message = "Tencent's page is empty, and its list is not at its end";
        self.problem(Problem::new(Code::Internal, ErrorReason::UpstreamMalformedReply, message))
    }

    /// Refuses a page token that does not belong to the list.
    ///
    /// # Errors
    /// INVALID_ARGUMENT unless it is valid.
    pub fn check_token(&self, valid: bool) -> Result<(), CallError> {
        if valid {
            return Ok(());
        }
        let violation = Violation {
            field: "page_token".to_owned(),
            description: "is no token of this list; pass next_page_token of a reply to the same request, unchanged"
                .to_owned(),
        };
        Err(self.problem(Problem::invalid_argument([violation])))
    }

    /// Refuses a request that breaks its rules.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with all violations.
    pub fn check<R: Validate>(&self, request: &R) -> Result<(), CallError> {
        let found = validate::check(request);
        if found.is_empty() {
            return Ok(());
        }
        let problem = Problem::invalid_argument(found.listed().iter().cloned()).unlisted_violations(found.more());
        Err(self.problem(problem))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the request cannot be written as JSON, Tencent refuses it, or it fails for good.
    pub async fn send<R: Mapped>(&self, request: R) -> Result<R::Reply, CallError> {
        self.send_counting(request).await.map(|(reply, _)| reply)
    }

    /// The same, and how many elements of the reply's lists could not be read and were left out.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send_counting<R: Mapped>(&self, mut request: R) -> Result<(R::Reply, usize), CallError> {
        request.prepare();
        let body = wire::encode(&request).map_err(|error| {
            let violation = Violation { field: String::new(), description: error.to_string() };
            self.problem(Problem::invalid_argument([violation]))
        })?;
        let command = R::COMMAND;
        let safety = if request.guarded() { Safety::Idempotent } else { command.safety };
        let mut decoded = None;
        let mut read = |json: &[u8]| Ok(decoded.insert(wire::decode_reply::<R::Reply>(json)?).verdict());
        let answer = self.post(command, safety, body, request.group_id(), &mut read).await;
        let (mut reply, lost) = match answer {
            Ok(answer) => {
                let decoded = decoded.unwrap_or_default();
                self.note_drift(command, &decoded.drift);
                let (mut reply, lost) = (decoded.message, decoded.lost);
                if answer.repeated_in_doubt {
                    R::items(&mut reply).into_iter().for_each(|item| item.after_lost_reply(command.name));
                }
                (reply, lost)
            }
            Err(error) if work_is_done(&error, request.single()) => <(R::Reply, usize)>::default(),
            Err(error) => return Err(error.into()),
        };
        request.finish(&mut reply, lost);
        Ok((reply, lost))
    }

    /// Calls a command within this call.
    pub(super) async fn post(
        &self,
        command: &Command<'_>,
        safety: Safety,
        body: Bytes,
        group_id: Option<&str>,
        read: Read<'_>,
    ) -> Result<Answer, UpstreamError> {
        self.context.set_command(command.name);
        let call = UpstreamCall {
            command,
            body,
            group_id,
            deadline: self.deadline(),
            caller: self.context.caller(),
            priority: self.priority,
            safety,
            request_id: self.context.request_id(),
            write_sent: Some(self.part_sent.as_deref().unwrap_or_else(|| self.context.write_sent())),
        };
        let result = self.upstream.call(call, read).await;
        let code = match &result {
            Ok(_) => Some(0),
            Err(error) => error.upstream_code(),
        };
        if let Some(code) = code {
            self.context.set_upstream_code(code);
        }
        result
    }

    /// Tells the caller, the metrics and the log what a reply held that the contract does not expect. Its values are
    /// somebody's data: the caller alone sees them.
    pub(super) fn note_drift(&self, command: &Command<'_>, drift: &Drift) {
        for entry in drift.entries() {
            let (request_id, path, kind) = (self.context.request_id(), entry.place(), entry.kind);
            let (command, json_type) = (command.name, entry.json_type());
            tracing::debug!(
                request_id,
                command,
                path,
                ?kind,
                json_type,
                "a reply holds what the contract does not expect"
            );
        }
        drift.entries().iter().for_each(|entry| self.upstream.observer().drifted(command.label, entry));
        self.context.add_drift(command.name, drift);
    }
}

/// Whether a repeated call was refused because an attempt whose reply was lost, or another caller, has done its work.
fn work_is_done(error: &UpstreamError, single: bool) -> bool {
    let code = error.upstream_code().filter(|_| error.outcome == Outcome::Unknown);
    code.is_some_and(|code| codes::is_done(&error.command, code, single))
}
