//! Prometheus metrics. The names of the server's part are those of the gRPC interceptors for Go and Java, and of
//! OpenTelemetry, so that existing dashboards work. No user, group or request id is ever a label.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::histograms::{Buckets, seconds};
use super::process::Process;
use super::upstream::UpstreamMetrics;
use crate::upstream::Upstream;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Calls of callers.
    pub server: ServerMetrics,
    /// Calls of Tencent.
    pub upstream: Arc<UpstreamMetrics>,
}

/// Calls of callers, connections, certificates.
#[derive(Debug, Clone)]
pub struct ServerMetrics {
    /// Calls that began.
    pub started: Family<MethodLabels, Counter>,
    /// Calls that ended.
    pub handled: Family<HandledLabels, Counter>,
    /// How long they took.
    pub handling: Family<MethodLabels, Histogram, Buckets>,
    /// Messages that came in.
    pub received: Family<MethodLabels, Counter>,
    /// Messages that went out.
    pub sent: Family<MethodLabels, Counter>,
    /// How long they took, as OpenTelemetry names it.
    pub duration: Family<CallLabels, Histogram, Buckets>,
    /// Calls that are being served.
    pub in_flight: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Connections that were closed because there were too many.
    pub connections_refused: Counter,
    /// When the certificate in force ends, in Unix seconds; 0 without TLS.
    pub certificate_not_after: Gauge,
    /// Files that changed and could not be used.
    pub reload_failures: Family<FileLabels, Counter>,
    /// 1 for files whose content in force is older than the one on disk, which cannot be used.
    pub stale_files: Family<FileLabels, Gauge>,
}

/// Which method.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MethodLabels {
    /// `unary`, `client_stream`, `server_stream` or `bidi_stream`.
    pub grpc_type: &'static str,
    /// `package.Service`.
    pub grpc_service: Label,
    /// `Method`.
    pub grpc_method: Label,
}

/// Which method, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HandledLabels {
    /// `unary`, `client_stream`, `server_stream` or `bidi_stream`.
    pub grpc_type: &'static str,
    /// `package.Service`.
    pub grpc_service: Label,
    /// `Method`.
    pub grpc_method: Label,
    /// The code as Go spells it.
    pub grpc_code: &'static str,
}

/// Which method and how it ended, as OpenTelemetry names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// `grpc`.
    pub rpc_system_name: &'static str,
    /// `package.Service/Method`.
    pub rpc_method: Label,
    /// The code as the protocol spells it.
    pub rpc_response_status_code: &'static str,
}

/// Whether a file that is read again when it changes could be used.
#[derive(Debug, Clone)]
pub struct ReloadMetrics {
    failures: Counter,
    stale: Gauge,
}

/// Which file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FileLabels {
    /// `tls`, `callers` or `jwks`.
    pub file: &'static str,
}

/// A label's text that is shared instead of copied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(pub Arc<str>);

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A fresh registry with everything in it.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let server = ServerMetrics::default();
        server.register(&mut registry);
        let upstream = Arc::new(UpstreamMetrics::default());
        upstream.register(&mut registry);
        registry.register_collector(Box::new(Process::new()));
        Self { registry, server, upstream }
    }

    /// Shows UserSigs and quotas of these applications from now on.
    pub fn watch_apps(&mut self, apps: BTreeMap<String, Arc<Upstream>>) {
        self.registry.register_collector(Box::new(Apps { apps }));
    }

    /// Everything in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never, in practice: a text can always grow.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

impl Default for ServerMetrics {
    fn default() -> Self {
        Self {
            started: Family::default(),
            handled: Family::default(),
            handling: seconds(),
            received: Family::default(),
            sent: Family::default(),
            duration: seconds(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            certificate_not_after: Gauge::default(),
            reload_failures: Family::default(),
            stale_files: Family::default(),
        }
    }
}

impl ReloadMetrics {
    /// What is in force is what the file says.
    pub fn succeeded(&self) {
        self.stale.set(0);
    }

    /// The file cannot be read or used; what was in force stays.
    pub fn failed(&self) {
        self.failures.inc();
        self.stale.set(1);
    }
}

impl ServerMetrics {
    /// The metrics of one file.
    pub fn reload(&self, file: &'static str) -> ReloadMetrics {
        let labels = FileLabels { file };
        let failures = self.reload_failures.get_or_create(&labels).clone();
        ReloadMetrics { failures, stale: self.stale_files.get_or_create(&labels).clone() }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("grpc_server_started", "Calls that began", self.started.clone());
        registry.register("grpc_server_handled", "Calls that ended, by code", self.handled.clone());
        registry.register("grpc_server_handling_seconds", "How long calls took", self.handling.clone());
        registry.register("grpc_server_msg_received", "Messages that came in", self.received.clone());
        registry.register("grpc_server_msg_sent", "Messages that went out", self.sent.clone());
        let help = "How long calls took";
        registry.register_with_unit("rpc_server_call_duration", help, Unit::Seconds, self.duration.clone());
        registry.register("tim_server_in_flight", "Calls that are being served", self.in_flight.clone());
        registry.register("tim_server_connections", "Open connections", self.connections.clone());
        let help = "Connections closed because there were too many";
        registry.register("tim_server_connections_refused", help, self.connections_refused.clone());
        let help = "When the TLS certificate in force ends, in Unix seconds; 0 without TLS";
        registry.register("tim_tls_certificate_not_after_seconds", help, self.certificate_not_after.clone());
        let help = "Files that changed and could not be used";
        registry.register("tim_reload_failures", help, self.reload_failures.clone());
        let help = "1 while what is in force is older than the file, which cannot be read or used";
        registry.register("tim_reload_stale", help, self.stale_files.clone());
        for file in ["tls", "callers", "jwks"] {
            let _ = self.reload_failures.get_or_create(&FileLabels { file });
            let _ = self.stale_files.get_or_create(&FileLabels { file });
        }
    }
}

/// The age of every UserSig in use, and what is left of every quota.
#[derive(Debug)]
struct Apps {
    apps: BTreeMap<String, Arc<Upstream>>,
}

impl Collector for Apps {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Age of the UserSig in use";
        let mut family = encoder.encode_descriptor("tim_usersig_age", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (app, upstream) in &self.apps {
            let age = ConstGauge::new(upstream.usersig_age().as_secs_f64());
            age.encode(family.encode_family(&[("app", app.as_str())])?)?;
        }
        let help = "What the rate of a command left of the last second, in calls of this process";
        let mut family = encoder.encode_descriptor("tim_upstream_quota_left", help, None, MetricType::Gauge)?;
        for (app, upstream) in &self.apps {
            for (command, left) in upstream.quota_left() {
                let labels = [("app", app.as_str()), ("command", command)];
                ConstGauge::new(left).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

impl prometheus_client::encoding::EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        fmt::Write::write_str(encoder, &self.0)
    }
}
