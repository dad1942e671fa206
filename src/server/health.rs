//! `grpc.health.v1`: the whole server (`""`) and each service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::codec::CompressionEncoding::Gzip;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// The state that health checks see.
#[derive(Debug, Clone)]
pub struct Health {
    reporter: HealthReporter,
    services: &'static [&'static str],
    ready: Arc<AtomicBool>,
}

/// The largest question: the name of a service.
const LARGEST_QUESTION: usize = 4096;

impl Health {
    /// Starts as NOT_SERVING; tonic-health would say SERVING from the first moment.
    pub async fn new(services: &'static [&'static str]) -> Self {
        let health = Self { reporter: HealthReporter::new(), services, ready: Arc::default() };
        health.set(false).await;
        health
    }

    /// Says whether calls are welcome. It does not follow Tencent's state: an outage there must not unroute every
    /// replica.
    pub async fn set(&self, serving: bool) {
        self.ready.store(serving, Ordering::Relaxed);
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in std::iter::once("").chain(self.services.iter().copied()) {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// The same state for the admin port.
    pub fn ready(&self) -> Arc<AtomicBool> {
        self.ready.clone()
    }

    /// The service to route to.
    pub fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
            .max_decoding_message_size(LARGEST_QUESTION)
            .accept_compressed(Gzip)
            .send_compressed(Gzip)
    }
}

#[cfg(test)]
mod tests {
    use tonic::Request;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Status;
    use tonic_health::pb::health_server::Health as _;

    use super::*;

    #[tokio::test]
    async fn nothing_serves_until_the_server_is_ready() {
        let health = Health::new(&["a.B"]).await;
        for ready in [false, true] {
            if ready {
                health.set(true).await;
            }
            for service in ["", "a.B"] {
                let service = HealthCheckRequest { service: service.to_owned() };
                let asked = HealthService::from_health_reporter(health.reporter.clone());
                let status = asked.check(Request::new(service)).await.unwrap().into_inner().status();
                assert_eq!(status, if ready { Status::Serving } else { Status::NotServing });
            }
        }
    }
}
