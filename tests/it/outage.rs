//! What goes wrong around Freshet, and that it comes back by itself.

use std::time::Duration;

use freshet_github_emulator::Fault;
use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_wait::PATIENCE_FOR_MANY;

use crate::pay::{PAY, catalog_with_pay};

/// A source that failed is tried again later and later, so this may take as long as the last pause.
async fn recovers_to(world: &TestCatalog, title: &str) {
    world
        .api
        .sees_within(PATIENCE_FOR_MANY, PAY, "/metadata/title", title)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_fails_and_recovers() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.github.fail_all(Fault::Server(502));
    pay.says("second");
    world
        .api
        .fails_to_read(pay.repository().full_name(), 1)
        .await;
    world.api.shows(PAY, "first").await;
    world.github.heal();
    recovers_to(&world, "second").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_while_github_says_wait() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.github.clear_log();
    world.github.fail_next(
        1,
        Fault::RetryAfter {
            status: 403,
            seconds: 2,
        },
    );
    pay.says("second");
    recovers_to(&world, "second").await;
    let requests = world.github.requests();
    let times: Vec<_> = requests.iter().map(|request| request.at).collect();
    assert_eq!(times.len(), 2, "{requests:?}");
    assert!(
        times[1] - times[0] >= Duration::from_secs(2),
        "{requests:?}"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_seen_keeps_its_entities() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    pay.repository().hides();
    pay.removes_its_file();
    world
        .api
        .fails_to_read(pay.repository().full_name(), 1)
        .await;
    world.api.sees(PAY).await;
    pay.repository().shows_itself();
    world.api.no_longer_sees(PAY).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_killed_and_restarted() {
    let (world, pay) = catalog_with_pay(Profile::Nats).await;
    world.nats().kill();
    pay.says("while it is down");
    // Refused, not swallowed: GitHub has it still.
    world.deliveries.are_refused().await;
    world.nats().restart().await;
    world.api.is_ready().await;
    pay.says("third");
    world.deliveries.are_repeated_until_accepted().await;
    recovers_to(&world, "third").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_killed_and_restarted() {
    let (world, pay) = catalog_with_pay(Profile::Nats).await;
    world.postgres().kill();
    pay.says("second");
    // It is durable in the stream, though nobody can record it.
    world.deliveries.are_accepted(1).await;
    world.api.shows(PAY, "first").await;
    world.postgres().restart().await;
    recovers_to(&world, "second").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_everything_forgets_nothing() {
    let (mut world, pay) = catalog_with_pay(Profile::Embedded).await;
    let before = world.api.sees(PAY).await;
    world.stop_services().await;
    world.start_services().await;
    let after = world.api.sees(PAY).await;
    assert_eq!(before, after);
    pay.says("second");
    world.api.shows(PAY, "second").await;
    world.finish().await;
}
