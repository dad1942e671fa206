//! Settings: flags, then environment, then a TOML file, then defaults; everything is checked before a port is bound.

pub mod apps;
pub mod print;
mod reader;
mod sources;
pub mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use apps::{App, Apps, Region};
pub use print::Effective;
use reader::Reader;
pub use sources::{Source, Values};

/// One thing that is wrong with the settings, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub setting: String,
    /// What is wrong with it.
    pub what: String,
    /// How to put it right.
    pub fix: String,
}

/// All problems of the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The gRPC server.
    pub server: Server,
    /// The Tencent applications.
    pub apps: Apps,
    /// Address of the sandbox to start in this process; `None` with a real application.
    pub sandbox: Option<SocketAddr>,
    /// Logs.
    pub log: Log,
    /// What was set, from where, for `config print` and `/config`; secrets are left out.
    pub effective: Effective,
}

/// Settings of the gRPC server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// Where the admin port is; `None` switches it off.
    pub admin_listen: Option<SocketAddr>,
    /// Whether reflection is served.
    pub reflection: bool,
    /// Whether gRPC-Web is served.
    pub grpc_web: bool,
    /// Web origins that may call by gRPC-Web.
    pub cors_origins: Vec<String>,
    /// Threads; `None` means one for each CPU.
    pub worker_threads: Option<usize>,
    /// Whether anonymous callers may call when no authentication is configured. True on loopback.
    pub allow_anonymous: bool,
    /// Deadlines.
    pub deadline: Deadline,
    /// Bounds.
    pub limits: Limits,
    /// Age and keepalive of connections.
    pub connection: Connection,
    /// The way down.
    pub drain: Drain,
    /// TLS; `None` serves plain text.
    pub tls: Option<Tls>,
    /// Who may call.
    pub auth: Auth,
}

/// Deadlines of calls.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// For a unary call that brings none.
    pub default: Duration,
    /// Longest one of a unary call.
    pub max: Duration,
    /// Longest one of a streaming call, and its default.
    pub max_stream: Duration,
}

/// Bounds on what clients can make the server hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest request message.
    pub max_request_bytes: usize,
    /// Largest response message.
    pub max_response_bytes: usize,
    /// Calls at once.
    pub max_in_flight: usize,
    /// Calls at once of one caller.
    pub max_in_flight_per_caller: usize,
    /// Connections at once.
    pub max_connections: usize,
    /// Calls at once on one connection.
    pub max_concurrent_streams: u32,
    /// Largest header list.
    pub max_header_bytes: u32,
    /// Buffer for a slow reader, for each call.
    pub max_send_buffer_bytes: usize,
    /// Time for TLS and the first bytes of HTTP.
    pub handshake_timeout: Duration,
}

/// Age and keepalive of connections. Zero switches an item off.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Age at which a connection is closed in good order.
    pub max_age: Duration,
    /// How long its calls may go on.
    pub max_age_grace: Duration,
    /// How often pings are sent.
    pub keepalive_interval: Duration,
    /// How long the answer may take.
    pub keepalive_timeout: Duration,
}

/// The way down.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Between NOT_SERVING and the end of accepting.
    pub pause: Duration,
    /// For running calls after that.
    pub timeout: Duration,
}

/// TLS from files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
    /// CA of client certificates.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub client_required: bool,
    /// How often the files are looked at.
    pub reload_interval: Duration,
}

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// File with keys and identities.
    pub callers_file: Option<PathBuf>,
    /// How often it is looked at.
    pub reload_interval: Duration,
    /// Whether reflection passes without authentication.
    pub open_reflection: bool,
    /// Proxies whose `x-forwarded-client-cert` is believed.
    pub xfcc_peers: Vec<Network>,
    /// JWTs; `None` accepts none.
    pub jwt: Option<Jwt>,
}

/// JWTs that callers may bring.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// File or https URL of the JWKS.
    pub jwks: String,
    /// How often it is read again.
    pub refresh: Duration,
    /// `iss` that must be there.
    pub issuer: String,
    /// `aud` that must be there.
    pub audience: String,
}

/// Logs.
#[derive(Debug, Clone)]
pub struct Log {
    /// Level or filter.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Config {
    /// Reads and checks everything. `flags` maps keys of the table to texts.
    pub fn load(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let values = Values::collect(flags, env, file, &mut problems);
        let mut reader = Reader::new(&values, problems);
        let sandbox = reader.flag("sandbox");
        let config = Self {
            server: Server::read(&mut reader),
            sandbox: sandbox.then(|| reader.address("sandbox_listen")),
            apps: Apps::read(&mut reader, &values, sandbox),
            log: Log::read(&mut reader),
            effective: Effective::new(&values),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
    }
}

impl Server {
    fn read(reader: &mut Reader<'_>) -> Self {
        let listen = reader.address("listen");
        let auth = Auth::read(reader);
        let tls = Tls::read(reader);
        let insecure = reader.flag("insecure_allow_anonymous");
        let mutual = tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        if mutual && auth.callers_file.is_none() {
            reader.problem("tls.client_ca_file", "no caller has a scope", "list the identities in `auth.callers_file`");
        }
        let authenticates = auth.callers_file.is_some() || auth.jwt.is_some();
        if !listen.ip().is_loopback() && !authenticates && !insecure {
            reader.problem(
                "listen",
                format!("{listen} is reachable from other machines, and callers are not authenticated"),
                "set `auth.callers_file` or `auth.jwks`, or allow it with `--insecure-allow-anonymous`",
            );
        }
        let worker_threads = reader.number("worker_threads", 0usize, 1024);
        Self {
            listen,
            admin_listen: reader.optional_address("admin_listen"),
            reflection: reader.flag("reflection"),
            grpc_web: reader.flag("grpc_web"),
            cors_origins: reader.list("cors_origins"),
            worker_threads: Some(worker_threads).filter(|threads| *threads > 0),
            allow_anonymous: !authenticates,
            deadline: Deadline::read(reader),
            limits: Limits::read(reader),
            connection: Connection {
                max_age: reader.duration("connection.max_age"),
                max_age_grace: reader.duration("connection.max_age_grace"),
                keepalive_interval: reader.duration("connection.keepalive_interval"),
                keepalive_timeout: reader.positive("connection.keepalive_timeout"),
            },
            drain: Drain { pause: reader.duration("drain.pause"), timeout: reader.duration("drain.timeout") },
            tls,
            auth,
        }
    }
}

impl Deadline {
    fn read(reader: &mut Reader<'_>) -> Self {
        let deadline = Self {
            default: reader.positive("deadline.default"),
            max: reader.positive("deadline.max"),
            max_stream: reader.positive("deadline.max_stream"),
        };
        if deadline.default > deadline.max {
            reader.problem("deadline.default", "is longer than `deadline.max`", "make it shorter, or the other longer");
        }
        deadline
    }
}

impl Limits {
    fn read(reader: &mut Reader<'_>) -> Self {
        const MOST: usize = 1 << 20;
        Self {
            max_request_bytes: reader.bytes("limits.max_request_bytes"),
            max_response_bytes: reader.bytes("limits.max_response_bytes"),
            max_in_flight: reader.number("limits.max_in_flight", 1, MOST),
            max_in_flight_per_caller: reader.number("limits.max_in_flight_per_caller", 1, MOST),
            max_connections: reader.number("limits.max_connections", 1, MOST),
            max_concurrent_streams: reader.number("limits.max_concurrent_streams", 1, u32::MAX),
            max_header_bytes: u32::try_from(reader.bytes("limits.max_header_bytes")).unwrap_or(u32::MAX),
            max_send_buffer_bytes: reader.bytes("limits.max_send_buffer_bytes").min(u32::MAX as usize),
            handshake_timeout: reader.positive("limits.handshake_timeout"),
        }
    }
}

impl Tls {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let client_required = match reader.text("tls.client_auth").as_deref() {
            Some("optional") => false,
            Some("required") => true,
            _ => {
                reader.problem("tls.client_auth", "is not a mode", "write required or optional");
                true
            }
        };
        let client_ca_file = reader.path("tls.client_ca_file");
        let reload_interval = reader.positive("tls.reload_interval");
        match (reader.path("tls.cert_file"), reader.path("tls.key_file")) {
            (Some(cert_file), Some(key_file)) => {
                Some(Self { cert_file, key_file, client_ca_file, client_required, reload_interval })
            }
            (None, None) if client_ca_file.is_none() => None,
            (Some(_), None) => {
                reader.problem("tls.key_file", "is missing beside `tls.cert_file`", "name the private key's file");
                None
            }
            (_, key) => {
                let beside = if key.is_some() { "`tls.key_file`" } else { "`tls.client_ca_file`" };
                reader.problem("tls.cert_file", format!("is missing beside {beside}"), "name the certificate's file");
                None
            }
        }
    }
}

impl Auth {
    fn read(reader: &mut Reader<'_>) -> Self {
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
        Self {
            callers_file: reader.path("auth.callers_file"),
            reload_interval: reader.positive("auth.reload_interval"),
            open_reflection: reader.flag("auth.open_reflection"),
            xfcc_peers,
            jwt: Jwt::read(reader),
        }
    }
}

impl Jwt {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let refresh = reader.positive("auth.jwks_refresh");
        let jwks = reader.text("auth.jwks")?;
        if jwks.starts_with("http://") {
            reader.problem("auth.jwks", "is fetched without TLS", "use an https URL or a file");
        }
        let mut required = |key: &str| {
            reader.text(key).unwrap_or_else(|| {
                reader.problem(key, "is missing beside `auth.jwks`", "name what a token must carry");
                String::new()
            })
        };
        let (issuer, audience) = (required("auth.jwt_issuer"), required("auth.jwt_audience"));
        Some(Self { jwks, refresh, issuer, audience })
    }
}

impl Log {
    fn read(reader: &mut Reader<'_>) -> Self {
        let filter = reader.text("log.level").unwrap_or_default();
        if filter.parse::<tracing_subscriber::filter::Targets>().is_err() {
            reader.problem("log.level", format!("`{filter}` is not a level or filter"), "write one such as info or debug");
        }
        let format = match reader.text("log.format").as_deref() {
            Some("json") => LogFormat::Json,
            Some("pretty") => LogFormat::Pretty,
            Some("auto") => LogFormat::Auto,
            _ => {
                reader.problem("log.format", "is not a format", "write json, pretty or auto");
                LogFormat::Auto
            }
        };
        Self { filter, format }
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

impl std::str::FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| ())?;
        if prefix > most { Err(()) } else { Ok(Self { address, prefix }) }
    }
}

impl Problem {
    fn new(setting: &str, what: impl Into<String>, fix: &str) -> Self {
        Self { setting: setting.to_owned(), what: what.into(), fix: fix.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.what, self.fix)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} problem{} with the settings:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
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
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }
}
