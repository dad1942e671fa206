//! Settings of the gRPC server.

use std::net::SocketAddr;
use std::time::Duration;

use contract::footprint::Footprint;
use tokio::sync::Semaphore;

use super::auth::Auth;
use super::key::Key;
use super::reader::Reader;
use super::table;
use super::tls::Tls;

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
    /// Names beside those of loopback by which a listener there may be called.
    pub allowed_hosts: Vec<String>,
    /// How often the files of certificates and callers are looked at.
    pub reload_interval: Duration,
    /// Threads; `None` means one for each CPU.
    pub worker_threads: Option<usize>,
    /// Deadlines.
    pub deadline: Deadline,
    /// Bounds.
    pub limits: Limits,
    /// Age and keepalive of connections.
    pub connection: Connection,
    /// Shutdown.
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

/// Shutdown.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Between NOT_SERVING and the end of accepting.
    pub pause: Duration,
    /// For running calls after that.
    pub timeout: Duration,
}

impl Server {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let listen = reader.get(&table::LISTEN);
        let (auth, tls) = (Auth::read(reader), Tls::read(reader));
        if tls.as_ref().is_some_and(|tls| tls.clients.is_some()) && auth.callers_file.is_none() {
            reader.wrong(
                &table::TLS_CLIENT_CA_FILE,
                "no identity has a scope",
                "list the identities in `auth.callers_file`",
            );
        }
        let insecure = reader.get(&table::INSECURE_ALLOW_ANONYMOUS);
        if !listen.ip().is_loopback() && !auth.is_on() && !insecure {
            reader.wrong(
                &table::LISTEN,
                format!("{listen} is reachable from other machines, and callers are not authenticated"),
                "set `auth.callers_file` or `jwt.issuer`, or allow it with `--insecure-allow-anonymous`",
            );
        }
        let admin_listen = reader.get(&table::ADMIN_LISTEN);
        if admin_listen == Some(listen) && listen.port() != 0 {
            reader.wrong(
                &table::ADMIN_LISTEN,
                format!("{listen} is the address of `listen` too"),
                "choose another port",
            );
        }
        let worker_threads = reader.get(&table::WORKER_THREADS);
        Self {
            listen,
            admin_listen,
            reflection: reader.get(&table::REFLECTION),
            grpc_web: reader.get(&table::GRPC_WEB),
            cors_origins: reader.get(&table::CORS_ORIGINS),
            allowed_hosts: reader.get(&table::ALLOWED_HOSTS),
            reload_interval: reader.get(&table::RELOAD_INTERVAL),
            worker_threads: Some(worker_threads).filter(|threads| *threads > 0),
            deadline: Deadline::read(reader),
            limits: Limits::read(reader),
            connection: Connection {
                max_age: reader.get(&table::CONNECTION_MAX_AGE),
                max_age_grace: reader.get(&table::CONNECTION_MAX_AGE_GRACE),
                keepalive_interval: reader.get(&table::CONNECTION_KEEPALIVE_INTERVAL),
                keepalive_timeout: reader.get(&table::CONNECTION_KEEPALIVE_TIMEOUT),
            },
            drain: Drain { pause: reader.get(&table::DRAIN_PAUSE), timeout: reader.get(&table::DRAIN_TIMEOUT) },
            tls,
            auth,
        }
    }
}

impl Deadline {
    fn read(reader: &mut Reader<'_>) -> Self {
        let deadline = Self {
            default: reader.get(&table::DEADLINE_DEFAULT),
            max: reader.get(&table::DEADLINE_MAX),
            max_stream: reader.get(&table::DEADLINE_MAX_STREAM),
        };
        // A duration that cannot be read is 0.
        if deadline.default > deadline.max && !deadline.max.is_zero() {
            reader.wrong(
                &table::DEADLINE_DEFAULT,
                "is longer than `deadline.max`",
                "make it shorter, or the other longer",
            );
        }
        deadline
    }
}

impl Limits {
    fn read(reader: &mut Reader<'_>) -> Self {
        let max_request_bytes = reader.get(&table::LIMITS_MAX_REQUEST_BYTES);
        let mut room = |key: &Key<usize>| {
            let bytes = reader.get(key).min(Semaphore::MAX_PERMITS);
            // A size that cannot be read is 0.
            if bytes > 0 && bytes / Footprint::COPIES < max_request_bytes {
                let what = format!("is less than {} times `limits.max_request_bytes`", Footprint::COPIES);
                reader.wrong(key, what, "make it larger");
            }
            bytes
        };
        Self {
            max_request_bytes,
            max_request_memory: room(&table::LIMITS_MAX_REQUEST_MEMORY),
            max_request_memory_per_caller: room(&table::LIMITS_MAX_REQUEST_MEMORY_PER_CALLER),
            max_response_bytes: reader.get(&table::LIMITS_MAX_RESPONSE_BYTES),
            max_in_flight: reader.get(&table::LIMITS_MAX_IN_FLIGHT),
            max_in_flight_per_caller: reader.get(&table::LIMITS_MAX_IN_FLIGHT_PER_CALLER),
            max_connections: reader.get(&table::LIMITS_MAX_CONNECTIONS),
            max_concurrent_streams: reader.get(&table::LIMITS_MAX_CONCURRENT_STREAMS),
            max_header_bytes: u32::try_from(reader.get(&table::LIMITS_MAX_HEADER_BYTES)).unwrap_or(u32::MAX),
            handshake_timeout: reader.get(&table::LIMITS_HANDSHAKE_TIMEOUT),
        }
    }
}
