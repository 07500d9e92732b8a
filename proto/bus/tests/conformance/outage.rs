//! An outage: nothing is lost silently, and everything works again afterwards.

use super::{ACK_WAIT_LONG, Lab, World, one, text};
use freshet_bus::{Outbound, PublishError};
use freshet_wait::in_time;

pub(super) async fn run(lab: &impl Lab) {
    an_outage_is_noticed_and_survived(lab).await;
}

async fn an_outage_is_noticed_and_survived(lab: &impl Lab) {
    let world = World::new(lab, "outage").await;
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let _published = world.publish(world.observation(1), "before").await;
    let in_hand = one(&mut observations).await;
    let mut reconnections = world.bus.reconnections();
    reconnections.mark_unchanged();

    lab.interrupt(&world.bus).await;
    let publish = || {
        world
            .bus
            .publish(Outbound::new(world.observation(2), "during"))
    };
    let error = publish().await.expect_err("nobody confirms it");
    assert!(
        matches!(error, PublishError::Ambiguous | PublishError::Unavailable),
        "{error:?}"
    );
    assert!(error.is_transient());
    in_hand.ack().await.expect_err("nobody confirms it");
    let error = publish().await.expect_err("nobody confirms it");
    assert!(
        matches!(error, PublishError::Unavailable),
        "by now the outage is known: {error:?}"
    );
    assert!(!world.bus.is_connected());

    lab.resume(&world.bus).await;
    in_time("the connection", reconnections.changed())
        .await
        .expect("the bus lives");
    assert!(world.bus.is_connected());
    let _published = world.publish(world.observation(3), "after").await;
    loop {
        let delivery = one(&mut observations).await;
        let is_new = text(&delivery) == "after";
        delivery.ack().await.expect("acknowledged");
        if is_new {
            break;
        }
    }
}
