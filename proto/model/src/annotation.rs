//! Annotations the catalog itself writes.

/// The location an entity was read from, `<type>:<target>`.
pub const MANAGED_BY_LOCATION: &str = "backstage.io/managed-by-location";
/// The registered or discovered location that led to it.
pub const MANAGED_BY_ORIGIN_LOCATION: &str = "backstage.io/managed-by-origin-location";
/// Where a person can look at the file.
pub const VIEW_URL: &str = "backstage.io/view-url";
/// Where a person can edit the file.
pub const EDIT_URL: &str = "backstage.io/edit-url";
/// The directory the file lies in, as a location reference.
pub const SOURCE_LOCATION: &str = "backstage.io/source-location";
// Backstage keeps this one when an author writes it, and the entity then passes for an orphan. Here
// only the catalog may say so: an author's own is dropped on input.
/// `"true"` on an entity that nothing declares any more.
pub const ORPHAN: &str = "backstage.io/orphan";
/// The repository as `owner/name`.
pub const GITHUB_PROJECT_SLUG: &str = "github.com/project-slug";
/// What stands in place of a URL that would run a script.
pub const REJECTED_URL: &str = "https://backstage.io/annotation-rejected-for-security-reasons";
