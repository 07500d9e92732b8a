//! What only all files together show: kinds that are not allowed, entities that are declared
//! twice, references to nobody.

use std::collections::{BTreeMap, HashMap, HashSet};

use freshet_model::rules::{self, Rule};
use freshet_model::{EntityRef, ErrorClass, Problem, RuleId};
use freshet_processor::limits::ReadLimits;
use freshet_processor::yaml::TextPosition;

use super::content::FileContent;
use super::files::{EntityReference, FileSet};
use super::positions::FilePositions;

/// `catalog.rules` judge every document by where its run began; of a file with one that they refuse
/// nothing is applied.
pub(super) fn report_kinds_not_allowed(set: &mut FileSet, rules: &[Rule]) {
    let mut found = Vec::new();
    for (index, (file, checked)) in set.pairs().enumerate() {
        let Some(origin) = &file.origin else {
            continue;
        };
        for declared in &checked.declared {
            let kind = &declared.kind;
            if rules::allows(rules, origin, kind, declared.spec_type.as_deref()) {
                continue;
            }
            let message = format!(
                "catalog.rules do not allow entities of kind {kind} from {origin}; nothing of the file would be applied"
            );
            let problem = Problem {
                entity_ref: declared.entity_ref.clone(),
                ..Problem::error(
                    RuleId::RulesNotAllowed,
                    ErrorClass::NotAllowedError,
                    message,
                )
            };
            let hint =
                "Remove the document, or have the kind allowed in the catalog's configuration.";
            // As in the catalog, which keeps the line of a document.
            let TextPosition { line, column } = declared.position.start_of_line();
            found.push((index, problem.with_hint(hint).at(line, column)));
        }
    }
    for (index, _) in &found {
        set.checked[*index].is_refused = true;
    }
    set.add_problems(found);
}

/// Every entity that another file declares before: in the catalog one of the two holds the ref. What is invalid holds
/// none there, and within one file the reader has told already.
pub(super) fn report_conflicts(set: &mut FileSet) {
    let mut found = Vec::new();
    let mut first: HashMap<&EntityRef, (usize, TextPosition)> = HashMap::new();
    let checked = set.checked.iter().enumerate();
    for (index, checked) in checked.filter(|(_, checked)| !checked.is_refused) {
        for (entity_ref, position) in &checked.valid {
            let TextPosition { line, column } = position.start_of_line();
            let (file, at) = *first.entry(entity_ref).or_insert((index, *position));
            // The same document again, or a second one of the same file.
            if file == index {
                continue;
            }
            let message = format!(
                "{entity_ref} is declared already in {}, line {}; one catalog takes only one of them",
                set.files[file].name, at.line
            );
            // A warning: the catalog keeps both claims and lets one hold the ref, so neither file
            // is refused.
            let problem =
                Problem::warning(RuleId::ClaimConflict, ErrorClass::ConflictError, message)
                    .with_hint(
                        "Remove one of the two documents, or give one another name or namespace.",
                    )
                    .at(line, column)
                    .about(entity_ref.clone());
            found.push((index, problem));
        }
    }
    set.add_problems(found);
}

/// One note for each entity that nobody declares, where it is first referred to: the catalog may well
/// have it from another repository.
pub(super) fn note_unknown_references(set: &mut FileSet, limits: &ReadLimits) {
    let mut last: Option<(usize, FilePositions)> = None;
    let unknown: Vec<UnknownReference> = find_unknown_references(set);
    let contents: Vec<FileContent> = set.files.iter().map(|file| file.content.clone()).collect();
    for unknown in unknown {
        let UnknownReference {
            file,
            document,
            target,
            count,
        } = unknown;
        set.add_note(file, RuleId::ReferenceUnknown, || {
            // They come file by file, and a file is read again for its positions only if it has one.
            if last.as_ref().is_none_or(|(known, _)| *known != file) {
                let bytes = contents[file].read(limits.file_bytes).unwrap_or_default();
                last = Some((file, FilePositions::read(&bytes, limits)));
            }
            let at = last.as_ref().map_or(document, |(_, positions)| {
                positions.find_reference(document, &target)
            });
            let more = match count {
                1 => String::new(),
                count => format!(" (and {} more references)", count - 1),
            };
            let message =
                format!("{target} is referred to, but none of the checked files declares it{more}");
            (at, message)
        });
    }
}

/// An entity that nobody declares, where it is first referred to.
struct UnknownReference {
    file: usize,
    document: TextPosition,
    target: EntityRef,
    /// How many references there are in that file.
    count: usize,
}

/// The first reference in the first file to each entity that nobody declares, and how many there are in
/// that file, file by file.
fn find_unknown_references(set: &FileSet) -> Vec<UnknownReference> {
    let declared: HashSet<&EntityRef> = set
        .checked
        .iter()
        .flat_map(|checked| &checked.declared)
        .filter_map(|declared| declared.entity_ref.as_ref())
        .collect();
    // Ordered by file, or a file could be read again for each of its references.
    let mut unknown: BTreeMap<(usize, &EntityRef), (&EntityReference, usize)> = BTreeMap::new();
    let mut first: HashMap<&EntityRef, usize> = HashMap::new();
    for (index, checked) in set.checked.iter().enumerate() {
        let references = checked.references.iter();
        for reference in references.filter(|it| !declared.contains(&it.target)) {
            let file = *first.entry(&reference.target).or_insert(index);
            let entry = unknown.entry((file, &reference.target));
            entry.or_insert((reference, 0)).1 += 1;
        }
    }
    let unknown = unknown.into_iter();
    unknown
        .map(|((file, target), (reference, count))| UnknownReference {
            file,
            document: reference.document,
            target: target.clone(),
            count,
        })
        .collect()
}
