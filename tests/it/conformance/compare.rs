//! What is served beside what was recorded, case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use freshet_model::location::generated_location_name;
use freshet_tests::api::Api;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::entity::read_ref;
use serde_json::Value;

use crate::deviations::{SERVED_BESIDE_A_MISSING_TARGET, SERVED_WITH_ERRORS};

use super::expected::{Case, Entity, Recorded, comparable};

/// How the corpus is registered.
#[derive(Debug)]
pub(super) enum Mode {
    /// From GitHub.
    Urls,
    /// From this folder.
    Files(PathBuf),
}

impl Mode {
    /// The address a case is registered under.
    pub(super) fn url_of(case: &str) -> String {
        format!("https://github.com/acme/corpus/blob/main/{case}.yaml")
    }

    fn generated(&self, case: &str) -> String {
        let name = match self {
            Self::Urls => generated_location_name("url", &Self::url_of(case)),
            Self::Files(folder) => {
                let path = folder.join(format!("{case}.yaml"));
                generated_location_name("file", &path.to_string_lossy())
            }
        };
        format!("location:default/{name}")
    }
}

/// One thing that is not as it was recorded.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) case: String,
    what: String,
    recorded: String,
    found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case,
            what,
            recorded,
            found,
        } = self;
        write!(
            formatter,
            "{case}: {what}\n    recorded {recorded}\n    found    {found}"
        )
    }
}

struct Found {
    served: BTreeMap<String, Value>,
    errors: BTreeMap<String, Vec<String>>,
}

impl Found {
    async fn read(api: &Api, refs: BTreeSet<String>) -> Self {
        let served = api.entities().await.expect("answered");
        let mut errors = BTreeMap::new();
        for entity_ref in refs {
            let classes = api.errors_of(&entity_ref).await.expect("answered");
            errors.insert(entity_ref, classes);
        }
        Self {
            served: served
                .into_iter()
                .map(|entity| (read_ref(&entity), entity))
                .collect(),
            errors,
        }
    }

    /// By the problems, and by the status of what is served: they must agree.
    fn errors_of(&self, entity_ref: &str) -> Vec<String> {
        let mut classes = self.errors.get(entity_ref).cloned().unwrap_or_default();
        if let Some(entity) = self.served.get(entity_ref) {
            let shown: BTreeSet<String> = entity["status"]["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item["error"]["name"].as_str().map(str::to_owned))
                .collect();
            if !shown.iter().eq(classes.iter()) {
                classes.push(format!("but its status says {shown:?}"));
            }
        }
        classes
    }
}

/// Everything that differs.
pub(super) async fn all(world: &TestCatalog, recorded: &Recorded, mode: &Mode) -> Vec<Difference> {
    let refs = recorded
        .cases
        .iter()
        .flat_map(|(name, case)| {
            let declared = case.entities.iter().map(|entity| entity.entity_ref.clone());
            declared.chain([mode.generated(name)])
        })
        .collect();
    let found = Found::read(&world.api, refs).await;
    let mut differences = Vec::new();
    let mut known = BTreeSet::new();
    for (name, case) in &recorded.cases {
        compare_case(name, case, (recorded, mode), &found, &mut differences);
        known.extend(case.entities.iter().map(|entity| entity.entity_ref.clone()));
        known.insert(mode.generated(name));
    }
    if !found.served.contains_key(SERVED_BESIDE_A_MISSING_TARGET) {
        differences.push(Difference {
            case: "location-one-bad-target".to_owned(),
            what: format!("{SERVED_BESIDE_A_MISSING_TARGET} is served"),
            recorded: "false, and true on purpose".to_owned(),
            found: "false".to_owned(),
        });
    }
    known.insert(SERVED_BESIDE_A_MISSING_TARGET.to_owned());
    for entity_ref in found.served.keys().filter(|it| !known.contains(*it)) {
        differences.push(Difference {
            case: "(none)".to_owned(),
            what: entity_ref.clone(),
            recorded: "nothing".to_owned(),
            found: found.served[entity_ref].to_string(),
        });
    }
    differences
}

fn compare_case(
    name: &str,
    case: &Case,
    (recorded, mode): (&Recorded, &Mode),
    found: &Found,
    differences: &mut Vec<Difference>,
) {
    let mut differ = |what: String, recorded: String, found: String| {
        if recorded != found {
            differences.push(Difference {
                case: name.to_owned(),
                what,
                recorded,
                found,
            });
        }
    };
    for entity in &case.entities {
        let entity_ref = &entity.entity_ref;
        let served = found.served.get(entity_ref);
        differ(
            format!("{entity_ref} is served"),
            is_expected(name, entity).to_string(),
            served.is_some().to_string(),
        );
        let classes: BTreeSet<&String> = entity.errors.iter().collect();
        differ(
            format!("errors of {entity_ref}"),
            format!("{classes:?}"),
            format!("{:?}", found.errors_of(entity_ref))
                .replace('[', "{")
                .replace(']', "}"),
        );
        let (true, Some(served)) = (entity.served, served) else {
            continue;
        };
        if let Some(document) = recorded.documents.get(entity_ref) {
            differ_in(
                entity_ref,
                document,
                &comparable(served.clone()),
                &mut differ,
            );
        } else {
            let expected = recorded
                .relations
                .get(entity_ref)
                .cloned()
                .unwrap_or_default();
            differ(
                format!("relations of {entity_ref}"),
                format!("{expected:?}"),
                format!("{:?}", relations_of(served)),
            );
        }
    }
    compare_generated(name, case, (recorded, mode), found, &mut differ);
}

/// Whether an entity is to be served: as it was recorded, but for Location entities with broken targets.
fn is_expected(name: &str, entity: &Entity) -> bool {
    let is_location = entity.entity_ref.starts_with("location:");
    entity.served || (is_location && SERVED_WITH_ERRORS.contains(&name))
}

fn compare_generated(
    name: &str,
    case: &Case,
    (recorded, mode): (&Recorded, &Mode),
    found: &Found,
    differ: &mut impl FnMut(String, String, String),
) {
    let generated = mode.generated(name);
    if case
        .entities
        .iter()
        .any(|entity| entity.entity_ref == generated)
    {
        return;
    }
    let classes: BTreeSet<&String> = case.location_errors.iter().collect();
    differ(
        format!("errors of its {generated}"),
        format!("{classes:?}"),
        format!("{:?}", found.errors_of(&generated))
            .replace('[', "{")
            .replace(']', "}"),
    );
    let served = found.served.get(&generated);
    differ(
        format!("its {generated} is served"),
        (classes.is_empty() || SERVED_WITH_ERRORS.contains(&name)).to_string(),
        served.is_some().to_string(),
    );
    if let (Some(document), Some(served)) = (recorded.documents.get(&generated), served) {
        differ_in(&generated, document, &comparable(served.clone()), differ);
    }
}

/// Each member of two documents that differs, by its path.
fn differ_in(
    path: &str,
    recorded: &Value,
    found: &Value,
    differ: &mut impl FnMut(String, String, String),
) {
    let (Value::Object(left), Value::Object(right)) = (recorded, found) else {
        // As values: as texts, members in another order would differ.
        if recorded != found {
            differ(path.to_owned(), recorded.to_string(), found.to_string());
        }
        return;
    };
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let path = format!("{path}/{key}");
        match (left.get(key), right.get(key)) {
            (Some(left), Some(right)) => differ_in(&path, left, right, differ),
            (left, right) => differ(path, shown(left), shown(right)),
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

fn relations_of(entity: &Value) -> BTreeSet<String> {
    entity["relations"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|relation| {
            let text = |key: &str| relation[key].as_str().unwrap_or_default();
            format!("{} {}", text("type"), text("targetRef"))
        })
        .collect()
}
