//! The one generic call that every mapped RPC takes, and the compositions on top of it.

mod anchored;
mod batch;
mod call;
pub mod compositions;
mod listed;
mod pages;
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

pub use call::{Call, Failure, Mapped};

use crate::command::{Method, methods};
use crate::config;
use crate::pb;
use crate::upstream::Upstream;
use crate::validate::Validate;
use crate::wire::paging;
use random::message_random;

/// A streamed reply.
pub type Replies<T> = BoxStream<'static, Result<T, Status>>;

/// All services of the contract. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The Tencent applications by the name that callers choose them by.
    apps: Arc<BTreeMap<String, Arc<Upstream>>>,
    /// At what sizes batches are split.
    batch: config::Batch,
    /// Whether commands may be called by name.
    raw: bool,
}

/// How large one gRPC message may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct MessageSizes {
    /// Of a request.
    pub decode: usize,
    /// Of a reply.
    pub encode: usize,
}

impl Gateway {
    /// A gateway to the given Tencent applications that splits batches as told.
    #[must_use]
    pub fn new(apps: BTreeMap<String, Arc<Upstream>>, batch: config::Batch) -> Self {
        Self { apps: Arc::new(apps), batch, raw: false }
    }

    /// Whether RawService calls commands by name; it does not unless told so.
    #[must_use]
    pub fn with_raw_service(self, raw: bool) -> Self {
        Self { raw, ..self }
    }

    fn upstream(&self, app: &str) -> Option<Arc<Upstream>> {
        self.apps.get(app).cloned()
    }

    /// A mapped RPC: validate, send, answer.
    async fn unary<R: Mapped>(&self, request: Request<R>) -> Result<Response<R::Reply>, Status> {
        self.composed(request, |call, message| async move { call.send(message).await }).await
    }

    /// A composition that answers once.
    async fn composed<R, T, F>(
        &self,
        request: Request<R>,
        body: impl FnOnce(Call, R) -> F,
    ) -> Result<Response<T>, Status>
    where
        R: Validate,
        F: Future<Output = Result<T, Status>>,
    {
        let (_, extensions, message) = request.into_parts();
        let call = Call::new(self, &extensions)?;
        call.check(&message)?;
        body(call, message).await.map(Response::new)
    }

    /// A composition that answers with a stream.
    async fn streamed<R, T, F>(
        &self,
        request: Request<R>,
        body: impl FnOnce(Call, R) -> F,
    ) -> Result<Response<Replies<T>>, Status>
    where
        R: Validate,
        F: Future<Output = Result<Replies<T>, Status>>,
    {
        self.composed(request, body).await
    }
}

#[allow(clippy::all, clippy::pedantic, missing_docs)]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/services.rs"));
}

pub use generated::routes;
