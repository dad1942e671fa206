//! The layers of a call as a chain of steps, with one `tower::Service` around the whole.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

/// The response to come.
pub type Answer = BoxFuture<'static, Response<Body>>;

/// One layer. It may change the request, answer by itself, or wrap the answer of the rest of the chain.
pub trait Step: Send + Sync + 'static {
    /// Handles a call; `next.run(request)` is the rest of the chain.
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer;
}

/// The rest of the chain.
pub struct Next<'a> {
    steps: &'a Arc<[Box<dyn Step>]>,
    /// The step that is next.
    at: usize,
    routes: &'a mut Routes,
}

/// The rest of the chain for a step that has to wait before it goes on.
pub struct Later {
    steps: Arc<[Box<dyn Step>]>,
    at: usize,
    routes: Routes,
}

/// The chain over the routes. A clone costs two reference counts.
#[derive(Clone)]
pub struct Chain {
    steps: Arc<[Box<dyn Step>]>,
    routes: Routes,
}

impl Chain {
    /// Puts the steps, outermost first, over the routes.
    pub fn new(steps: Vec<Box<dyn Step>>, routes: Routes) -> Self {
        Self { steps: steps.into(), routes: routes.prepare() }
    }
}

impl Next<'_> {
    /// Runs the rest of the chain.
    pub fn run(self, request: Request<Body>) -> Answer {
        if let Some(step) = self.steps.get(self.at) {
            return step.handle(request, Next { at: self.at + 1, ..self });
        }
        let answer = self.routes.call(request);
        Box::pin(async move { answer.await.unwrap_or_else(|never| match never {}) })
    }

    /// Keeps the rest of the chain for after something that must be awaited.
    pub fn later(self) -> Later {
        Later { steps: self.steps.clone(), at: self.at, routes: self.routes.clone() }
    }
}

impl Later {
    /// Takes up the chain again.
    pub fn resume(&mut self) -> Next<'_> {
        Next { steps: &self.steps, at: self.at, routes: &mut self.routes }
    }
}

impl Service<Request<Body>> for Chain {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = Next { steps: &self.steps, at: 0, routes: &mut self.routes }.run(request);
        Box::pin(async move { Ok(answer.await) })
    }
}
