//! What a principal may see and do, as Backstage's permission framework has it.
//!
//! Services have every right but what their access restrictions leave out. Users have those that the permission plugin
//! gives them, where it is asked at all; it may give a right for some entities, by rules that are called and
//! mean what they do in Backstage. What is not decided is not allowed.

mod apply;
mod ask;
mod conditions;
mod criteria;
mod decision;
mod metadata;
mod permission;
mod route_rights;
mod rules;
mod scope;

pub(super) use apply::apply_conditions;
pub(super) use ask::not_allowed;
pub(super) use decision::Decision;
pub(super) use metadata::get_metadata;
pub(super) use permission::Permission;
pub use permission::PermissionAction;
pub(super) use route_rights::guard_route;
