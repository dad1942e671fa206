//! Who calls, whether they may, and which Tencent application the call is for.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Request, header};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::body::Body;

use super::admission::PAUSE;
use super::deadline::Deadline;
use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::{CallContext, Identity};
use crate::server::auth::{Authenticator, Full, Grant, XFCC};
use crate::server::catalog::Family;
use crate::server::error_response::error_response;
use crate::server::peer::Peer;
use crate::status::{Problem, Violation};
use contract::pb::ErrorReason;

/// Lets in whom the settings let in.
#[derive(Debug, Clone)]
pub struct Authenticate {
    /// Knows the callers; `None` lets everybody in.
    pub authenticator: Option<Arc<Authenticator>>,
    /// Whether reflection is open to everybody.
    pub open_reflection: bool,
    /// The Tencent applications.
    pub apps: Arc<BTreeSet<String>>,
    /// The one for calls that name none.
    pub default_app: Arc<str>,
    /// How long a call may wait for the key of its token: the step that bounds the rest comes later, as only callers that
    /// are known may take part of the room.
    pub deadline: Deadline,
}

const APP: HeaderName = HeaderName::from_static("x-tim-app");

/// Waits for keys, if there is room and time, and the connection does not end before.
async fn wait(
    keys: Result<impl Future<Output = Result<(), Full>>, Full>,
    deadline: Result<Instant, Problem>,
    ending: CancellationToken,
) -> Result<(), Problem> {
    let deadline = deadline?;
    let full = |full: Full| Problem::overloaded("gateway", full.message(), PAUSE);
    let keys = keys.map_err(full)?;
    tokio::select! {
        biased;
        found = keys => found.map_err(full),
        () = ending.cancelled() => Err(Problem::shutting_down()),
        () = sleep_until(deadline) => Err(Problem::deadline_exceeded().not_executed()),
    }
}

/// The application that a call names.
fn wanted(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let wrong = |description: &str| {
        Problem::invalid_argument([Violation { field: APP.to_string(), description: description.to_owned() }])
    };
    let mut named = headers.get_all(APP).iter();
    let Some(value) = named.next() else { return Ok(None) };
    // Of two names, a proxy may have looked at the other one.
    if named.next().is_some() {
        return Err(wrong("must be there once at most"));
    }
    value.to_str().map(Some).map_err(|_| wrong("must be the name of an application in printable ASCII characters"))
}

impl Middleware for Authenticate {
    fn name(&self) -> &'static str {
        "authenticate"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        let open = self.is_open(&call);
        let authenticator = self.authenticator.as_ref().filter(|_| !open);
        let peer = Peer::address_of(request.extensions());
        let Some(keys) = authenticator.and_then(|known| known.missing_key(request.headers(), peer)) else {
            return self.decide(request, next);
        };
        let deadline = self.deadline.of(request.headers(), &call);
        let ending = request.extensions().get().map(|peer: &Peer| peer.ending.clone()).unwrap_or_default();
        let (step, mut later) = (self.clone(), next.defer());
        Box::pin(async move {
            if let Err(problem) = wait(keys, deadline, ending).await {
                return error_response(problem, &call);
            }
            let answer = step.decide(request, later.resume());
            answer.await
        })
    }
}

impl Authenticate {
    fn decide(&self, mut request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        let admitted = self.admit(&request, &call);
        // Nothing behind this layer needs the credential, and what is not there cannot leak.
        let headers = request.headers_mut();
        headers.remove(header::AUTHORIZATION);
        headers.remove(XFCC);
        match admitted {
            Ok(Some(identity)) => {
                call.set_identity(identity);
                next.run(request)
            }
            Ok(None) => next.run(request),
            Err(problem) => {
                let answer = error_response(problem, &call);
                Box::pin(async move { answer })
            }
        }
    }

    fn is_open(&self, call: &CallContext) -> bool {
        match call.method().family() {
            Family::Health => true,
            Family::Reflection => self.open_reflection,
            Family::Contract => false,
        }
    }

    fn admit(&self, request: &Request<Body>, call: &CallContext) -> Result<Option<Identity>, Problem> {
        if self.is_open(call) {
            return Ok(None);
        }
        let wanted = wanted(request.headers());
        let Some(authenticator) = &self.authenticator else {
            let app = wanted?.unwrap_or(&self.default_app);
            return self.known(app).map(|app| Some(Identity::anonymous(app)));
        };
        let grant = authenticator
            .identify(request.headers(), request.extensions().get::<Peer>())
            .map_err(|unknown| Problem::unauthenticated(unknown.message()))?;
        // From here on the log says who it was, even of calls that are refused.
        let identity = |app: Arc<str>| Identity { caller: grant.caller.clone(), app };
        let app = wanted
            .and_then(|wanted| self.app(&grant, wanted))
            .inspect_err(|_| call.set_identity(identity(self.default_app.clone())))?;
        match &call.method().rule {
            Some(method) if !grant.allows(method) => {
                call.set_identity(identity(app));
                Err(Problem::scope_missing(method.scope.name()))
            }
            // A method without a scope is closed. The routes answer for methods that do not exist.
            None if call.method().family() == Family::Contract && !call.method().is_unknown() => {
                call.set_identity(identity(app));
                let message = "no scope opens this method";
                Err(Problem::new(Code::PermissionDenied, ErrorReason::ScopeMissing, message).not_executed())
            }
            _ => Ok(Some(identity(app))),
        }
    }

    fn app(&self, grant: &Grant, wanted: Option<&str>) -> Result<Arc<str>, Problem> {
        grant.app(wanted, &self.default_app, &self.apps).map(Arc::from).ok_or_else(Problem::app_not_allowed)
    }

    fn known(&self, app: &str) -> Result<Arc<str>, Problem> {
        if self.apps.contains(app) { Ok(app.into()) } else { Err(Problem::app_not_allowed()) }
    }
}
