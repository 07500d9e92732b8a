//! Logs, and traces for a collector.
//!
//! Logs go to standard error, so that standard output stays for what a program prints on purpose. The
//! trace exporter has its own filter: spans are mostly below the level of logs, and filtering both alike
//! would export nothing. It also has its own little runtime, because it is set up before the process's
//! runtime exists and must flush after that is gone.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, filter};

use crate::error_chain::Chain;

/// Which spans are exported, whatever is logged.
const TRACE_FILTER: &str = "warn,freshet=debug,tower_http=debug";
/// How long the exporter may take for one batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the last flush may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
const TRACEPARENT: &str = "traceparent";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where log lines go.
pub struct LogOutput {
    writer: BoxMakeWriter,
    is_coloured: bool,
}

impl LogOutput {
    /// To standard error, without colours.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            writer: BoxMakeWriter::new(std::io::stderr),
            is_coloured: false,
        }
    }

    /// To standard error, in colours.
    #[must_use]
    pub fn coloured() -> Self {
        Self {
            is_coloured: true,
            ..Self::plain()
        }
    }

    /// The same through a writer that somebody else makes, who shares the terminal. Each line is written in one call.
    #[must_use]
    pub fn through<W>(self, writer: impl Fn() -> W + Send + Sync + 'static) -> Self
    where
        W: std::io::Write + 'static,
    {
        Self {
            writer: BoxMakeWriter::new(writer),
            ..self
        }
    }
}

/// What is logged and traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which events are logged, in the syntax of `RUST_LOG`.
    pub log_filter: String,
    /// Where spans go by OTLP over gRPC; nowhere without it.
    pub otlp_endpoint: Option<String>,
    /// What the spans say they come from.
    pub service_name: String,
    /// How often the log is told how far long work is.
    pub progress_every: Duration,
}

/// Why logs or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("cannot read the log filter `{filter}`")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong with it.
        source: filter::ParseError,
    },
    /// The exporter's runtime could not be started.
    #[error("cannot start the runtime of the trace exporter")]
    Runtime(#[source] std::io::Error),
    /// The exporter could not be made.
    #[error("cannot export traces to {endpoint}")]
    Exporter {
        /// As configured.
        endpoint: String,
        /// What is wrong with it.
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The process has a subscriber already.
    #[error("cannot install the log subscriber")]
    AlreadyInstalled(#[source] TryInitError),
}

/// Flushes the last spans when dropped.
#[must_use = "dropping it ends the export of traces"]
#[derive(Debug)]
pub struct TelemetryGuard(Option<Exporter>);

#[derive(Debug)]
struct Exporter {
    provider: SdkTracerProvider,
    runtime: Runtime,
}

/// Whether a text is a filter of events, in the syntax of `RUST_LOG`.
///
/// # Errors
///
/// If it is none.
pub fn check_log_filter(filter: &str) -> Result<(), TelemetryError> {
    log_filter(filter).map(drop)
}

/// Installs the subscriber of the process. Needs no runtime around it.
///
/// # Errors
///
/// If the filter or endpoint cannot be read, or a subscriber is installed already.
pub fn init(config: &TelemetryConfig, output: LogOutput) -> Result<TelemetryGuard, TelemetryError> {
    let exporter = match &config.otlp_endpoint {
        Some(endpoint) => Some(build_exporter(endpoint, &config.service_name)?),
        None => None,
    };
    let traces = exporter.as_ref().map(|exporter| {
        tracing_opentelemetry::layer()
            .with_tracer(exporter.provider.tracer("freshet"))
            .with_filter(EnvFilter::new(TRACE_FILTER))
    });
    tracing_subscriber::registry()
        .with(log_layer(config, output)?)
        .with(traces)
        .try_init()
        .map_err(TelemetryError::AlreadyInstalled)?;
    Ok(TelemetryGuard(exporter))
}

/// The current span's context in the W3C form, for the envelope of a message. `None` when nothing is traced.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let context = tracing::Span::current().context();
    // Without an exporter there is no trace; an all-zero header would make receivers start one.
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes `span` a child of the span a message came from. What is no `traceparent` changes nothing.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // It fails when nothing is traced, or when the span has begun without a parent: then it stays a root.
        let _ = span.set_parent(context);
    }
}

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

fn log_layer<S>(
    config: &TelemetryConfig,
    output: LogOutput,
) -> Result<BoxedLayer<S>, TelemetryError>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = log_filter(&config.log_filter)?;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(output.writer)
        .with_ansi(output.is_coloured);
    Ok(match config.log_format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    })
}

fn log_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter {
        filter: filter.to_owned(),
        source,
    })
}

fn build_exporter(endpoint: &str, service_name: &str) -> Result<Exporter, TelemetryError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("trace-export")
        .enable_all()
        .build()
        .map_err(TelemetryError::Runtime)?;
    // The exporter starts tasks while it is built, and the runtime of the process does not exist
    // yet.
    let _inside = runtime.enter();
    let spans = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| TelemetryError::Exporter {
            endpoint: endpoint.to_owned(),
            source,
        })?;
    let resource = opentelemetry_sdk::Resource::builder()
        .with_service_name(service_name.to_owned())
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(spans)
        .with_resource(resource)
        .build();
    drop(_inside);
    Ok(Exporter { provider, runtime })
}

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        let Some(Exporter { provider, runtime }) = self.0.take() else {
            return;
        };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(error = %Chain(&error), "The last spans could not be exported");
        }
        // Waiting for it would panic where the guard is dropped inside of another runtime.
        runtime.shutdown_background();
    }
}
