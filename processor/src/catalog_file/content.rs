//! From a file's bytes to the entities and problems of a location. Pure.

use freshet_model::{
    EntityRef, ErrorClass, Level, Problem, RelationDeclaration, RuleId, TextPosition,
    canonical_json, digest, location,
};
use freshet_proto::message::{
    Content, Dependency, Emitted, EntityObserved, Place, ProblemObserved, RelationObserved,
    TargetPlaces,
};
use prost::Message as _;

use super::entities::{self, CatalogFile, FileEntity};
use crate::limits::ReadLimits;

/// What a file of this blob id declares, with what was read to know it.
#[must_use]
pub fn content_of(
    blob: String,
    file: CatalogFile,
    dependencies: Vec<Dependency>,
    limits: &ReadLimits,
) -> Content {
    let content = Content {
        blob,
        entities: file.entities.into_iter().map(message_of_entity).collect(),
        problems: file.problems.into_iter().map(message_of_problem).collect(),
        invalid: file.is_invalid,
        dependencies,
        emitted: file.emitted.into_iter().map(message_of_kind).collect(),
    };
    // Measured as it is sent: aliases and placeholders can make much of a small file.
    let (size, most) = (content.encoded_len(), limits.observed_bytes);
    if size <= most {
        return content;
    }
    let message = format!("what this file declares takes {size} bytes, more than {most}");
    Content {
        // They are still watched, because a smaller one would make this file valid again.
        dependencies: content.dependencies,
        ..invalid_content(content.blob, RuleId::FileLimitObserved, message)
    }
}

/// What a file that is too large to be read at all comes to.
#[must_use]
pub fn too_large(blob: String, size: u64, limits: &ReadLimits) -> Content {
    let most = limits.file_bytes;
    let message = format!("the file has {size} bytes, more than {most}");
    invalid_content(blob, RuleId::YamlLimitFileSize, message)
}

// The last good entities stay, and the owner of the file learns why nothing new arrives.
fn invalid_content(blob: String, rule: RuleId, message: String) -> Content {
    let problem = ProblemObserved {
        rule: rule.as_str().to_owned(),
        message,
        hint: "Split the file and list the parts in a Location.".to_owned(),
        line: 1,
        column: 1,
        class: ErrorClass::Error.as_str().to_owned(),
        is_file: true,
        ..ProblemObserved::default()
    };
    Content {
        blob,
        problems: vec![problem],
        invalid: true,
        ..Content::default()
    }
}

fn message_of_kind(declared: entities::DeclaredKind) -> Emitted {
    Emitted {
        r#ref: text_of(declared.entity_ref.as_ref()),
        kind: declared.kind,
        spec_type: declared.spec_type,
        line: declared.position.line,
        column: declared.position.column,
    }
}

fn text_of(entity_ref: Option<&EntityRef>) -> String {
    entity_ref.map(EntityRef::to_string).unwrap_or_default()
}

fn message_of_entity(declared: FileEntity) -> EntityObserved {
    let document = canonical_json(declared.entity.document());
    let digest = digest(&document, &declared.relations);
    EntityObserved {
        r#ref: declared.entity.entity_ref().to_string(),
        digest,
        document,
        relations: declared
            .relations
            .into_iter()
            .map(message_of_relation)
            .collect(),
        line: declared.position.line,
        target_places: declared.target_places.map(message_of_places),
    }
}

fn message_of_places(places: location::TargetPlaces) -> TargetPlaces {
    TargetPlaces {
        r#type: places.location_type.map(message_of_place),
        targets: places.targets.into_iter().map(message_of_place).collect(),
    }
}

fn message_of_place(at: TextPosition) -> Place {
    let TextPosition { line, column } = at;
    Place { line, column }
}

fn message_of_relation(declared: RelationDeclaration) -> RelationObserved {
    RelationObserved {
        forward: declared.forward.to_string(),
        reverse: declared
            .reverse
            .map(|it| it.to_string())
            .unwrap_or_default(),
        target: declared.target.to_string(),
    }
}

fn message_of_problem(found: Problem) -> ProblemObserved {
    ProblemObserved {
        rule: found.rule.as_str().to_owned(),
        message: found.message,
        hint: found.hint,
        line: found.line,
        column: found.column,
        entity_ref: text_of(found.entity_ref.as_ref()),
        class: found.class.as_str().to_owned(),
        is_file: found.is_file,
        is_warning: found.level == Level::Warning,
        owner: found.owner.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use freshet_model::Kinds;

    use super::*;
    use crate::catalog_file::read_catalog_file;

    const PAY: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: Pay\n\
        spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n";

    fn read(text: &str) -> Content {
        read_within(text, &ReadLimits::default())
    }

    fn read_within(text: &str, limits: &ReadLimits) -> Content {
        let file = read_catalog_file(text.as_bytes(), &Kinds::builtin(), limits);
        content_of("b1".to_owned(), file, Vec::new(), limits)
    }

    #[test]
    fn a_valid_file_becomes_entities_with_document_relations_and_digest() {
        let content = read(PAY);
        assert_eq!(content.problems, []);
        let [entity] = content.entities.as_slice() else {
            panic!("{content:?}")
        };
        assert_eq!(entity.r#ref, "component:default/pay");
        assert!(
            entity.document.contains(r#""namespace":"default""#),
            "{}",
            entity.document
        );
        assert!(
            entity
                .relations
                .iter()
                .any(|relation| relation.target == "group:default/team-a")
        );
        assert_eq!(entity.digest.len(), 64);
        assert_eq!(entity.line, 1);
    }

    #[test]
    fn an_invalid_document_becomes_a_problem_with_a_position() {
        let content = read(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: \"a b\"\n",
        );
        assert_eq!(content.entities, []);
        let problem = content.problems.first().expect("a problem");
        assert!(problem.line >= 1 && problem.column >= 1);
    }

    #[test]
    fn a_problem_says_whose_it_is_and_how_much_it_costs() {
        let content = read(&PAY.replace("Pay", "\"a b\""));
        let [problem] = content.problems.as_slice() else {
            panic!("{content:?}")
        };
        assert_eq!(
            (problem.class.as_str(), problem.is_file, problem.is_warning),
            ("InputError", false, false)
        );
        assert_eq!(problem.owner, "team-a");
        assert!(!content.invalid);
        assert_eq!(content.emitted.len(), 1);
        assert_eq!(content.emitted[0].kind, "Component");
        assert_eq!(content.emitted[0].spec_type.as_deref(), Some("service"));
    }

    #[test]
    fn a_file_that_declares_more_than_allowed_is_a_problem() {
        let declared = read(PAY);
        let read_up_to = |observed_bytes| {
            let limits = ReadLimits {
                observed_bytes,
                ..ReadLimits::default()
            };
            read_within(PAY, &limits)
        };
        let size = declared.encoded_len();
        assert_eq!(read_up_to(size), declared);
        let content = read_up_to(size - 1);
        assert!(content.invalid);
        assert_eq!(content.entities, []);
        assert_eq!(content.problems[0].rule, RuleId::FileLimitObserved.as_str());
    }
}
