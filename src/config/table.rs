//! Every setting: where it is set, its default, its meaning and its type. Flags, variables, the reading of the file,
//! `config print` and the reference in the documentation are all made from this table.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jsonwebtoken::Algorithm;
use reqwest::Url;
use tracing_subscriber::filter::Targets;

use super::base_urls::parse_base_urls;
use super::batch::parse_caps;
use super::jwks::{parse_algorithms, parse_jwks_url};
use super::key::Wrong;
pub use super::key::{Key, Setting, Shape};
use super::kinds::{
    address, duration, list, map, networks, number, optional_address, path, positive, secret, size, switch, text,
    value, within,
};
use super::log::{LogFormat, parse_filter, parse_format};
use super::rates::parse_rates;
use super::region::{Region, parse_region};
use crate::upstream::BaseUrl;

macro_rules! settings {
    ($($heading:literal { $($(#[doc = $help:literal])+ $name:ident: $type:ty = $key:expr;)+ })+) => {
        $($(
            $(#[doc = $help])+
            pub const $name: Key<$type> = $key.described($heading, concat!($($help),+));
        )+)+

        /// All settings, in the order in which they are documented.
        pub const SETTINGS: &[Setting] = &[$($($name.setting),+),+];
    };
}

const MOST: usize = 1 << 20;

settings! {
    "Serving" {
        /// Where the gRPC server listens.
        LISTEN: SocketAddr = address("listen", "127.0.0.1:50051");
        /// Where metrics, probes and the log level are served; `off` switches the port off. It has no
        /// authentication: keep it on loopback or inside the cluster.
        ADMIN_LISTEN: Option<SocketAddr> = optional_address("admin_listen", "127.0.0.1:9090");
        /// Lets the server listen beyond loopback without any authentication of callers.
        INSECURE_ALLOW_ANONYMOUS: bool = switch("insecure_allow_anonymous", "false");
        /// Serves gRPC server reflection, v1 and v1alpha.
        REFLECTION: bool = switch("reflection", "true");
        /// Lets callers with the scope `raw` call any Tencent command by its name (RawService).
        RAW_SERVICE: bool = switch("raw_service", "false");
        /// Serves gRPC-Web beside gRPC.
        GRPC_WEB: bool = switch("grpc_web", "true");
        /// Web origins that may call by gRPC-Web, comma-separated; `*` means all. Empty: none but same-origin
        /// pages.
        CORS_ORIGINS: Vec<String> = list("cors_origins", "", "ORIGINS");
        /// Names beside `localhost` that a listener on loopback without authentication may be called by,
        /// comma-separated: a request over HTTP/1.1 or TLS that names another host is refused, because a page in a browser
        /// may have sent it. The admin port keeps to it too.
        ALLOWED_HOSTS: Vec<String> = list("allowed_hosts", "", "NAMES");
        /// Threads that serve calls. 0 means one for each CPU.
        WORKER_THREADS: usize = number("worker_threads", "0", "COUNT", |text| within(text, 0, 1024));
        /// How often the files of certificates and callers are looked at; what has changed is put in force.
        RELOAD_INTERVAL: Duration = positive("reload_interval", "10s");
    }
    "Tencent application" {
        /// SDKAppID of the Tencent application.
        SDK_APP_ID: Option<u64> =
            value("sdk_app_id", "", "NUMBER", parse_sdk_app_id, || None);
        /// UserID of the app admin in whose name calls are made.
        IDENTIFIER: Option<String> = text("identifier", "administrator", "USERID");
        /// The application's secret key. Prefer `secret_key_file`.
        SECRET_KEY: Option<String> = secret("secret_key");
        /// File that holds the application's secret key.
        SECRET_KEY_FILE: Option<PathBuf> = path("secret_key_file");
        /// Where the application's data lives: china, singapore, seoul, tokyo, frankfurt, silicon-valley, jakarta,
        /// riyadh or mumbai.
        REGION: Option<Region> = value("region", "", "NAME", parse_region, || None);
        /// Base URLs to call instead of the region's, comma-separated; the later ones are backups.
        BASE_URLS: Vec<BaseUrl> = value("base_urls", "", "URLS", parse_base_urls, Vec::new);
        /// Application of the file's `[apps.NAME]` tables that serves calls without `x-tim-app` metadata.
        DEFAULT_APP: Option<String> = text("default_app", "default", "NAME");
    }
    "Sandbox" {
        /// Starts a sandbox in the same process and calls it instead of Tencent.
        SANDBOX: bool = switch("sandbox", "false");
        /// Where that sandbox listens. Port 0 means any free port.
        SANDBOX_LISTEN: SocketAddr = address("sandbox_listen", "127.0.0.1:0");
        /// Where that sandbox's control API listens. Port 0 means any free port; the log of the start names both.
        SANDBOX_CONTROL_LISTEN: SocketAddr = address("sandbox_control_listen", "127.0.0.1:0");
    }
    "Calls of Tencent" {
        /// Life of a UserSig; it is renewed at about 80 % of it.
        UPSTREAM_USERSIG_TTL: Duration = positive("upstream.usersig_ttl", "24h");
        /// Longest time for one HTTP attempt. A call's deadline may shorten it: where another attempt may follow,
        /// to half of what is left, but not below 3.5 s.
        UPSTREAM_ATTEMPT_TIMEOUT: Duration = positive("upstream.attempt_timeout", "6s");
        /// Attempts of one call, the first included.
        UPSTREAM_MAX_ATTEMPTS: u32 = number("upstream.max_attempts", "4", "COUNT", |text| within(text, 1, 10));
        /// Share of calls that may be retries, 0 to 1.
        UPSTREAM_RETRY_BUDGET: f64 = number("upstream.retry_budget", "0.3", "SHARE", |text| within(text, 0.0, 1.0));
        /// Among how many replicas of this gateway Tencent's rates are divided.
        UPSTREAM_REPLICAS: u32 = number("upstream.replicas", "1", "COUNT", |text| within(text, 1, 10_000));
        /// Redis that all replicas share one quota in, such as `redis://redis:6379`. Prefer
        /// `upstream.redis_url_file` if it holds a password.
        UPSTREAM_REDIS_URL: Option<String> = secret("upstream.redis_url");
        /// File that holds the URL of that Redis.
        UPSTREAM_REDIS_URL_FILE: Option<PathBuf> = path("upstream.redis_url_file");
        /// Paces calls at the rates that Tencent documents, or those of `upstream.rates`.
        UPSTREAM_PACING: bool = switch("upstream.pacing", "true");
        /// Factor on all documented rates, for applications whose limits Tencent raised.
        UPSTREAM_RATE_FACTOR: f64 = number("upstream.rate_factor", "1.0", "FACTOR", |text| within(text, 0.001, 1000.0));
        /// Calls per second of single commands in place of the documented rates, such as `send_group_msg=400`;
        /// `upstream.rate_factor` does not change them. A command that the contract does not have is written as
        /// `service/command`.
        UPSTREAM_RATES: BTreeMap<String, f64> = map("upstream.rates", "COMMAND=RATE,...", parse_rates);
    }
    "Batches" {
        /// Calls of one batch that are under way at once; the pacing decides how fast they go.
        BATCH_CONCURRENCY: usize = number("batch.concurrency", "8", "COUNT", |text| within(text, 1, 10_000));
        /// Items in one call of Tencent by batch method in place of the documented caps, such as
        /// `BatchAddMembers=300`.
        BATCH_CAPS: BTreeMap<String, usize> = map("batch.caps", "METHOD=COUNT,...", parse_caps);
    }
    "Deadlines" {
        /// Deadline of a unary call that brings none.
        DEADLINE_DEFAULT: Duration = positive("deadline.default", "15s");
        /// Longest deadline of a unary call; longer ones are cut to it.
        DEADLINE_MAX: Duration = positive("deadline.max", "60s");
        /// Longest deadline of a streaming call, and its deadline when it brings none.
        DEADLINE_MAX_STREAM: Duration = positive("deadline.max_stream", "1h");
    }
    "Limits" {
        /// Largest request message.
        LIMITS_MAX_REQUEST_BYTES: usize = size("limits.max_request_bytes", "4MiB");
        /// What all requests that are held at once may take in memory; calls beyond it are refused with
        /// RESOURCE_EXHAUSTED.
        LIMITS_MAX_REQUEST_MEMORY: usize = size("limits.max_request_memory", "128MiB");
        /// The same for the requests of one caller.
        LIMITS_MAX_REQUEST_MEMORY_PER_CALLER: usize = size("limits.max_request_memory_per_caller", "32MiB");
        /// Largest response message; by default, clients refuse more than 4 MiB.
        LIMITS_MAX_RESPONSE_BYTES: usize = size("limits.max_response_bytes", "4MiB");
        /// Calls that are served at once; more are refused with RESOURCE_EXHAUSTED.
        LIMITS_MAX_IN_FLIGHT: usize = number("limits.max_in_flight", "1024", "COUNT", |text| within(text, 1, MOST));
        /// Calls of one caller that are served at once.
        LIMITS_MAX_IN_FLIGHT_PER_CALLER: usize =
            number("limits.max_in_flight_per_caller", "256", "COUNT", |text| within(text, 1, MOST));
        /// Connections that are open at once; further ones are closed right away.
        LIMITS_MAX_CONNECTIONS: usize = number("limits.max_connections", "1024", "COUNT", |text| within(text, 1, MOST));
        /// Calls at once on one connection.
        LIMITS_MAX_CONCURRENT_STREAMS: u32 =
            number("limits.max_concurrent_streams", "256", "COUNT", |text| within(text, 1, u32::MAX));
        /// Largest header list of a request.
        LIMITS_MAX_HEADER_BYTES: usize = size("limits.max_header_bytes", "16KiB");
        /// How long a new connection may take until TLS is set up and the first bytes of HTTP came.
        LIMITS_HANDSHAKE_TIMEOUT: Duration = positive("limits.handshake_timeout", "10s");
    }
    "Connections" {
        /// Age at which a connection is closed in good order, so that clients spread over replicas; each gets up to
        /// 10 % more or less. 0 means never.
        CONNECTION_MAX_AGE: Duration = duration("connection.max_age", "30m");
        /// How long the calls of such a connection may go on. It should be longer than `deadline.max`.
        CONNECTION_MAX_AGE_GRACE: Duration = duration("connection.max_age_grace", "65s");
        /// How often HTTP/2 pings are sent. 0 means never.
        CONNECTION_KEEPALIVE_INTERVAL: Duration = duration("connection.keepalive_interval", "60s");
        /// How long the answer to a ping may take before the connection is closed.
        CONNECTION_KEEPALIVE_TIMEOUT: Duration = positive("connection.keepalive_timeout", "20s");
    }
    "Shutdown" {
        /// How long the server goes on accepting after it said NOT_SERVING, so that load balancers notice.
        DRAIN_PAUSE: Duration = duration("drain.pause", "5s");
        /// How long running calls may go on after that. Then the process ends.
        DRAIN_TIMEOUT: Duration = duration("drain.timeout", "25s");
    }
    "TLS" {
        /// Certificate chain (PEM). Together with `tls.key_file` it switches TLS on; both are read again when they
        /// change.
        TLS_CERT_FILE: Option<PathBuf> = path("tls.cert_file");
        /// Private key (PEM).
        TLS_KEY_FILE: Option<PathBuf> = path("tls.key_file");
        /// CA certificates (PEM) that client certificates must chain to; switches mutual TLS on.
        TLS_CLIENT_CA_FILE: Option<PathBuf> = path("tls.client_ca_file");
        /// With a client CA: `required`, or `optional` for callers that authenticate by a key.
        TLS_CLIENT_AUTH: bool = value("tls.client_auth", "required", "MODE", parse_client_auth, || true);
    }
    "Callers" {
        /// TOML file with the callers: hashed keys, client identities and their scopes. It is read again when it
        /// changes.
        AUTH_CALLERS_FILE: Option<PathBuf> = path("auth.callers_file");
        /// Lets reflection pass without authentication, as health always does.
        AUTH_OPEN_REFLECTION: bool = switch("auth.open_reflection", "true");
        /// Proxies (addresses or networks, comma-separated) whose `x-forwarded-client-cert` is believed.
        AUTH_XFCC_PEERS: Vec<IpNet> = networks("auth.xfcc_peers");
    }
    "Tokens of callers" {
        /// The `iss` of the JSON Web Tokens that callers may show as Bearer tokens. It switches tokens on.
        JWT_ISSUER: Option<String> = text("jwt.issuer", "", "TEXT");
        /// Values of `aud` that mean this gateway, comma-separated.
        JWT_AUDIENCES: Vec<String> = list("jwt.audiences", "", "TEXTS");
        /// JSON Web Key Set with the public keys that sign tokens.
        JWT_JWKS_FILE: Option<PathBuf> = path("jwt.jwks_file");
        /// The same from a web server: `https`, or `http` on this machine.
        JWT_JWKS_URL: Option<Url> = value("jwt.jwks_url", "", "URL", parse_jwks_url, || None);
        /// Signature algorithms that are accepted.
        JWT_ALGORITHMS: Vec<Algorithm> =
            value("jwt.algorithms", "RS256,ES256,EdDSA", "NAMES", parse_algorithms, Vec::new);
        /// Claim with the caller's scopes: words in one text, or a list. Words that are not scopes here are
        /// ignored.
        JWT_SCOPE_CLAIM: Option<String> = text("jwt.scope_claim", "scope", "NAME");
        /// What precedes the scopes of this gateway in that claim, such as `tim:`.
        JWT_SCOPE_PREFIX: Option<String> = text("jwt.scope_prefix", "", "TEXT");
        /// Claim with the Tencent applications that the caller may choose by `x-tim-app`: words in one text, or a
        /// list; `*` means all. A token without that claim opens the default one alone.
        JWT_APP_CLAIM: Option<String> = text("jwt.app_claim", "", "NAME");
        /// How far the clocks may be apart when `exp` and `nbf` are checked.
        JWT_LEEWAY: Duration = duration("jwt.leeway", "30s");
        /// How often the key set is read again.
        JWT_REFRESH_INTERVAL: Duration = positive("jwt.refresh_interval", "5m");
    }
    "Log" {
        /// Level of the gateway, or a filter such as `info,tencent_im_grpc::upstream=debug,h2=debug`.
        LOG_LEVEL: Targets = value("log.level", "info", "FILTER", parse_filter, Targets::new);
        /// `json`, `pretty`, or `auto`: pretty on a terminal.
        LOG_FORMAT: LogFormat = value("log.format", "auto", "FORMAT", parse_format, || LogFormat::Auto);
    }
}

/// The settings that describe one Tencent application: at the top level for the application called `default`, and in each
/// `[apps.NAME]` table of the file.
pub const APP_SETTINGS: &[Setting] = &[
    SDK_APP_ID.setting,
    IDENTIFIER.setting,
    SECRET_KEY.setting,
    SECRET_KEY_FILE.setting,
    REGION.setting,
    BASE_URLS.setting,
];

fn parse_sdk_app_id(text: &str) -> Result<Option<u64>, Wrong> {
    if text.is_empty() { Ok(None) } else { within(text, 1, u64::MAX).map(Some) }
}

/// Whether a client without a certificate is refused.
fn parse_client_auth(text: &str) -> Result<bool, Wrong> {
    match text {
        "required" => Ok(true),
        "optional" => Ok(false),
        other => Err(Wrong::new(format!("`{other}` is not a mode"), "write required or optional")),
    }
}

/// Looks a setting up by its key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
