//! Nodes to one JSON value with positions.
//!
//! Nodes come one after the other, as they stand in the text. The composer keeps its own stack
//! of collections, counts what they cost, and knows anchors by number.

use freshet_model::RuleId;
use serde_json::Value;

use super::anchors::Anchors;
use super::causes::{self, OddSpace};
use super::collection::{CollectionContent, CollectionTag, CompleteNode, OpenCollection};
use super::key::KeyIdentity;
use super::position::{NodeParent, Positions, TextPosition};
use super::problem::{SyntaxProblem, syntax_problem};
use super::scalar::{self, Quoting, ScalarSchema};
use super::size_budget::{SizeBudget, ValueSize};
use super::split::DocumentText;
use crate::limits::ReadLimits;

/// Levels of what `!!binary` makes of a text: a mapping that holds a list.
const BUFFER_LEVELS: usize = 2;

/// One document while it is put together.
pub(super) struct Composer<'a> {
    schema: ScalarSchema,
    depth_max: usize,
    positions: Positions,
    frames: Vec<OpenCollection>,
    anchors: Anchors,
    budget: &'a mut SizeBudget,
    root: Option<Value>,
    odd_space: Option<OddSpace>,
}

/// What a node has besides its value.
#[derive(Debug, Default)]
pub(super) struct NodeProperties {
    /// 0 without an anchor.
    pub(super) anchor: usize,
    /// The whole name of its tag.
    pub(super) tag: Option<String>,
}

impl NodeProperties {
    fn yaml_tag_name(&self) -> Option<&str> {
        self.tag.as_deref().and_then(scalar::yaml_tag_name)
    }
}

impl<'a> Composer<'a> {
    pub(super) fn new(
        document: &DocumentText<'_>,
        limits: &ReadLimits,
        budget: &'a mut SizeBudget,
    ) -> Self {
        Self {
            schema: document.schema,
            depth_max: limits.depth,
            positions: Positions::default(),
            frames: Vec::new(),
            anchors: Anchors::new(document.text.contains('*'), limits.alias_uses),
            budget,
            root: None,
            odd_space: None,
        }
    }

    /// The value, null if there is none, and where its parts stand.
    pub(super) fn into_value(self) -> (Value, Positions) {
        (self.root.unwrap_or(Value::Null), self.positions)
    }

    /// The first key that begins with what only looks like a space.
    pub(super) fn odd_space(&self) -> Option<OddSpace> {
        self.odd_space
    }

    pub(super) fn add_scalar(
        &mut self,
        text: &str,
        quoting: Quoting,
        properties: &NodeProperties,
        at: TextPosition,
    ) -> Result<(), SyntaxProblem> {
        let node = self.begin_node(at);
        if quoting == Quoting::Plain && self.odd_space.is_none() {
            self.odd_space = self.find_odd_space(text, at);
        }
        let before = self.budget.spent();
        // Each byte becomes a number of JSON: without this a file of some megabytes would be millions of
        // values, and a short one with aliases as well.
        if properties.yaml_tag_name() == Some(scalar::BINARY) {
            self.check_depth(BUFFER_LEVELS, at)?;
            self.budget.spend(ValueSize::of_buffer(text.len()), at)?;
        } else {
            self.budget.spend(ValueSize::of_scalar(text.len()), at)?;
        }
        let tag = properties.tag.as_deref();
        let scalar = scalar::resolve_scalar(text, quoting, tag, self.schema)
            .map_err(|mismatch| syntax_problem(RuleId::YamlSyntax, mismatch.0, at))?;
        let (value, identity) = KeyIdentity::from_scalar(scalar, text);
        let size = self.budget.spent() - before;
        self.anchors
            .add_scalar(properties.anchor, &value, size, self.budget.spend_at(at))?;
        let merge_key =
            self.schema == ScalarSchema::Yaml11 && quoting == Quoting::Plain && text == "<<";
        self.complete_node(CompleteNode {
            value,
            identity,
            position: at,
            node,
            merge_key,
        })
    }

    pub(super) fn add_alias(&mut self, id: usize, at: TextPosition) -> Result<(), SyntaxProblem> {
        let node = self.begin_node(at);
        self.check_depth(self.anchors.levels_of(id), at)?;
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

    pub(super) fn open_sequence(
        &mut self,
        properties: &NodeProperties,
        at: TextPosition,
    ) -> Result<(), SyntaxProblem> {
        let becomes = match properties.yaml_tag_name() {
            Some("omap") => CollectionTag::Nothing,
            Some("pairs") => CollectionTag::Pairs,
            _ => CollectionTag::Itself,
        };
        let content = CollectionContent::new_sequence();
        self.open_collection(content, properties.anchor, becomes, at)
    }

    pub(super) fn open_mapping(
        &mut self,
        properties: &NodeProperties,
        at: TextPosition,
    ) -> Result<(), SyntaxProblem> {
        let becomes = match properties.yaml_tag_name() {
            Some("set") => CollectionTag::Nothing,
            _ => CollectionTag::Itself,
        };
        let content = CollectionContent::new_mapping();
        self.open_collection(content, properties.anchor, becomes, at)
    }

    /// Where the key stands whose value comes next.
    pub(super) fn last_key_position(&self) -> TextPosition {
        let frame = self.frames.last();
        let key = frame.and_then(|frame| frame.content.pending_key());
        key.map_or(TextPosition::START, |key| key.position)
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
        self.check_depth(becomes.levels(), at)?;
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

    /// Whether a value of so many levels may stand here.
    fn check_depth(&self, levels: usize, at: TextPosition) -> Result<(), SyntaxProblem> {
        if self.frames.len() + levels <= self.depth_max {
            return Ok(());
        }
        let message = format!("nested deeper than {} levels", self.depth_max);
        Err(syntax_problem(RuleId::YamlLimitDepth, message, at))
    }

    pub(super) fn close_collection(&mut self) -> Result<(), SyntaxProblem> {
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

    fn find_odd_space(&self, text: &str, position: TextPosition) -> Option<OddSpace> {
        let is_key = self.frames.last()?.content.expects_key();
        let character = text.chars().next().filter(|_| is_key)?;
        causes::is_odd_space(character).then_some(OddSpace {
            position,
            character,
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

    fn complete_node(&mut self, mut done: CompleteNode) -> Result<(), SyntaxProblem> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(done.value);
            return Ok(());
        };
        if frame.content.expects_key() {
            self.positions.forget_from(done.node);
            if done.value.is_array() || done.value.is_object() {
                // A key within a key is quoted twice as often with each level, so what it costs has
                // nothing to do with what it is written in.
                let name = done.identity.into_name(done.value);
                let size = ValueSize::of_scalar(name.len());
                self.budget.spend(size, done.position)?;
                done.value = Value::String(name);
            }
        }
        frame.content.add_node(done)
    }
}
