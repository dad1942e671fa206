//! A panic becomes INTERNAL. What it said stays in the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use http::{Request, Response};
use tonic::body::Body;

use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::CallContext;
use crate::server::error_response::error_response;
use crate::status::Problem;

/// Catches panics of everything inside.
#[derive(Debug, Clone, Copy)]
pub struct CatchPanic;

impl Middleware for CatchPanic {
    fn name(&self) -> &'static str {
        "catch_panic"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
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
    error_response(Problem::internal("the gateway failed; see its log"), call)
}
