//! Starting the ingestor: which tasks it has.

use std::net::SocketAddr;
use std::sync::Arc;

use freshet_bus::Bus;
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::Readiness;
use freshet_runtime::clock::Clock;
use freshet_runtime::metrics::Registry;
use freshet_runtime::supervisor::Supervisor;
use tokio::net::TcpListener;

use crate::config::IngestorConfig;
use crate::metrics::IngestorMetrics;
use crate::publish::SignalPublisher;
use crate::{schedule, webhook};

const READINESS_CONDITION: &str = "ingestor.bus";

/// What the ingestor stands on.
pub struct IngestorDeps {
    /// Where signals go.
    pub bus: Bus,
    /// What time it is.
    pub clock: Clock,
    /// Where metrics are registered.
    pub registry: Registry,
    /// Where readiness is reported.
    pub readiness: Readiness,
    /// Where webhooks arrive; bound by the caller, so that its address is known before the start.
    pub listener: TcpListener,
}

/// A running ingestor.
#[derive(Clone, Copy, Debug)]
pub struct RunningIngestor {
    /// Where webhooks arrive.
    pub webhook_address: SocketAddr,
}

/// Starts the webhook listener and the schedules as tasks of `supervisor`.
///
/// # Errors
///
/// If the listener's address cannot be read.
pub fn start(
    config: IngestorConfig,
    deps: IngestorDeps,
    supervisor: &mut Supervisor,
) -> std::io::Result<RunningIngestor> {
    let webhook_address = deps.listener.local_addr()?;
    let metrics = IngestorMetrics::register(&deps.registry);
    let subjects = Subjects::new(&config.subject_prefix);
    let publisher = SignalPublisher::new(deps.bus.clone(), subjects, config.limits.publish_timeout);

    let receiver = webhook::WebhookReceiver::new(
        config.webhooks,
        config.limits,
        publisher.clone(),
        deps.clock.clone(),
        metrics.clone(),
    );
    supervisor.spawn_door(
        "webhooks",
        webhook::serve_webhooks(Arc::new(receiver), deps.listener, supervisor.closing()),
    );

    // A door like the webhooks: a tick lets work in, and is confirmed only while the ledger is there.
    let ticker = schedule::Ticker::new(config.schedules, publisher, deps.clock, metrics);
    supervisor.spawn_door("schedules", ticker.run(supervisor.closing()));

    // Ready means that a delivery could be made durable; GitHub and the database are not asked,
    // because nothing here needs them.
    let bus = deps.bus;
    supervisor.spawn(
        "ingestor readiness",
        deps.readiness.watch_connection(
            READINESS_CONDITION,
            "the bus",
            move || bus.is_connected(),
            supervisor.shutdown(),
        ),
    );
    Ok(RunningIngestor { webhook_address })
}
