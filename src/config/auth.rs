//! Settings of who may call.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::jwt::Jwt;
use super::reader::Reader;

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// File with keys and identities; `None` lets everybody call.
    pub callers_file: Option<PathBuf>,
    /// How often it is looked at.
    pub reload_interval: Duration,
    /// Tokens that count beside the keys of that file.
    pub jwt: Option<Jwt>,
    /// Whether reflection passes without authentication.
    pub open_reflection: bool,
    /// Proxies whose `x-forwarded-client-cert` is believed.
    pub xfcc_peers: Vec<Network>,
}

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Auth {
    /// Whether callers must show who they are.
    pub fn is_on(&self) -> bool {
        self.callers_file.is_some() || self.jwt.is_some()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut xfcc_peers = Vec::new();
        for text in reader.list("auth.xfcc_peers") {
            match text.parse() {
                Ok(network) => xfcc_peers.push(network),
                Err(()) => reader.problem(
                    "auth.xfcc_peers",
                    format!("`{text}` is not an address or network"),
                    "write one such as 10.1.2.3 or 10.0.0.0/8",
                ),
            }
        }
        let callers_file = reader.path("auth.callers_file");
        let jwt = Jwt::read(reader);
        if !xfcc_peers.is_empty() && callers_file.is_none() {
            reader.problem("auth.xfcc_peers", "no identity has a scope", "list the identities in `auth.callers_file`");
        }
        Self {
            callers_file,
            jwt,
            reload_interval: reader.positive("auth.reload_interval"),
            open_reflection: reader.flag("auth.open_reflection"),
            xfcc_peers,
        }
    }
}

impl Network {
    /// Whether the address lies in it. An IPv4 address that came through an IPv6 socket counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| ())?;
        if prefix > most { Err(()) } else { Ok(Self { address, prefix }) }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn networks_contain_what_shares_their_prefix() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains("10.1.255.1".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("1.2.3.4".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
        let one: Network = "192.0.2.7".parse().unwrap();
        assert!(one.contains("192.0.2.7".parse().unwrap()));
        assert!(!one.contains("192.0.2.6".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }
}
