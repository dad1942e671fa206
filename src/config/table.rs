//! Every setting with its default and its meaning: flags, environment, file, `config print` and the reference in the
//! documentation are all made from this table.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the TOML file; `section.key`, or the key alone for the main ones.
    pub key: &'static str,
    /// Its value when nobody sets it. Empty means: not set.
    pub default: &'static str,
    /// What a value looks like, for help texts.
    pub value: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether its value is a secret: never a flag, never printed.
    pub secret: bool,
}

impl Setting {
    /// The environment variable, such as `TIM_TLS_CERT_FILE`.
    pub fn env(&self) -> String {
        env_name(self.key)
    }

    /// The flag without its dashes, such as `tls-cert-file`.
    pub fn flag(&self) -> String {
        flag_name(self.key)
    }
}

/// The flag of a key, without its dashes.
pub fn flag_name(key: &str) -> String {
    key.replace(['.', '_'], "-")
}

/// The environment variable of a key.
pub fn env_name(key: &str) -> String {
    format!("TIM_{}", key.replace(['.', '-'], "_").to_ascii_uppercase())
}

/// Looks a setting up by its key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.key == key)
}

const fn setting(key: &'static str, default: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { key, default, value, help, secret: false }
}

const fn secret(key: &'static str, help: &'static str) -> Setting {
    Setting { key, default: "", value: "SECRET", help, secret: true }
}

/// The keys that describe one Tencent application: at the top level for the application called `default`, and in each
/// `[apps.NAME]` table of the file.
pub const APP_KEYS: &[&str] = &["sdk_app_id", "identifier", "secret_key", "secret_key_file", "region", "base_urls"];

/// All settings, in the order in which they are documented.
pub const SETTINGS: &[Setting] = &[
    setting("listen", "127.0.0.1:50051", "ADDRESS:PORT", "Where the gRPC server listens."),
    setting(
        "admin_listen",
        "127.0.0.1:9090",
        "ADDRESS:PORT",
        "Where metrics, probes and the log level are served; `off` switches the port off. It has no authentication: keep it on loopback or inside the cluster.",
    ),
    setting(
        "insecure_allow_anonymous",
        "false",
        "BOOL",
        "Lets the server listen beyond loopback without any authentication of callers.",
    ),
    setting("reflection", "true", "BOOL", "Serves gRPC server reflection, v1 and v1alpha."),
    setting(
        "raw_service",
        "false",
        "BOOL",
        "Lets callers with the scope `raw` call any Tencent command by its name (RawService).",
    ),
    setting("grpc_web", "true", "BOOL", "Serves gRPC-Web beside gRPC."),
    setting(
        "cors_origins",
        "",
        "ORIGINS",
        "Web origins that may call by gRPC-Web, comma-separated; `*` means all. Empty: none but same-origin pages.",
    ),
    setting("worker_threads", "0", "COUNT", "Threads that serve calls. 0 means one for each CPU."),
    setting("sdk_app_id", "", "NUMBER", "SDKAppID of the Tencent application."),
    setting("identifier", "administrator", "USERID", "UserID of the app admin in whose name calls are made."),
    secret("secret_key", "The application's secret key. Prefer `secret_key_file`."),
    setting("secret_key_file", "", "PATH", "File that holds the application's secret key."),
    setting(
        "region",
        "",
        "NAME",
        "Where the application's data lives: china, singapore, seoul, tokyo, frankfurt, silicon-valley, jakarta, riyadh or mumbai.",
    ),
    setting(
        "base_urls",
        "",
        "URLS",
        "Base URLs to call instead of the region's, comma-separated; the later ones are backups.",
    ),
    setting(
        "default_app",
        "default",
        "NAME",
        "Application of the file's `[apps.NAME]` tables that serves calls without `x-tim-app` metadata.",
    ),
    setting("sandbox", "false", "BOOL", "Starts a sandbox in the same process and calls it instead of Tencent."),
    setting("sandbox_listen", "127.0.0.1:0", "ADDRESS:PORT", "Where that sandbox listens. Port 0 means any free port."),
    setting(
        "sandbox_control_listen",
        "127.0.0.1:0",
        "ADDRESS:PORT",
        "Where that sandbox's control API listens. Port 0 means any free port; the log of the start names both.",
    ),
    setting("upstream.usersig_ttl", "24h", "DURATION", "Life of a UserSig; it is renewed at about 80 % of it."),
    setting(
        "upstream.attempt_timeout",
        "6s",
        "DURATION",
        "Longest time for one HTTP attempt. A call's deadline may shorten it: where another attempt may follow, to half of what is left, but not below 3.5 s.",
    ),
    setting("upstream.pool_idle_timeout", "30s", "DURATION", "How long an idle connection to Tencent is kept."),
    setting("upstream.max_attempts", "4", "COUNT", "Attempts of one call, the first included."),
    setting("upstream.retry_budget", "0.3", "SHARE", "Share of calls that may be retries, 0 to 1."),
    setting("upstream.replicas", "1", "COUNT", "Among how many replicas of this gateway Tencent's rates are divided."),
    secret(
        "upstream.redis_url",
        "Redis that all replicas share one quota in, such as `redis://redis:6379`. Prefer `upstream.redis_url_file` if it holds a password.",
    ),
    setting("upstream.redis_url_file", "", "PATH", "File that holds the URL of that Redis."),
    setting("upstream.pacing", "true", "BOOL", "Paces calls at the rates that Tencent documents."),
    setting(
        "upstream.rate_factor",
        "1.0",
        "FACTOR",
        "Factor on all documented rates, for applications whose limits Tencent raised.",
    ),
    setting(
        "batch.concurrency",
        "8",
        "COUNT",
        "Calls of one batch that are under way at once; the pacing decides how fast they go.",
    ),
    setting(
        "batch.add_members",
        "20",
        "COUNT",
        "Users in one call of BatchAddMembers. Tencent's documents of 2026 say 20, earlier ones 300 and more.",
    ),
    setting("batch.remove_members", "100", "COUNT", "Users in one call of BatchRemoveMembers."),
    setting("batch.mute_members", "500", "COUNT", "Users in one call of BatchMuteMembers."),
    setting("batch.get_roles", "500", "COUNT", "Users in one call of BatchGetRoles."),
    setting("batch.get_members", "50", "COUNT", "Users in one call of BatchGetMembers."),
    setting("batch.get_groups", "50", "COUNT", "Groups in one call of BatchGetGroups, ListGroups and StreamGroups."),
    setting("batch.recall_messages", "10", "COUNT", "Messages in one call of BatchRecallMessages."),
    setting("batch.ban_members", "20", "COUNT", "Users in one call of BatchBanMembers and BatchUnbanMembers."),
    setting("batch.import_members", "300", "COUNT", "Members in one call of BatchImportMembers."),
    setting("batch.import_messages", "7", "COUNT", "Messages in one call of BatchImportMessages."),
    setting("deadline.default", "15s", "DURATION", "Deadline of a unary call that brings none."),
    setting("deadline.max", "60s", "DURATION", "Longest deadline of a unary call; longer ones are cut to it."),
    setting(
        "deadline.max_stream",
        "1h",
        "DURATION",
        "Longest deadline of a streaming call, and its deadline when it brings none.",
    ),
    setting("limits.max_request_bytes", "4MiB", "BYTES", "Largest request message."),
    setting(
        "limits.max_request_memory",
        "128MiB",
        "BYTES",
        "What all requests that are held at once may take in memory; calls beyond it are refused with RESOURCE_EXHAUSTED.",
    ),
    setting("limits.max_request_memory_per_caller", "32MiB", "BYTES", "The same of one caller's requests."),
    setting(
        "limits.max_response_bytes",
        "4MiB",
        "BYTES",
        "Largest response message; clients refuse more than 4 MiB unless told otherwise.",
    ),
    setting(
        "limits.max_in_flight",
        "1024",
        "COUNT",
        "Calls that are served at once; more are refused with RESOURCE_EXHAUSTED.",
    ),
    setting("limits.max_in_flight_per_caller", "256", "COUNT", "Calls of one caller that are served at once."),
    setting(
        "limits.max_connections",
        "1024",
        "COUNT",
        "Connections that are open at once; further ones are closed right away.",
    ),
    setting("limits.max_concurrent_streams", "256", "COUNT", "Calls at once on one connection."),
    setting("limits.max_header_bytes", "16KiB", "BYTES", "Largest header list of a request."),
    setting(
        "limits.max_send_buffer_bytes",
        "1MiB",
        "BYTES",
        "How much of a response is buffered for a slow reader, for each call.",
    ),
    setting(
        "limits.handshake_timeout",
        "10s",
        "DURATION",
        "How long a new connection may take until TLS is set up and the first bytes of HTTP came.",
    ),
    setting(
        "connection.max_age",
        "30m",
        "DURATION",
        "Age at which a connection is closed in good order, so that clients spread over replicas; each gets up to 10 % more or less. 0 means never.",
    ),
    setting(
        "connection.max_age_grace",
        "65s",
        "DURATION",
        "How long the calls of such a connection may go on. It should be longer than `deadline.max`.",
    ),
    setting("connection.keepalive_interval", "60s", "DURATION", "How often HTTP/2 pings are sent. 0 means never."),
    setting(
        "connection.keepalive_timeout",
        "20s",
        "DURATION",
        "How long the answer to a ping may take before the connection is closed.",
    ),
    setting(
        "drain.pause",
        "5s",
        "DURATION",
        "How long the server goes on accepting after it said NOT_SERVING, so that load balancers notice.",
    ),
    setting("drain.timeout", "25s", "DURATION", "How long running calls may go on after that. Then the process ends."),
    setting(
        "tls.cert_file",
        "",
        "PATH",
        "Certificate chain (PEM). Together with `tls.key_file` it switches TLS on; both are read again when they change.",
    ),
    setting("tls.key_file", "", "PATH", "Private key (PEM)."),
    setting(
        "tls.client_ca_file",
        "",
        "PATH",
        "CA certificates (PEM) that client certificates must chain to; switches mutual TLS on.",
    ),
    setting(
        "tls.client_auth",
        "required",
        "MODE",
        "With a client CA: `required`, or `optional` for callers that authenticate by a key.",
    ),
    setting("tls.reload_interval", "30s", "DURATION", "How often the files are looked at."),
    setting(
        "auth.callers_file",
        "",
        "PATH",
        "TOML file with the callers: hashed keys, client identities and their scopes. It is read again when it changes.",
    ),
    setting("auth.reload_interval", "10s", "DURATION", "How often that file is looked at."),
    setting(
        "auth.open_reflection",
        "true",
        "BOOL",
        "Lets reflection pass without authentication, as health always does.",
    ),
    setting(
        "auth.xfcc_peers",
        "",
        "NETWORKS",
        "Proxies (addresses or networks, comma-separated) whose `x-forwarded-client-cert` is believed.",
    ),
    setting(
        "jwt.issuer",
        "",
        "TEXT",
        "The `iss` of the JSON Web Tokens that callers may show as Bearer tokens. It switches tokens on.",
    ),
    setting("jwt.audiences", "", "TEXTS", "Values of `aud` that mean this gateway, comma-separated."),
    setting("jwt.jwks_file", "", "PATH", "JSON Web Key Set with the public keys that sign tokens."),
    setting("jwt.jwks_url", "", "URL", "The same from a web server: `https`, or `http` on this machine."),
    setting("jwt.algorithms", "RS256,ES256,EdDSA", "NAMES", "Signature algorithms that are accepted."),
    setting(
        "jwt.scope_claim",
        "scope",
        "NAME",
        "Claim with the caller's scopes: words in one text, or a list. Words that are no scope here are left aside.",
    ),
    setting("jwt.scope_prefix", "", "TEXT", "What precedes the scopes of this gateway in that claim, such as `tim:`."),
    setting(
        "jwt.app_claim",
        "",
        "NAME",
        "Claim with the Tencent applications that the caller may choose by `x-tim-app`: words in one text, or a list; `*` means all. A token without that claim opens the default one alone.",
    ),
    setting("jwt.app_prefix", "", "TEXT", "What precedes the applications in that claim, such as `tim-app:`."),
    setting("jwt.leeway", "30s", "DURATION", "How far the clocks may be apart when `exp` and `nbf` are checked."),
    setting("jwt.refresh_interval", "5m", "DURATION", "How often the key set is read again."),
    setting(
        "jwt.refresh_pause",
        "10s",
        "DURATION",
        "Shortest time between two readings of the key set that tokens with unknown keys cause.",
    ),
    setting(
        "log.level",
        "info",
        "FILTER",
        "Level of the gateway, or a filter such as `info,tencent_im_grpc::upstream=debug,h2=debug`.",
    ),
    setting("log.format", "auto", "FORMAT", "`json`, `pretty`, or `auto`: pretty on a terminal."),
];
