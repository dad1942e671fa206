//! Takes spans like a collector of OpenTelemetry.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message;

use super::{servers, watch};

/// A collector, until the test's runtime ends.
pub struct Collector {
    pub url: String,
    taken: Arc<Mutex<Vec<Bytes>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let taken = Arc::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        Self { url: servers::serve(router).await, taken }
    }

    /// All that came so far, as it came.
    pub fn bytes(&self) -> Vec<Bytes> {
        self.taken.lock().unwrap().clone()
    }

    /// The same, decoded.
    pub fn spans(&self) -> Vec<ResourceSpans> {
        let decode = |body: Bytes| ExportTraceServiceRequest::decode(body).unwrap().resource_spans;
        self.bytes().into_iter().flat_map(decode).collect()
    }
}

async fn take(State(taken): State<Arc<Mutex<Vec<Bytes>>>>, body: Bytes) {
    watch::check("an exported span", &String::from_utf8_lossy(&body));
    taken.lock().unwrap().push(body);
}
