//! What one file may cost once its aliases are expanded.
//!
//! The bound is on the file: a thousand small documents could each expand to a large one.

use std::ops::{Add, Sub};

use freshet_model::RuleId;

use super::position::TextPosition;
use super::problem::{SyntaxProblem, syntax_problem};
use crate::limits::ReadLimits;

/// Values of a buffer besides its bytes: the mapping, its type, the list.
const BUFFER_NODES: usize = 3;

/// An amount of values and of bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ValueSize {
    nodes: usize,
    bytes: usize,
}

impl ValueSize {
    pub(super) fn of_scalar(bytes: usize) -> Self {
        Self { nodes: 1, bytes }
    }

    /// Of the mapping with a list of numbers that a text in base 64 becomes, at most.
    pub(super) fn of_buffer(bytes: usize) -> Self {
        Self {
            nodes: bytes.saturating_mul(3) / 4 + BUFFER_NODES,
            bytes,
        }
    }

    pub(super) fn of_collection() -> Self {
        Self { nodes: 1, bytes: 0 }
    }
}

impl Add for ValueSize {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_add(other.nodes),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl Sub for ValueSize {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_sub(other.nodes),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What has been spent of a file's limits.
pub(super) struct SizeBudget {
    spent: ValueSize,
    nodes_max: usize,
    bytes_max: usize,
}

impl SizeBudget {
    pub(super) fn new(limits: &ReadLimits) -> Self {
        Self {
            spent: ValueSize::default(),
            nodes_max: limits.nodes,
            bytes_max: limits.scalar_bytes,
        }
    }

    pub(super) fn spent(&self) -> ValueSize {
        self.spent
    }

    pub(super) fn spend(&mut self, size: ValueSize, at: TextPosition) -> Result<(), SyntaxProblem> {
        // Spent before it is checked, so that a value at the limit is refused before it is copied.
        self.spent = self.spent + size;
        if self.spent.nodes > self.nodes_max {
            let message = format!("the file has more than {} values", self.nodes_max);
            return Err(syntax_problem(RuleId::YamlLimitContent, message, at));
        }
        if self.spent.bytes > self.bytes_max {
            let message = format!("the file has more than {} bytes of text", self.bytes_max);
            return Err(syntax_problem(RuleId::YamlLimitContent, message, at));
        }
        Ok(())
    }

    /// Spending for what stands at this place.
    pub(super) fn spend_at(&mut self, at: TextPosition) -> SpendingAt<'_> {
        SpendingAt { budget: self, at }
    }
}

/// A budget, and the place that is blamed if it is exceeded.
pub(super) struct SpendingAt<'b> {
    budget: &'b mut SizeBudget,
    pub(super) at: TextPosition,
}

impl SpendingAt<'_> {
    pub(super) fn spend(self, size: ValueSize) -> Result<(), SyntaxProblem> {
        self.budget.spend(size, self.at)
    }
}
