//! For code scanning: SARIF 2.1.0, in the part of it that GitHub reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use freshet_model::RuleId;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::validate::report::{ReportedProblem, Severity, ValidationReport};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What relative paths are relative to: the root of the repository.
const BASE: &str = "%SRCROOT%";
/// Enough of a digest that two problems of one file never share it.
const FINGERPRINT_DIGITS: usize = 16;

pub(super) fn render(report: &ValidationReport) -> String {
    let rules = find_broken_rules(report);
    let results: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| describe_result(report, problem, &rules))
        .collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Freshet",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|rule| &rule.descriptor).collect::<Vec<_>>(),
            }},
            // Columns are counted in characters; viewers that count in UTF-16 units have to know.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

struct BrokenRule {
    index: usize,
    descriptor: Value,
}

/// The rules that were broken, in the order of their names.
fn find_broken_rules(report: &ValidationReport) -> BTreeMap<RuleId, BrokenRule> {
    let mut first: BTreeMap<RuleId, &ReportedProblem> = BTreeMap::new();
    for problem in &report.problems {
        first.entry(problem.rule).or_insert(problem);
    }
    first
        .into_iter()
        .enumerate()
        .map(|(index, (rule, problem))| {
            let descriptor = describe_rule(rule, problem);
            (rule, BrokenRule { index, descriptor })
        })
        .collect()
}

fn describe_rule(rule: RuleId, problem: &ReportedProblem) -> Value {
    let help = if problem.hint.is_empty() {
        &problem.message
    } else {
        &problem.hint
    };
    json!({
        "id": rule.as_str(),
        "shortDescription": {"text": format!("Catalog rule {rule}")},
        "fullDescription": {"text": format!("Catalog rule {rule}")},
        "help": {"text": help},
        "defaultConfiguration": {"level": problem.severity.as_str()},
        "properties": {"tags": ["catalog"], "problem.severity": severity_of(problem.severity)},
    })
}

/// GitHub's word for a level.
fn severity_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "recommendation",
    }
}

fn describe_result(
    report: &ValidationReport,
    problem: &ReportedProblem,
    rules: &BTreeMap<RuleId, BrokenRule>,
) -> Value {
    let path = &report.file_of(problem).path;
    // Code scanning shows the message alone; `help` is behind a click on the rule, and the same for all.
    let text = if problem.hint.is_empty() {
        problem.message.clone()
    } else {
        format!("{}\n\n{}", problem.message, problem.hint)
    };
    json!({
        "ruleId": problem.rule.as_str(),
        "ruleIndex": rules.get(&problem.rule).map(|rule| rule.index),
        "level": problem.severity.as_str(),
        "message": {"text": text},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": to_uri(path), "uriBaseId": BASE},
            // SARIF counts from 1, and a problem that has no place has line and column 0.
            "region": {"startLine": problem.line.max(1), "startColumn": problem.column.max(1)},
        }}],
        "partialFingerprints": {"freshet/v1": digest_problem(path, problem)},
    })
}

/// The same as long as the problem is: lines may move, and code scanning tells by it what is new.
fn digest_problem(path: &str, problem: &ReportedProblem) -> String {
    let entity = problem.entity_ref.as_deref().unwrap_or_default();
    let text = [path, problem.rule.as_str(), entity, &problem.message].join("\0");
    // Without line and column: an alert that moves with its line would be closed and opened again.
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(FINGERPRINT_DIGITS);
    digest
}

/// A path as a relative URI.
fn to_uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a text takes what is written to it");
        }
    }
    uri
}
