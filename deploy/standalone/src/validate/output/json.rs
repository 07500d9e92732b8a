//! For programs: one object. Fields are added in a version; a changed meaning is a new one.

use serde_json::{Value, json};

use crate::validate::report::{ReportedProblem, Severity, ValidationReport};

/// Version of the object's form.
const SCHEMA_VERSION: u32 = 1;

pub(super) fn render(report: &ValidationReport) -> String {
    let document = json!({
        "schemaVersion": SCHEMA_VERSION,
        "valid": report.is_valid(),
        "summary": {
            "files": report.files.len(),
            "entities": report.valid_entities,
            "errors": report.count_problems(Severity::Error),
            "warnings": report.count_problems(Severity::Warning),
            "notes": report.count_problems(Severity::Note),
        },
        "files": report.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
        "problems": report
            .problems
            .iter()
            .map(|problem| describe_problem(report, problem))
            .collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn describe_problem(report: &ValidationReport, problem: &ReportedProblem) -> Value {
    let file = report.file_of(problem);
    json!({
        "level": problem.severity.as_str(),
        "rule": problem.rule.as_str(),
        "message": problem.message,
        "hint": problem.hint,
        // One can be opened from where the caller stands, the other linked in the repository.
        "file": file.name,
        "path": file.path,
        "line": problem.line,
        "column": problem.column,
        "entityRef": problem.entity_ref,
    })
}
