//! A processor over the memory bus, with everything a story needs around it.

use std::time::Duration;

use freshet_bus::{Bus, Delivery, Inbox, Outbound};
use freshet_processor::config::{GithubIntegration, RetryPolicy};
use freshet_processor::{ProcessorConfig, ProcessorDeps, start};
use freshet_proto::message::{
    FailureKind, Job, Lane, Observation, Repository, RepositoryObserved, RepositoryTarget,
    WantedPath, job, observation::Body,
};
use freshet_proto::stream::{JOBS, StreamSizes, observation_consumer, topology_of_sizes};
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::Readiness;
use freshet_runtime::clock::Clock;
use freshet_runtime::metrics::Registry;
use freshet_runtime::progress::ProgressBoard;
use freshet_runtime::supervisor::Supervisor;
use freshet_wait::{PATIENCE, in_time};
use prost::Message;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stub::Stub;

pub(crate) const HOST: &str = "github.test";
pub(crate) const PAY: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\n\
    spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n";

pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) subjects: Subjects,
    pub(crate) github: Stub,
    hi: Inbox,
    lo: Inbox,
    pub(crate) registry: Registry,
    pub(crate) shutdown: CancellationToken,
    pub(crate) processor: tokio::task::JoinHandle<()>,
}

impl World {
    pub(crate) async fn start(github: Stub) -> Self {
        Self::start_with(github, |_| {}).await
    }

    pub(crate) async fn start_with(
        github: Stub,
        change: impl FnOnce(&mut ProcessorConfig),
    ) -> Self {
        Self::start_in(github, StreamSizes::default(), change).await
    }

    /// With streams that hold no more than this.
    pub(crate) async fn start_in(
        github: Stub,
        sizes: StreamSizes,
        change: impl FnOnce(&mut ProcessorConfig),
    ) -> Self {
        let bus = Bus::memory();
        let subjects = Subjects::default();
        bus.provision(&topology_of_sizes(&subjects, 1, &sizes))
            .await
            .expect("a fresh bus");
        let mut config = ProcessorConfig {
            github: vec![GithubIntegration {
                host: HOST.to_owned(),
                api_base_url: github.url(),
                token: None,
            }],
            retry: RetryPolicy {
                delay_min: Duration::from_millis(1),
                delay_max: Duration::from_millis(2),
                times_max: 2,
            },
            behind_delays: vec![Duration::from_millis(1); 2],
            ..ProcessorConfig::default()
        };
        change(&mut config);
        let shutdown = CancellationToken::new();
        let mut supervisor = Supervisor::new(shutdown.clone(), PATIENCE);
        let registry = Registry::new("catalog");
        let deps = ProcessorDeps {
            bus: bus.clone(),
            clock: Clock::system(),
            registry: registry.clone(),
            readiness: Readiness::default(),
            progress: ProgressBoard::unread(),
        };
        start(config, deps, &mut supervisor)
            .await
            .expect("a processor");
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's task ends with its runtime"
        )]
        let processor = tokio::spawn(async move { supervisor.run().await.expect("a clean stop") });
        let hi = bus
            .consume(&observation_consumer(&subjects, Lane::Hi))
            .await
            .expect("an inbox");
        let lo = bus
            .consume(&observation_consumer(&subjects, Lane::Lo))
            .await
            .expect("an inbox");
        Self {
            bus,
            subjects,
            github,
            hi,
            lo,
            registry,
            shutdown,
            processor,
        }
    }

    pub(crate) async fn publish(&self, job: &Job) {
        let subject = self
            .subjects
            .job(job.lane(), &job.installation, job.source_id);
        let _ = self
            .bus
            .publish(Outbound::new(subject, job.encode_to_vec()))
            .await
            .expect("a stored job");
    }

    pub(crate) async fn observed(&mut self, lane: Lane) -> Observation {
        let inbox = if lane == Lane::Hi {
            &mut self.hi
        } else {
            &mut self.lo
        };
        let mut deliveries: Vec<Delivery> = in_time("an observation", inbox.next(1))
            .await
            .expect("a bus");
        let delivery = deliveries.remove(0);
        let observation = Observation::decode(delivery.payload.clone()).expect("an observation");
        delivery.ack().await.expect("an acknowledgement");
        observation
    }

    /// Acknowledges so many observations of sweeps, whatever they say.
    pub(crate) async fn drop_sweeps(&mut self, count: usize) {
        for _ in 0..count {
            let mut deliveries = in_time("an observation", self.lo.next(1))
                .await
                .expect("a bus");
            let delivery = deliveries.remove(0);
            delivery.ack().await.expect("an acknowledgement");
        }
    }

    pub(crate) async fn repository_observed(&mut self, lane: Lane) -> RepositoryObserved {
        match self.observed(lane).await.body {
            Some(Body::Repository(observed)) => observed,
            other => panic!("not a repository: {other:?}"),
        }
    }

    pub(crate) async fn failure(&mut self, lane: Lane) -> FailureKind {
        match self.observed(lane).await.body {
            Some(Body::Failed(failed)) => failed.kind(),
            other => panic!("not a failure: {other:?}"),
        }
    }

    pub(crate) async fn messages(&self, stream: &str) -> u64 {
        let depths = self.bus.depths().await.expect("depths");
        depths
            .iter()
            .find(|depth| depth.stream == stream)
            .map_or(0, |depth| depth.messages)
    }

    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        (&mut self.processor).await.expect("a clean stop");
        assert_eq!(self.messages(JOBS).await, 0, "every job is settled");
    }
}

pub(crate) fn job(source_id: i64, lane: Lane, target: RepositoryTarget) -> Job {
    Job {
        source_id,
        generation: 3,
        lane: lane.into(),
        installation: HOST.to_owned(),
        host: HOST.to_owned(),
        cause: None,
        target: Some(job::Target::Repository(target)),
    }
}

pub(crate) fn target(id: u64, held: &str, push: (&str, &str), held_blob: &str) -> RepositoryTarget {
    RepositoryTarget {
        repository: Some(Repository {
            id,
            node_id: format!("R_{id}"),
            owner: "acme".to_owned(),
            name: format!("repository-{id}"),
            ..Repository::default()
        }),
        r#ref: "HEAD".to_owned(),
        held_head: held.to_owned(),
        before: push.0.to_owned(),
        after: push.1.to_owned(),
        wanted: vec![WantedPath {
            path: "catalog-info.yaml".to_owned(),
            held_blob: held_blob.to_owned(),
            ..WantedPath::default()
        }],
    }
}

pub(crate) fn push(source_id: i64) -> Job {
    job(
        source_id,
        Lane::Hi,
        target(source_id.unsigned_abs(), "h1", ("h1", "h2"), "b1"),
    )
}

pub(crate) fn sweep(source_id: i64) -> Job {
    job(
        source_id,
        Lane::Lo,
        target(source_id.unsigned_abs(), "h1", ("", ""), "b1"),
    )
}

/// Answers each repository asked for by its node id with this head and file.
pub(crate) fn repositories(query: &str, head: &str, file: &Value) -> Value {
    let ids = query.match_indices("node(id: \"R_").map(|(at, mark)| {
        let digits: String = query[at + mark.len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse::<u64>().expect("an id")
    });
    let nodes = ids.enumerate().map(|(index, id)| {
        let node = json!({
            "id": format!("R_{id}"), "databaseId": id, "name": format!("repository-{id}"), "url": "https://github.test/acme/x",
            "isArchived": false, "isEmpty": false, "owner": {"login": "acme"},
            "defaultBranchRef": {"name": "main", "target": {"oid": head}}, "commit": {"oid": head}, "p0": file,
        });
        (format!("r{index}"), node)
    });
    json!({ "data": nodes.collect::<serde_json::Map<_, _>>() })
}

pub(crate) fn text(oid: &str, text: &str) -> Value {
    json!({"__typename": "Blob", "oid": oid, "byteSize": text.len(), "isBinary": false, "isTruncated": false, "text": text})
}

pub(crate) fn unchanged() -> Value {
    json!({"__typename": "Blob", "oid": "b1", "byteSize": 4})
}
