//! The gateway as a separate process, so that its memory, its log and its shutdown can be seen.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

pub use super::sandbox_client::PATIENCE;

/// A secret key that opens nothing but sandboxes.
pub const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A connection to a process that was just started, as soon as it takes one.
pub async fn connected(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let connected = async {
        loop {
            match endpoint.connect().await {
                Ok(channel) => return channel,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.expect("the gateway serves")
}

/// Lets tests that are about something else do more calls, and give up sooner, than the gateway as it is shipped would.
const BRISK: [&str; 4] = ["--upstream-attempt-timeout", "1s", "--upstream-rate-factor", "100"];

/// A running gateway.
pub struct Process {
    child: Child,
    address: String,
    admin: String,
    log: NamedTempFile,
}

impl Process {
    /// Starts it in front of an upstream and waits until it serves.
    pub async fn start(base_url: &str, flags: &[&str]) -> Self {
        Self::start_with(base_url, flags, &[]).await
    }

    /// With the settings that it is shipped with, but for these.
    pub async fn start_as_shipped(base_url: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc")), base_url, flags, variables).await
    }

    /// With further variables of the environment.
    pub async fn start_with(base_url: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_as_shipped(base_url, &[&BRISK, flags].concat(), variables).await
    }

    /// Under a limit that the shell's `ulimit` sets.
    pub async fn start_under(ulimit: &str, base_url: &str, flags: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!(r#"ulimit {ulimit} && exec "$0" "$@""#), env!("CARGO_BIN_EXE_tencent-im-grpc")]);
        Self::spawn(shell, base_url, &[&BRISK, flags].concat(), &[]).await
    }

    async fn spawn(mut program: Command, base_url: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let [address, admin] = [free_address(), free_address()];
        let child = program
            .args(["serve", "--listen", &address, "--base-urls", base_url, "--sdk-app-id", "1400000001"])
            .args(["--drain-pause", "0s", "--log-format", "json"])
            .args(["--admin-listen", &admin])
            .args(flags)
            .env_clear()
            .env("TIM_SECRET_KEY", KEY)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(log.path()).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let process = Self { child, address, admin, log };
        process.channel().await;
        process
    }

    /// A connection, as soon as it takes one.
    pub async fn channel(&self) -> Channel {
        connected(&self.address).await
    }

    /// Where it serves.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks the admin port.
    pub async fn ask(&self, path: &str) -> String {
        super::http().get(format!("http://{}{path}", self.admin)).send().await.unwrap().text().await.unwrap()
    }

    /// Memory in use, in KiB.
    pub fn memory(&self) -> usize {
        self.status("VmRSS:")
    }

    /// A line of its status, in KiB: `VmRSS:` is the memory in use, `VmHWM:` the most that was ever in use.
    pub fn status(&self, key: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many files it may open: now, and at most.
    pub fn open_files(&self) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.id())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut columns = line.split_whitespace().map(str::to_owned);
        (columns.next().unwrap(), columns.next().unwrap())
    }

    fn id(&self) -> u32 {
        self.child.id().expect("the gateway runs")
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").args([name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended, which must be in good order.
    pub async fn ended(&mut self) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("the gateway ends").unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Both.
    pub async fn stop(&mut self) {
        self.terminate();
        self.ended().await;
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is still running when a test has failed, and may say more than this.
        super::watch::check("the log", &self.log());
    }
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
