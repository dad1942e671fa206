//! Bounds how many calls are served at once. What is over the bound is refused at once instead of waiting in a queue that
//! nobody bounds. Health and reflection, which strangers may call, have small rooms of their own: they answer when the
//! server is full, and cannot fill it.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;

use super::caller_quota::{CallerQuota, Lease};
use super::response_guard::ResponseGuard;
use super::stack::{Middleware, Next, ResponseFuture};
use crate::config::Limits;
use crate::context::CallContext;
use crate::server::catalog::Family;
use crate::server::error_response::error_response;
use crate::status::Problem;

/// When a refused caller may try again.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Reflection at once: a descriptor takes a moment, and its text some hundred kilobytes.
const REFLECTIONS: usize = 16;

/// Admits calls while there is room, for all and for each caller.
pub struct Admission {
    calls: Room,
    callers: CallerQuota,
    checks: Room,
    watches: Room,
    reflections: Room,
}

/// A number of places.
struct Room {
    free: Arc<Semaphore>,
    most: usize,
}

/// What a call holds until its response has been sent.
struct Place {
    _permit: OwnedSemaphorePermit,
    _lease: Option<Lease>,
}

impl Admission {
    /// Room for the calls that the limits allow, `most_per_caller` of them of one caller, and for one check and one watch
    /// of health on each connection.
    pub fn new(limits: Limits, most_per_caller: usize) -> Self {
        Self {
            calls: Room::new(limits.max_in_flight),
            callers: CallerQuota::new(most_per_caller),
            checks: Room::new(limits.max_connections),
            watches: Room::new(limits.max_connections),
            reflections: Room::new(REFLECTIONS),
        }
    }

    fn admit(&self, call: &CallContext) -> Result<Place, Problem> {
        let method = call.method();
        let open = match method.family() {
            Family::Contract => None,
            Family::Health if method.is_endless() => Some((&self.watches, "watches of health")),
            Family::Health => Some((&self.checks, "checks of health")),
            Family::Reflection => Some((&self.reflections, "calls of reflection")),
        };
        if let Some((room, what)) = open {
            return Ok(Place { _permit: room.enter(what)?, _lease: None });
        }
        let permit = self.calls.enter("calls")?;
        let caller = call.caller_name();
        let Some(lease) = self.callers.take(&caller, 1) else {
            let message = format!("{} calls of this caller are being served; no more are taken", self.callers.limit());
            return Err(Problem::overloaded(format!("caller:{caller}"), message, PAUSE));
        };
        Ok(Place { _permit: permit, _lease: Some(lease) })
    }
}

impl Room {
    fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most }
    }

    fn enter(&self, what: &str) -> Result<OwnedSemaphorePermit, Problem> {
        self.free.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{} {what} are being served; no more are taken", self.most);
            Problem::overloaded("gateway", message, PAUSE)
        })
    }
}

impl Middleware for Admission {
    fn name(&self) -> &'static str {
        "admission"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        match self.admit(&call) {
            Ok(place) => {
                let answer = next.run(request);
                Box::pin(async move { answer.await.map(|inner| Body::new(ResponseGuard::new(inner, place))) })
            }
            Err(problem) => {
                let answer = error_response(problem, &call);
                Box::pin(async move { answer })
            }
        }
    }
}
