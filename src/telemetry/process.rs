//! Metrics of the process, under the names that Prometheus' own clients use, and which build it is.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::build_info;
use contract::wire;

/// Values that are read with each scrape.
#[derive(Debug)]
pub struct Process {
    started: f64,
}

/// What the operating system says of the process.
struct Usage {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    open_files: u64,
    most_open_files: u64,
}

impl Process {
    /// One that starts now.
    pub fn new() -> Self {
        Self { started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let unknown = ConstCounter::new(wire::unknown_enum_values());
        let help = "Enum values of replies that the contract does not know";
        let metric = encoder.encode_descriptor("tim_unknown_enum_values", help, None, MetricType::Counter)?;
        unknown.encode(metric)?;
        let labels = [("version", build_info::VERSION), ("commit", build_info::COMMIT)];
        let help = "1, with the version and the commit of this build";
        let mut metric = encoder.encode_descriptor("tim_build_info", help, None, MetricType::Gauge)?;
        ConstGauge::new(1).encode(metric.encode_family(&labels)?)?;
        gauge(&mut encoder, "process_start_time_seconds", "When the process started, in Unix seconds", self.started)?;
        let Some(usage) = usage() else { return Ok(()) };
        let help = "CPU time of the process, in seconds";
        let metric = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
        ConstCounter::new(usage.cpu_seconds).encode(metric)?;
        let gauges = [
            ("process_resident_memory_bytes", "Memory of the process that is in use", usage.resident_bytes),
            ("process_virtual_memory_bytes", "Addresses of the process that are in use", usage.virtual_bytes),
            ("process_open_fds", "Open files, connections included", usage.open_files),
            ("process_max_fds", "Most files that may be open", usage.most_open_files),
        ];
        gauges.into_iter().try_for_each(|(name, help, value)| gauge(&mut encoder, name, help, value as f64))
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

#[cfg(target_os = "linux")]
fn usage() -> Option<Usage> {
    use procfs::process::{LimitValue, Process};

    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let most_open_files = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => limit,
        LimitValue::Unlimited => u64::MAX,
    };
    Some(Usage {
        cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        open_files: process.fd_count().ok()? as u64,
        most_open_files,
    })
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Option<Usage> {
    None
}
