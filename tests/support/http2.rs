//! HTTP/2 without a gRPC library: its client would watch `grpc-timeout` itself, and often answer for the server.

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{HeaderMap, Method, Request, Response};
use prost::Message;
use tokio::net::TcpStream;
use tonic::Status;

/// A connection, open until dropped.
pub struct Connection(SendRequest<Bytes>);

/// The beginning of an answer, whose body is the caller's to read. Dropped, the stream is reset.
pub type Begun = Response<h2::RecvStream>;

impl Connection {
    pub async fn open(address: &str) -> Self {
        Self::with(address, &Builder::new()).await
    }

    /// One whose answers find no window for their bodies.
    pub async fn unreading(address: &str) -> Self {
        Self::with(address, Builder::new().initial_window_size(0)).await
    }

    async fn with(address: &str, builder: &Builder) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(requests)
    }

    /// Sends a request with one message of gRPC and waits for the headers of the answer.
    pub async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        message: &impl Message,
    ) -> Begun {
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://gateway{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.0.clone().ready().await.unwrap();
        let (answer, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        // The answer may come, and the stream be reset, before the message is wanted.
        let _ = body.send_data([&[0], &length[..], &message].concat().into(), true);
        answer.await.unwrap()
    }

    /// Posts bytes of some content type.
    pub async fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Begun {
        self.send(path, &[("content-type", content_type)], body).await
    }

    /// Posts bytes as gRPC, with further headers.
    pub async fn post_with(&self, path: &str, headers: &[(&'static str, &str)], body: &[u8]) -> Begun {
        self.send(path, &[&[("content-type", "application/grpc")], headers].concat(), body).await
    }

    async fn send(&self, path: &str, headers: &[(&'static str, &str)], body: &[u8]) -> Begun {
        let mut request = Request::post(format!("http://gateway{path}")).header("te", "trailers");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let mut requests = self.0.clone().ready().await.unwrap();
        let (answer, mut sending) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        // The answer may come before all of it is wanted.
        let _ = sending.send_data(Bytes::copy_from_slice(body), true);
        answer.await.unwrap()
    }

    /// A unary call to its end.
    pub async fn call(&self, path: &str, headers: &[(&'static str, &str)], message: &impl Message) -> Status {
        let (head, mut body) = self.begin(Method::POST, path, headers, message).await.into_parts();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data.unwrap().len()).unwrap();
        }
        let mut all: HeaderMap = head.headers;
        all.extend(body.trailers().await.unwrap().unwrap_or_default());
        Status::from_header_map(&all).expect("a status")
    }
}
