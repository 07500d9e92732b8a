//! From a source and what we hold of it to its job. Pure.

use freshet_proto::message::{
    Dependency, FileTarget, Job, ListingTarget, RepositoryTarget, UrlTarget, WantedPath, job,
};

use super::providers::Providers;
use crate::repo::{DependencyRow, Location, SourceKind, SourceRow};

/// The job of a source; `None` if there is nothing to look at, or nothing configured asks for it.
pub(super) fn build_job(
    source: &SourceRow,
    locations: &[&Location],
    dependencies: &[&DependencyRow],
    providers: &Providers,
    fingerprint: &str,
) -> Option<Job> {
    // What was read in another way is read again, so the processor must not see what we hold.
    let holds = source.is_read_as(fingerprint);
    let wanted = || wanted_paths(locations, dependencies, holds);
    // The whole reading list every time, not what changed: a job that replaces a lost one, or
    // overtakes it, is then complete by itself.
    let target = match source.kind {
        SourceKind::Listing => job::Target::Listing(listing_target(source, providers)?),
        SourceKind::Repository => job::Target::Repository(repository_target(source, wanted())),
        SourceKind::Url => job::Target::Url(UrlTarget {
            url: source.external_id.clone(),
            wanted: wanted(),
        }),
        SourceKind::File => job::Target::File(FileTarget { wanted: wanted() }),
        SourceKind::Roots => return None,
    };
    Some(Job {
        source_id: source.id.get(),
        generation: source.wanted.unsigned_abs(),
        lane: freshet_proto::message::Lane::from(source.lane).into(),
        installation: source.installation.clone(),
        host: source.host.clone(),
        cause: Some(source.trigger.clone()),
        target: Some(target),
    })
}

fn listing_target(source: &SourceRow, providers: &Providers) -> Option<ListingTarget> {
    // The organisation of a provider that was taken out of the configuration is not listed any
    // more; its generation is ended by the reconciler.
    let provider = providers.by_id(&source.external_id)?;
    Some(ListingTarget {
        provider_id: provider.id.clone(),
        organization: provider.organization.clone(),
        catalog_path: provider.path_in_repository().to_owned(),
    })
}

fn repository_target(source: &SourceRow, wanted: Vec<WantedPath>) -> RepositoryTarget {
    RepositoryTarget {
        repository: Some(source.repository()),
        r#ref: source.git_ref_text().to_owned(),
        held_head: source.head.clone().unwrap_or_default(),
        before: source.push.before.clone(),
        after: source.push.after.clone(),
        wanted,
    }
}

fn wanted_paths(
    locations: &[&Location],
    dependencies: &[&DependencyRow],
    holds: bool,
) -> Vec<WantedPath> {
    // Without the blob everything is read anew.
    let held = |location: &Location| {
        let blob = location.active_blob.clone().filter(|_| holds);
        blob.unwrap_or_default()
    };
    locations
        .iter()
        .map(|location| WantedPath {
            path: location.path.clone(),
            held_blob: held(location),
            is_glob: location.is_pattern,
            dependencies: dependencies
                .iter()
                .filter(|it| it.location_id == location.id)
                .map(|it| Dependency {
                    host: it.host.clone(),
                    owner: it.owner.clone(),
                    name: it.name.clone(),
                    r#ref: it.git_ref_text().to_owned(),
                    path: it.path.clone(),
                    blob: it.blob_oid.clone(),
                    url: it.url.clone(),
                })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
