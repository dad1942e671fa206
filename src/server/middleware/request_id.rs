//! `x-request-id`: taken from the caller or made, passed to handlers, and sent back.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Request};
use tonic::body::Body;

use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::CallContext;
use crate::server::catalog::Catalog;
use crate::server::peer::Peer;

/// Starts the call's context.
#[derive(Debug)]
pub struct RequestId {
    /// Knows the methods.
    pub catalog: Arc<Catalog>,
    /// Whether to mark every answer as coming from a sandbox.
    pub sandbox: bool,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Tells clients that no real application is behind the server.
const SANDBOX: HeaderName = HeaderName::from_static("x-tim-sandbox");
/// The encodings that requests may have; sent with every response, because a client cannot ask.
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const LONGEST: usize = 128;

impl Middleware for RequestId {
    fn name(&self) -> &'static str {
        "request_id"
    }

    fn handle(&self, mut request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let given = request.headers().get(&REQUEST_ID).filter(|value| is_valid(value.as_bytes())).cloned();
        let id = given.unwrap_or_else(generate);
        let text = id.to_str().unwrap_or_default().to_owned();
        let method = self.catalog.find(request.uri().path()).clone();
        request.headers_mut().insert(REQUEST_ID, id.clone());
        let ending = request.extensions().get().map(|peer: &Peer| peer.ending.clone()).unwrap_or_default();
        request.extensions_mut().insert(CallContext::new(text, method, ending));
        let answer = next.run(request);
        let sandbox = self.sandbox;
        Box::pin(async move {
            let mut response = answer.await;
            response.headers_mut().insert(REQUEST_ID, id);
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip,identity"));
            if sandbox {
                response.headers_mut().insert(SANDBOX, HeaderValue::from_static("true"));
            }
            response
        })
    }
}

/// Short, and nothing that could break a log line.
fn is_valid(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    !id.is_empty() && id.len() <= LONGEST && id.iter().all(allowed)
}

fn generate() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn only_plain_short_ids_are_taken_over() {
        assert!(is_valid(b"order-17:retry.2"));
        assert!(!is_valid(b""));
        assert!(!is_valid(b"two words"));
        assert!(!is_valid("größe".as_bytes()));
        assert!(!is_valid(&[b'a'; 129]));
    }
}
