//! Whether what is sent to this process can be kept: proved by a write, for a database that answers
//! may have no space, be read-only, be locked, or be in a file that nobody will find again.

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio::time::timeout;

use super::database::Repo;
use super::database_file::DatabaseFileLost;
use super::error::RepoError;
use super::statement::{Tx, execute};

/// What an attempt to write came to that proves nothing bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteProof {
    /// It is durable.
    Written,
    /// It waits for a batch of this process, while reads are answered.
    Queued,
    /// Another process is at the same proof, so nothing was written, and nothing is known that was not
    /// known before.
    Skipped,
}

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub enum NotWritable {
    /// What is written would not be found again.
    #[error(transparent)]
    FileLost(#[from] DatabaseFileLost),
    /// The database says no.
    #[error(transparent)]
    Refused(#[from] RepoError),
    /// Somebody else has the lock of the database file.
    #[error(
        "the lock of the database file could not be had within {within:?}, so another process must hold it"
    )]
    Locked {
        /// How long it was waited for.
        within: Duration,
    },
    /// The database says nothing.
    #[error("the database wrote nothing within {within:?}")]
    Silent {
        /// How long it was waited for.
        within: Duration,
    },
}

impl Repo {
    /// Writes durably, into a row that nothing else is in.
    ///
    /// # Errors
    ///
    /// If nothing can be written, or that is not known `within` this time.
    pub async fn prove_writable(&self, within: Duration) -> Result<WriteProof, NotWritable> {
        let proof = self.attempt_write(within).await;
        if let Err(NotWritable::FileLost(_)) = &proof {
            let _late = timeout(within, self.abandon()).await;
        }
        proof
    }

    async fn attempt_write(&self, within: Duration) -> Result<WriteProof, NotWritable> {
        self.check_file()?;
        match timeout(within, self.write_probe()).await {
            Ok(Ok(proof)) => Ok(proof),
            Ok(Err(refused)) => {
                self.check_file()?;
                // Only the commit can tell that the log is gone, and a new connection would make another.
                if let Some(lost) = find_lost_file(&refused) {
                    return Err(lost.into());
                }
                // The next proof shall not fail for what was the matter with this connection.
                let _late = timeout(within, self.renew_writer()).await;
                Err(refused.into())
            }
            Err(_elapsed) => self.explain_silence(within).await,
        }
    }

    async fn write_probe(&self) -> Result<WriteProof, RepoError> {
        let mut tx = self.write().await?;
        let rows = tx.rewrite_probe().await?;
        tx.commit().await?;
        // The commit of a transaction that wrote nothing succeeds on a full disk as well.
        Ok(match rows {
            0 => WriteProof::Skipped,
            _ => WriteProof::Written,
        })
    }

    async fn explain_silence(&self, within: Duration) -> Result<WriteProof, NotWritable> {
        match self.has_written_within(within) {
            // A large batch holds the writer for longer than that, which is no reason to send readers
            // away. A database that hangs is as useless as one that refuses.
            Some(true) => match timeout(within, self.ping()).await {
                Ok(answered) => Ok(answered.map(|()| WriteProof::Queued)?),
                Err(_elapsed) => Err(NotWritable::Silent { within }),
            },
            Some(false) => Err(NotWritable::Locked { within }),
            None => Err(NotWritable::Silent { within }),
        }
    }
}

fn find_lost_file(error: &RepoError) -> Option<DatabaseFileLost> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(lost) = inner.and_then(|it| it.downcast_ref::<DatabaseFileLost>()) {
            return Some(lost.clone());
        }
        cause = error.source();
    }
    None
}

impl Tx {
    /// How many rows were written: none while another process has the only one.
    async fn rewrite_probe(&mut self) -> Result<u64, RepoError> {
        execute!(
            self, "write to the database",
            sqlite: "update write_probe set writes = writes + 1 where id = 1",
            // Another process that proves the same at this moment may be stopped in the middle of it,
            // and is not waited for.
            postgres: "update write_probe set writes = writes + 1 \
                where id in (select id from write_probe where id = 1 for update skip locked)",
        )
    }
}

#[cfg(test)]
#[path = "write_proof_tests.rs"]
mod tests;
