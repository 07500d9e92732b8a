//! What a listing of an organisation asks for. Pure.
//!
//! Each repository comes with its head and the blob of the catalog file, so equality with what we
//! hold is proved without reading, and only the others get a generation. A listing deletes
//! nothing: a repository that is missing in it is looked up by itself.

use std::collections::{HashMap, HashSet};

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::{Cause, ListedRepository, ListingObserved};

use crate::apply::observed::newest::Reading;
use crate::ledger::{Provider, request_refresh};
use crate::repo::{Lane, Location, LocationState, SourceKind, SourceRow};

/// The sources a listing is about.
#[derive(Debug)]
pub(crate) struct KnownRepositories {
    /// By the provider's id of the repository.
    pub(crate) sources: HashMap<String, SourceRow>,
    /// By source.
    pub(crate) locations: HashMap<SourceId, Vec<Location>>,
    /// By source, where it is not nothing.
    pub(crate) depends: HashMap<SourceId, DependsOn>,
    pub(crate) new_source_ids: std::vec::IntoIter<SourceId>,
    pub(crate) new_location_ids: std::vec::IntoIter<LocationId>,
}

/// What the files of a source are made from, besides themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DependsOn {
    /// Nothing.
    #[default]
    Nothing,
    /// Other files of the same repository.
    Itself,
    /// Other repositories or URLs, of which its listing says nothing.
    Others,
}

/// What it asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ListingDiff {
    pub(crate) sources: Vec<SourceRow>,
    pub(crate) locations: Vec<Location>,
    /// Ids of sources that get a job.
    pub(crate) refreshed: Vec<SourceId>,
}

/// How to compare.
pub(crate) struct ListingContext<'a> {
    pub(crate) host: &'a str,
    pub(crate) provider: &'a Provider,
    pub(crate) fingerprint: &'a str,
    pub(crate) now: i64,
}

/// Repositories of a listing that the provider wants, each once.
pub(crate) fn filter_wanted<'a>(
    listed: &'a ListingObserved,
    provider: &Provider,
) -> Vec<&'a ListedRepository> {
    let mut seen = HashSet::new();
    listed
        .repositories
        .iter()
        .filter(|one| {
            one.repository
                .as_ref()
                .is_some_and(|it| provider.wants(it) && seen.insert(it.id))
        })
        .collect()
}

/// Compares a listing with what is known.
pub(crate) fn compare_listing(
    reading: &Reading<ListingObserved>,
    mut known: KnownRepositories,
    context: &ListingContext<'_>,
) -> ListingDiff {
    let mut diff = ListingDiff::default();
    for one in filter_wanted(&reading.observed, context.provider) {
        let Some(id) = one.repository.as_ref().map(|it| it.id.to_string()) else {
            continue;
        };
        let source = known.sources.remove(&id);
        diff.compare_repository(one, source, &mut known, reading, context);
    }
    // What is listed and not wanted is not missing.
    for one in &reading.observed.repositories {
        if let Some(repository) = &one.repository {
            known.sources.remove(&repository.id.to_string());
        }
    }
    let mut missing: Vec<SourceRow> = known.sources.into_values().collect();
    missing.sort_by_key(|source| source.id);
    for source in missing {
        let held = known
            .locations
            .get(&source.id)
            .map_or(&[][..], Vec::as_slice);
        if held.iter().any(Location::holds_anything) {
            diff.request_refresh(source, &reading.cause, context.now);
        }
    }
    diff
}

impl ListingDiff {
    fn compare_repository(
        &mut self,
        one: &ListedRepository,
        source: Option<SourceRow>,
        known: &mut KnownRepositories,
        reading: &Reading<ListingObserved>,
        context: &ListingContext<'_>,
    ) {
        let Some(repository) = &one.repository else {
            return;
        };
        let mut source = source.unwrap_or_else(|| {
            let id = known
                .new_source_ids
                .next()
                .expect("an id was taken for every unknown repository");
            let mut source = SourceRow::new(
                id,
                SourceKind::Repository,
                context.host,
                &repository.id.to_string(),
            );
            source.git_ref = context.provider.source_ref(repository);
            source
        });
        let held = known.locations.entry(source.id).or_default();
        let path = context.provider.catalog_path.as_str();
        if !held.iter().any(|location| location.path == path) {
            let id = known
                .new_location_ids
                .next()
                .expect("an id was taken for every missing location");
            let location = context.provider.location_in(id, source.id);
            held.push(location.clone());
            self.locations.push(location);
        }
        let is_renamed = source.is_renamed(repository);
        source.adopt(repository);
        let depends = known.depends.get(&source.id).copied().unwrap_or_default();
        if !is_renamed && is_equal(&source, held, one, depends, context) {
            self.mark_verified(source, one, reading, context);
        } else {
            self.request_refresh(source, &reading.cause, context.now);
        }
    }

    fn mark_verified(
        &mut self,
        mut source: SourceRow,
        one: &ListedRepository,
        reading: &Reading<ListingObserved>,
        context: &ListingContext<'_>,
    ) {
        // Something newer is outstanding, and will say for itself; or has said it after this listing
        // was begun, which shows an older head then.
        if !source.is_outstanding() && Some(reading.fetched_at) >= source.verified_at {
            source.set_head(&one.head);
            source.set_fingerprint(context.fingerprint);
            source.mark_verified(reading.fetched_at, &reading.cause.mechanism);
        }
        self.sources.push(source);
    }

    fn request_refresh(&mut self, mut source: SourceRow, cause: &Cause, now: i64) {
        request_refresh(&mut source, Lane::Lo, cause.clone(), now);
        self.refreshed.push(source.id);
        self.sources.push(source);
    }
}

/// Whether the listing proves that we hold what the repository shows.
fn is_equal(
    source: &SourceRow,
    held: &[Location],
    one: &ListedRepository,
    depends: DependsOn,
    context: &ListingContext<'_>,
) -> bool {
    // A listing shows the default branch, and so says nothing about another one.
    if !source.follows_default_branch() {
        return false;
    }
    let holds_nothing = !held.iter().any(Location::holds_anything);
    // Of what a pattern matches a listing says nothing, unless there is nothing at all.
    let shows_nothing =
        one.blob.is_empty() && (!context.provider.is_pattern || one.head.is_empty());
    if shows_nothing && holds_nothing && held.len() <= 1 {
        return true;
    }
    if source.done == 0 || !source.is_read_as(context.fingerprint) {
        return false;
    }
    let all_read = held
        .iter()
        .all(|location| location.state != LocationState::Unread);
    // The head may have been read on another branch that ended at the same commit.
    let agrees = held
        .iter()
        .all(|it| it.path != one.path || it.seen_blob().unwrap_or_default() == one.blob);
    let same_head = all_read && agrees && source.is_at(&one.head);
    // With a single wanted file its blob is all there is to compare, whatever else was pushed.
    let same_blob = matches!(held, [only] if only.path == one.path
        && only.holds_content()
        && only.seen_blob() == Some(&one.blob));
    match depends {
        DependsOn::Nothing => same_head || same_blob,
        DependsOn::Itself => same_head,
        DependsOn::Others => false,
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
