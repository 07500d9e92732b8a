//! What the machine can do, printed beside what Freshet does.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const SYNCS: usize = 200;
const BLOCK: [u8; 4096] = [7; 4096];

/// The slowest per cent of a write and fsync in `folder`.
pub(crate) fn fsync_p99(folder: &Path) -> Duration {
    let mut file = std::fs::File::create(folder.join("fsync-probe")).expect("a file");
    let mut times: Vec<Duration> = (0..SYNCS)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&BLOCK).expect("written");
            file.sync_data().expect("synced");
            started.elapsed()
        })
        .collect();
    quantile(&mut times, 0.99)
}

/// The value below which `share` of `times` lie.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((times.len() as f64 * share).ceil() as usize).saturating_sub(1);
    times[index.min(times.len() - 1)]
}

/// What a process occupies, MiB.
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// At most, since it began.
    pub(crate) peak: u64,
}

/// Resident memory of this process, MiB.
pub(crate) fn resident_mib() -> u64 {
    memory_mib(std::process::id()).resident
}

/// What a process occupies.
pub(crate) fn memory_mib(pid: u32) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: u64 = line
            .and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or_default();
        kib / 1024
    };
    Memory {
        resident: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}

/// Milliseconds with three decimals.
pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
