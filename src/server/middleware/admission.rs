//! Bounds how many calls are served at once. What is over the bound is refused at once instead of waiting in a queue that
//! nobody bounds. Health and reflection, which strangers may call, have small bounds of their own: they answer when the
//! server is full, and cannot fill it; nor can one stranger keep others from them.

use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Request};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tonic::body::Body;

use super::caller_quota::{CallerQuota, Lease};
use super::ending_body::EndingBody;
use super::response_guard::ResponseGuard;
use super::stack::{Middleware, Next, ResponseFuture};
use crate::config::Limits;
use crate::context::CallContext;
use crate::server::catalog::Family;
use crate::server::error_response::error_response;
use crate::server::peer::{HealthOnly, Peer};
use crate::server::places::{Activity, Busy, Fairness, Place, Places};
use crate::server::streams;
use crate::status::Problem;

/// When a refused caller may try again.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Reflection at once: a descriptor takes a moment, and its text some hundred kilobytes.
const REFLECTIONS: usize = 16;
/// How long a call that lost its place may take to say so, before its stream is reset.
const GOODBYE: Duration = Duration::from_millis(100);

/// Admits calls while there is room, for all and for each caller.
pub struct Admission {
    calls: Arc<Semaphore>,
    limit: usize,
    callers: CallerQuota,
    checks: Places,
    watches: Places,
    reflections: Places,
}

/// What a call holds until its response has been sent.
struct Held {
    _permit: OwnedSemaphorePermit,
    _lease: Lease,
    /// Its connection is not idle.
    _busy: Option<Busy>,
}

impl Admission {
    /// Room for the calls that the limits allow, `most_per_caller` of them of one caller, and for one check and one watch
    /// of health on each connection.
    pub fn new(limits: Limits, most_per_caller: usize) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(limits.max_in_flight)),
            limit: limits.max_in_flight,
            callers: CallerQuota::new(most_per_caller),
            checks: Places::new(limits.max_connections, Fairness::LargestGivesWay),
            // They are silent by their nature.
            watches: Places::new(limits.max_connections, Fairness::LargestGivesWay),
            // Streams that ask nothing, or read no answer.
            reflections: Places::new(REFLECTIONS, Fairness::StalledGivesWay),
        }
    }

    fn admit(&self, call: &CallContext, extensions: &Extensions) -> Result<Held, Problem> {
        if extensions.get::<HealthOnly>().is_some() {
            return Err(overloaded("as many connections as may be are open; no more calls are taken"));
        }
        let full = |_| overloaded(format!("{} calls are being served; no more are taken", self.limit));
        let permit = self.calls.clone().try_acquire_owned().map_err(full)?;
        let caller = call.caller_name();
        let Some(lease) = self.callers.take(&caller, 1) else {
            let message = format!("{} calls of this caller are being served; no more are taken", self.callers.limit());
            return Err(Problem::overloaded(format!("caller:{caller}"), message, PAUSE));
        };
        let busy = extensions.get::<Arc<Place>>().map(|connection| connection.busy());
        Ok(Held { _permit: permit, _lease: lease, _busy: busy })
    }

    /// The places of a method that strangers may call.
    fn open(&self, call: &CallContext) -> Option<(&Places, &'static str)> {
        match call.method().family() {
            Family::Contract => None,
            Family::Health if call.method().is_endless() => Some((&self.watches, "watches of health")),
            Family::Health => Some((&self.checks, "checks of health")),
            Family::Reflection => Some((&self.reflections, "calls of reflection")),
        }
    }
}

fn overloaded(message: impl Into<String>) -> Problem {
    Problem::overloaded("gateway", message, PAUSE)
}

/// A body that reports each of its frames.
fn touching(body: Body, activity: Arc<Activity>) -> Body {
    Body::new(body.map_frame(move |frame| {
        activity.touch();
        frame
    }))
}

/// Runs a call until its place is given to another one.
fn hold(place: Place, call: CallContext, response: ResponseFuture) -> ResponseFuture {
    let lost = || overloaded("another caller got this call's place, because this one holds many");
    let (revoked, stream) = (place.revoked().clone(), streams::current());
    Box::pin(async move {
        let response = tokio::select! {
            response = response => response,
            () = revoked.cancelled() => return error_response(lost(), &call),
        };
        if response.body().is_end_stream() {
            return response;
        }
        let (over, ended) = oneshot::channel::<()>();
        let watched = revoked.clone();
        // A client that does not read would keep the stream.
        tokio::spawn(async move {
            tokio::select! {
                _ = ended => {}
                () = watched.cancelled() => {
                    tokio::time::sleep(GOODBYE).await;
                    stream.cancel();
                }
            }
        });
        let end = async move {
            revoked.cancelled().await;
            lost()
        };
        response.map(|inner| {
            let ending = Body::new(EndingBody::new(touching(inner, place.activity()), call, end));
            Body::new(ResponseGuard::new(ending, (place, over)))
        })
    })
}

impl Middleware for Admission {
    fn name(&self) -> &'static str {
        "admission"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        let refused = |problem| {
            let response = error_response(problem, &call);
            Box::pin(async move { response })
        };
        if let Some((places, what)) = self.open(&call) {
            return match places.enter(Peer::address_of(request.extensions())) {
                Some(place) => {
                    let activity = place.activity();
                    let request = request.map(|body| touching(body, activity));
                    hold(place, call, next.run(request))
                }
                None => refused(overloaded(format!("{} {what} are being served; no more are taken", places.limit()))),
            };
        }
        match self.admit(&call, request.extensions()) {
            Ok(held) => {
                let response = next.run(request);
                Box::pin(async move { response.await.map(|inner| Body::new(ResponseGuard::new(inner, held))) })
            }
            Err(problem) => refused(problem),
        }
    }
}
