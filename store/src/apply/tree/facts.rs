//! What is loaded of the tree, and what the judgement lacks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::links::Key;
use crate::repo::{ClaimRow, LinkRow, LocationEntityRow, LocationRow, SourceRow};

/// What a target names, as far as a URL or path can say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::apply) enum Aim {
    /// A file of a repository; `rest` is `<ref>/<path>`.
    Repository {
        /// Host of the forge.
        host: String,
        /// Account, lower case.
        owner: String,
        /// Repository, lower case.
        name: String,
        /// Branch and path, which only the repository can tell apart.
        rest: String,
    },
    /// A plain URL.
    Url(String),
    /// A local file.
    File(String),
    /// A path of a source that is known.
    At {
        /// The source.
        source_id: i64,
        /// The path.
        path: String,
    },
}

/// Everything that is loaded. Maps hold `None`, or sets the key, for what was looked for in vain.
#[derive(Clone, Debug, Default)]
pub(in crate::apply) struct Facts {
    pub(in crate::apply) sources: HashMap<i64, SourceRow>,
    pub(in crate::apply) locations: HashMap<i64, LocationRow>,
    pub(in crate::apply) entities: HashMap<String, Option<LocationEntityRow>>,
    /// Refs of the Location entities a location declares.
    pub(in crate::apply) declared: HashMap<i64, Vec<String>>,
    pub(in crate::apply) links: BTreeMap<Key, LinkRow>,
    /// Locations all of whose links are loaded.
    pub(in crate::apply) linked: HashSet<i64>,
    /// Location entities all of whose links are loaded.
    pub(in crate::apply) linking: HashSet<String>,
    /// The location each aim names.
    pub(in crate::apply) located: HashMap<Aim, i64>,
    /// Claims on refs of Location entities that lost.
    pub(in crate::apply) claims: HashMap<String, Vec<ClaimRow>>,
    /// Sources and locations that have an id and are not stored yet.
    pub(in crate::apply) fresh_sources: HashSet<i64>,
    pub(in crate::apply) fresh_locations: HashSet<i64>,
}

/// What the judgement lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::apply) struct Need {
    /// Locations whose links are needed.
    pub(in crate::apply) linked: BTreeSet<i64>,
    /// Location entities whose links are needed.
    pub(in crate::apply) linking: BTreeSet<String>,
    /// Location entities.
    pub(in crate::apply) entities: BTreeSet<String>,
    /// Locations whose Location entities are needed.
    pub(in crate::apply) declared: BTreeSet<i64>,
    pub(in crate::apply) locations: BTreeSet<i64>,
    pub(in crate::apply) sources: BTreeSet<i64>,
    pub(in crate::apply) aims: BTreeSet<Aim>,
    /// Refs whose claims are needed.
    pub(in crate::apply) claims: BTreeSet<String>,
}

impl Need {
    /// Whether nothing is lacking.
    pub(in crate::apply) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
