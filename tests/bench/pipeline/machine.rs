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

/// Clock ticks of a second, which Linux counts CPU time in whatever its clock is.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of a process, of the children it waited for, and of those that are still there.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let own = ticks(pid).unwrap_or_default();
    let children: u64 = children_of(pid).filter_map(ticks).sum();
    Duration::from_millis((own + children) * 1_000 / TICKS_PER_SECOND)
}

/// CPU time of this process alone.
pub(crate) fn own_cpu_time() -> Duration {
    let fields = stat_fields(std::process::id()).unwrap_or_default();
    let ticks: u64 = fields.iter().skip(10).take(2).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// The fields of `/proc/<pid>/stat` after the name of the program, which may hold anything.
fn stat_fields(pid: u32) -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    // The first is a letter.
    let fields = fields.split_whitespace().skip(1);
    Some(fields.map(|it| it.parse().unwrap_or_default()).collect())
}

fn ticks(pid: u32) -> Option<u64> {
    // utime, stime, and both of the children that were waited for.
    Some(stat_fields(pid)?.get(10..14)?.iter().sum())
}

fn children_of(pid: u32) -> impl Iterator<Item = u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(move |child| {
            let parent = stat_fields(*child).and_then(|fields| fields.first().copied());
            parent == Some(u64::from(pid))
        })
}

/// Milliseconds with three decimals.
pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
