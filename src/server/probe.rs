//! The client's side of a health check, for images that have no shell.

use std::time::Duration;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks a server for the health of a service and returns the status' name.
///
/// # Errors
/// When it does not answer in three seconds.
pub async fn probe(address: &str, service: &str) -> Result<&'static str, String> {
    let check = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
        let channel = endpoint.connect().await.map_err(|error| format!("cannot connect to {address}: {error}"))?;
        let request = HealthCheckRequest { service: service.to_owned() };
        let reply = HealthClient::new(channel).check(request).await.map_err(|status| status.to_string())?;
        Ok(ServingStatus::try_from(reply.into_inner().status).unwrap_or(ServingStatus::Unknown).as_str_name())
    };
    tokio::time::timeout(TIMEOUT, check).await.unwrap_or_else(|_| Err(format!("{address} did not answer in time")))
}
