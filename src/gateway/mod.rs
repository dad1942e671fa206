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
mod service;
mod tokens;
mod turns;

use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use tonic::{Request, Response, Status};

pub use call::{Call, Mapped};
pub use error::CallError;
pub use item::Item;
pub use self_test::self_test;
pub use service::{Gateway, MessageSizes};

use crate::status::Problem;
use contract::command::{Command, methods};
use contract::pb;
use contract::validate::Validate;
use contract::wire::paging;
use random::message_random;
use tokens::{List, Page, Paged};

/// A streamed reply.
pub type Replies<T> = BoxStream<'static, Result<T, Status>>;

/// A streamed reply before errors become gRPC statuses.
pub type Pages<T> = BoxStream<'static, Result<T, CallError>>;

impl Gateway {
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
