//! What the two may say differently, and why.

use super::FileDifference;

/// Most differences that a failure prints.
const SHOWN_MAX: usize = 200;

/// A kind of difference that is on purpose.
struct IntendedDifference {
    /// What only one of the two can know, or says better.
    reason: &'static str,
    /// Whether a file differs for this reason, and in nothing else.
    explains: fn(&FileDifference) -> bool,
    /// How many files do, so that none joins unseen.
    files: usize,
}

const INTENDED: &[IntendedDifference] = &[
    IntendedDifference {
        reason: "What still has to be filled in is said to be that; the service cannot tell it from a mistake.",
        explains: |it| {
            let [only] = it.before.as_slice() else {
                return false;
            };
            let mut after = it.after.iter();
            only.starts_with("error file.unfilled ") && after.any(|it| it.starts_with("error "))
        },
        files: 20,
    },
    IntendedDifference {
        reason: "Another repository declares the same entity; only the service sees both, and points nowhere for who holds it not.",
        explains: |it| {
            let is_of_target = |it: &String| it.starts_with("error location.");
            let is_conflict = |it: &String| it.starts_with("warning claim.conflict ");
            // The corpus of the fuzzer began as a copy of some of the others.
            it.file.starts_with("fuzz/")
                && it.before.iter().all(is_of_target)
                && !it.after.is_empty()
                && it.after.iter().all(is_conflict)
        },
        files: 9,
    },
    IntendedDifference {
        reason: "A placeholder that reads another branch is noted as unchecked; only the service can look.",
        explains: |it| {
            let is_missing = |it: &String| it.starts_with("error placeholder.not-found ");
            it.before.is_empty() && it.after.iter().all(is_missing)
        },
        files: 3,
    },
];

/// A file differs for the first reason that explains it.
#[track_caller]
pub(super) fn check_differences(all: &[FileDifference]) {
    let mut counts = vec![0; INTENDED.len()];
    let mut unexplained = Vec::new();
    for difference in all {
        match INTENDED.iter().position(|it| (it.explains)(difference)) {
            Some(index) => counts[index] += 1,
            None => unexplained.push(format!(
                "{}\n  only validate {:?}\n  only service  {:?}",
                difference.file, difference.before, difference.after
            )),
        }
    }
    let shown = unexplained.len().min(SHOWN_MAX);
    assert!(
        unexplained.is_empty(),
        "{} files differ:\n{}",
        unexplained.len(),
        unexplained[..shown].join("\n")
    );
    let changed: Vec<String> = INTENDED
        .iter()
        .zip(counts)
        .filter(|(intended, count)| intended.files != *count)
        .map(|(intended, count)| {
            format!("{count} files, not {}: {}", intended.files, intended.reason)
        })
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
