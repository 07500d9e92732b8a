//! Parser events to one JSON value with positions.
//!
//! The composer keeps its own stack, so that depth costs memory it has counted and never the
//! thread's stack. It stops at the first problem of a document.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::anchors::Anchors;
use super::budget::{Budget, Size};
use super::key::{Identity, Keys};
use super::limits::Limits;
use super::mend::{self, Mend};
use super::position::{Position, Positions, Under};
use super::scalar::{self, Schema, Style};
use super::split::Chunk;
use super::stand_in::{Escapes, StandIns};
use super::{ParsedDocument, SyntaxProblem, rule};

/// Reads the document in `chunk`.
pub(super) fn compose(
    chunk: &Chunk<'_>,
    stand_ins: &StandIns,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<ParsedDocument, SyntaxProblem> {
    let mut text = Cow::Borrowed(chunk.text);
    let mut inserted = Vec::new();
    loop {
        let before = budget.spent();
        let mut composer = Composer::new(chunk, stand_ins, limits, budget);
        composer.inserted = std::mem::take(&mut inserted);
        composer.ragged_end = mend::ragged_end(&text);
        match composer.run(Parser::new_from_str(&text)) {
            Ok(()) => return Ok(composer.into_document(chunk)),
            Err(Stop::Problem(problem)) => return Err(problem),
            Err(Stop::Mendable { mend, at, problem }) => {
                inserted = std::mem::take(&mut composer.inserted);
                let Some(mended) = mend.applied_to(&text, at.index()) else {
                    return Err(problem);
                };
                if !budget.reread(text.len()) {
                    return Err(problem);
                }
                budget.rewind(before);
                text = Cow::Owned(mended);
                if mend.inserts() {
                    inserted.push((at.line(), at.col()));
                }
            }
        }
    }
}

/// Why composing stopped.
enum Stop {
    Problem(SyntaxProblem),
    /// The scanner is stricter than Backstage's parser, and a space makes it agree.
    Mendable {
        mend: Mend,
        at: Marker,
        problem: SyntaxProblem,
    },
}

impl From<SyntaxProblem> for Stop {
    fn from(problem: SyntaxProblem) -> Self {
        Self::Problem(problem)
    }
}

struct Composer<'a> {
    lines_before: u32,
    /// Where a space was inserted: line, and the column before it, in the text as given.
    inserted: Vec<(usize, usize)>,
    ragged_end: Option<usize>,
    schema: Schema,
    depth_max: usize,
    stand_ins: &'a StandIns,
    positions: Positions,
    frames: Vec<Frame>,
    anchors: Anchors,
    budget: &'a mut Budget,
    root: Option<Value>,
}

/// A collection whose end has not been seen.
struct Frame {
    content: Content,
    /// 0 without an anchor.
    anchor: usize,
    start: Position,
    node: usize,
    /// What had been counted when it began.
    before: Size,
    becomes: Becomes,
}

enum Content {
    Sequence(Vec<Value>),
    Mapping {
        members: Map<String, Value>,
        keys: Keys,
        pending: Option<Key>,
    },
}

/// What a tag makes of a collection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Becomes {
    Itself,
    /// A set or an ordered map: objects of JavaScript that JSON shows as `{}`.
    Nothing,
    /// A sequence of pairs, each a mapping of one.
    Pairs,
}

struct Key {
    name: String,
    position: Position,
    /// The `<<` of YAML 1.1.
    merges: bool,
}

/// A node that is complete.
struct Done {
    value: Value,
    identity: Identity,
    position: Position,
    /// Its first index in the positions.
    node: usize,
    merge_key: bool,
}

impl<'a> Composer<'a> {
    fn new(
        chunk: &Chunk<'_>,
        stand_ins: &'a StandIns,
        limits: &Limits,
        budget: &'a mut Budget,
    ) -> Self {
        Self {
            lines_before: chunk.lines_before,
            inserted: Vec::new(),
            ragged_end: None,
            schema: chunk.schema,
            depth_max: limits.depth,
            stand_ins,
            positions: Positions::default(),
            frames: Vec::new(),
            anchors: Anchors::new(chunk.text.contains('*'), limits.alias_uses),
            budget,
            root: None,
        }
    }

    fn into_document(self, chunk: &Chunk<'_>) -> ParsedDocument {
        ParsedDocument {
            value: self.root.unwrap_or(Value::Null),
            positions: self.positions,
            start: chunk.start,
        }
    }

    fn run(&mut self, mut parser: Parser<'_, StrInput<'_>>) -> Result<(), Stop> {
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.stop(&error))?;
            self.event(event, span)?;
        }
        Ok(())
    }

    fn stop(&self, error: &ScanError) -> Stop {
        let problem = self.scan_problem(error);
        match Mend::of(error.info()) {
            Some(mend) => Stop::Mendable {
                mend,
                at: *error.marker(),
                problem,
            },
            None => Stop::Problem(problem),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxProblem> {
        let at = self.position(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err(problem(
                rule::SYNTAX,
                "unexpected content after the end of the document",
                at,
            )),
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(id) => self.alias(id, at),
            Event::Scalar(text, style, anchor, tag) => {
                let text = self.content(&text, style, span);
                self.scalar(&text, style, anchor, tag.as_deref(), at)
            }
            Event::SequenceStart(anchor, tag) => {
                let becomes = match tag.as_deref().and_then(scalar::yaml_tag_name) {
                    Some("omap") => Becomes::Nothing,
                    Some("pairs") => Becomes::Pairs,
                    _ => Becomes::Itself,
                };
                self.open(Content::Sequence(Vec::new()), anchor, becomes, at)
            }
            Event::MappingStart(anchor, tag) => {
                let becomes = match tag.as_deref().and_then(scalar::yaml_tag_name) {
                    Some("set") => Becomes::Nothing,
                    _ => Becomes::Itself,
                };
                let content = Content::Mapping {
                    members: Map::new(),
                    keys: Keys::default(),
                    pending: None,
                };
                self.open(content, anchor, becomes, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    /// The text of a scalar as Backstage's parser has it.
    fn content<'t>(&self, text: &'t str, style: ScalarStyle, span: Span) -> Cow<'t, str> {
        let escapes = match style {
            ScalarStyle::DoubleQuoted => Escapes::Read,
            _ => Escapes::Text,
        };
        let at_ragged_end = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
            && self.ragged_end == Some(span.end.index())
            && span.end.col() == span.start.col();
        let text = match text.strip_suffix('\n') {
            Some(shorter) if at_ragged_end && !shorter.trim_matches('\n').is_empty() => shorter,
            _ => text,
        };
        self.stand_ins.restore(text, escapes)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), SyntaxProblem> {
        let node = self.begin(at);
        let before = self.budget.spent();
        self.budget.spend(Size::scalar(text.len()), at)?;
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            _ => Style::Quoted,
        };
        let scalar = scalar::resolve(text, style, tag, self.schema)
            .map_err(|mismatch| problem(rule::SYNTAX, mismatch.0, at))?;
        let (value, identity) = Identity::of(scalar, text);
        let size = self.budget.spent() - before;
        self.anchors
            .scalar(anchor, &value, size, (self.budget, at))?;
        let merge_key = self.schema == Schema::Yaml11 && style == Style::Plain && text == "<<";
        self.complete(Done {
            value,
            identity,
            position: at,
            node,
            merge_key,
        })
    }

    fn alias(&mut self, id: usize, at: Position) -> Result<(), SyntaxProblem> {
        let node = self.begin(at);
        let merging = matches!(
            self.frames.last().map(|frame| &frame.content),
            Some(Content::Mapping {
                pending: Some(Key { merges: true, .. }),
                ..
            })
        );
        let value = self.anchors.expand(id, merging, (self.budget, at))?;
        self.complete(Done {
            value,
            identity: Identity::Alone,
            position: at,
            node,
            merge_key: false,
        })
    }

    fn open(
        &mut self,
        content: Content,
        anchor: usize,
        becomes: Becomes,
        at: Position,
    ) -> Result<(), SyntaxProblem> {
        if self.frames.len() >= self.depth_max {
            let message = format!("nested deeper than {} levels", self.depth_max);
            return Err(problem(rule::TOO_DEEP, message, at));
        }
        let node = self.begin(at);
        let before = self.budget.spent();
        self.budget.spend(Size::collection(), at)?;
        self.anchors.enter();
        self.frames.push(Frame {
            content,
            anchor,
            start: at,
            node,
            before,
            becomes,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxProblem> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        self.positions.close(frame.node);
        let value = match (frame.content, frame.becomes) {
            (Content::Mapping { members, .. }, Becomes::Nothing)
                if members.values().any(|value| !value.is_null()) =>
            {
                let message = "the elements of !!set must not have values";
                return Err(problem(rule::SYNTAX, message, frame.start));
            }
            (_, Becomes::Nothing) => Value::Object(Map::new()),
            (Content::Sequence(items), Becomes::Pairs) => pairs(items, frame.start)?,
            (Content::Sequence(items), Becomes::Itself) => Value::Array(items),
            (Content::Mapping { members, .. }, _) => Value::Object(members),
        };
        let size = self.budget.spent() - frame.before;
        self.anchors
            .leave(frame.anchor, &value, size, (self.budget, frame.start))?;
        self.complete(Done {
            value,
            identity: Identity::Alone,
            position: frame.start,
            node: frame.node,
            merge_key: false,
        })
    }

    /// Records where a node begins; if it turns out to be a key, `complete` forgets it.
    fn begin(&mut self, at: Position) -> usize {
        let under = match self.frames.last().map(|frame| &frame.content) {
            None => Under::Root,
            Some(Content::Sequence(_)) => Under::Sequence,
            Some(Content::Mapping {
                pending: Some(key), ..
            }) => Under::Mapping {
                name: &key.name,
                key: key.position,
            },
            Some(Content::Mapping { pending: None, .. }) => Under::Sequence,
        };
        self.positions.open(at, under)
    }

    fn complete(&mut self, done: Done) -> Result<(), SyntaxProblem> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(done.value);
            return Ok(());
        };
        match &mut frame.content {
            Content::Sequence(items) => items.push(done.value),
            Content::Mapping {
                members,
                keys,
                pending,
            } => match pending.take() {
                Some(key) if key.merges => merge(members, keys, done.value, done.position)?,
                Some(key) => {
                    members.insert(key.name, done.value);
                }
                None => {
                    self.positions.forget_from(done.node);
                    *pending = Some(accept_key(members, keys, done)?);
                }
            },
        }
        Ok(())
    }

    fn position(&self, marker: Marker) -> Position {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
        let is_before =
            |(line, col): &&(usize, usize)| *line == marker.line() && *col < marker.col();
        let inserted = self.inserted.iter().filter(is_before).count();
        let column = u32::try_from(marker.col() - inserted).unwrap_or(u32::MAX);
        Position {
            line: line.saturating_add(self.lines_before),
            column: column.saturating_add(1),
        }
    }

    fn scan_problem(&self, error: &ScanError) -> SyntaxProblem {
        let rule = if error.info().contains("unknown anchor") {
            rule::ALIAS_UNDEFINED
        } else {
            rule::SYNTAX
        };
        problem(rule, error.info(), self.position(*error.marker()))
    }
}

fn accept_key(
    members: &Map<String, Value>,
    keys: &mut Keys,
    done: Done,
) -> Result<Key, SyntaxProblem> {
    if done.merge_key {
        return Ok(Key {
            name: String::new(),
            position: done.position,
            merges: true,
        });
    }
    let name = done.identity.name(done.value);
    if keys.is_duplicate(members, done.identity, &name) {
        let message = format!("the key {name:?} occurs twice in this mapping");
        return Err(problem(rule::DUPLICATE_KEY, message, done.position));
    }
    Ok(Key {
        name,
        position: done.position,
        merges: false,
    })
}

/// Takes over what the mapping does not have yet from a mapping or a sequence of mappings.
fn merge(
    members: &mut Map<String, Value>,
    keys: &mut Keys,
    source: Value,
    at: Position,
) -> Result<(), SyntaxProblem> {
    let sources = match source {
        Value::Array(sources) => sources,
        source => vec![source],
    };
    keys.will_differ_from(members);
    for source in sources {
        let Value::Object(source) = source else {
            let message = "a merge key takes a mapping or a sequence of mappings";
            return Err(problem(rule::SYNTAX, message, at));
        };
        for (name, value) in source {
            members.entry(name).or_insert(value);
        }
    }
    Ok(())
}

fn pairs(items: Vec<Value>, at: Position) -> Result<Value, SyntaxProblem> {
    let pair = |item| match item {
        Value::Object(members) if members.len() > 1 => Err(problem(
            rule::SYNTAX,
            "each element of !!pairs must have one key",
            at,
        )),
        Value::Object(members) => Ok(Value::Object(members)),
        single => Ok(Value::Object(Map::from_iter([(
            Identity::Alone.name(single),
            Value::Null,
        )]))),
    };
    items
        .into_iter()
        .map(pair)
        .collect::<Result<_, _>>()
        .map(Value::Array)
}

/// A problem of the given rule.
pub(super) fn problem(
    rule: &'static str,
    message: impl Into<String>,
    position: Position,
) -> SyntaxProblem {
    SyntaxProblem {
        rule,
        message: message.into(),
        position,
    }
}
