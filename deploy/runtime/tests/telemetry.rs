//! Traces in a process of their own, as the subscriber belongs to the whole process.

use freshet_runtime::progress::PROGRESS_LOGGED_EVERY;
use freshet_runtime::telemetry::{
    LogFormat, LogOutput, TelemetryConfig, TelemetryError, current_traceparent, init, set_parent,
};

const REMOTE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn config(log_filter: &str, otlp_endpoint: Option<&str>) -> TelemetryConfig {
    TelemetryConfig {
        log_format: LogFormat::Json,
        log_filter: log_filter.to_owned(),
        otlp_endpoint: otlp_endpoint.map(str::to_owned),
        service_name: "freshet".to_owned(),
        progress_every: PROGRESS_LOGGED_EVERY,
    }
}

/// One test, because the order matters. Nobody listens at the endpoint: a collector that is down must
/// neither keep a process from starting nor from ending.
#[test]
fn a_trace_crosses_the_bus_whatever_is_logged_and_without_a_collector() {
    assert_eq!(
        current_traceparent(),
        None,
        "nothing is traced before the start"
    );
    let refused =
        init(&config("freshet=loud", None), LogOutput::plain()).expect_err("no such level");
    assert!(
        matches!(refused, TelemetryError::Filter { .. }),
        "{refused}"
    );

    let guard = init(
        &config("error", Some("http://127.0.0.1:1")),
        LogOutput::plain(),
    )
    .expect("a start without a runtime or a collector");

    let span = tracing::debug_span!(target: "freshet_processor", "process");
    set_parent(&span, REMOTE);
    let sent = span
        .in_scope(current_traceparent)
        .expect("a traced span, although only errors are logged");
    assert_eq!(sent[..36], REMOTE[..36], "the trace goes on");
    assert_ne!(sent, REMOTE, "in a span of its own");

    let root = tracing::debug_span!(target: "freshet_store", "apply");
    set_parent(&root, "not a traceparent");
    let sent = root.in_scope(current_traceparent).expect("a traced span");
    assert_ne!(sent[..36], REMOTE[..36]);

    let again =
        init(&config("info", None), LogOutput::plain()).expect_err("a process has one subscriber");
    assert!(
        matches!(again, TelemetryError::AlreadyInstalled(_)),
        "{again}"
    );
    drop((span, root));
    drop(guard);
}
