//! Anchors, and how often they may be used.
//!
//! A few nested anchors can expand a small file into more values than there is memory for. The
//! rule against it is that of the npm package `yaml`: the uses of an anchor, multiplied by
//! the largest such product among the aliases inside it, must not exceed a bound.

use std::collections::HashMap;
use std::ops::Range;

use freshet_model::RuleId;
use serde_json::Value;

use super::problem::{SyntaxProblem, syntax_problem};
use super::size_budget::{SpendingAt, ValueSize};
use crate::json_depth::count_levels;

/// The anchors of one document.
pub(super) struct Anchors {
    known: HashMap<usize, AnchoredValue>,
    /// The anchor of every alias so far: the aliases inside a node are a range of this.
    aliases: Vec<usize>,
    scalars: usize,
    /// Where each collection that is still open began.
    open: Vec<OpenMark>,
    /// Without any alias in the text nothing needs to be kept.
    needed: bool,
    uses_max: u64,
}

#[derive(Clone, Copy)]
struct OpenMark {
    aliases: usize,
    scalars: usize,
}

struct AnchoredValue {
    value: Value,
    size: ValueSize,
    /// Collections within each other.
    levels: usize,
    aliases_inside: Range<usize>,
    has_scalar: bool,
    /// The definition counts as the first use.
    uses: u64,
    /// How much one use weighs; 0 until it is known.
    weight: u64,
}

impl Anchors {
    pub(super) fn new(needed: bool, uses_max: u64) -> Self {
        Self {
            known: HashMap::new(),
            aliases: Vec::new(),
            scalars: 0,
            open: Vec::new(),
            needed,
            uses_max,
        }
    }

    /// A collection begins.
    pub(super) fn begin_collection(&mut self) {
        self.open.push(self.mark_here());
    }

    /// The collection that began last is complete; `id` is its anchor, or 0.
    pub(super) fn end_collection(
        &mut self,
        id: usize,
        value: &Value,
        size: ValueSize,
        spending: SpendingAt<'_>,
    ) -> Result<(), SyntaxProblem> {
        let began = self.open.pop().unwrap_or(self.mark_here());
        self.define_anchor(id, value, size, began, spending)
    }

    /// A scalar is complete; `id` is its anchor, or 0.
    pub(super) fn add_scalar(
        &mut self,
        id: usize,
        value: &Value,
        size: ValueSize,
        spending: SpendingAt<'_>,
    ) -> Result<(), SyntaxProblem> {
        let began = self.mark_here();
        self.scalars += 1;
        self.define_anchor(id, value, size, began, spending)
    }

    /// How deep the value is nested that an alias stands for.
    pub(super) fn levels_of(&self, id: usize) -> usize {
        self.known.get(&id).map_or(0, |anchor| anchor.levels)
    }

    /// The value an alias stands for. Merging takes the members of a value and is not counted
    /// as a use.
    pub(super) fn expand_alias(
        &mut self,
        id: usize,
        merging: bool,
        spending: SpendingAt<'_>,
    ) -> Result<Value, SyntaxProblem> {
        if !self.known.contains_key(&id) {
            let message = "this alias stands inside the value it refers to";
            return Err(syntax_problem(RuleId::YamlAliasCycle, message, spending.at));
        }
        let weight = self.weigh_anchor(id);
        let anchor = self.known.get_mut(&id).expect("looked up above");
        anchor.weight = weight;
        if !merging {
            anchor.uses += 1;
            if anchor.uses.saturating_mul(anchor.weight) > self.uses_max {
                let message = "aliases expand this document too far";
                return Err(syntax_problem(RuleId::YamlAliasLimit, message, spending.at));
            }
        }
        // After the check, so that an alias that was refused weighs nothing.
        self.aliases.push(id);
        spending.spend(anchor.size)?;
        Ok(anchor.value.clone())
    }

    fn mark_here(&self) -> OpenMark {
        OpenMark {
            aliases: self.aliases.len(),
            scalars: self.scalars,
        }
    }

    fn define_anchor(
        &mut self,
        id: usize,
        value: &Value,
        size: ValueSize,
        began: OpenMark,
        spending: SpendingAt<'_>,
    ) -> Result<(), SyntaxProblem> {
        // A document full of anchors and without an alias would otherwise be copied value by
        // value.
        if id == 0 || !self.needed {
            return Ok(());
        }
        // The copy kept here costs as much as the value, so it is paid for.
        spending.spend(size)?;
        let anchor = AnchoredValue {
            value: value.clone(),
            size,
            levels: count_levels(value),
            aliases_inside: began.aliases..self.aliases.len(),
            has_scalar: self.scalars > began.scalars,
            uses: 1,
            weight: 0,
        };
        self.known.insert(id, anchor);
        Ok(())
    }

    fn weigh_anchor(&self, id: usize) -> u64 {
        let Some(anchor) = self.known.get(&id) else {
            return 0;
        };
        if anchor.weight != 0 {
            return anchor.weight;
        }
        let heaviest = self.aliases[anchor.aliases_inside.clone()]
            .iter()
            .filter_map(|inner| self.known.get(inner))
            .map(|inner| inner.uses.saturating_mul(inner.weight))
            .max();
        heaviest.unwrap_or(0).max(u64::from(anchor.has_scalar))
    }
}
