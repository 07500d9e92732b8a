//! What a principal may see and do, as Backstage's permission framework has it.
//!
//! Services have every right but what their access restrictions leave out. Users have those that the permission plugin
//! gives them, where it is asked at all; it may give a right for some entities, by rules that are called and
//! mean what they do in Backstage. What is not decided is not allowed.

mod ask;
mod conditions;
mod criteria;
mod decision;
mod metadata;
mod own_routes;
mod permission;
mod rules;

pub(super) use criteria::Criteria;
pub(super) use decision::Decision;
pub(super) use metadata::get_metadata;
pub(super) use own_routes::guard_own_route;
pub(super) use permission::Permission;
pub use permission::PermissionAction;
