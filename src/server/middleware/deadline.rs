//! The deadline of a call. Ours answers DEADLINE_EXCEEDED: tonic's own timeout answers CANCELLED, which meshes retry even
//! on writes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderName, Request};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::ending_body::EndingBody;
use super::stack::{Middleware, Next, ResponseFuture};
use crate::config::Deadline as Settings;
use crate::context::CallContext;
use crate::server::catalog::{Family, Kind};
use crate::server::error_response::error_response;
use crate::server::peer::Peer;
use crate::status::{Problem, Violation};
use contract::command::Safety;

/// Bounds every call in time.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Settings);

/// How long a batch may take to report how far it came, when it is cut off.
const REPORT_TIME: Duration = Duration::from_millis(50);
/// Longer than any process runs.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

impl Middleware for Deadline {
    fn name(&self) -> &'static str {
        "deadline"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        let deadline = match self.of(request.headers(), &call) {
            Ok(deadline) => deadline,
            Err(problem) => {
                let answer = error_response(problem, &call);
                return Box::pin(async move { answer });
            }
        };
        let stream = call.method().kind != Kind::Unary;
        call.set_deadline(deadline);
        let leaving = leaving(request.extensions(), &call);
        let mut answer = next.run(request);
        Box::pin(async move {
            let response = tokio::select! {
                response = &mut answer => response,
                () = sleep_until(deadline) => return error_response(too_late(&call), &call),
                () = leaving.cancelled() => match timeout(REPORT_TIME, answer).await {
                    Ok(response) => response,
                    Err(_) => return error_response(cut_off(&call), &call),
                },
            };
            if !stream {
                return response;
            }
            let ended = call.clone();
            let end = async move {
                tokio::select! {
                    biased;
                    () = leaving.cancelled() => cut_off(&ended),
                    () = sleep_until(deadline) => too_late(&ended),
                }
            };
            response.map(|inner| Body::new(EndingBody::new(inner, call, end)))
        })
    }
}

impl Deadline {
    /// When a call must have been answered.
    pub(super) fn of(self, headers: &HeaderMap, call: &CallContext) -> Result<Instant, Problem> {
        let given = grpc_timeout(headers).map_err(|()| {
            let description = "must be a number of at most eight digits with a unit (H, M, S, m, u, n)".to_owned();
            Problem::invalid_argument([Violation { field: GRPC_TIMEOUT.to_string(), description }])
        })?;
        let method = call.method();
        let (default, most) = match method.family() {
            // Health may be watched as long as the connection lasts.
            Family::Health if method.is_endless() => (FOREVER, FOREVER),
            Family::Health | Family::Reflection => (self.0.default, self.0.default),
            Family::Contract if method.kind != Kind::Unary => (self.0.max_stream, self.0.max_stream),
            Family::Contract => (self.0.default, self.0.max),
        };
        Ok(call.started() + given.unwrap_or(default).min(most))
    }
}

/// Cancelled when the call must end because its connection does: shortly before that, for a call that ends by itself, and
/// at once for a watch of health.
fn leaving(extensions: &Extensions, call: &CallContext) -> CancellationToken {
    let token = |peer: &Peer| if call.method().is_endless() { peer.closing.clone() } else { peer.ending.clone() };
    extensions.get().map(token).unwrap_or_default()
}

/// What was only read, or not sent yet, was not executed.
fn too_late(call: &CallContext) -> Problem {
    let problem = Problem::deadline_exceeded();
    if call.write_sent().load(Ordering::Relaxed) { problem } else { problem.not_executed() }
}

fn cut_off(call: &CallContext) -> Problem {
    if call.write_sent().load(Ordering::Relaxed) {
        let safety = call.method().rule.map_or(Safety::Unsafe, |rule| rule.safety);
        Problem::cut_off(call.command().unwrap_or_default(), safety)
    } else {
        Problem::shutting_down()
    }
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol: up to eight digits and one letter.
fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, ()> {
    let Some(value) = headers.get(&GRPC_TIMEOUT) else { return Ok(None) };
    let (unit, digits) = value.as_bytes().split_last().ok_or(())?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(());
    }
    let number = digits.iter().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return Err(()),
    };
    Ok(Some(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Option<Duration>, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, http::HeaderValue::from_static(text));
        grpc_timeout(&headers)
    }

    #[test]
    fn every_unit_of_the_protocol_is_known() {
        assert_eq!(parse("2H"), Ok(Some(Duration::from_secs(7200))));
        assert_eq!(parse("3M"), Ok(Some(Duration::from_secs(180))));
        assert_eq!(parse("5S"), Ok(Some(Duration::from_secs(5))));
        assert_eq!(parse("250m"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(parse("7u"), Ok(Some(Duration::from_micros(7))));
        assert_eq!(parse("99999999n"), Ok(Some(Duration::from_nanos(99_999_999))));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "S", "5", "5s", "-5S", "123456789S", "5 S", "0x5S"] {
            assert_eq!(parse(text), Err(()), "{text}");
        }
    }
}
