//! The middleware of a call, with one `tower::Service` around the whole: a future for each layer, and no type that is as
//! deep as there are layers.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

/// The response to come.
pub type ResponseFuture = BoxFuture<'static, Response<Body>>;

/// One layer. It may change the request, respond by itself, or wrap the response of the layers below.
pub trait Middleware: Send + Sync + 'static {
    /// Its name, by which a test pins the order.
    fn name(&self) -> &'static str;

    /// Handles a call; `next.run(request)` runs the layers below.
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture;
}

/// The layers below.
pub struct Next<'a> {
    layers: &'a Arc<[Box<dyn Middleware>]>,
    /// The layer that is next.
    at: usize,
    routes: &'a mut Routes,
}

/// The layers below, for a layer that has to wait before it continues.
pub struct Deferred {
    layers: Arc<[Box<dyn Middleware>]>,
    at: usize,
    routes: Routes,
}

/// The layers over the routes. A clone costs two reference counts.
#[derive(Clone)]
pub struct Stack {
    layers: Arc<[Box<dyn Middleware>]>,
    routes: Routes,
}

impl Stack {
    /// Puts the layers, outermost first, over the routes.
    pub fn new(layers: Vec<Box<dyn Middleware>>, routes: Routes) -> Self {
        let names: Vec<_> = layers.iter().map(|layer| layer.name()).collect();
        tracing::debug!(?names, "layers, outermost first");
        Self { layers: layers.into(), routes: routes.prepare() }
    }
}

impl Next<'_> {
    /// Runs the layers below.
    pub fn run(self, request: Request<Body>) -> ResponseFuture {
        if let Some(layer) = self.layers.get(self.at) {
            return layer.handle(request, Next { at: self.at + 1, ..self });
        }
        let response = self.routes.call(request);
        Box::pin(async move { response.await.unwrap_or_else(|never| match never {}) })
    }

    /// Keeps the layers below for after something that must be awaited.
    pub fn defer(self) -> Deferred {
        Deferred { layers: self.layers.clone(), at: self.at, routes: self.routes.clone() }
    }
}

impl Deferred {
    /// Continues with the layers below.
    pub fn resume(&mut self) -> Next<'_> {
        Next { layers: &self.layers, at: self.at, routes: &mut self.routes }
    }
}

impl Service<Request<Body>> for Stack {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = Next { layers: &self.layers, at: 0, routes: &mut self.routes }.run(request);
        Box::pin(async move { Ok(response.await) })
    }
}
