//! From a file's bytes to the entities and problems of a location. Pure.

use freshet_model::{EntityRef, Kinds, RelationDeclaration, canonical_json, digest};
use freshet_proto::message::{Content, EntityObserved, ProblemObserved, RelationObserved};
use prost::Message as _;

use crate::parse::{self, FileEntity, FileProblem, Limits, read_catalog_file};

/// Most bytes one location may add to an observation. A location travels in one message, and no
/// message of ours is larger than this and the little that goes around it.
pub const LOCATION_BYTES_MAX: usize = freshet_proto::stream::PAYLOAD_BYTES_MAX - 16 * 1024;
/// Rule of a file that declares more than one message can carry.
pub const OUTPUT_TOO_LARGE: &str = "file.output-size";

/// What a file of this blob id and these bytes declares.
#[must_use]
pub fn content_of(blob: String, bytes: &[u8], kinds: &Kinds, limits: &Limits) -> Content {
    let file = read_catalog_file(bytes, kinds, limits);
    let content = Content {
        blob,
        entities: file.entities.into_iter().map(entity).collect(),
        problems: file.problems.into_iter().map(problem).collect(),
        poisoned: file.poisoned,
        ..Content::default()
    };
    let size = content.encoded_len();
    if size <= LOCATION_BYTES_MAX {
        return content;
    }
    let message =
        format!("The entities of this file take {size} bytes, more than {LOCATION_BYTES_MAX}.");
    spoiled(
        content.blob,
        OUTPUT_TOO_LARGE,
        message,
        "Split the file and list the parts in a Location.",
    )
}

/// What a file that is too large to be read at all comes to.
#[must_use]
pub fn too_large(blob: String, size: u64, limits: &Limits) -> Content {
    let message = format!(
        "The file has {size} bytes, more than {}.",
        limits.file_bytes
    );
    spoiled(
        blob,
        parse::rule::FILE_TOO_LARGE,
        message,
        "Split the file and list the parts in a Location.",
    )
}

// The last good entities stay, and the owner of the file learns why nothing new arrives.
fn spoiled(blob: String, rule: &str, message: String, hint: &str) -> Content {
    let problem = ProblemObserved {
        rule: rule.to_owned(),
        message,
        hint: hint.to_owned(),
        line: 1,
        column: 1,
        entity_ref: String::new(),
        ..ProblemObserved::default()
    };
    Content {
        blob,
        entities: Vec::new(),
        problems: vec![problem],
        poisoned: true,
        ..Content::default()
    }
}

fn entity(declared: FileEntity) -> EntityObserved {
    let document = canonical_json(declared.entity.document());
    let digest = digest(&document, &declared.relations);
    EntityObserved {
        r#ref: declared.entity.entity_ref().to_string(),
        digest,
        document,
        relations: declared.relations.into_iter().map(relation).collect(),
        line: declared.position.line,
    }
}

fn relation(declared: RelationDeclaration) -> RelationObserved {
    RelationObserved {
        forward: declared.forward,
        reverse: declared.reverse.unwrap_or_default(),
        target: declared.target.to_string(),
    }
}

fn problem(found: FileProblem) -> ProblemObserved {
    ProblemObserved {
        rule: found.rule,
        message: found.message,
        hint: found.hint,
        line: found.line,
        column: found.column,
        entity_ref: found
            .entity_ref
            .as_ref()
            .map(EntityRef::to_string)
            .unwrap_or_default(),
        ..ProblemObserved::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAY: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: Pay\n\
        spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n";

    fn read(text: &str) -> Content {
        content_of(
            "b1".to_owned(),
            text.as_bytes(),
            &Kinds::builtin(),
            &Limits::default(),
        )
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
    fn a_file_that_declares_more_than_a_message_carries_is_a_problem() {
        let long = format!("{PAY}  note: {}\n", "x".repeat(LOCATION_BYTES_MAX));
        let content = read(&long);
        assert!(content.poisoned);
        assert_eq!(content.entities, []);
        assert_eq!(content.problems[0].rule, OUTPUT_TOO_LARGE);
    }
}
