//! An organisation is read for the first time, and Freshet is told to stop in the middle of it.

use std::sync::Mutex;
use std::time::Duration;

use freshet_github_emulator::{Fault, GithubEmulator};
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::catalog::start_github;
use freshet_tests::process::{FreshetProcess, Service, free_address};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{ORGANIZATION, Setup, app_config, hook};
use freshet_wait::{PATIENCE_FOR_MANY, eventually, within};
use serde_json::{Value, json};

use crate::pay::{FILE, PAY, component};

const REPOSITORIES: usize = 300;
const ENTITIES: usize = 60;
/// Each file has a generated Location beside its entities, and there is a repository that is pushed to.
const VISIBLE: usize = REPOSITORIES * (ENTITIES + 1) + 2;
/// What the reading of sources is called.
const READING: &str = "reading sources";
const STOPS: usize = 2;
/// How long a stop may take.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A Freshet, in one process or in several.
struct ColdStart {
    github: GithubEmulator,
    processes: Vec<FreshetProcess>,
    api: Api,
    _backends: Backends,
}

impl ColdStart {
    async fn begin(profile: Profile, services: &[Service]) -> Self {
        Self::begin_with(profile, services, json!({}), |_| {}).await
    }

    /// The same with changes to the configuration, and to GitHub before Freshet sees it.
    async fn begin_with(
        profile: Profile,
        services: &[Service],
        overlay: Value,
        prepare: impl FnOnce(&GithubEmulator),
    ) -> Self {
        let github = start_github(&[("pay", &[(FILE, &component("first"))])]).await;
        let names = (0..REPOSITORIES).map(|number| format!("service-{number}"));
        github
            .seed_generated(ORGANIZATION, names, FILE, file)
            .expect("an organisation is made");
        let backends = Backends::start(profile).await;
        let database = backends.database().await;
        let common = Setup {
            overlay,
            ..Setup::at_free_addresses()
        };
        prepare(&github);
        hook(&github, common.webhooks);
        let processes = services.iter().map(|service| {
            // Where the catalog is served, its metrics are looked at.
            let admin = match service {
                Service::All | Service::Store => common.admin,
                Service::Ingestor | Service::Processor => free_address(),
            };
            let setup = Setup {
                admin,
                ..common.clone()
            };
            let config = app_config(&setup, &github, &backends.bus(), &database);
            let folder = backends.folder.path();
            FreshetProcess::start(*service, &freshet_binary(), folder, &config)
                .expect("the process starts")
        });
        Self {
            processes: processes.collect(),
            github,
            api: Api::new(common.api, common.admin),
            _backends: backends,
        }
    }

    async fn until_visible(&self, entities: usize) {
        within(PATIENCE_FOR_MANY, "entities are visible", || async {
            let visible = self.count_visible().await?;
            let are_enough = visible >= as_metric(entities);
            are_enough
                .then_some(())
                .ok_or_else(|| format!("{visible} of {entities}"))
        })
        .await;
    }

    async fn count_visible(&self) -> Result<f64, String> {
        self.api.metric("catalog_entities_count", &[]).await
    }

    /// Tells every process to stop, and starts them all again once they have.
    async fn stop_and_start(&self) {
        for process in &self.processes {
            let name = process.service().name();
            let report = process.stop().await;
            let log = || process.log();
            assert!(report.status.success(), "the {name} failed: {}", log());
            assert!(
                report.took <= STOP_MAX,
                "the {name} took {:?}: {}",
                report.took,
                log()
            );
        }
        for process in &self.processes {
            process.restart().expect("it starts again");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn as_metric(count: usize) -> f64 {
    count as f64
}

fn file(number: usize) -> String {
    let one =
        |index| component("t").replace("name: pay", &format!("name: service-{number}-{index}"));
    let documents: Vec<String> = (0..ENTITIES).map(one).collect();
    documents.join("---\n")
}

/// Stops a cold start in its middle, again and again, and sees that it ends well.
async fn stop_in_the_middle(profile: Profile, services: &[Service]) {
    let cold_start = ColdStart::begin(profile, services).await;
    for stop in 1..=STOPS {
        cold_start.until_visible(VISIBLE * stop / (STOPS + 2)).await;
        cold_start.stop_and_start().await;
    }
    cold_start.until_visible(VISIBLE).await;
    cold_start.api.settles().await;
    let entities = cold_start.api.entities().await.expect("the API answers");
    assert_eq!(entities.len(), VISIBLE);
    let readings = cold_start.github.count_readings(ORGANIZATION);
    let most = readings.iter().max().copied().unwrap_or_default();
    assert!(most <= STOPS + 1, "a repository was read {most} times");
    assert!(readings.iter().all(|readings| *readings > 0));
    cold_start.stop_and_start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_in_one_process_is_stopped_and_goes_on() {
    stop_in_the_middle(Profile::Embedded, &[Service::All]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_in_several_processes_is_stopped_and_goes_on() {
    let services = [Service::Store, Service::Processor, Service::Ingestor];
    stop_in_the_middle(Profile::Nats, &services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undisturbed_cold_start_reads_each_repository_once() {
    let cold_start = ColdStart::begin(Profile::Embedded, &[Service::All]).await;
    cold_start.until_visible(VISIBLE).await;
    cold_start.api.settles().await;
    let readings = cold_start.github.count_readings(ORGANIZATION);
    assert_eq!(readings, vec![1; REPOSITORIES + 1]);
}

/// Tells the log of work much more often than anybody would want.
fn told_often() -> Value {
    json!({"freshet": {"telemetry": {"progressEvery": "100ms"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_says_how_far_it_is() {
    let services = [Service::All];
    let cold_start =
        ColdStart::begin_with(Profile::Embedded, &services, told_often(), |_| {}).await;
    let seen = Mutex::new(Vec::new());
    within(PATIENCE_FOR_MANY, "the sources are read", || async {
        let work = cold_start.api.work(READING).await?;
        if let Some(work) = &work {
            let figure = |name: &str| work[name].as_u64().expect("a number");
            let mut seen = seen.lock().expect("no panic");
            seen.push((figure("done"), figure("total")));
        }
        let visible = cold_start.count_visible().await?;
        let is_over = work.is_none() && visible >= as_metric(VISIBLE);
        is_over.then_some(()).ok_or_else(|| format!("{work:?}"))
    })
    .await;
    let mut seen = seen.into_inner().expect("no panic");
    assert!(seen.is_sorted_by_key(|(done, _)| *done), "{seen:?}");
    let all = u64::try_from(REPOSITORIES).expect("some hundreds");
    let most = seen.iter().map(|(_, total)| *total).max();
    // Some may be read before the first look.
    assert!(most.is_some_and(|total| total > all / 2), "{seen:?}");
    seen.retain(|(done, _)| (1..all).contains(done));
    seen.dedup();
    assert!(seen.len() >= 2, "the numbers grow: {seen:?}");

    for gauge in ["done", "total", "left_seconds"] {
        let name = format!("catalog_work_{gauge}");
        let work = [r#"work="reading_sources""#];
        eventually(&format!("{name} is 0"), || async {
            let value = cold_start.api.metric(&name, &work).await?;
            (value == 0.0).then_some(()).ok_or(value.to_string())
        })
        .await;
    }
    let log = eventually("the log is told of the end", || async {
        let log = cold_start.processes[0].log();
        let is_told = log.contains("reading sources: done, ");
        is_told.then_some(log.clone()).ok_or(log)
    })
    .await;
    let mut lines = log.lines().filter(|line| line.contains(READING));
    let has_share = |line: &str| line.contains(" of ") && line.contains(" %)");
    assert!(lines.any(has_share), "{log}");
    // It is a file, on which nobody draws.
    assert!(!log.contains("[###"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_that_must_wait_says_for_what() {
    let services = [Service::All];
    let cold_start = ColdStart::begin_with(Profile::Embedded, &services, told_often(), |github| {
        github.fail_next(
            1,
            Fault::RetryAfter {
                status: 403,
                seconds: 3,
            },
        );
    })
    .await;
    let waits_for = within(
        PATIENCE_FOR_MANY,
        "it is told what is waited for",
        || async {
            let work = cold_start.api.work(READING).await?;
            let reason = work.as_ref().and_then(|work| work["waitsFor"].as_str());
            reason.map(str::to_owned).ok_or_else(|| format!("{work:?}"))
        },
    )
    .await;
    let host = cold_start.github.address();
    assert_eq!(waits_for, format!("the rate limit of {host}"));
    cold_start.until_visible(VISIBLE).await;
    let log = cold_start.processes[0].log();
    let line = format!("reading sources: 0 of 1 so far, it waits: the rate limit of {host} until");
    assert!(log.contains(&line), "{line} is not in {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_passes_a_cold_start() {
    let cold_start = ColdStart::begin(Profile::Embedded, &[Service::All]).await;
    cold_start.until_visible(1).await;
    cold_start
        .github
        .commit(
            &format!("{ORGANIZATION}/pay"),
            &[(FILE, Some(&component("second")))],
            "change",
        )
        .expect("committed");
    let title = "/metadata/title";
    cold_start.api.sees_with(PAY, title, "second").await;
    let visible = cold_start.count_visible().await.expect("metrics");
    assert!(
        visible < as_metric(VISIBLE),
        "all {visible} were there before the push"
    );
    cold_start.until_visible(VISIBLE).await;
}
