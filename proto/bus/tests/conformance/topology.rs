//! Topology: created once, compared afterwards.

use freshet_proto::stream::{JOBS, SIGNALS};

use super::{Lab, World};
use freshet_bus::ProvisionError;

pub(super) async fn run(lab: &impl Lab) {
    provisioning_again_changes_nothing(lab).await;
    every_differing_field_is_named_and_nothing_is_changed(lab).await;
}

async fn provisioning_again_changes_nothing(lab: &impl Lab) {
    let world = World::new(lab, "idempotent").await;
    let _published = world.publish(world.job(1), "a").await;
    world
        .bus
        .provision(&world.topology)
        .await
        .expect("it is as it should be");
    assert_eq!(world.messages_in(JOBS).await, 1);
}

async fn every_differing_field_is_named_and_nothing_is_changed(lab: &impl Lab) {
    let world = World::new(lab, "drift").await;
    let mut other = world.topology.clone();
    for stream in &mut other.streams {
        if stream.name.starts_with(SIGNALS) {
            stream.bytes_max = Some(123_456);
            stream.duplicate_window *= 2;
        }
        if stream.name.starts_with(JOBS) {
            stream.messages_per_subject_max = Some(2);
        }
    }
    let error = world
        .bus
        .provision(&other)
        .await
        .expect_err("the streams are not these");
    let ProvisionError::Drift(drifts) = error else {
        panic!("expected a drift, got {error}")
    };
    let mut named: Vec<_> = drifts.0.iter().map(|drift| drift.name.clone()).collect();
    named.sort();
    let (jobs, signals) = (format!("{JOBS}_drift"), format!("{SIGNALS}_drift"));
    assert_eq!(named, [jobs, signals.clone(), signals]);
    assert!(drifts.to_string().contains("123456"), "{drifts}");
    world
        .bus
        .provision(&world.topology)
        .await
        .expect("nothing was changed");
}
