//! Accepts connections. A listener has so many places; when they are all taken, an idle connection gives way, so that
//! nobody who merely connects can lock others out. When all are busy, a few more connections are accepted for probes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::places::{Fairness, Place, Places};
use crate::telemetry::sampler::Sampler;

/// A bounded listener.
pub struct Listener {
    listener: TcpListener,
    places: Places,
    reserve: Places,
    refused: Counter,
    lines: Arc<Sampler>,
}

/// What a connection holds of its listener.
pub struct Seat {
    /// Its place.
    pub place: Arc<Place>,
    /// Whether it came when all places were taken.
    pub beyond_limit: bool,
}

/// Connections beyond the limit, for probes.
const RESERVE: usize = 16;

impl Listener {
    /// Accepts so many connections at once.
    pub fn new(listener: TcpListener, limit: usize, refused: Counter, lines: Arc<Sampler>) -> Self {
        let [places, reserve] = [limit, RESERVE].map(|limit| Places::new(limit, Fairness::Idlest));
        Self { listener, places, reserve, refused, lines }
    }

    /// Accepts connections for ever, and serves each in a task.
    pub async fn accept<F: Future<Output = ()> + Send + 'static>(
        self,
        tasks: TaskTracker,
        serve: impl Fn(TcpStream, SocketAddr, Seat) -> F,
    ) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => match self.seat(address) {
                    Some(seat) => drop(tasks.spawn(serve(stream, address, seat))),
                    None => {
                        self.refused.inc();
                        if self.lines.admit() {
                            tracing::warn!(limit = self.places.limit(), "too many connections; closing a new one");
                        }
                    }
                },
                Err(error) => {
                    // Out of file descriptors, most likely: others must end first.
                    if self.lines.admit() {
                        tracing::warn!(%error, "cannot accept a connection");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn seat(&self, address: SocketAddr) -> Option<Seat> {
        let seat = |beyond_limit| move |place| Seat { place: Arc::new(place), beyond_limit };
        self.places.enter(address).map(seat(false)).or_else(|| self.reserve.enter(address).map(seat(true)))
    }
}
