//! Which files are not what they were: they or anything they depend on. Pure.

use freshet_proto::message::RepositoryTarget;

use super::plan::{DependencyState, ReadPlan};
use super::shown::{ObjectShown, RepositoryShown};
use crate::failure::Failure;

/// What is known of all dependencies of a file: nothing, if nothing is known of one.
pub(super) fn find_worst(all: impl Iterator<Item = DependencyState>) -> DependencyState {
    all.fold(DependencyState::Same, |worst, next| match (worst, next) {
        (unknown @ DependencyState::Unknown(_), _) | (_, unknown @ DependencyState::Unknown(_)) => {
            unknown
        }
        // Unknown beats different: a file that is read again anyway could not be finished without
        // what is unknown.
        (DependencyState::Same, DependencyState::Same) => DependencyState::Same,
        (DependencyState::Differs, _) | (_, DependencyState::Differs) => DependencyState::Differs,
    })
}

/// Whether a reading by branch shows that something we hold may have moved.
pub(super) fn has_moved(target: &RepositoryTarget, shown: &RepositoryShown, head: &str) -> bool {
    let holds_any = target
        .wanted
        .iter()
        .any(|wanted| !wanted.held_blob.is_empty());
    let differs = find_changed(target, &shown.objects)
        .into_iter()
        .zip(&target.wanted);
    (holds_any && head != target.held_head)
        || differs
            .into_iter()
            .any(|(changed, wanted)| changed && !wanted.held_blob.is_empty())
}

/// For each path whether something else than the held blob is there.
fn find_changed(target: &RepositoryTarget, objects: &[ObjectShown]) -> Vec<bool> {
    target
        .wanted
        .iter()
        .zip(objects)
        .map(|(wanted, object)| differs_from_held(&wanted.held_blob, object))
        .collect()
}

fn differs_from_held(held_blob: &str, object: &ObjectShown) -> bool {
    match object {
        ObjectShown::Blob { oid, .. } => oid != held_blob,
        ObjectShown::Absent | ObjectShown::NotAFile => !held_blob.is_empty(),
        // An error is no change. It fails the file where it is read, and a retry costs less than a
        // reading at once.
        ObjectShown::Unreadable(_) => false,
    }
}

/// For each path whether its text is needed: a file that changed or depends on something that did is read
/// again, with all that it depends on.
pub(super) fn find_unread(
    plan: &ReadPlan,
    elsewhere: &[DependencyState],
    objects: &[ObjectShown],
) -> Vec<bool> {
    let mut unread = vec![false; plan.target.wanted.len()];
    for (index, (needs, elsewhere)) in plan.files.iter().zip(elsewhere).enumerate() {
        if is_stale(plan, index, elsewhere, objects) {
            unread[index] = true;
            // All of what it reads, for a file is finished with all of it or not at all.
            for (at, _) in &needs.here {
                unread[*at] = true;
            }
        }
    }
    unread
}

/// Whether a file or anything it depends on is not what it was.
pub(super) fn is_stale(
    plan: &ReadPlan,
    index: usize,
    elsewhere: &DependencyState,
    objects: &[ObjectShown],
) -> bool {
    let differs_at = |at: usize, held_blob: &str| {
        objects
            .get(at)
            .is_some_and(|object| differs_from_held(held_blob, object))
    };
    differs_at(index, &plan.target.wanted[index].held_blob)
        || *elsewhere == DependencyState::Differs
        || plan.files[index]
            .here
            .iter()
            .any(|(at, held_blob)| differs_at(*at, held_blob))
}

/// Why nothing can be said of a file that is there: something it depends on could not be looked at.
pub(super) fn find_obstacle(
    plan: &ReadPlan,
    index: usize,
    elsewhere: &DependencyState,
    objects: &[ObjectShown],
) -> Option<Failure> {
    // Absence needs no dependencies to be known.
    if !matches!(objects.get(index), Some(ObjectShown::Blob { .. })) {
        return None;
    }
    if let DependencyState::Unknown(failure) = elsewhere {
        return Some(failure.clone());
    }
    plan.files[index]
        .here
        .iter()
        .find_map(|(at, _)| match objects.get(*at) {
            Some(ObjectShown::Unreadable(message)) => Some(Failure::unreadable(message.clone())),
            _ => None,
        })
}
