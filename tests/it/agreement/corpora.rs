//! The files that are compared, each corpus as a repository of its own.

use std::collections::BTreeMap;
use std::path::Path;

use freshet_model::location::{GithubFileUrl, Spelling};
use freshet_tests::setup::ORGANIZATION;
use freshet_tests::stage::{GITHUB, Staged};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::conformance::list_files;

/// Folders of which every catalog file is registered, and what lies beside them in one of them.
const OF_FOLDERS: [(&str, &str); 3] = [
    ("catalog", "conformance/catalog/cases"),
    ("found", "conformance/found"),
    ("fuzz", "fuzz/corpus/yaml_entity"),
];
/// What the files of the recorded corpus point at; nobody registers them.
const NOT_REGISTERED: &str = "_inc/";
/// The repository that the recorded placeholders are in, and what it is called here.
const PLACEHOLDERS: &str = "placeholders";
const RECORDED_SLUG: &str = "/o/r";

/// A repository of catalog files.
pub(super) struct Corpus {
    pub(super) name: &'static str,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Paths of the files that are registered, and given to `freshet validate`.
    pub(super) registered: Vec<String>,
}

impl Corpus {
    /// The URL of a path.
    pub(super) fn url_of(&self, path: &str) -> String {
        let file = GithubFileUrl {
            base: format!("https://{GITHUB}"),
            owner: ORGANIZATION.to_owned(),
            repository: self.name.to_owned(),
            git_ref: "main".to_owned(),
            path: path.to_owned(),
            spelling: Spelling::Blob,
        };
        file.to_string()
    }

    /// As a repository of the emulator.
    pub(super) fn stage(&self) -> Staged {
        let files = self.files.iter();
        let files = files.map(|(path, content)| (path.clone(), content.clone()));
        (self.name.to_owned(), files.collect())
    }
}

/// All of them.
pub(super) fn read_corpora() -> Vec<Corpus> {
    let folders = OF_FOLDERS.map(|(name, folder)| read_folder(name, folder));
    let recorded = [read_yaml_texts(), read_placeholders()];
    folders.into_iter().chain(recorded).collect()
}

fn read_folder(name: &'static str, folder: &str) -> Corpus {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files: BTreeMap<String, Vec<u8>> = list_files(&folder).into_iter().collect();
    let is_catalog_file = |path: &&String| match path.rsplit_once('.') {
        Some((_, ending)) => matches!(ending, "yaml" | "yml") && !path.starts_with(NOT_REGISTERED),
        // Those of the fuzz corpus have no ending.
        None => true,
    };
    Corpus {
        name,
        registered: files.keys().filter(is_catalog_file).cloned().collect(),
        files,
    }
}

/// Of each recorded row the first member: the input.
fn read_inputs<T: for<'de> Deserialize<'de>>(recorded: &str) -> T {
    serde_json::from_str(recorded).expect("a record")
}

fn read_yaml_texts() -> Corpus {
    #[derive(Deserialize)]
    struct Recorded {
        rows: Vec<Vec<Value>>,
    }
    let recorded: Recorded = read_inputs(include_str!("../../backstage/recorded/yaml.json"));
    let texts = recorded.rows.iter().map(|row| row[0].as_str());
    let files: BTreeMap<String, Vec<u8>> = (1..)
        .zip(texts)
        .map(|(number, text): (usize, _)| {
            let text = text.expect("a text").as_bytes().to_vec();
            (format!("{number:04}.yaml"), text)
        })
        .collect();
    Corpus {
        name: "yaml",
        registered: files.keys().cloned().collect(),
        files,
    }
}

fn read_placeholders() -> Corpus {
    #[derive(Deserialize)]
    struct Recorded {
        files: BTreeMap<String, String>,
        rows: Vec<Vec<Value>>,
    }
    let recorded = include_str!("../../backstage/recorded/placeholders.json");
    // They name their own repository, also in other letters and with something behind it.
    let own = format!("/{ORGANIZATION}/{PLACEHOLDERS}");
    let recorded = recorded
        .replace(RECORDED_SLUG, &own)
        .replace(&RECORDED_SLUG.to_uppercase(), &own.to_uppercase());
    let Recorded { files, rows } = read_inputs(&recorded);
    let mut files: BTreeMap<String, Vec<u8>> = files
        .into_iter()
        .map(|(path, content)| (path, content.into_bytes()))
        .collect();
    let mut registered = Vec::new();
    for (number, row) in (1..).zip(rows) {
        let path = format!("svc/{number:04}.yaml");
        files.insert(path.clone(), make_entity(number, &row[0]).into_bytes());
        registered.push(path);
    }
    Corpus {
        name: PLACEHOLDERS,
        files,
        registered,
    }
}

/// A file with a placeholder in it, over several lines so that each has a place of its own.
fn make_entity(number: usize, shape: &Value) -> String {
    let entity = json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": "Component",
        "metadata": {"name": format!("placeholder-{number:04}")},
        "spec": {"type": "service", "lifecycle": "production", "owner": "o", "x": shape},
    });
    format!("{entity:#}\n")
}
