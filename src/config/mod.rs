//! Settings: flags, then environment, then a TOML file, then defaults; everything is checked before a port is bound.

pub mod apps;
pub mod auth;
mod batch;
pub mod jwt;
pub mod print;
mod reader;
mod sources;
pub mod table;
pub mod tls;
mod warnings;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::telemetry::logs;
pub use apps::{App, Apps, Region};
pub use auth::{Auth, Network};
pub use batch::Batch;
use contract::footprint::Footprint;
pub use jwt::{JwksSource, Jwt};
pub use print::Effective;
use reader::Reader;
pub use reader::parse_duration;
pub use sources::{Source, Values};
pub use tls::Tls;

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

/// Where a sandbox in this process listens.
#[derive(Debug, Clone, Copy)]
pub struct InProcessSandbox {
    /// Tencent's API.
    pub listen: SocketAddr,
    /// The control API.
    pub control_listen: SocketAddr,
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The gRPC server.
    pub server: Server,
    /// The Tencent applications.
    pub apps: Apps,
    /// At what sizes batches are split.
    pub batch: Batch,
    /// The sandbox to start in this process; `None` with a real application.
    pub sandbox: Option<InProcessSandbox>,
    /// The Redis that all replicas share one quota in.
    pub redis_url: Option<SecretString>,
    /// Whether RawService is open.
    pub raw_service: bool,
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
    /// What requests take in memory at once, in bytes.
    pub max_request_memory: usize,
    /// What one caller's requests take in memory at once, in bytes.
    pub max_request_memory_per_caller: usize,
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

impl Config {
    /// Reads and checks everything. `flags` maps keys of the table to texts.
    pub fn load(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> Result<Self, Problems> {
        let (config, problems) = Self::read(flags, env, file);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// The same with all problems. What is wrong has a harmless value, so that the rest can be looked at too.
    #[must_use]
    pub fn read(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let values = Values::collect(flags, env, file, &mut problems);
        let mut reader = Reader::new(&values, problems);
        let sandbox = reader.flag("sandbox");
        let config = Self {
            server: Server::read(&mut reader),
            sandbox: sandbox.then(|| InProcessSandbox {
                listen: reader.address("sandbox_listen"),
                control_listen: reader.address("sandbox_control_listen"),
            }),
            apps: Apps::read(&mut reader, &values, sandbox),
            redis_url: redis_url(&mut reader),
            batch: Batch::read(&mut reader),
            raw_service: reader.flag("raw_service"),
            log: Log::read(&mut reader),
            effective: Effective::new(&values),
        };
        (config, reader.problems)
    }

    /// What is in force from these sources, whether it is right or not.
    #[must_use]
    pub fn effective(
        flags: &BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> Effective {
        Effective::new(&Values::collect(flags, env, file, &mut Vec::new()))
    }
}

impl Server {
    fn read(reader: &mut Reader<'_>) -> Self {
        let listen = reader.address("listen");
        let (auth, tls) = (Auth::read(reader), Tls::read(reader));
        if tls.as_ref().is_some_and(|tls| tls.clients.is_some()) && auth.callers_file.is_none() {
            reader.problem(
                "tls.client_ca_file",
                "no identity has a scope",
                "list the identities in `auth.callers_file`",
            );
        }
        let insecure = reader.flag("insecure_allow_anonymous");
        if !listen.ip().is_loopback() && !auth.is_on() && !insecure {
            reader.problem(
                "listen",
                format!("{listen} is reachable from other machines, and callers are not authenticated"),
                "set `auth.callers_file` or `jwt.issuer`, or allow it with `--insecure-allow-anonymous`",
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
        let max_request_bytes = reader.bytes("limits.max_request_bytes");
        let mut room = |key: &str| {
            let bytes = reader.bytes(key).min(Semaphore::MAX_PERMITS);
            if bytes / Footprint::COPIES < max_request_bytes {
                let what = format!("is less than {} times `limits.max_request_bytes`", Footprint::COPIES);
                reader.problem(key, what, "make it larger");
            }
            bytes
        };
        Self {
            max_request_bytes,
            max_request_memory: room("limits.max_request_memory"),
            max_request_memory_per_caller: room("limits.max_request_memory_per_caller"),
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

fn redis_url(reader: &mut Reader<'_>) -> Option<SecretString> {
    const KEY: &str = "upstream.redis_url";
    let url = reader.secret(KEY)?;
    if !cfg!(feature = "redis") {
        reader.problem(KEY, "this build cannot use Redis", "build it with the feature `redis`, or remove the setting");
    } else if !url.expose_secret().starts_with("redis://") {
        reader.problem(KEY, "is not a redis:// URL", "write one such as redis://127.0.0.1:6379");
    }
    Some(url)
}

impl Log {
    fn read(reader: &mut Reader<'_>) -> Self {
        let filter = reader.text("log.level").unwrap_or_default();
        if logs::targets(&filter).is_err() {
            reader.problem(
                "log.level",
                format!("`{filter}` is not a level or filter"),
                "write one such as info or debug",
            );
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
