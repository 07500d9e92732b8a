//! For programs: one object. Fields are added in a version; a changed meaning is a new one.

use serde_json::{Value, json};

use crate::validate::finding::{Finding, Level, Report};

/// Version of the object's form.
const SCHEMA_VERSION: u32 = 1;

pub(super) fn render(report: &Report) -> String {
    let document = json!({
        "schemaVersion": SCHEMA_VERSION,
        "valid": report.is_valid(),
        "summary": {
            "files": report.files.len(),
            "entities": report.entities,
            "errors": report.count(Level::Error),
            "warnings": report.count(Level::Warning),
            "notes": report.count(Level::Note),
        },
        "files": report.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
        "problems": report
            .findings
            .iter()
            .map(|finding| problem(report, finding))
            .collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn problem(report: &Report, finding: &Finding) -> Value {
    let file = report.file_of(finding);
    json!({
        "level": finding.level.as_str(),
        "rule": finding.rule,
        "message": finding.message,
        "hint": finding.hint,
        "file": file.name,
        "path": file.path,
        "line": finding.line,
        "column": finding.column,
        "entityRef": finding.entity,
    })
}
