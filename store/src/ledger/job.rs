//! From a source and what we hold of it to its job. Pure.

use freshet_proto::message::{Job, ListingTarget, Repository, RepositoryTarget, WantedPath, job};

use super::providers::{Providers, read_ref};
use crate::repo::{LocationRow, SourceKind, SourceRow};

/// The job of a source; `None` if the configuration no longer asks for it.
pub(super) fn job(
    source: &SourceRow,
    locations: &[&LocationRow],
    providers: &Providers,
    fingerprint: &str,
) -> Option<Job> {
    let target = match source.kind {
        SourceKind::Listing => job::Target::Listing(listing(source, providers)?),
        SourceKind::Repository => {
            let git_ref = read_ref(source, locations, providers);
            job::Target::Repository(repository(source, locations, git_ref, fingerprint))
        }
    };
    Some(Job {
        source_id: source.id,
        generation: source.wanted.unsigned_abs(),
        lane: freshet_proto::message::Lane::from(source.lane).into(),
        installation: source.installation.clone(),
        host: source.host.clone(),
        cause: Some(source.cause.0.clone()),
        target: Some(target),
    })
}

fn listing(source: &SourceRow, providers: &Providers) -> Option<ListingTarget> {
    let provider = providers.by_id(&source.external_id)?;
    Some(ListingTarget {
        provider_id: provider.id.clone(),
        organization: provider.organization.clone(),
        catalog_path: provider.catalog_path.clone(),
    })
}

fn repository(
    source: &SourceRow,
    locations: &[&LocationRow],
    git_ref: &str,
    fingerprint: &str,
) -> RepositoryTarget {
    // What was read in another way is read again, so the processor must not see what we hold.
    let holds = source.fingerprint == fingerprint;
    let wanted = locations
        .iter()
        .filter(|location| location.git_ref == git_ref)
        .map(|location| WantedPath {
            path: location.path.clone(),
            held_blob: if holds {
                location.blob_oid.clone()
            } else {
                String::new()
            },
            ..WantedPath::default()
        })
        .collect();
    RepositoryTarget {
        repository: Some(Repository {
            id: source.repository_id(),
            node_id: source.node_id.clone(),
            owner: source.owner.clone(),
            name: source.name.clone(),
            html_url: source.url.clone(),
            default_branch: source.default_branch.clone(),
            archived: source.archived != 0,
        }),
        r#ref: git_ref.to_owned(),
        held_head: source.head.clone(),
        before: source.push_before.clone(),
        after: source.push_after.clone(),
        wanted,
    }
}
