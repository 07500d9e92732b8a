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

/// Resident memory of this process, MiB.
pub(crate) fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    kib / 1024
}

/// Milliseconds with three decimals.
pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
