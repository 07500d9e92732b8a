//! What a push says about the head that GitHub shows. Pure.

use std::time::Duration;

use freshet_proto::message::{Cause, RepositoryTarget};

/// Drops the memory of a push that is too old to be waited for.
///
/// A branch that still shows the head from before a push may have been set back since, or the hooks
/// came in the wrong order. GitHub's replicas lag by seconds, so after `age_max` the head is the truth.
/// The pushed commit is forgotten with it: when the branch was set back, GitHub collects it some day, and
/// a commit that is not shown would be waited for without end.
pub fn forget_old_push(
    target: &mut RepositoryTarget,
    cause: Option<&Cause>,
    now: i64,
    age_max: Duration,
) {
    let received_at = cause.map_or(0, |cause| cause.received_at);
    let age = u64::try_from(now.saturating_sub(received_at)).unwrap_or(0);
    if received_at > 0 && Duration::from_micros(age) > age_max {
        target.before.clear();
        target.after.clear();
    }
}

/// Only the head from before the push is behind; any other head is a later push, and as good as ours.
pub(super) fn is_behind(target: &RepositoryTarget, head: &str) -> bool {
    let before = if is_null_commit(&target.before) {
        ""
    } else {
        &target.before
    };
    !target.after.is_empty()
        && !target.before.is_empty()
        // A push that changes nothing, as after a forced push back, has no head to wait for.
        && target.after != before
        && head == before
}

/// GitHub writes the commit before the first and after the last as zeros.
pub(super) fn is_null_commit(oid: &str) -> bool {
    oid.bytes().all(|byte| byte == b'0')
}
