//! The names by which a listener on loopback may be called. A browser lets any page send requests to this machine once the
//! page's own name leads there (DNS rebinding); the name in the request gives it away.

use std::net::IpAddr;
use std::sync::Arc;

use http::uri::Authority;
use http::{Request, header};

use super::tls::Tls;

/// Names that are served beside those of loopback itself.
#[derive(Debug, Clone)]
pub struct AllowedHosts {
    names: Arc<[String]>,
    /// The names in its certificate are the listener's own.
    tls: Option<Arc<Tls>>,
}

impl AllowedHosts {
    /// `localhost`, the addresses of loopback, these names, and those of the certificate.
    pub fn new(names: &[String], tls: Option<Arc<Tls>>) -> Self {
        Self { names: names.iter().map(|name| plain(name)).collect(), tls }
    }

    /// Whether a request names a host that is served. HTTP/1.0 may name none.
    pub fn allow<B>(&self, request: &Request<B>) -> bool {
        let target = request.uri().authority().map(Authority::as_str);
        let mut named = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        target.is_none_or(|target| self.allow_name(target)) && named.all(|host| self.allow_name(host))
    }

    fn allow_name(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = plain(authority.host());
        let loopback = |host: &str| host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        let certified = |host: &str| self.tls.as_ref().is_some_and(|tls| tls.is_certified(host));
        host == "localhost"
            || host.ends_with(".localhost")
            || loopback(&host)
            || self.names.contains(&host)
            || certified(&host)
    }
}

/// A host without brackets, in lower case, without the dot of the root.
fn plain(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    #[test]
    fn only_loopback_and_the_names_of_the_settings_are_served() {
        let hosts = AllowedHosts::new(&["gateway.internal".to_owned()], None);
        for own in [
            "localhost:50051",
            "LOCALHOST",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:50051",
            "a.localhost",
            "gateway.internal:443",
        ] {
            assert!(hosts.allow_name(own), "{own}");
        }
        for foreign in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "[::2]", ""]
        {
            assert!(!hosts.allow_name(foreign), "{foreign:?}");
        }
    }
}
