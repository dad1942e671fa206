//! The one generic call that every mapped RPC takes, and the compositions on top of it.

mod anchored;
mod batch;
mod call;
pub mod compositions;
mod error;
mod import_times;
mod item;
mod listed;
mod pages;
mod random;
mod self_test;
mod tokens;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use tonic::{Request, Response, Status};

pub use call::{Call, Mapped};
pub use error::CallError;
pub use item::Item;
pub use self_test::self_test;

use crate::config;
use crate::status::Problem;
use crate::upstream::Upstream;
use contract::command::{Command, methods};
use contract::pb;
use contract::validate::Validate;
use contract::wire::paging;
use random::message_random;
use tokens::{List, Page, Paged};
use turns::Turns;

/// A streamed reply.
pub type Replies<T> = BoxStream<'static, Result<T, Status>>;

/// A streamed reply before errors become gRPC statuses.
pub type Pages<T> = BoxStream<'static, Result<T, CallError>>;

/// All services of the contract. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The Tencent applications by the name that callers choose them by.
    apps: Arc<BTreeMap<String, Arc<Upstream>>>,
    /// At what sizes batches are split.
    batch: config::Batch,
    /// The largest reply that can be sent, in bytes.
    largest_reply: usize,
    /// Whether commands may be called by name.
    raw: bool,
    /// Imports of messages follow each other.
    imports: Arc<Turns>,
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
    /// A gateway to the given Tencent applications that splits batches as told, and sends no larger replies than so many
    /// bytes.
    #[must_use]
    pub fn new(apps: BTreeMap<String, Arc<Upstream>>, batch: config::Batch, largest_reply: usize) -> Self {
        Self { apps: Arc::new(apps), batch, largest_reply, raw: false, imports: Arc::default() }
    }

    /// Whether RawService calls commands by name; it does not unless told so.
    #[must_use]
    pub fn with_raw_service(self, raw: bool) -> Self {
        Self { raw, ..self }
    }

    fn upstream(&self, app: &str) -> Option<Arc<Upstream>> {
        self.apps.get(app).cloned()
    }

    /// An RPC that answers once: validate, do it, answer.
    async fn composed<R, T, F>(
        &self,
        request: Request<R>,
        body: impl FnOnce(Call, R) -> F,
    ) -> Result<Response<T>, Status>
    where
        R: Validate,
        F: Future<Output = Result<T, CallError>>,
    {
        let (_, extensions, message) = request.into_parts();
        let answered = async {
            let call = Call::new(self, &extensions)?;
            call.check(&message)?;
            body(call, message).await
        };
        answered.await.map(Response::new).map_err(status)
    }

    /// An RPC that answers with a page of a list.
    async fn page<R, T, F>(&self, request: Request<R>, body: impl FnOnce(Call, R) -> F) -> Result<Response<T>, Status>
    where
        R: Validate + Paged,
        T: Page,
        F: Future<Output = Result<T, CallError>>,
    {
        let (list, request) = self.opened(request).map_err(status)?;
        Ok(self.composed(request, body).await?.map(|page| sealed(list, page)))
    }

    /// An RPC that answers with a list as a stream.
    async fn streamed<R, T, F>(
        &self,
        request: Request<R>,
        body: impl FnOnce(Call, R) -> F,
    ) -> Result<Response<Replies<T>>, Status>
    where
        R: Validate + Paged,
        T: Page + 'static,
        F: Future<Output = Result<Pages<T>, CallError>>,
    {
        let (list, request) = self.opened(request).map_err(status)?;
        let pages = self.composed(request, body).await?;
        Ok(pages.map(|pages| pages.map_ok(move |page| sealed(list, page)).map_err(status).boxed()))
    }

    /// A request for a page with the position that its token stands for, and the list that it is of.
    fn opened<R: Paged>(&self, mut request: Request<R>) -> Result<(List, Request<R>), CallError> {
        let list = List::of(request.get_ref());
        match list.open(request.get_mut().page_token()) {
            Some(position) => *request.get_mut().page_token() = position,
            None => Call::new(self, request.extensions())?.check_token(false)?,
        }
        Ok((list, request))
    }
}

/// The one place where a failed call becomes a gRPC status.
fn status(error: CallError) -> Status {
    Problem::from(error).into_status()
}

fn sealed<T: Page>(list: List, mut page: T) -> T {
    let token = page.next_page_token();
    *token = list.seal(token);
    page
}

#[allow(clippy::all, clippy::pedantic, missing_docs)]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/services.rs"));
}

pub use generated::routes;
