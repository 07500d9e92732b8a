//! The recorded cases: what their files say from moment to moment, and what Backstage served.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// Fewest recorded cases.
const CASES_MIN: usize = 1_000;

/// One document: kind, name, then its version or its targets, then `false` if it has a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Document {
    Broken(String, String, Body, bool),
    Sound(String, String, Body),
}

/// What tells a document from others of its ref.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Body {
    Version(String),
    Targets(Vec<String>),
}

impl Document {
    fn parts(&self) -> (&str, &str, &Body) {
        match self {
            Self::Broken(kind, name, body, _) | Self::Sound(kind, name, body) => (kind, name, body),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        matches!(self, Self::Sound(..))
    }

    /// As it is served, `Kind:Name`.
    pub(super) fn shown_name(&self) -> String {
        let (kind, name, _) = self.parts();
        format!("{kind}:{name}")
    }

    /// What it is known by, whatever its letters are.
    pub(super) fn ref_key(&self) -> String {
        self.shown_name().to_lowercase()
    }

    pub(super) fn version(&self) -> &str {
        match self.parts().2 {
            Body::Version(version) => version,
            Body::Targets(_) => "",
        }
    }

    /// Paths in the folder of the case.
    pub(super) fn targets(&self) -> impl Iterator<Item = String> {
        let targets = match self.parts().2 {
            Body::Version(_) => &[],
            Body::Targets(targets) => targets.as_slice(),
        };
        targets
            .iter()
            .map(|target| target.trim_start_matches("./").to_owned())
    }

    fn to_text(&self, namespace: &str) -> String {
        let (kind, name, body) = self.parts();
        let (title, spec) = match body {
            Body::Targets(targets) => (None, json!({"targets": targets})),
            Body::Version(version) => {
                let owner = if self.is_valid() {
                    json!("x")
                } else {
                    json!(5)
                };
                let spec = json!({"type": "x", "lifecycle": "x", "owner": owner});
                (Some(version), spec)
            }
        };
        let mut metadata = json!({"name": name, "namespace": namespace});
        if let Some(title) = title {
            metadata["title"] = json!(title);
        }
        let entity = json!({
            "apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec,
        });
        format!("---\n{entity}\n")
    }
}

/// What changes in the folder of a case: a file and what it says from now on, nothing if it goes.
pub(super) type FileChanges = BTreeMap<String, Option<Vec<Document>>>;

/// What is served of an entity: `Kind:Name` (none for the Location of a root), file, version, errors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct ServedRow(pub(super) Vec<String>);

/// What is served of a case, sorted.
pub(super) type Served = Vec<ServedRow>;

impl ServedRow {
    /// The ref, or the file of a root.
    pub(super) fn key(&self) -> String {
        match self.0[0].as_str() {
            "" => self.0[1].clone(),
            shown => shown.to_lowercase(),
        }
    }

    pub(super) fn file(&self) -> &str {
        &self.0[1]
    }

    pub(super) fn version(&self) -> &str {
        &self.0[2]
    }
}

/// A folder with files that declare the same entities.
pub(super) struct Case {
    pub(super) number: usize,
    /// The files that are registered.
    pub(super) roots: Vec<String>,
    pub(super) moments: Vec<Moment>,
}

/// A change, and what Backstage came to serve after it.
pub(super) struct Moment {
    pub(super) changes: FileChanges,
    pub(super) backstage: Served,
}

/// All cases, and how many of them share a repository.
pub(super) struct Recorded {
    pub(super) cases: Vec<Case>,
    cases_of_repository: usize,
}

impl Recorded {
    /// The recorded cases, or those of the first repositories.
    pub(super) fn read(repositories_max: usize) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Written {
            cases_of_repository: usize,
            rows: Vec<Vec<Value>>,
        }
        let written: Written =
            serde_json::from_str(include_str!("../../recorded/duplicates.json")).expect("a record");
        assert!(written.rows.len() >= CASES_MIN, "the record was lost");
        let cases_max = repositories_max.saturating_mul(written.cases_of_repository);
        let cases = written.rows.into_iter().enumerate().take(cases_max);
        Self {
            cases: cases.map(|(number, row)| read_case(number, row)).collect(),
            cases_of_repository: written.cases_of_repository,
        }
    }

    pub(super) fn repository_count(&self) -> usize {
        self.cases.len().div_ceil(self.cases_of_repository)
    }

    /// The repository of a case, by its number.
    pub(super) fn repository_of(&self, case: &Case) -> usize {
        case.number / self.cases_of_repository
    }
}

fn read_case(number: usize, row: Vec<Value>) -> Case {
    fn read<T: for<'de> Deserialize<'de>>(value: Value) -> T {
        serde_json::from_value(value).expect("as it was recorded")
    }
    let mut values = row.into_iter();
    let roots = read(values.next().expect("roots"));
    let mut moments = Vec::new();
    while let (Some(changes), Some(served)) = (values.next(), values.next()) {
        let mut backstage: Served = read(served);
        backstage.sort();
        moments.push(Moment {
            changes: read(changes),
            backstage,
        });
    }
    Case {
        number,
        roots,
        moments,
    }
}

impl Case {
    /// Its path in the repository.
    pub(super) fn path_of(&self, file: &str) -> String {
        format!("{}/{file}", self.number)
    }

    /// What is pushed at a moment: each path and its text, nothing if it goes.
    pub(super) fn texts_at(&self, moment: usize) -> Vec<(String, Option<String>)> {
        let namespace = format!("n{}", self.number);
        let to_text =
            |documents: &Vec<Document>| documents.iter().map(|it| it.to_text(&namespace)).collect();
        let changes = self.moments.get(moment).map(|it| &it.changes);
        changes
            .into_iter()
            .flatten()
            .map(|(file, documents)| (self.path_of(file), documents.as_ref().map(to_text)))
            .collect()
    }
}
