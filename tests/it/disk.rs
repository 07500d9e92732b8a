//! The disk of the embedded database has no space for a while.

use freshet_tests::catalog::TestCatalog;
use freshet_tests::small_disk::SmallDisk;
use freshet_tests::stage::{Stage, staged};
use serde_json::json;

use crate::pay::{FILE, PAY, Pay, component};

const DISK_MEBIBYTES: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_of_and_survived() {
    let disk = SmallDisk::mount(DISK_MEBIBYTES).expect("a folder to mount a disk on");
    let Some(disk) = disk else {
        println!("no disk can be mounted here, so none is filled");
        return;
    };
    let world = TestCatalog::stage(Stage {
        repositories: vec![staged(("pay", &[(FILE, &component("first"))]))],
        overlay: json!({"backend": {"database": {"connection": {"directory": disk.path()}}}}),
        ..Stage::default()
    })
    .await;
    world.api.shows(PAY, "first").await;

    disk.fill().expect("no space is left");
    world.api.is_not_ready_for("database or disk is full").await;
    let pay = Pay::of(&world);
    pay.says("second");
    world.deliveries.are_refused().await;
    world.api.shows(PAY, "first").await;

    disk.free().expect("there is space again");
    world.api.is_ready().await;
    world.deliveries.are_repeated_until_accepted().await;
    world.api.shows(PAY, "second").await;
    world.finish().await;
}
