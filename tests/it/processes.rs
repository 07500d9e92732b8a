//! Separate processes over NATS and PostgreSQL: one is killed while it works.

use std::time::Duration;

use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::catalog::start_github;
use freshet_tests::process::{FreshetProcess, Service, free_address};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{ORGANIZATION, Setup, app_config, hook};
use freshet_wait::{PATIENCE_FOR_MANY, eventually};

use crate::pay::{FILE, PAY, component};

/// Long enough to be killed in the middle of it, on any machine.
const ANSWER_AFTER: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_is_killed_in_the_middle_of_a_job() {
    let github = start_github(&[("pay", &[(FILE, &component("first"))])]).await;
    let backends = Backends::start(Profile::Nats).await;
    let database = backends.database().await;
    let common = Setup::at_free_addresses();
    let start = |service, admin| {
        let setup = Setup {
            admin,
            ..common.clone()
        };
        let config = app_config(&setup, &github, &backends.bus(), &database);
        let folder = backends.folder.path();
        FreshetProcess::start(service, &freshet_binary(), folder, &config).expect("the role starts")
    };
    let _store = start(Service::Store, common.admin);
    let processor = start(Service::Processor, free_address());
    let _ingestor = start(Service::Ingestor, free_address());
    hook(&github, common.webhooks);
    let api = Api::new(common.api, common.admin);
    let shows = async |title| {
        api.sees_within(PATIENCE_FOR_MANY, PAY, "/metadata/title", title)
            .await
    };
    shows("first").await;

    github.set_latency(ANSWER_AFTER);
    let begun = github.requests_begun();
    github
        .commit(
            &format!("{ORGANIZATION}/pay"),
            &[(FILE, Some(&component("second")))],
            "change",
        )
        .expect("committed");
    eventually("the processor waits for GitHub", || async {
        let has_asked = github.requests_begun() > begun;
        has_asked.then_some(()).ok_or_else(|| "no call".to_owned())
    })
    .await;
    processor.kill();
    github.set_latency(Duration::ZERO);
    processor.restart().expect("the processor starts again");

    // The job comes again when its acknowledgement is overdue.
    shows("second").await;
    api.settles().await;
}
