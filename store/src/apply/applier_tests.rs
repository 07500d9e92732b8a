use freshet_bus::Outbound;
use freshet_model::Revision;
use freshet_proto::stream::topology;
use freshet_wait::in_time;
use prost::Message;

use super::*;
use crate::change::Snapshot;
use crate::config::DatabaseConfig;

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_is_ahead_of_its_database_ends_the_applier() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("restored.sqlite");
    let config = StoreConfig::new(DatabaseConfig::Sqlite { path });
    let repo = Repo::open(&config.database).await.expect("it opens");
    let view = View::load(Snapshot {
        revision: Revision::new(5),
        ..Snapshot::default()
    });
    let bus = Bus::memory();
    let (clock, _hands) = Clock::manual(1);
    let metrics = Arc::new(StoreMetrics::unregistered());
    let applier = Applier::new(
        repo,
        bus.clone(),
        view,
        clock,
        ApplyConfig::from(&config),
        metrics,
    );
    let subjects = Subjects::new(&config.subject_prefix);
    bus.provision(&topology(&subjects, 1))
        .await
        .expect("there are streams");
    let subject = subjects.observation(Lane::Hi, "github.com", 1);
    let observation = Observation {
        source_id: 1,
        last: true,
        ..Observation::default()
    };
    let _published = bus
        .publish(Outbound::new(subject, observation.encode_to_vec()))
        .await
        .expect("it is published");
    let running = Arc::new(applier).run(CancellationToken::new());
    let ended = in_time("it to end by itself", running).await;
    let error = ended.expect_err("and not well");
    assert!(
        matches!(
            error,
            ApplyError::Diverged { view, database }
                if view == Revision::new(5) && database == Revision::default()
        ),
        "{error:?}"
    );
}
