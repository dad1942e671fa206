//! The client's side of a health check, for images that have no shell.

use std::time::Duration;

use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const TIMEOUT: Duration = Duration::from_secs(3);

/// How a server with TLS is asked.
#[derive(Debug, Default)]
pub struct ProbeTls {
    /// The authority that the server's certificate must come from, as PEM.
    pub authority: Vec<u8>,
    /// The name that the certificate must hold; the address' host when there is none.
    pub name: Option<String>,
    /// Certificate and key for a server that asks for one, as PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl From<ProbeTls> for ClientTlsConfig {
    fn from(tls: ProbeTls) -> Self {
        let mut config = Self::new().ca_certificate(Certificate::from_pem(tls.authority));
        if let Some(name) = tls.name {
            config = config.domain_name(name);
        }
        match tls.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        }
    }
}

/// Asks a server for the health of a service and returns the status' name.
///
/// # Errors
/// When it does not answer in three seconds, or its certificate is not the one wanted.
pub async fn probe(address: &str, service: &str, tls: Option<ProbeTls>) -> Result<&'static str, String> {
    let check = async {
        // What a server with TLS answers to plain HTTP/2 says nothing of the cause.
        let hint = if tls.is_some() { "" } else { "; if it serves TLS, name its authority by --tls-ca" };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).map_err(|error| error.to_string())?;
        if let Some(tls) = tls {
            endpoint = endpoint.tls_config(tls.into()).map_err(|error| reasons(&error))?;
        }
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| format!("cannot connect to {address}: {}{hint}", reasons(&error)))?;
        let request = HealthCheckRequest { service: service.to_owned() };
        let failed = |status: tonic::Status| match status.code() {
            Code::NotFound => format!("{address} has no service {service:?}"),
            _ => format!("{address} did not answer: {}{hint}", reasons(&status)),
        };
        let reply = HealthClient::new(channel).check(request).await.map_err(failed)?;
        Ok(ServingStatus::try_from(reply.into_inner().status).unwrap_or(ServingStatus::Unknown).as_str_name())
    };
    tokio::time::timeout(TIMEOUT, check).await.unwrap_or_else(|_| Err(format!("{address} did not answer in time")))
}

/// An error and what caused it; the innermost cause is the telling one.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
