//! Logs and traces of a process.
//!
//! Logs go to standard error; traces, if an endpoint is configured, to an OpenTelemetry collector. Spans carry
//! the W3C trace context across the bus by [`current_traceparent`] and [`set_parent`].

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

const TRACEPARENT: &str = "traceparent";
/// What is traced. Finer than what is logged, as spans below the filter are not exported.
const TRACE_FILTER: &str =
    "info,freshet=debug,freshet_ingestor=debug,freshet_processor=debug,freshet_store=debug";

/// What a process logs and traces.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// How a log line looks.
    pub log_format: LogFormat,
    /// What is logged, such as `info,freshet_store=debug`.
    pub log_filter: String,
    /// Where traces go (OTLP over gRPC), such as `http://127.0.0.1:4317`; nowhere if absent.
    pub otlp_endpoint: Option<String>,
    /// `service.name` of the traces.
    pub service_name: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("`{filter}` is not a log filter")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The exporter cannot be built.
    #[error("cannot export traces to {endpoint}")]
    Exporter {
        /// As configured.
        endpoint: String,
        /// Why.
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

/// Flushes the traces when the process ends.
#[must_use = "dropping the guard ends the export of traces"]
pub struct TelemetryGuard(Option<SdkTracerProvider>);

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|provider| provider.shutdown()) {
            eprintln!("the last traces could not be exported: {error}");
        }
    }
}

/// Starts logging and tracing for the whole process. A second call in one process changes nothing.
///
/// # Errors
///
/// If the filter or the endpoint is wrong.
pub fn init(config: TelemetryConfig) -> Result<TelemetryGuard, TelemetryError> {
    let filter = parse_filter(&config.log_filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let provider = config
        .otlp_endpoint
        .map(|endpoint| tracer_provider(endpoint, config.service_name))
        .transpose()?;
    let traces = match &provider {
        Some(provider) => {
            let tracer = provider.tracer("freshet");
            Some(
                tracing_opentelemetry::layer()
                    .with_tracer(tracer)
                    .with_filter(parse_filter(TRACE_FILTER)?),
            )
        }
        None => None,
    };
    let installed = tracing_subscriber::registry()
        .with(traces)
        .with(lines.with_filter(filter))
        .try_init();
    if installed.is_err() {
        return Ok(TelemetryGuard(None));
    }
    Ok(TelemetryGuard(provider))
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter {
        filter: filter.to_owned(),
        source,
    })
}

fn tracer_provider(
    endpoint: String,
    service_name: String,
) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&endpoint)
        .build()
        .map_err(|source| TelemetryError::Exporter { endpoint, source })?;
    let resource = Resource::builder().with_service_name(service_name).build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

/// W3C trace context of the current span; `None` if it is not traced.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes `span` a child of the span that sent `traceparent`.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if span.set_parent(context).is_err() {
        tracing::debug!("the span has no trace to join");
    }
}
