//! Traces: finished spans go to an OpenTelemetry collector by OTLP over HTTP. What and where is said by OpenTelemetry's own
//! environment variables, which are the same for every service.

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// The exporter of the process, if it has one; by default it has none.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

const NAME: &str = "tencent-im-grpc";
/// Where spans go; without one of these nothing is exported.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// What variables of OpenTelemetry may say here. Another value would be left aside without a word.
const SUPPORTED: [(&str, &[&str]); 4] = [
    (
        "OTEL_TRACES_SAMPLER",
        &[
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ],
    ),
    ("OTEL_TRACES_EXPORTER", &["otlp"]),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", &["http/protobuf"]),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", &["http/protobuf"]),
];

impl Traces {
    /// Starts the exporter if there is an endpoint. The caller's `traceparent` is understood in any case.
    ///
    /// # Errors
    /// When the endpoint is no URL.
    pub fn start() -> Result<Self, ExporterBuildError> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        if is("OTEL_SDK_DISABLED", "true") || ENDPOINTS.iter().all(|name| is(name, "")) {
            return Ok(Self(None));
        }
        // The exporter's HTTP client takes the process's provider. The error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
        // The sampler is OTEL_TRACES_SAMPLER's.
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        Ok(Self(Some(provider)))
    }

    /// Warns of variables that do not mean here what they say. Only once the log is set up.
    pub(super) fn warn_of_ignored(&self) {
        if self.0.is_none() {
            return;
        }
        for (variable, supported) in SUPPORTED {
            let value = std::env::var(variable).unwrap_or_default();
            if !value.is_empty() && !supported.contains(&value.as_str()) {
                let supported = supported.join(", ");
                tracing::warn!(variable, %value, %supported, "the variable is ignored: its value is not supported");
            }
        }
    }

    /// Turns the spans of this crate into those of OpenTelemetry.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> Option<impl Layer<S>> {
        let tracer = self.0.as_ref()?.tracer(NAME);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        // Whatever the log level: a span is no log line, and a log line is no event of a span.
        Some(layer.with_filter(filter_fn(is_own_span)))
    }

    /// Sends what has not been sent yet. Blocks for some seconds when the collector is away, so call it outside the runtime.
    pub fn flush(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

fn is_own_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
        && *metadata.level() <= tracing::Level::INFO
}

/// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, and what is known without them.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    let named = !is("OTEL_SERVICE_NAME", "")
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|text| text.contains("service.name="));
    if named { builder.build() } else { builder.with_service_name(NAME).build() }
}

/// Whether a variable has this value; one that is not set is empty.
fn is(name: &str, value: &str) -> bool {
    std::env::var(name).unwrap_or_default() == value
}
