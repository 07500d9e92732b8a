//! The wall clock of a process of its own, which can be set while it runs.
//!
//! A few lines of C that are loaded before the C library. Debian's libfaketime would do it too, but what it does
//! to waits that end at a time of the steady clock is an error.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

const SOURCE: &str = include_str!("wall_clock.c");
/// Names the file that says by how many seconds the clock is wrong.
const FILE_VARIABLE: &str = "CLOCK_STEP_FILE";

/// What makes clocks that can be set.
#[derive(Clone, Debug)]
pub struct ClockMaker(Arc<TempDir>);

/// The wall clock of one process, through all its lives.
#[derive(Clone, Debug)]
pub struct WallClock {
    file: PathBuf,
    maker: ClockMaker,
}

impl ClockMaker {
    /// Compiles what is loaded into a process, with the compiler that Rust links with.
    ///
    /// # Errors
    ///
    /// If there is no compiler, or it refuses.
    pub fn prepare() -> io::Result<Self> {
        let maker = Self(Arc::new(TempDir::with_prefix("freshet-clock-")?));
        // A server may run as another account.
        fs::set_permissions(maker.0.path(), fs::Permissions::from_mode(0o755))?;
        let source = maker.0.path().join("wall_clock.c");
        fs::write(&source, SOURCE)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]);
        let compiled = compiler.arg(maker.library()).arg(&source).output()?;
        if !compiled.status.success() {
            let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
            return Err(io::Error::other(said));
        }
        Ok(maker)
    }

    /// A clock that is right.
    ///
    /// # Errors
    ///
    /// If its file cannot be written.
    pub fn make(&self, name: &str) -> io::Result<WallClock> {
        let clock = WallClock {
            file: self.0.path().join(format!("{name}.clock")),
            maker: self.clone(),
        };
        File::create(&clock.file)?;
        clock.set(0)?;
        Ok(clock)
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("wall_clock.so")
    }
}

impl WallClock {
    /// Gives a process this clock from its start on.
    pub fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.maker.library());
        command.env(FILE_VARIABLE, &self.file);
    }

    /// Sets it so many seconds before or after what is right, at once.
    ///
    /// # Errors
    ///
    /// If its file cannot be written.
    pub fn set(&self, seconds: i64) -> io::Result<()> {
        // In place: whoever has it in its memory would not see another file, and must not see an empty one.
        let file = OpenOptions::new().write(true).open(&self.file)?;
        file.write_all_at(&seconds.to_ne_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_of(clock: &WallClock) -> i64 {
        let mut date = Command::new("date");
        clock.give_to(date.arg("+%s"));
        let said = date.output().expect("date runs");
        let said = String::from_utf8(said.stdout).expect("text");
        said.trim().parse().expect("seconds")
    }

    #[test]
    fn a_clock_is_set_for_its_process_alone() {
        let maker = ClockMaker::prepare().expect("there is a compiler");
        let (wrong, right) = (
            maker.make("wrong").expect("a clock"),
            maker.make("right").expect("a clock"),
        );
        for step in [3_600, -3_600, 0] {
            wrong.set(step).expect("set");
            let ahead = seconds_of(&wrong) - seconds_of(&right);
            assert!((ahead - step).abs() <= 10, "{ahead} is not {step}");
        }
    }
}
