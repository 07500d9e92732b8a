//! What only all files together show: Location entities that point at spoiled files, kinds that
//! are not allowed, entities that are declared twice, references to nobody.

use std::collections::{BTreeMap, HashMap, HashSet};

use freshet_model::{EntityRef, RuleId, rules};
use freshet_processor::yaml::TextPosition;

use super::bytes;
use super::check::{Checker, Mention, finding};
use super::finding::{Finding, Level, Report, ReportedFile};
use super::places::Places;
use super::target::rule as target_rule;

/// An entity that no file declares.
const UNKNOWN: &str = "reference.unknown";
/// A kind that `catalog.rules` do not allow.
const NOT_ALLOWED: &str = "catalog.rules";

impl Checker<'_> {
    /// Everything that was found, files in the order of their coming.
    pub(super) fn report(mut self) -> Report {
        self.not_allowed();
        self.spoiled_targets();
        self.duplicates();
        self.unknown_references();
        let mut files: Vec<ReportedFile> = self
            .subjects
            .iter()
            .map(|subject| ReportedFile {
                name: subject.name.clone(),
                path: subject.path.clone(),
                source: None,
            })
            .collect();
        for finding in &self.findings {
            let file = &mut files[finding.file];
            if finding.level != Level::Note && file.source.is_none() {
                let content = &self.subjects[finding.file].content;
                let bytes = bytes::of(content, self.settings.limits.file_bytes);
                file.source = bytes.ok().map(|bytes| super::excerpt::Source::new(&bytes));
            }
        }
        Report {
            files,
            findings: self.findings,
            entities: self.checked.iter().map(|checked| checked.entities).sum(),
        }
    }

    /// The run of a Location entity fails if a file it points at is spoiled.
    fn spoiled_targets(&mut self) {
        let mut found = Vec::new();
        for (index, checked) in self.checked.iter().enumerate() {
            for run in &checked.runs {
                for link in &run.links {
                    let spoiled = link.files.iter().find(|file| self.checked[**file].poisoned);
                    found.extend(spoiled.map(|file| Finding {
                        message: format!(
                            "{} cannot be applied, so nothing that {} points at is: the file has errors that spoil it as a whole",
                            self.subjects[*file].name, link.target
                        ),
                        hint: "Mend that file first.".to_owned(),
                        entity: Some(run.entity_ref.to_string()),
                        ..finding(index, Level::Error, target_rule::POISONED, link.at)
                    }));
                }
            }
        }
        self.findings.append(&mut found);
    }

    /// `catalog.rules` judge every document by where its run began; one that they refuse spoils its file.
    fn not_allowed(&mut self) {
        let Some(rules) = &self.settings.rules else {
            return;
        };
        for (index, checked) in self.checked.iter_mut().enumerate() {
            let Some(origin) = &self.subjects[index].origin else {
                continue;
            };
            for emitted in &checked.emitted {
                let spec_type = emitted.spec_type.as_deref();
                if rules::allows(rules, origin, &emitted.kind, spec_type) {
                    continue;
                }
                checked.poisoned = true;
                self.findings.push(Finding {
                    message: format!(
                        "catalog.rules do not allow entities of kind {} from {origin}; nothing of the file would be applied",
                        emitted.kind
                    ),
                    hint: "Remove the document, or have the kind allowed in the catalog's configuration.".to_owned(),
                    entity: emitted.entity_ref.as_ref().map(ToString::to_string),
                    ..finding(index, Level::Error, NOT_ALLOWED, emitted.position)
                });
            }
        }
    }

    /// Within a file the reader has told already.
    fn duplicates(&mut self) {
        let mut first: HashMap<&EntityRef, (usize, TextPosition)> = HashMap::new();
        for (index, checked) in self.checked.iter().enumerate() {
            for emitted in &checked.emitted {
                let Some(entity_ref) = &emitted.entity_ref else {
                    continue;
                };
                let (file, at) = *first.entry(entity_ref).or_insert((index, emitted.position));
                if file == index {
                    continue;
                }
                let name = &self.subjects[file].name;
                self.findings.push(Finding {
                    message: format!("{entity_ref} is declared already in {name}, line {}; one catalog takes only one of them", at.line),
                    hint: "Remove one of the two documents, or give one another name or namespace.".to_owned(),
                    entity: Some(entity_ref.to_string()),
                    ..finding(index, Level::Warning, RuleId::EntityDuplicate.as_str(), emitted.position)
                });
            }
        }
    }

    /// One note for each entity that nobody declares, where it is first referred to.
    fn unknown_references(&mut self) {
        let declared: HashSet<&EntityRef> = self
            .checked
            .iter()
            .flat_map(|checked| &checked.emitted)
            .filter_map(|emitted| emitted.entity_ref.as_ref())
            .collect();
        let mut unknown: BTreeMap<(usize, &EntityRef), (&Mention, usize)> = BTreeMap::new();
        let mut first: HashMap<&EntityRef, usize> = HashMap::new();
        for (index, checked) in self.checked.iter().enumerate() {
            let mentions = checked.mentions.iter();
            for mention in mentions.filter(|mention| !declared.contains(&mention.target)) {
                let file = *first.entry(&mention.target).or_insert(index);
                let entry = unknown.entry((file, &mention.target));
                entry.or_insert((mention, 0)).1 += 1;
            }
        }
        let mut places: Option<(usize, Places)> = None;
        for ((index, target), (mention, count)) in unknown {
            if places.as_ref().is_none_or(|(file, _)| *file != index) {
                let limits = &self.settings.limits;
                let bytes = bytes::of(&self.subjects[index].content, limits.file_bytes);
                let bytes = bytes.unwrap_or_default();
                places = Some((index, Places::of(&bytes, limits)));
            }
            let at = places.as_ref().map_or(mention.document, |(_, places)| {
                places.of_reference(mention.document, target)
            });
            let more = match count {
                1 => String::new(),
                count => format!(" (and {} more references)", count - 1),
            };
            self.findings.push(Finding {
                message: format!(
                    "{target} is referred to, but none of the checked files declares it{more}"
                ),
                ..finding(index, Level::Note, UNKNOWN, at)
            });
        }
    }
}
