//! How the jobs that arrived together are handled together. Pure.

/// From this delivery on a job is handled alone, so that one that breaks its reading breaks no other's.
const ALONE_FROM_ATTEMPT: u64 = 3;

/// What matters about a job for grouping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Files of a repository: many are answered by one query.
    Repository,
    /// A listing: pages of its own.
    Listing,
}

/// Groups jobs, given as kind and delivery count, into lists of their indices.
pub(super) fn groups(jobs: &[(Kind, u64)], together_max: usize) -> Vec<Vec<usize>> {
    let (together, alone): (Vec<usize>, Vec<usize>) = (0..jobs.len()).partition(|index| {
        let (kind, attempt) = jobs[*index];
        kind == Kind::Repository && attempt < ALONE_FROM_ATTEMPT
    });
    let mut groups: Vec<Vec<usize>> = together
        .chunks(together_max.max(1))
        .map(<[usize]>::to_vec)
        .collect();
    groups.extend(alone.into_iter().map(|index| vec![index]));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(jobs: &[(Kind, u64)], expected: &[&[usize]]) {
        assert_eq!(groups(jobs, 3), expected);
    }

    #[test]
    fn repositories_share_a_query_and_troublemakers_do_not() {
        use Kind::{Listing, Repository};
        check(&[], &[]);
        check(&[(Repository, 1)], &[&[0]]);
        check(
            &[(Repository, 1), (Listing, 1), (Repository, 2)],
            &[&[0, 2], &[1]],
        );
        check(
            &[(Repository, 3), (Repository, 1), (Repository, 9)],
            &[&[1], &[0], &[2]],
        );
        check(&[(Repository, 1); 4], &[&[0, 1, 2], &[3]]);
    }
}
