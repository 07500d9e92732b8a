//! What happens to the file of an embedded database, and that the store notices.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use freshet_wait::{PATIENCE, pause, try_within};
use sqlx::{Connection as _, Executor as _};

use super::database::log_of;
use super::surroundings::Surroundings;
use crate::freeze::freeze;
use crate::process::Service;

const STORE: Service = Service::Store;
/// What the store says at its end when it missed its file.
const MISSED: [&str; 2] = [
    "was deleted while it was in use",
    "was replaced by another file while it was in use",
];

impl Surroundings {
    /// Another process has the lock for a while.
    pub(super) async fn lock_file(&self, lasts: Duration) -> Result<()> {
        let mut other = self.database.open_file().await?;
        other.execute("begin immediate").await?;
        pause(lasts).await;
        other.execute("rollback").await?;
        Ok(other.close().await?)
    }

    /// The store is started while nothing can be written, until something can.
    pub(super) async fn start_on_read_only(&self, lasts: Duration) -> Result<()> {
        let disk = self.database.disk.as_ref().context("a disk of its own")?;
        self.roles.let_rest(STORE);
        self.roles.kill(STORE);
        let refusing = disk.set_read_only(true);
        // Given up again and again until there is something to write to.
        let started = self.roles.crash(STORE);
        self.roles.want_again(STORE);
        pause(lasts).await;
        disk.set_read_only(false)?;
        refusing?;
        started
    }

    /// The file gives way to a copy of itself, as some programs write files that they keep in step.
    pub(super) async fn replace_file(&self) -> Result<()> {
        let file = self.database.file()?;
        self.miss_file(async || {
            // Nothing is written between the copies of the file and of its log.
            let still = self.roles.pid(STORE).map(freeze).transpose()?;
            for original in [file.clone(), log_of(&file)] {
                if original.exists() {
                    let copy = original.with_extension("copy");
                    fs::copy(&original, &copy)?;
                    fs::rename(&copy, &original)?;
                }
            }
            drop(still);
            Ok(())
        })
        .await
    }

    /// The file has another name until that was noticed.
    pub(super) async fn take_file_away(&self) -> Result<()> {
        let file = self.database.file()?;
        let away = file.with_extension("away");
        let missed = self.miss_file(async || Ok(fs::rename(&file, &away)?)).await;
        fs::rename(&away, &file)?;
        missed
    }

    /// Does something to the file, and waits until the store has missed it and ended by itself with a clear error.
    async fn miss_file(&self, change: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let said = self.roles.log(STORE).len();
        change().await?;
        let ended = try_within(PATIENCE, || async {
            let has_ended = self.roles.has_ended(STORE);
            has_ended.then_some(()).ok_or_else(|| "it runs".to_owned())
        });
        ended
            .await
            .map_err(anyhow::Error::msg)
            .context("the store misses its file")?;
        let log = self.roles.log(STORE);
        let said = &log[said..];
        ensure!(
            MISSED.iter().any(|missed| said.contains(missed)),
            "the store did not say why it ended: {said}"
        );
        Ok(())
    }
}
