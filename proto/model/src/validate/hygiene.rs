//! Rules Backstage lacks and fails without: a NUL cannot be stored, and keys that differ
//! only by the case of their letters cannot be searched, so both froze an entity silently.

use std::collections::HashMap;

use serde_json::Value;

use super::findings::{Findings, PointerStep, quote_short, to_pointer};
use crate::RuleId;

/// Looks at every key and string of the document once.
pub(super) fn check_hygiene(document: &Value, findings: &mut Findings) {
    // Hashes of whole paths, not a set of texts: this looks at every key of every document, and
    // nearly all have nothing to report. Only a document with a difference pays for the walk that
    // remembers texts.
    let mut walk = HygieneWalk::default();
    walk.visit_value(document, EMPTY_PATH);
    if walk.has_nul {
        report_nul(document, &mut Vec::new(), findings);
    }
    // Paths that are as many ignoring case as not: no two differ only by case.
    if count_distinct(&mut walk.exact) != count_distinct(&mut walk.folded) {
        let mut seen = HashMap::new();
        report_case(document, &mut Vec::new(), "", &mut seen, findings);
    }
}

fn count_distinct(hashes: &mut Vec<u64>) -> usize {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.len()
}

/// The hashes of a path as written and in lower case.
#[derive(Clone, Copy)]
struct PathHash {
    exact: u64,
    folded: u64,
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const EMPTY_PATH: PathHash = PathHash {
    exact: FNV_OFFSET,
    folded: FNV_OFFSET,
};

impl PathHash {
    fn hash_child(self, key: &str) -> Self {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        let mut path = Self {
            exact: mix(self.exact, b'.'),
            folded: mix(self.folded, b'.'),
        };
        for byte in key.bytes() {
            path.exact = mix(path.exact, byte);
        }
        if key.is_ascii() {
            for byte in key.bytes() {
                path.folded = mix(path.folded, byte.to_ascii_lowercase());
            }
        } else {
            for byte in key.to_lowercase().bytes() {
                path.folded = mix(path.folded, byte);
            }
        }
        path
    }
}

/// What one walk without allocations per key can tell: enough to know that all is well.
#[derive(Default)]
struct HygieneWalk {
    exact: Vec<u64>,
    folded: Vec<u64>,
    has_nul: bool,
}

impl HygieneWalk {
    fn visit_value(&mut self, value: &Value, path: PathHash) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.has_nul |= has_nul(key);
                    self.visit_value(value, path.hash_child(key));
                }
            }
            // Items are searched under the path of their list.
            Value::Array(items) => items.iter().for_each(|item| self.visit_value(item, path)),
            Value::String(text) => {
                self.has_nul |= has_nul(text);
                self.add_leaf(path);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.add_leaf(path),
        }
    }

    fn add_leaf(&mut self, path: PathHash) {
        self.exact.push(path.exact);
        self.folded.push(path.folded);
    }
}

fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

fn report_nul<'d>(value: &'d Value, at: &mut Vec<PointerStep<'d>>, findings: &mut Findings) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                at.push(key.as_str().into());
                if has_nul(key) {
                    report_nul_at(at, findings);
                }
                report_nul(value, at, findings);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.into());
                report_nul(item, at, findings);
                at.pop();
            }
        }
        Value::String(text) if has_nul(text) => report_nul_at(at, findings),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn report_nul_at(at: &[PointerStep<'_>], findings: &mut Findings) {
    findings.add_violation(
        RuleId::DocumentNul,
        to_pointer(at),
        "a text holds the character NUL, which cannot be stored".to_owned(),
        "Remove the character.",
    );
}

/// Reports each leaf whose path differs only by case from one before it.
fn report_case<'d>(
    value: &'d Value,
    at: &mut Vec<PointerStep<'d>>,
    path: &str,
    seen: &mut HashMap<String, String>,
    findings: &mut Findings,
) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                at.push(key.as_str().into());
                report_case(value, at, &format!("{path}.{key}"), seen, findings);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.into());
                report_case(item, at, path, seen, findings);
                at.pop();
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            let first = seen
                .entry(path.to_lowercase())
                .or_insert_with(|| path.to_owned());
            if first != path {
                let [first, this] = [first.as_str(), path].map(|path| quote_short(&path[1..]));
                findings.add_violation(
                    RuleId::DocumentKeyCase,
                    to_pointer(at),
                    format!("{this} differs from {first} only by the case of its letters"),
                    "Rename or remove one of the two keys.",
                );
            }
        }
    }
}
