//! What goes wrong around Freshet, and that it comes back by itself.

use std::time::Duration;

use freshet_github_emulator::Fault;
use freshet_tests::catalog::{Profile, TestCatalog};
use freshet_tests::wait::{eventually, within};

use crate::pay::{FILE, PAY, REPOSITORY, catalog_with_pay, component};

/// Back-off after failures may take this long to try again.
const RECOVERY: Duration = Duration::from_secs(60);

async fn recovers_to(world: &TestCatalog, title: &str) {
    within(
        RECOVERY,
        &format!("{PAY} has the title {title}"),
        || async {
            let entity = world.api.entity(PAY).await?.ok_or("gone")?;
            if entity["metadata"]["title"] == title {
                Ok(())
            } else {
                Err(entity.to_string())
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_fails_and_recovers() {
    let world = catalog_with_pay(Profile::Embedded).await;
    world.github.fail_all(Fault::Server(502));
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
    eventually("the failure is known", || async {
        let sources = world.api.sources().await?;
        let failing = sources
            .iter()
            .any(|source| source["failures"].as_u64().unwrap_or_default() > 0);
        if failing {
            Ok(())
        } else {
            Err(format!("{sources:?}"))
        }
    })
    .await;
    world.api.sees_with(PAY, "/metadata/title", "first").await;
    world.github.heal();
    recovers_to(&world, "second").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_while_github_says_wait() {
    let world = catalog_with_pay(Profile::Embedded).await;
    world.github.clear_log();
    world.github.fail_next(
        1,
        Fault::RetryAfter {
            status: 403,
            seconds: 2,
        },
    );
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
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
    let world = catalog_with_pay(Profile::Embedded).await;
    world.github.conceal(REPOSITORY).expect("a repository");
    world
        .github
        .commit(REPOSITORY, &[(FILE, None)], "remove, unseen")
        .expect("committed");
    eventually("the look was in vain", || async {
        let sources = world.api.sources().await?;
        let failing = sources
            .iter()
            .any(|source| source["failures"].as_u64().unwrap_or_default() > 0);
        if failing {
            Ok(())
        } else {
            Err(format!("{sources:?}"))
        }
    })
    .await;
    world.api.sees(PAY).await;
    world.github.reveal(REPOSITORY).expect("a repository");
    within(RECOVERY, "the removal is seen", || async {
        match world.api.entity(PAY).await? {
            None => Ok(()),
            Some(_) => Err("still there".to_owned()),
        }
    })
    .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_killed_and_restarted() {
    let world = catalog_with_pay(Profile::Nats).await;
    world
        .backends
        .nats
        .as_ref()
        .expect("this profile has one")
        .kill9();
    world
        .github
        .commit(
            REPOSITORY,
            &[(FILE, Some(&component("second")))],
            "while it is down",
        )
        .expect("committed");
    eventually("the delivery was refused, not swallowed", || async {
        let refused = world
            .github
            .deliveries()
            .iter()
            .any(|delivery| delivery.status == Some(503));
        if refused {
            Ok(())
        } else {
            Err(format!("{:?}", world.github.deliveries()))
        }
    })
    .await;
    world
        .backends
        .nats
        .as_ref()
        .expect("this profile has one")
        .restart()
        .await;
    within(RECOVERY, "the processes are connected again", || async {
        world.api.ready().await
    })
    .await;
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("third")))], "after")
        .expect("committed");
    eventually(
        "the delivery is accepted, after as many redeliveries as it takes",
        || async {
            let last = world.github.deliveries().pop().ok_or("no delivery")?;
            if last.status == Some(202) {
                return Ok(());
            }
            world.github.redeliver(last.id);
            Err(format!("{last:?}"))
        },
    )
    .await;
    recovers_to(&world, "third").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_killed_and_restarted() {
    let world = catalog_with_pay(Profile::Nats).await;
    world
        .backends
        .postgres
        .as_ref()
        .expect("this profile has one")
        .kill9();
    world
        .github
        .commit(
            REPOSITORY,
            &[(FILE, Some(&component("second")))],
            "while it is down",
        )
        .expect("committed");
    eventually("the delivery is durable in the stream", || async {
        let accepted = world
            .github
            .deliveries()
            .iter()
            .any(|delivery| delivery.status == Some(202));
        if accepted {
            Ok(())
        } else {
            Err(format!("{:?}", world.github.deliveries()))
        }
    })
    .await;
    world.api.sees_with(PAY, "/metadata/title", "first").await;
    world
        .backends
        .postgres
        .as_ref()
        .expect("this profile has one")
        .restart()
        .await;
    recovers_to(&world, "second").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_everything_forgets_nothing() {
    let mut world = catalog_with_pay(Profile::Embedded).await;
    let before = world.api.sees(PAY).await;
    world.stop_services().await;
    world.start_services().await;
    let after = world.api.sees(PAY).await;
    assert_eq!(before, after);
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "after")
        .expect("committed");
    world.api.sees_with(PAY, "/metadata/title", "second").await;
    world.finish().await;
}
