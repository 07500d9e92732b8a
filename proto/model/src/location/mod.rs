//! Where entities are declared: location references, the Location entities made for them,
//! and the URLs of files on GitHub.

mod github;
mod reference;
mod resolve;
mod target;

pub use github::{GithubFileUrl, GithubUrlError, Spelling};
pub use reference::{
    LocationRef, LocationRefError, PINNED_COMMIT_DIGITS, generated_location_name, is_pinned,
    is_script_url,
};
pub use resolve::{ResolveError, edit_url, resolve, source_location};
pub use target::{FILE, LocationSpec, Target, TargetError, URL, check_type, generated_location};

#[cfg(test)]
mod tests;
