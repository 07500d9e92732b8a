//! Where entities are declared: location references, the Location entities made for them,
//! and the URLs of files on GitHub.

mod canonical;
mod github;
mod location_entity;
mod reference;
mod resolve;
mod target;
mod url_path;

pub use canonical::canonical_url;
pub use github::{GithubFileUrl, GithubUrlError, Spelling, matched_url};
pub use location_entity::{LocationSpec, TargetPlaces, generated_location};
pub use reference::{
    LocationRef, LocationRefError, PINNED_COMMIT_DIGITS, generated_location_name, is_pinned,
    is_script_url,
};
pub use resolve::{ResolveError, edit_url, resolve, source_location};
pub use target::{FILE, ResolvedTarget, Target, TargetError, URL, check_type, split_ref};

#[cfg(test)]
mod tests;
