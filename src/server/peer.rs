//! What a connection hands to the calls on it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Extensions;
use tokio_util::sync::CancellationToken;

/// What the layers may know of the connection; it lies in the request's extensions.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Address of the other side.
    pub address: SocketAddr,
    /// Whether it showed a client certificate, which then is a valid one.
    pub certified: bool,
    /// The SPIFFE identity in that certificate.
    pub identity: Option<Arc<str>>,
    /// Cancelled when the connection takes no more calls, because of its age or of a shutdown.
    pub closing: CancellationToken,
    /// Cancelled shortly before it is closed by force, so that the calls that are left can still be answered.
    pub ending: CancellationToken,
}

/// The peer of a call that came by no connection, which only tests make.
const NO_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Peer {
    /// The address of the other side of a call.
    pub fn address_of(extensions: &Extensions) -> SocketAddr {
        extensions.get().map_or(NO_PEER, |peer: &Self| peer.address)
    }
}

/// On a connection beyond the limit, which only health is answered on.
#[derive(Debug, Clone, Copy)]
pub struct HealthOnly;
