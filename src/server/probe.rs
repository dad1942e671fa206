//! The client's side of a health check, for images that have no shell.

use std::error::Error;
use std::io;
use std::time::Duration;

use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::config::reason;

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

impl ProbeTls {
    fn config(&self) -> ClientTlsConfig {
        let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority));
        if let Some(name) = &self.name {
            config = config.domain_name(name);
        }
        match &self.identity {
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
    let not_an_address = || format!("`{address}` is not an address; write one such as 127.0.0.1:50051");
    if address.is_empty() || address.contains(['/', ' ']) {
        return Err(not_an_address());
    }
    let check = async {
        let scheme = if tls.is_some() { "https" } else { "http" };
        // What a server with TLS answers to plain HTTP/2 does not name the cause. TLS is no cause where nothing listens.
        let hint = |cause: &str| match tls.is_none() && !cause.contains("refused") {
            true => "; if it serves TLS, name its authority by --tls-ca",
            false => "",
        };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).map_err(|_| not_an_address())?;
        if let Some(tls) = &tls {
            endpoint = endpoint.tls_config(tls.config()).map_err(|error| cause(&error))?;
        }
        let channel = endpoint.connect().await.map_err(|error| {
            let cause = cause(&error);
            format!("cannot connect to {address}: {cause}{}", hint(&cause))
        })?;
        let request = HealthCheckRequest { service: service.to_owned() };
        let failed = |status: tonic::Status| match status.code() {
            Code::NotFound => format!("{address} has no service {service:?}"),
            _ => {
                let cause = cause(&status);
                format!("{address} did not answer: {cause}{}", hint(&cause))
            }
        };
        let reply = HealthClient::new(channel).check(request).await.map_err(failed)?;
        Ok(ServingStatus::try_from(reply.into_inner().status).unwrap_or(ServingStatus::Unknown).as_str_name())
    };
    tokio::time::timeout(TIMEOUT, check).await.unwrap_or_else(|_| Err(format!("{address} did not answer in time")))
}

/// The innermost cause of an error, which says most; without the system's number for it.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.downcast_ref::<io::Error>().map_or_else(|| cause.to_string(), reason)
}
