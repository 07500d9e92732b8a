//! GitHub's scalars; all of them are text in JSON.

use async_graphql::scalar;
use serde::{Deserialize, Serialize};

/// An address.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Uri(pub(super) String);
scalar!(Uri, "URI");

/// A time, such as `2026-01-02T03:04:05Z`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct DateTime(pub(super) String);
scalar!(DateTime, "DateTime");

/// The id of a git object.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct GitObjectId(pub(super) String);
scalar!(GitObjectId, "GitObjectID");
