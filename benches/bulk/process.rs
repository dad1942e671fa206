//! The binary's processes, and what they take.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tonic::transport::{Channel, Endpoint};

const BINARY: &str = env!("CARGO_BIN_EXE_tencent-im-grpc");
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sandbox in a separate process.
pub struct Sandbox {
    process: Process,
    api: u16,
    control: u16,
}

/// The gateway in a separate process.
pub struct Gateway {
    process: Process,
    port: u16,
}

impl Sandbox {
    /// Starts one with a seed file and waits until it has taken it.
    pub async fn start(seed: &Path) -> Self {
        let (api, control) = (free_port(), free_port());
        let child = Command::new(BINARY)
            .arg("sandbox")
            .args(["--listen", &format!("127.0.0.1:{api}"), "--control-listen", &format!("127.0.0.1:{control}")])
            .args(["--auto-import", "--rate-scale", "0", "--journal", "0", "--limit-new-groups", "10000000"])
            .args(["--limit-group-members", "10000000", "--seed-file"])
            .arg(seed)
            .spawn()
            .unwrap();
        let mut sandbox = Self { process: Process(child), api, control };
        while reqwest::get(sandbox.url("health")).await.is_err() {
            assert!(sandbox.process.0.try_wait().unwrap().is_none(), "the sandbox did not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sandbox
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/_sandbox/{path}", self.control)
    }

    /// Everything that it holds, as it shows it.
    pub async fn snapshot(&self) -> bytes::Bytes {
        reqwest::get(self.url("snapshot")).await.unwrap().bytes().await.unwrap()
    }

    pub async fn control(&self, path: &str, body: Value) {
        let answer = reqwest::Client::new().post(self.url(path)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub async fn clear_faults(&self) {
        reqwest::Client::new().delete(self.url("faults")).send().await.unwrap();
    }
}

impl Gateway {
    /// Starts one in front of a sandbox; `rate_factor` is the factor on all documented rates.
    pub async fn start(sandbox: &Sandbox, rate_factor: &str) -> Self {
        let port = free_port();
        let child = Command::new(BINARY)
            .arg("serve")
            .env("TIM_LISTEN", format!("127.0.0.1:{port}"))
            .env("TIM_ADMIN_LISTEN", "127.0.0.1:0")
            .env("TIM_BASE_URLS", format!("http://127.0.0.1:{}", sandbox.api))
            .env("TIM_SDK_APP_ID", "1400000001")
            .env("TIM_SECRET_KEY", KEY)
            .env("TIM_UPSTREAM_RATE_FACTOR", rate_factor)
            .env("TIM_LOG_LEVEL", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process: Process(child), port }
    }

    /// A connection, as soon as it serves.
    pub async fn channel(&mut self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", self.port)).unwrap();
        loop {
            match endpoint.connect().await {
                Ok(channel) => return channel,
                Err(_) => {
                    assert!(self.process.0.try_wait().unwrap().is_none(), "the gateway did not start");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Memory in MiB: now, and the most that it ever was.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
