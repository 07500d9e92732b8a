//! What one file may cost once its aliases are expanded.
//!
//! The bound is on the file: a thousand small documents could each expand to a large one.

use std::ops::{Add, Sub};

use super::position::TextPosition;
use super::problem::{SyntaxProblem, problem, rule};
use crate::limits::ReadLimits;

/// An amount of values and of bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ValueSize {
    nodes: usize,
    bytes: usize,
}

impl ValueSize {
    pub(super) fn scalar(bytes: usize) -> Self {
        Self { nodes: 1, bytes }
    }

    pub(super) fn collection() -> Self {
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
    reread_bytes: usize,
    nodes_max: usize,
    bytes_max: usize,
}

impl SizeBudget {
    pub(super) fn new(limits: &ReadLimits) -> Self {
        Self {
            spent: ValueSize::default(),
            reread_bytes: limits.reread_bytes,
            nodes_max: limits.nodes,
            bytes_max: limits.scalar_bytes,
        }
    }

    pub(super) fn spent(&self) -> ValueSize {
        self.spent
    }

    pub(super) fn spend(&mut self, size: ValueSize, at: TextPosition) -> Result<(), SyntaxProblem> {
        self.spent = self.spent + size;
        if self.spent.nodes > self.nodes_max {
            let message = format!("the file has more than {} values", self.nodes_max);
            return Err(problem(rule::TOO_LARGE, message, at));
        }
        if self.spent.bytes > self.bytes_max {
            let message = format!("the file has more than {} bytes of text", self.bytes_max);
            return Err(problem(rule::TOO_LARGE, message, at));
        }
        Ok(())
    }

    /// Forgets what was spent on an attempt that is made again.
    pub(super) fn rewind(&mut self, spent: ValueSize) {
        self.spent = spent;
    }

    /// Whether a document of so many bytes may be read once more.
    pub(super) fn reread(&mut self, bytes: usize) -> bool {
        let left = self.reread_bytes.checked_sub(bytes);
        self.reread_bytes = left.unwrap_or(self.reread_bytes);
        left.is_some()
    }
}
