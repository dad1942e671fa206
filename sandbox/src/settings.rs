//! How a sandbox behaves, and the app that every sandbox knows.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::limits::Limits;
use crate::listener::ConnectionLimits;

/// An app that the sandbox knows: its number, secret key and first admin.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// The SDKAppID.
    pub sdkappid: u64,
    /// The secret key that UserSigs are signed with.
    pub key: SecretString,
    /// The UserID of the app admin.
    pub admin: String,
}

/// The app that is there without configuration.
#[derive(Debug, Clone, Copy)]
pub struct DefaultApp {
    /// Its SDKAppID.
    pub sdkappid: u64,
    /// Its admin.
    pub admin: &'static str,
    /// Its key; it opens nothing but sandboxes.
    pub key: &'static str,
}

/// The app that every sandbox knows.
pub const DEFAULT_APP: DefaultApp = DefaultApp {
    sdkappid: 1_400_000_001,
    admin: "administrator",
    key: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
};

/// How a sandbox behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the emulated API listens.
    pub listen: SocketAddr,
    /// Where the control API listens.
    pub control_listen: SocketAddr,
    /// Certificate chain and private key (PEM) to serve the emulated API over HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Apps beside the default one.
    pub apps: Vec<AppSettings>,
    /// A seed file or snapshot to start from.
    pub seed_file: Option<PathBuf>,
    /// Where to write a snapshot when the sandbox ends.
    pub export_on_exit: Option<PathBuf>,
    /// Keeps the state in this directory across restarts; memory only when absent.
    pub data_dir: Option<PathBuf>,
    /// Accepts unknown keys and a sloppy query, as the real service does.
    pub loose: bool,
    /// Makes an account of every unknown user that a request mentions.
    pub auto_import: bool,
    /// Lets custom fields declare themselves on their first use.
    pub open_fields: bool,
    /// Server-made ids follow from it.
    pub seed: u64,
    /// Multiplies the rate limits; 0 switches them off.
    pub rate_scale: f64,
    /// Requests that the journal keeps.
    pub journal: usize,
    /// Limits that differ between editions.
    pub limits: Limits,
    /// What the connections of each of the two ports may cost.
    pub connections: ConnectionLimits,
    /// Bytes of a snapshot or seed that the control API takes.
    pub restore_bytes: usize,
    /// Names under which the control API may be called on a loopback address, beside those of this machine.
    pub allowed_hosts: Vec<String>,
}

/// Bytes that a restore may have by default.
pub const RESTORE_BYTES: usize = 256 << 20;

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            control_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            apps: Vec::new(),
            seed_file: None,
            export_on_exit: None,
            data_dir: None,
            loose: false,
            auto_import: false,
            open_fields: false,
            seed: 1,
            rate_scale: 1.0,
            journal: 10_000,
            limits: Limits::default(),
            connections: ConnectionLimits::default(),
            restore_bytes: RESTORE_BYTES,
            allowed_hosts: Vec::new(),
        }
    }
}
