//! The file behind an embedded database, and whether it is still the one that was opened.
//!
//! A process goes on writing into a file that was deleted or replaced under it, without any error, and
//! everything it accepted since then is gone at its next start. SQLite looks for that only where it keeps a
//! rollback journal, which we do not. So it is looked at here: after every commit, before anybody hears of it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What SQLite calls the log of a database in WAL mode: as its file, with this behind.
const LOG_SUFFIX: &str = "-wal";

/// The file that was opened.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    log: PathBuf,
    /// Nothing for a database that is in no file.
    opened: Option<FileIdentity>,
}

/// What tells files apart, whatever they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

/// The database is no longer in the file it was opened from. Whoever works on it has to end: the
/// next start begins with what is there now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseFileLost {
    /// Nothing has its name any more.
    #[error(
        "the database file {} was deleted while it was in use, so nothing that is written into it would be found again",
        .0.display()
    )]
    Deleted(PathBuf),
    /// Another file has its name now.
    #[error(
        "the database file {} was replaced by another file while it was in use, so nothing that is written into it would be found again",
        .0.display()
    )]
    Replaced(PathBuf),
}

impl DatabaseFile {
    /// Notes which file is at `path`; a database is open in it by now.
    pub(super) fn note(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            log: log_of(path),
            opened: identify(path)?,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what was just committed is in files that the next start will find.
    ///
    /// A file that cannot be looked at is left to the database, which reports it where it matters.
    pub(super) fn check_in_place(&self) -> Result<(), DatabaseFileLost> {
        self.check_main_file()?;
        // It holds what is not yet folded into the main file, and is there as long as a connection
        // that has written is.
        match identify(&self.log) {
            Ok(None) if self.opened.is_some() => Err(DatabaseFileLost::Deleted(self.log.clone())),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The same without the log, which is not there while no connection has written.
    pub(super) fn check_main_file(&self) -> Result<(), DatabaseFileLost> {
        let Some(opened) = self.opened else {
            return Ok(());
        };
        match identify(&self.path) {
            Ok(Some(now)) if now == opened => Ok(()),
            Ok(Some(_)) => Err(DatabaseFileLost::Replaced(self.path.clone())),
            Ok(None) => Err(DatabaseFileLost::Deleted(self.path.clone())),
            Err(_) => Ok(()),
        }
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(LOG_SUFFIX);
    name.into()
}

fn identify(path: &Path) -> io::Result<Option<FileIdentity>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with_a_database() -> (tempfile::TempDir, PathBuf, DatabaseFile) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("catalog.sqlite");
        for file in [&path, &log_of(&path)] {
            fs::write(file, "").expect("a file");
        }
        let file = DatabaseFile::note(&path).expect("the file can be looked at");
        (folder, path, file)
    }

    #[test]
    fn a_file_that_stays_is_the_one_that_was_opened() {
        let (_folder, path, file) = folder_with_a_database();
        fs::write(&path, "grown").expect("written");
        assert_eq!(file.check_in_place(), Ok(()));
    }

    #[test]
    fn a_deleted_file_is_missed() {
        let (_folder, path, file) = folder_with_a_database();
        // As the database does: a number that is in use is given to no other file.
        let _open = fs::File::open(&path).expect("the file");
        fs::remove_file(&path).expect("removed");
        assert_eq!(
            file.check_in_place(),
            Err(DatabaseFileLost::Deleted(path.clone()))
        );
        // One of the same name and content is another file.
        fs::write(&path, "").expect("a file");
        let copy = path.with_extension("copy");
        fs::write(&copy, "").expect("a file");
        fs::rename(&copy, &path).expect("renamed");
        assert_eq!(file.check_in_place(), Err(DatabaseFileLost::Replaced(path)));
    }

    #[test]
    fn a_deleted_log_is_missed_by_whoever_has_written() {
        let (_folder, path, file) = folder_with_a_database();
        fs::remove_file(log_of(&path)).expect("removed");
        assert_eq!(file.check_main_file(), Ok(()));
        assert_eq!(
            file.check_in_place(),
            Err(DatabaseFileLost::Deleted(log_of(&path)))
        );
    }

    #[test]
    fn a_database_without_a_file_loses_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = DatabaseFile::note(&folder.path().join("none")).expect("nothing is there");
        assert_eq!(file.check_in_place(), Ok(()));
    }
}
