//! Separate processes over NATS and PostgreSQL: one is killed while it works.

use std::time::Duration;

use freshet_tests::actors::Api;
use freshet_tests::catalog::{
    Backends, Profile, Setup, app_config, freshet_binary, hook, start_github,
};
use freshet_tests::process::{FreshetProcess, Service, free_address};
use freshet_tests::wait::{eventually, within};

use crate::pay::{FILE, PAY, REPOSITORY, component};

/// A killed processor's job comes again after its acknowledgement is overdue.
const RECOVERY: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_is_killed_in_the_middle_of_a_job() {
    let github = start_github(&[("pay", &[(FILE, &component("first"))])]).await;
    let backends = Backends::start(Profile::Nats).await;
    let database = backends.database().await;
    let api_setup = Setup {
        webhooks: free_address(),
        api: free_address(),
        ..Setup::default()
    };
    let mut processes = Vec::new();
    let mut admin = api_setup.admin;
    for service in [Service::Store, Service::Processor, Service::Ingestor] {
        let setup = Setup {
            admin: free_address(),
            ..api_setup.clone()
        };
        if service == Service::Store {
            admin = setup.admin;
        }
        let config = app_config(&setup, &github, &backends.bus(), &database);
        let folder = backends.folder.path();
        let process = FreshetProcess::start(service, &freshet_binary(), folder, &config);
        processes.push(process.expect("the role starts"));
    }
    hook(&github, api_setup.webhooks);
    let api = Api::new(api_setup.api, admin);
    within(RECOVERY, "the first version is visible", || async {
        match api.entity(PAY).await? {
            Some(_) => Ok(()),
            None => Err("404".to_owned()),
        }
    })
    .await;

    github.set_latency(Duration::from_secs(5));
    let begun = github.requests_begun();
    github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
    eventually("the processor waits for GitHub", || async {
        if github.requests_begun() > begun {
            Ok(())
        } else {
            Err("no call".to_owned())
        }
    })
    .await;
    let processor = &processes[1];
    processor.kill9();
    github.set_latency(Duration::ZERO);
    processor.restart().expect("the processor starts again");

    within(RECOVERY, "the second version is visible", || async {
        let entity = api.entity(PAY).await?.ok_or("gone")?;
        if entity["metadata"]["title"] == "second" {
            Ok(())
        } else {
            Err(entity.to_string())
        }
    })
    .await;
    api.settles().await;
}
