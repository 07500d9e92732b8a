//! For code scanning: SARIF 2.1.0, in the part of it that GitHub reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::validate::finding::{Finding, Level, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What relative paths are relative to: the root of the repository.
const BASE: &str = "%SRCROOT%";
/// Enough of a digest that two findings of one file never share it.
const FINGERPRINT_DIGITS: usize = 16;

pub(super) fn render(report: &Report) -> String {
    let rules = rules(report);
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(report, finding, &rules))
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
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

struct Rule {
    index: usize,
    descriptor: Value,
}

/// The rules that were broken, in the order of their names.
fn rules(report: &Report) -> BTreeMap<&str, Rule> {
    let mut first: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in &report.findings {
        first.entry(&finding.rule).or_insert(finding);
    }
    first
        .into_iter()
        .enumerate()
        .map(|(index, (name, finding))| {
            let descriptor = descriptor(name, finding);
            (name, Rule { index, descriptor })
        })
        .collect()
}

fn descriptor(name: &str, finding: &Finding) -> Value {
    let help = if finding.hint.is_empty() {
        &finding.message
    } else {
        &finding.hint
    };
    json!({
        "id": name,
        "shortDescription": {"text": format!("Catalog rule {name}")},
        "fullDescription": {"text": format!("Catalog rule {name}")},
        "help": {"text": help},
        "defaultConfiguration": {"level": finding.level.as_str()},
        "properties": {"tags": ["catalog"], "problem.severity": severity(finding.level)},
    })
}

/// GitHub's word for a level.
fn severity(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "recommendation",
    }
}

fn result(report: &Report, finding: &Finding, rules: &BTreeMap<&str, Rule>) -> Value {
    let path = &report.file_of(finding).path;
    let text = if finding.hint.is_empty() {
        finding.message.clone()
    } else {
        format!("{}\n\n{}", finding.message, finding.hint)
    };
    json!({
        "ruleId": finding.rule,
        "ruleIndex": rules.get(finding.rule.as_str()).map(|rule| rule.index),
        "level": finding.level.as_str(),
        "message": {"text": text},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(path), "uriBaseId": BASE},
            "region": {"startLine": finding.line.max(1), "startColumn": finding.column.max(1)},
        }}],
        "partialFingerprints": {"freshet/v1": fingerprint(path, finding)},
    })
}

/// The same as long as the finding is: lines may move.
fn fingerprint(path: &str, finding: &Finding) -> String {
    let entity = finding.entity.as_deref().unwrap_or_default();
    let text = [path, &finding.rule, entity, &finding.message].join("\0");
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(FINGERPRINT_DIGITS);
    digest
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
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
