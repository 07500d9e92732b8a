//! Parser events to one JSON value with positions.
//!
//! The composer keeps its own stack, so that depth costs memory it has counted and never the
//! thread's stack. It stops at the first problem of a document.

use std::borrow::Cow;

use freshet_model::RuleId;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::Value;

use super::anchors::Anchors;
use super::collection::{CollectionContent, CollectionTag, CompleteNode, OpenCollection};
use super::compat::char_substitution::{CharSubstitution, EscapeHandling};
use super::compat::scanner_fixup::ScannerFixup;
use super::compat::scanner_messages;
use super::key::KeyIdentity;
use super::position::{NodeParent, Positions, TextPosition};
use super::problem::{SyntaxProblem, syntax_problem};
use super::scalar::{self, Quoting, ScalarSchema};
use super::size_budget::{SizeBudget, ValueSize};
use super::split::DocumentText;
use crate::limits::ReadLimits;

/// One attempt at one document.
pub(super) struct Composer<'a> {
    lines_before: u32,
    /// Where a space was inserted: line and column in the text as mended, in order.
    pub inserted: Vec<(usize, usize)>,
    /// See `trailing_indent`.
    pub trailing_indent: Option<usize>,
    schema: ScalarSchema,
    depth_max: usize,
    substitution: &'a CharSubstitution,
    positions: Positions,
    frames: Vec<OpenCollection>,
    anchors: Anchors,
    budget: &'a mut SizeBudget,
    root: Option<Value>,
}

/// Why composing stopped.
pub(super) enum ComposeStop {
    Problem(SyntaxProblem),
    /// The scanner is stricter than Backstage's parser, and a space makes it agree.
    Fixable {
        fixup: ScannerFixup,
        at: Marker,
        problem: SyntaxProblem,
    },
}

impl From<SyntaxProblem> for ComposeStop {
    fn from(problem: SyntaxProblem) -> Self {
        Self::Problem(problem)
    }
}

impl<'a> Composer<'a> {
    pub(super) fn new(
        chunk: &DocumentText<'_>,
        substitution: &'a CharSubstitution,
        limits: &ReadLimits,
        budget: &'a mut SizeBudget,
    ) -> Self {
        Self {
            lines_before: chunk.lines_before,
            inserted: Vec::new(),
            trailing_indent: None,
            schema: chunk.schema,
            depth_max: limits.depth,
            substitution,
            positions: Positions::default(),
            frames: Vec::new(),
            anchors: Anchors::new(chunk.text.contains('*'), limits.alias_uses),
            budget,
            root: None,
        }
    }

    /// The value, null if there is none, and where its parts stand.
    pub(super) fn into_value(self) -> (Value, Positions) {
        (self.root.unwrap_or(Value::Null), self.positions)
    }

    pub(super) fn run_parser(
        &mut self,
        mut parser: Parser<'_, StrInput<'_>>,
    ) -> Result<(), ComposeStop> {
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.stop_at_error(&error))?;
            self.take_event(event, span)?;
        }
        Ok(())
    }

    fn stop_at_error(&self, error: &ScanError) -> ComposeStop {
        let problem = self.scan_problem(error);
        match ScannerFixup::for_complaint(error.info()) {
            Some(fixup) => ComposeStop::Fixable {
                fixup,
                at: *error.marker(),
                problem,
            },
            None => ComposeStop::Problem(problem),
        }
    }

    fn take_event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxProblem> {
        let at = self.position_of(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err(syntax_problem(
                RuleId::YamlSyntax,
                "unexpected content after the end of the document",
                at,
            )),
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(id) => self.add_alias(id, at),
            Event::Scalar(text, style, anchor, tag) => {
                let text = self.text_of_scalar(&text, style, span);
                self.add_scalar(&text, style, anchor, tag.as_deref(), at)
            }
            Event::SequenceStart(anchor, tag) => {
                let becomes = match tag.as_deref().and_then(scalar::yaml_tag_name) {
                    Some("omap") => CollectionTag::Nothing,
                    Some("pairs") => CollectionTag::Pairs,
                    _ => CollectionTag::Itself,
                };
                self.open_collection(CollectionContent::new_sequence(), anchor, becomes, at)
            }
            Event::MappingStart(anchor, tag) => {
                let becomes = match tag.as_deref().and_then(scalar::yaml_tag_name) {
                    Some("set") => CollectionTag::Nothing,
                    _ => CollectionTag::Itself,
                };
                self.open_collection(CollectionContent::new_mapping(), anchor, becomes, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close_collection(),
        }
    }

    /// The text of a scalar as Backstage's parser has it.
    fn text_of_scalar<'t>(&self, text: &'t str, style: ScalarStyle, span: Span) -> Cow<'t, str> {
        let escapes = match style {
            ScalarStyle::DoubleQuoted => EscapeHandling::Read,
            _ => EscapeHandling::Text,
        };
        let at_trailing_indent = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
            && self.trailing_indent == Some(span.end.index())
            && span.end.col() == span.start.col();
        let text = match text.strip_suffix('\n') {
            Some(shorter) if at_trailing_indent && !shorter.trim_matches('\n').is_empty() => {
                shorter
            }
            _ => text,
        };
        self.substitution.restore_scalar(text, escapes)
    }

    fn add_scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: TextPosition,
    ) -> Result<(), SyntaxProblem> {
        let node = self.begin_node(at);
        let before = self.budget.spent();
        self.budget.spend(ValueSize::of_scalar(text.len()), at)?;
        // The scanner takes a block indicator in a flow collection for text; the package does not.
        if style == ScalarStyle::Plain && text.starts_with(['|', '>']) {
            let message = "a plain text cannot start with | or >";
            return Err(syntax_problem(RuleId::YamlSyntax, message, at));
        }
        let style = match style {
            ScalarStyle::Plain => Quoting::Plain,
            _ => Quoting::Quoted,
        };
        let scalar = scalar::resolve_scalar(text, style, tag, self.schema)
            .map_err(|mismatch| syntax_problem(RuleId::YamlSyntax, mismatch.0, at))?;
        let (value, identity) = KeyIdentity::from_scalar(scalar, text);
        let size = self.budget.spent() - before;
        self.anchors
            .add_scalar(anchor, &value, size, self.budget.spend_at(at))?;
        let merge_key =
            self.schema == ScalarSchema::Yaml11 && style == Quoting::Plain && text == "<<";
        self.complete_node(CompleteNode {
            value,
            identity,
            position: at,
            node,
            merge_key,
        })
    }

    fn add_alias(&mut self, id: usize, at: TextPosition) -> Result<(), SyntaxProblem> {
        let node = self.begin_node(at);
        let frame = self.frames.last();
        let merging = frame.is_some_and(|frame| frame.content.is_merging());
        let value = self
            .anchors
            .expand_alias(id, merging, self.budget.spend_at(at))?;
        self.complete_node(CompleteNode {
            value,
            identity: KeyIdentity::Alone,
            position: at,
            node,
            merge_key: false,
        })
    }

    fn open_collection(
        &mut self,
        content: CollectionContent,
        anchor: usize,
        becomes: CollectionTag,
        at: TextPosition,
    ) -> Result<(), SyntaxProblem> {
        // Before it is opened: the value is dropped recursively when all is over, and a deep one
        // would overflow the stack there.
        if self.frames.len() >= self.depth_max {
            let message = format!("nested deeper than {} levels", self.depth_max);
            return Err(syntax_problem(RuleId::YamlLimitDepth, message, at));
        }
        let node = self.begin_node(at);
        let before = self.budget.spent();
        self.budget.spend(ValueSize::of_collection(), at)?;
        self.anchors.begin_collection();
        self.frames.push(OpenCollection {
            content,
            anchor,
            start: at,
            node,
            before,
            becomes,
        });
        Ok(())
    }

    fn close_collection(&mut self) -> Result<(), SyntaxProblem> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        self.positions.close_node(frame.node);
        let size = self.budget.spent() - frame.before;
        let (anchor, start, node) = (frame.anchor, frame.start, frame.node);
        let value = frame.into_value()?;
        self.anchors
            .end_collection(anchor, &value, size, self.budget.spend_at(start))?;
        self.complete_node(CompleteNode {
            value,
            identity: KeyIdentity::Alone,
            position: start,
            node,
            merge_key: false,
        })
    }

    /// Records where a node begins.
    fn begin_node(&mut self, at: TextPosition) -> usize {
        let under = self
            .frames
            .last()
            .map(|frame| frame.content.parent_of_next());
        self.positions
            .open_node(at, under.unwrap_or(NodeParent::Root))
    }

    fn complete_node(&mut self, done: CompleteNode) -> Result<(), SyntaxProblem> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(done.value);
            return Ok(());
        };
        if frame.content.expects_key() {
            self.positions.forget_from(done.node);
        }
        frame.content.add_node(done)
    }

    fn position_of(&self, marker: Marker) -> TextPosition {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
        let until = |col| {
            self.inserted
                .partition_point(|before| *before < (marker.line(), col))
        };
        let inserted = until(marker.col()) - until(0);
        let column = u32::try_from(marker.col() - inserted).unwrap_or(u32::MAX);
        TextPosition {
            line: line.saturating_add(self.lines_before),
            column: column.saturating_add(1),
        }
    }

    fn scan_problem(&self, error: &ScanError) -> SyntaxProblem {
        let (rule, message) = scanner_messages::explain_complaint(error.info());
        syntax_problem(rule, message, self.position_of(*error.marker()))
    }
}
