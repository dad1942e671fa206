//! What the log says once the server serves: where, to whom, for which applications, and what to do next.

use std::net::SocketAddr;

use crate::config::{Config, Server};

/// Writes it.
pub fn announce(config: &Config, address: SocketAddr, admin: Option<SocketAddr>) {
    let server = &config.server;
    let admin = admin.map_or_else(|| "off".to_owned(), |admin| admin.to_string());
    let apps = config.apps.by_name.keys().map(String::as_str).collect::<Vec<_>>().join(",");
    let sandbox = config.sandbox.is_some();
    tracing::info!(%address, admin, tls = tls(server), callers = callers(server), apps, sandbox, "serving");
    tracing::info!("next: {}", next(config, address));
}

fn tls(server: &Server) -> &'static str {
    match server.tls.as_ref().map(|tls| &tls.clients) {
        None => "off",
        Some(None) => "on",
        Some(Some(clients)) if clients.required => "on, with client certificates",
        Some(Some(_)) => "on, client certificates if shown",
    }
}

fn callers(server: &Server) -> &'static str {
    match (&server.auth.callers_file, &server.auth.jwt) {
        (None, None) => "anybody",
        (Some(_), None) => "keys and identities of the callers file",
        (None, Some(_)) => "JSON Web Tokens",
        (Some(_), Some(_)) => "the callers file and JSON Web Tokens",
    }
}

/// A first call that works with these settings.
fn next(config: &Config, address: SocketAddr) -> String {
    let server = &config.server;
    // Not every address that can be listened on can be called.
    let host = if address.ip().is_unspecified() { "localhost".to_owned() } else { address.ip().to_string() };
    let target =
        if host.contains(':') { format!("[{host}]:{}", address.port()) } else { format!("{host}:{}", address.port()) };
    if !server.reflection || server.tls.is_some() {
        let tls = if server.tls.is_some() { " --tls-ca CA.pem" } else { "" };
        return format!("tencent-im-grpc healthcheck --addr {target}{tls}");
    }
    let key = if server.auth.is_on() { " -H 'authorization: Bearer KEY'" } else { "" };
    let call = match config.sandbox.is_some() {
        true => format!(
            "-d '{{\"type\": \"GROUP_TYPE_PUBLIC\", \"name\": \"first\"}}' {target} tencentim.group.v1.GroupService/CreateGroup"
        ),
        false => format!("{target} list"),
    };
    format!("grpcurl -plaintext{key} {call}")
}
