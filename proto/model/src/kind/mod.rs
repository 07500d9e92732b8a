//! Kinds as data: a JSON Schema and a table of relation fields per kind.
//!
//! The kinds of Backstage lie next to this file as JSON; an operator adds his own in
//! configuration in the same form. Nothing in the code knows a kind by name.

mod spec;

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, Validator};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use spec::{KindError, KindSpec, RelationField};

/// The kinds every Backstage installation has, and the scaffolder's.
const BUILTIN: [&str; 9] = [
    include_str!("api.json"),
    include_str!("component.json"),
    include_str!("resource.json"),
    include_str!("group.json"),
    include_str!("location.json"),
    include_str!("user.json"),
    include_str!("system.json"),
    include_str!("domain.json"),
    include_str!("template.json"),
];

/// The kinds a catalog recognises. Cheap to clone.
#[derive(Clone)]
pub struct Kinds {
    kinds: Arc<[CompiledKind]>,
    digest: Arc<str>,
}

/// One kind under the API versions it goes by, its schema compiled.
#[derive(Clone)]
pub(crate) struct CompiledKind {
    pub(crate) spec: KindSpec,
    pub(crate) schema: Arc<Validator>,
}

/// What is known about a kind and version as written in a document.
pub(crate) enum Recognition<'a> {
    /// This kind.
    Known(&'a CompiledKind),
    /// The kind, but not under this API version; these are known.
    UnknownVersion(Vec<&'a str>),
    /// No such kind; maybe this one was meant.
    UnknownKind(Option<&'a str>),
}

impl Kinds {
    /// Component, API, Resource, System, Domain, Group, User, Location and Template.
    #[must_use]
    pub fn builtin() -> Self {
        let specs = BUILTIN.map(|json| {
            serde_json::from_str::<KindSpec>(json).expect("the builtin kinds are well formed")
        });
        Self::compile(Vec::new(), specs).expect("the builtin kinds do not contradict each other")
    }

    /// These kinds and the given ones. One without a schema adds its relation fields to the
    /// kind of that name which is already there.
    ///
    /// # Errors
    /// Every mistake in the given kinds.
    pub fn with(&self, extra: impl IntoIterator<Item = KindSpec>) -> Result<Self, Vec<KindError>> {
        Self::compile(self.kinds.to_vec(), extra)
    }

    fn compile(
        mut kinds: Vec<CompiledKind>,
        extra: impl IntoIterator<Item = KindSpec>,
    ) -> Result<Self, Vec<KindError>> {
        let mut mistakes = Vec::new();
        for spec in extra {
            mistakes.extend(spec.find_mistakes());
            match spec.schema {
                Some(_) => match CompiledKind::compile_schema(spec, &kinds) {
                    Ok(kind) => kinds.push(kind),
                    Err(mistake) => mistakes.push(mistake),
                },
                None => mistakes.extend(extend_kinds(&mut kinds, spec).err()),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let digest = digest_kinds(&kinds).into();
        Ok(Self {
            kinds: kinds.into(),
            digest,
        })
    }

    /// Names this set of kinds, schemas and relation fields: a document read under another
    /// digest has to be read again.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The names of the kinds, each once per set of API versions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| kind.spec.kind.as_str())
    }

    /// The API versions under which kinds are recognised, some more than once.
    pub fn api_versions(&self) -> impl Iterator<Item = &str> {
        self.kinds
            .iter()
            .flat_map(|kind| kind.spec.api_versions.iter().map(String::as_str))
    }

    /// Kind and version are compared exactly: `component` is not `Component`.
    pub(crate) fn recognise_kind(&self, name: &str, api_version: &str) -> Recognition<'_> {
        let same_name = || self.kinds.iter().filter(|kind| kind.spec.kind == name);
        if let Some(kind) = same_name().find(|kind| kind.answers_to(api_version)) {
            return Recognition::Known(kind);
        }
        let versions: Vec<&str> = same_name()
            .flat_map(|kind| &kind.spec.api_versions)
            .map(String::as_str)
            .collect();
        if !versions.is_empty() {
            return Recognition::UnknownVersion(versions);
        }
        Recognition::UnknownKind(self.names().find(|known| known.eq_ignore_ascii_case(name)))
    }
}

impl CompiledKind {
    fn compile_schema(spec: KindSpec, others: &[CompiledKind]) -> Result<Self, KindError> {
        for version in &spec.api_versions {
            if others
                .iter()
                .any(|kind| kind.spec.kind == spec.kind && kind.answers_to(version))
            {
                return Err(KindError::Duplicate {
                    kind: spec.kind,
                    api_version: version.clone(),
                });
            }
        }
        let schema = spec.schema.as_ref().unwrap_or(&Value::Bool(true));
        match jsonschema::options()
            // The draft Backstage compiles with. A newer one reads the words beside `$ref`, so that
            // the same schema would refuse other documents.
            .with_draft(Draft::Draft7)
            .build(schema)
        {
            Ok(validator) => Ok(Self {
                schema: Arc::new(validator),
                spec,
            }),
            Err(error) => Err(KindError::Schema {
                message: error.to_string(),
                kind: spec.kind,
            }),
        }
    }

    fn answers_to(&self, api_version: &str) -> bool {
        self.spec
            .api_versions
            .iter()
            .any(|known| known == api_version)
    }
}

/// Adds the relation fields of `spec` to the kind it names: to the versions it names, or to
/// all if it names none.
fn extend_kinds(kinds: &mut [CompiledKind], spec: KindSpec) -> Result<(), KindError> {
    let versions = &spec.api_versions;
    let meant = |kind: &CompiledKind| {
        kind.spec.kind == spec.kind
            && (versions.is_empty() || versions.iter().any(|version| kind.answers_to(version)))
    };
    let mut found = false;
    for kind in kinds.iter_mut().filter(|kind| meant(kind)) {
        found = true;
        for relation in &spec.relations {
            // A field that is there already declares nothing new.
            if !kind.spec.relations.contains(relation) {
                kind.spec.relations.push(relation.clone());
            }
        }
    }
    if found {
        Ok(())
    } else {
        Err(KindError::NothingToExtend { kind: spec.kind })
    }
}

fn digest_kinds(kinds: &[CompiledKind]) -> String {
    // The order of keys counts here. A configuration that was only rearranged is read again; that
    // costs calls, while a missed change would cost truth.
    let specs: Vec<&KindSpec> = kinds.iter().map(|kind| &kind.spec).collect();
    let json = serde_json::to_string(&specs).expect("kind specifications are plain data");
    hex::encode(Sha256::digest(json))
}

impl Default for Kinds {
    fn default() -> Self {
        Self::builtin()
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
