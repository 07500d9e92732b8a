//! How the jobs that arrived together are handled together. Pure.

/// What matters about a job for grouping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchKind {
    /// Files of a repository: many are answered by one query.
    Repository,
    /// A listing: pages of its own.
    Listing,
}

/// Groups jobs, given as their kinds, into lists of their indices.
///
/// How often a job was delivered does not matter: mostly it was given back because of a limit, and reading
/// everything alone would spend what the limit has just granted.
pub(super) fn groups(jobs: &[BatchKind], together_max: usize) -> Vec<Vec<usize>> {
    let (together, alone): (Vec<usize>, Vec<usize>) =
        (0..jobs.len()).partition(|index| jobs[*index] == BatchKind::Repository);
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
    fn check(jobs: &[BatchKind], expected: &[&[usize]]) {
        assert_eq!(groups(jobs, 3), expected);
    }

    #[test]
    fn repositories_share_a_query_and_listings_do_not() {
        use BatchKind::{Listing, Repository};
        check(&[], &[]);
        check(&[Repository], &[&[0]]);
        check(&[Repository, Listing, Repository], &[&[0, 2], &[1]]);
        check(&[Repository; 4], &[&[0, 1, 2], &[3]]);
        check(&[Listing; 2], &[&[0], &[1]]);
    }
}
