//! What is loaded of the tree, and what the judgement lacks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::links::Key;
use crate::repo::{ClaimRow, LinkRow, LocationEntityRow, LocationRow, SourceRow};

/// What a target names, as far as a URL or path can say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Aim {
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
pub(crate) struct Facts {
    pub(crate) sources: HashMap<i64, SourceRow>,
    pub(crate) locations: HashMap<i64, LocationRow>,
    pub(crate) entities: HashMap<String, Option<LocationEntityRow>>,
    /// Refs of the Location entities a location declares.
    pub(crate) declared: HashMap<i64, Vec<String>>,
    pub(crate) links: BTreeMap<Key, LinkRow>,
    /// Locations all of whose links are loaded.
    pub(crate) linked: HashSet<i64>,
    /// Location entities all of whose links are loaded.
    pub(crate) linking: HashSet<String>,
    /// The location each aim names.
    pub(crate) located: HashMap<Aim, i64>,
    /// Claims on refs of Location entities that lost.
    pub(crate) claims: HashMap<String, Vec<ClaimRow>>,
    /// Sources and locations that have an id and are not stored yet.
    pub(crate) fresh_sources: HashSet<i64>,
    pub(crate) fresh_locations: HashSet<i64>,
}

/// What the judgement lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Locations whose links are needed.
    pub(crate) linked: BTreeSet<i64>,
    /// Location entities whose links are needed.
    pub(crate) linking: BTreeSet<String>,
    /// Location entities.
    pub(crate) entities: BTreeSet<String>,
    /// Locations whose Location entities are needed.
    pub(crate) declared: BTreeSet<i64>,
    pub(crate) locations: BTreeSet<i64>,
    pub(crate) sources: BTreeSet<i64>,
    pub(crate) aims: BTreeSet<Aim>,
    /// Refs whose claims are needed.
    pub(crate) claims: BTreeSet<String>,
}

impl Need {
    /// Whether nothing is lacking.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
