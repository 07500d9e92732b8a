//! The disk of the embedded database has no space for a while, or takes no writes.

use freshet_tests::api::Api;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::process::{FreshetProcess, Service};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::Setup;
use freshet_tests::small_disk::SmallDisk;
use freshet_tests::stage::{Stage, staged};
use freshet_wait::eventually;
use serde_json::json;

use crate::pay::{FILE, PAY, Pay, component};

const DISK_MEBIBYTES: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_of_and_survived() {
    let name = "a_full_disk_is_told_of_and_survived";
    let Some(disk) = SmallDisk::mount_or_tell(DISK_MEBIBYTES, name) else {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_disk_that_takes_no_writes_ends_with_the_reason() {
    let name = "a_start_on_a_disk_that_takes_no_writes_ends_with_the_reason";
    let Some(disk) = SmallDisk::mount_or_tell(DISK_MEBIBYTES, name) else {
        return;
    };
    let setup = Setup::at_free_addresses();
    let config = json!({
        "backend": {
            "listen": setup.api.to_string(),
            "database": {"connection": {"directory": disk.path()}},
        },
        "freshet": {
            "webhooks": {"listen": setup.webhooks.to_string()},
            "admin": {"listen": setup.admin.to_string()},
        },
    });
    let folder = tempfile::tempdir().expect("a folder");
    let ends_with = async |process: &FreshetProcess, reasons: &[&str]| {
        let status = eventually("the process ends by itself", || async {
            process.ended().ok_or_else(|| process.log())
        })
        .await;
        let log = process.log();
        let last = log.lines().last().unwrap_or_default();
        assert!(!status.success(), "{log}");
        // What is wrong, and where to look.
        assert!(reasons.iter().any(|it| last.contains(it)), "{last}");
        let path = disk.path().display().to_string();
        assert!(last.contains(&path), "no {path} in {last}");
    };
    // There is no database yet, and none can be made.
    disk.set_read_only(true).expect("nobody writes to it");
    let process = FreshetProcess::start(Service::All, &freshet_binary(), folder.path(), &config);
    let process = process.expect("it can be run");
    ends_with(&process, &["Read-only file system"]).await;

    disk.set_read_only(false).expect("everybody may write");
    process.restart().expect("it can be run");
    Api::new(setup.api, setup.admin).is_ready().await;
    let stopped = process.stop().await;
    assert!(stopped.status.success(), "{}", process.log());

    // There is one, which cannot be written to. Whether SQLite can open it then depends on the files that the last
    // process left beside it.
    disk.set_read_only(true).expect("nobody writes to it");
    process.restart().expect("it can be run");
    ends_with(&process, &["Read-only file system", "readonly database"]).await;
    disk.set_read_only(false).expect("everybody may write");
}
