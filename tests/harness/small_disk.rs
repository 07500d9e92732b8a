//! A small file system of its own that can be filled and freed.
//!
//! In memory, and mounted, which takes root.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const FILLER: &str = "filler";
const PIECE_BYTES: usize = 64 * 1024;

/// A mounted file system. Dropping it takes it away, with what is on it.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of this size; nothing where that is not permitted.
    ///
    /// # Errors
    ///
    /// If there is no folder to mount it on.
    pub fn mount(mebibytes: usize) -> io::Result<Option<Self>> {
        let folder = TempDir::with_prefix("freshet-disk-")?;
        let options = format!("size={mebibytes}m,mode=0755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]);
        let mounted = mount.arg(folder.path()).output()?;
        Ok(mounted.status.success().then_some(Self { folder }))
    }

    /// The same for a test that cannot be made without one: that it was not made is told, for it passes.
    ///
    /// # Panics
    ///
    /// If there is no folder to mount it on.
    #[must_use]
    pub fn mount_or_tell(mebibytes: usize, test: &str) -> Option<Self> {
        let mounted = Self::mount(mebibytes).expect("a folder to mount a disk on");
        if mounted.is_none() {
            // Not by a macro, whose output is shown of tests that fail only.
            let told = writeln!(
                io::stderr(),
                "\n*** NOT TESTED, as no disk can be mounted here (it takes root): {test} ***\n"
            );
            told.expect("somebody reads it");
        }
        mounted
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets nothing be written to it, or everything again. Nobody may have a file of it open for writing.
    ///
    /// # Errors
    ///
    /// If somebody has.
    pub fn set_read_only(&self, is_read_only: bool) -> io::Result<()> {
        let mode = if is_read_only { "ro" } else { "rw" };
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{mode}")]);
        let mounted = mount.arg(self.folder.path()).output()?;
        if mounted.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&mounted.stderr).into_owned();
        Err(io::Error::other(said))
    }

    /// Takes all the space that is left.
    ///
    /// # Errors
    ///
    /// If something else than the end of the space stops it.
    pub fn fill(&self) -> io::Result<()> {
        let mut filler = fs::File::create(self.path().join(FILLER))?;
        for size in [PIECE_BYTES, 1] {
            let piece = vec![0; size];
            loop {
                match filler.write(&piece) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Gives it back.
    ///
    /// # Errors
    ///
    /// If it cannot be given back.
    pub fn free(&self) -> io::Result<()> {
        fs::remove_file(self.path().join(FILLER))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what still has a file open on it goes on with that until it ends.
        let _unmounted = Command::new("umount")
            .arg("--lazy")
            .arg(self.folder.path())
            .output();
    }
}
