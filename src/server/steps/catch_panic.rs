//! A panic becomes INTERNAL. What it said stays in the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use http::{Request, Response};
use tonic::body::Body;

use crate::context::CallContext;
use crate::server::chain::{Answer, Next, Step};
use crate::server::refusal;
use crate::status::Problem;

/// Catches panics of everything inside.
#[derive(Debug, Clone, Copy)]
pub struct CatchPanic;

impl Step for CatchPanic {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        match catch_unwind(AssertUnwindSafe(|| next.run(request))) {
            Ok(answer) => {
                Box::pin(
                    async move { AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| internal(&call)) },
                )
            }
            Err(_) => Box::pin(async move { internal(&call) }),
        }
    }
}

fn internal(call: &CallContext) -> Response<Body> {
    refusal::response(Problem::internal("the gateway failed; see its log"), call)
}
