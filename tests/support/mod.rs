//! What the tests share: the real server on a real port, and calls by the contract's own descriptors.

pub mod dynamic;
pub mod process;
pub mod sandboxed;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tencent_im_grpc::config::Config;
use tencent_im_grpc::serve;
use tencent_im_grpc::server::{Server, Shutdown};
use tonic::transport::Channel;

/// A gateway that serves until it is dropped.
pub struct Gateway {
    pub address: SocketAddr,
    shutdown: Shutdown,
}

/// The settings that every test starts from: any free port, and no pauses on the way down.
pub fn settings(more: &[(&str, &str)]) -> Config {
    let base = [("listen", "127.0.0.1:0"), ("drain.pause", "0s"), ("sdk_app_id", "1400000001")];
    let flags: BTreeMap<String, String> =
        base.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let env = BTreeMap::from([(
        "TIM_SECRET_KEY".to_owned(),
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".to_owned(),
    )]);
    Config::load(&flags, &env, None).unwrap()
}

impl Gateway {
    /// Starts a gateway in front of the upstream at `base_url`.
    pub async fn start(base_url: &str, more: &[(&str, &str)]) -> Self {
        let mut all = vec![("base_urls", base_url), ("upstream.pacing", "false")];
        all.extend_from_slice(more);
        let config = settings(&all);
        let apps = serve::clients(&config).unwrap();
        let application = serve::application(&config, apps);
        let server = Server::bind(config, application).await.unwrap();
        let (address, shutdown) = (server.local_addr(), server.shutdown());
        tokio::spawn(server.serve());
        Self { address, shutdown }
    }

    /// A connection to it.
    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.hurry();
    }
}
