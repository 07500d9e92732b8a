//! Processes that stand still and go on, as on a machine that is suspended or starved.

use std::fs;
use std::io;
use std::process::Command;

/// Processes that stand still. Dropping it lets them go on.
pub struct Frozen(Vec<String>);

/// Stops a process and its children at whatever they do.
///
/// # Errors
///
/// If no signal can be sent.
pub fn freeze(pid: u32) -> io::Result<Frozen> {
    let mut pids = vec![pid.to_string()];
    // Its own first: what stands still makes no more children.
    signal("-STOP", &pids)?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children: Vec<String> = children.split_whitespace().map(str::to_owned).collect();
    let frozen = signal("-STOP", &children);
    pids.extend(children);
    let all = Frozen(pids);
    frozen.map(|()| all)
}

fn signal(name: &str, pids: &[String]) -> io::Result<()> {
    if pids.is_empty() {
        return Ok(());
    }
    // One that has ended meanwhile is none that has to be reached.
    Command::new("kill").arg(name).args(pids).output().map(drop)
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _sent = signal("-CONT", &self.0);
    }
}
