//! A stream cut into its documents before anything is parsed.
//!
//! A line that starts with `---` or `...` ends a document whatever is open at that point: a
//! quoted string, a flow collection, a block scalar. So the cut needs no parser, and a broken
//! document cannot take the next one with it.

use std::collections::HashMap;
use std::sync::Arc;

use freshet_model::RuleId;

use super::position::TextPosition;
use super::problem::{SyntaxProblem, syntax_problem};
use super::scalar::ScalarSchema;

/// Most handles of tags that are declared at a time; real files declare one or two.
const TAG_HANDLES_MAX: usize = 100;
/// Most bytes of what a handle stands for: each tag that begins with the handle is a copy of it.
const TAG_PREFIX_BYTES_MAX: usize = 1_000;

/// What the handles of tags stand for.
pub(super) type TagHandles<'a> = HashMap<&'a str, &'a str>;

/// The text of one document and how to read it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DocumentText<'a> {
    /// From its `---` (or its first line of content) up to the next marker.
    pub text: &'a str,
    /// Handles of tags that `%TAG` declares. Shared, for they may outlive a document.
    pub tags: Arc<TagHandles<'a>>,
    /// Lines of the file before `text`.
    pub lines_before: u32,
    /// Where the document itself starts.
    pub start: TextPosition,
    /// Which scalars are numbers, booleans and so on.
    pub schema: ScalarSchema,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DocumentMarker {
    Start,
    End,
}

/// What the directives before a document have said.
#[derive(Default)]
struct Directives {
    /// Whether there was one since the last document.
    any: bool,
    problem: Option<SyntaxProblem>,
}

struct Splitter<'a> {
    text: &'a str,
    chunks: Vec<Result<DocumentText<'a>, SyntaxProblem>>,
    directives: Directives,
    /// A `%YAML 1.1` stays in force until the next directive, and so do the tags beside it.
    schema: ScalarSchema,
    tags: Arc<TagHandles<'a>>,
    /// Why nothing more is read of the file.
    exceeded: Option<SyntaxProblem>,
    open: Option<OpenDocument>,
}

struct OpenDocument {
    offset: usize,
    lines_before: u32,
    start: TextPosition,
    problem: Option<SyntaxProblem>,
}

/// Cuts `text` into its documents, up to the first problem of the whole file: that there are more than
/// `documents_max`, or too many tags declared.
pub(super) fn split_documents(
    text: &str,
    documents_max: usize,
) -> Vec<Result<DocumentText<'_>, SyntaxProblem>> {
    let mut splitter = Splitter {
        text,
        chunks: Vec::new(),
        directives: Directives::default(),
        schema: ScalarSchema::Core,
        tags: Arc::default(),
        exceeded: None,
        open: None,
    };
    let mut offset = 0;
    for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
        splitter.take_line(offset, number, line);
        offset += line.len();
        if splitter.count_documents() > documents_max {
            splitter.chunks.truncate(documents_max);
            splitter.exceed_limit(
                RuleId::YamlLimitDocuments,
                format!("the file has more than {documents_max} documents"),
                number,
            );
        }
        if let Some(exceeded) = splitter.exceeded {
            splitter.chunks.push(Err(exceeded));
            return splitter.chunks;
        }
    }
    splitter.into_chunks(text.len())
}

impl<'a> Splitter<'a> {
    // Here and not after parsing: a file of `---` alone would be a million documents. The one
    // that has just begun counts.
    fn count_documents(&self) -> usize {
        self.chunks.len() + usize::from(self.open.is_some())
    }

    fn exceed_limit(&mut self, rule: RuleId, message: String, line: u32) {
        let position = TextPosition { line, column: 1 };
        self.exceeded = Some(syntax_problem(rule, message, position));
    }

    fn take_line(&mut self, offset: usize, number: u32, line: &'a str) {
        // Between documents a byte order mark says nothing: files are put together as they are.
        let (offset, line) = match line.strip_prefix('\u{FEFF}') {
            Some(rest) if self.open.is_none() => (offset + line.len() - rest.len(), rest),
            Some(_) | None => (offset, line),
        };
        match (find_marker(line), self.open.is_some()) {
            (Some(DocumentMarker::Start), _) => {
                self.close_document(offset);
                self.start_explicit(offset, number);
            }
            (Some(DocumentMarker::End), _) => self.end_document(offset, number, line),
            (None, true) => {}
            (None, false) if is_blank_or_comment(line) => {}
            (None, false) if line.starts_with('%') => self.take_directive(number, line),
            (None, false) => self.start_implicit(offset, number),
        }
    }

    fn start_explicit(&mut self, offset: usize, number: u32) {
        let directives = std::mem::take(&mut self.directives);
        self.open = Some(OpenDocument {
            offset,
            lines_before: number - 1,
            start: TextPosition {
                line: number,
                column: 1,
            },
            problem: directives.problem,
        });
    }

    fn start_implicit(&mut self, offset: usize, number: u32) {
        let directives = std::mem::take(&mut self.directives);
        let position = TextPosition {
            line: number,
            column: 1,
        };
        let problem = directives.problem.or_else(|| {
            // Directives belong to a document that says where it begins.
            directives.any.then(|| {
                syntax_problem(
                    RuleId::YamlSyntax,
                    "a document after directives must start with ---",
                    position,
                )
            })
        });
        self.open = Some(OpenDocument {
            offset,
            lines_before: number - 1,
            start: position,
            problem,
        });
    }

    fn end_document(&mut self, offset: usize, number: u32, line: &str) {
        let position = TextPosition {
            line: number,
            column: 1,
        };
        let trailing = !is_blank_or_comment(&line[3..]);
        let Some(open) = &mut self.open else {
            // Between two documents it stands for an empty one.
            self.start_implicit(offset, number);
            self.close_document(offset);
            return;
        };
        if trailing {
            open.problem.get_or_insert_with(|| {
                syntax_problem(RuleId::YamlSyntax, "unexpected text after ...", position)
            });
        }
        self.close_document(offset);
    }

    fn take_directive(&mut self, number: u32, line: &'a str) {
        let position = TextPosition {
            line: number,
            column: 1,
        };
        if !std::mem::replace(&mut self.directives.any, true) {
            // Any directive ends the reign of the one before, as in the package.
            self.schema = ScalarSchema::Core;
            self.tags = Arc::default();
        }
        let line = line.split(" #").next().unwrap_or(line);
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("%YAML"), Some("1.1"), None) => self.schema = ScalarSchema::Yaml11,
            (Some("%YAML"), Some("1.2"), None) => self.schema = ScalarSchema::Core,
            (Some("%YAML"), Some(version), None) if is_version(version) => {}
            (Some("%YAML"), _, _) => {
                self.directives.problem = Some(syntax_problem(
                    RuleId::YamlSyntax,
                    "a %YAML directive needs one version",
                    position,
                ));
            }
            (Some("%TAG"), Some(handle), Some(prefix)) if words.next().is_none() => {
                self.declare_tag(number, handle, prefix);
            }
            (Some("%TAG"), _, _) => {
                self.directives.problem = Some(syntax_problem(
                    RuleId::YamlSyntax,
                    "a %TAG directive needs a handle and what it stands for",
                    position,
                ));
            }
            _ => {}
        }
    }

    fn declare_tag(&mut self, number: u32, handle: &'a str, prefix: &'a str) {
        if prefix.len() > TAG_PREFIX_BYTES_MAX {
            let message = format!("a %TAG directive has more than {TAG_PREFIX_BYTES_MAX} bytes");
            self.exceed_limit(RuleId::YamlLimitContent, message, number);
            return;
        }
        // The last that was declared counts.
        Arc::make_mut(&mut self.tags).insert(handle, prefix);
        if self.tags.len() > TAG_HANDLES_MAX {
            let message =
                format!("more than {TAG_HANDLES_MAX} handles of tags are declared with %TAG");
            self.exceed_limit(RuleId::YamlLimitContent, message, number);
        }
    }

    fn close_document(&mut self, end: usize) {
        let Some(open) = self.open.take() else { return };
        self.chunks.push(match open.problem {
            Some(problem) => Err(problem),
            None => Ok(DocumentText {
                text: &self.text[open.offset..end],
                lines_before: open.lines_before,
                start: open.start,
                schema: self.schema,
                tags: Arc::clone(&self.tags),
            }),
        });
        if self.schema == ScalarSchema::Core {
            self.tags = Arc::default();
        }
    }

    fn into_chunks(mut self, end: usize) -> Vec<Result<DocumentText<'a>, SyntaxProblem>> {
        self.close_document(end);
        self.chunks
    }
}

fn find_marker(line: &str) -> Option<DocumentMarker> {
    let found = match line.get(..3)? {
        "---" => DocumentMarker::Start,
        "..." => DocumentMarker::End,
        _ => return None,
    };
    let next = line.as_bytes().get(3);
    matches!(next, None | Some(b' ' | b'\t' | b'\r' | b'\n')).then_some(found)
}

fn is_blank_or_comment(line: &str) -> bool {
    let content = line.trim_start_matches([' ', '\t']);
    // A carriage return is part of a line break only before a line feed.
    matches!(content, "" | "\n" | "\r\n") || content.starts_with('#')
}

fn is_version(word: &str) -> bool {
    word.split_once('.').is_some_and(|(major, minor)| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        digits(major) && digits(minor)
    })
}
