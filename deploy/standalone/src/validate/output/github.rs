//! For GitHub Actions: one workflow command per problem, which the runner turns into an
//! annotation. See GitHub's "Workflow commands" for what has to be escaped.

use crate::validate::report::{ReportedProblem, Severity, ValidationReport};

pub(super) fn render(report: &ValidationReport) -> String {
    report
        .problems
        .iter()
        .map(|problem| format_command(report, problem))
        .collect()
}

fn format_command(report: &ValidationReport, problem: &ReportedProblem) -> String {
    // The runner knows `notice`, not `note`.
    let name = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let message = if problem.hint.is_empty() {
        problem.message.clone()
    } else {
        format!("{}\n{}", problem.message, problem.hint)
    };
    format!(
        "::{name} file={},line={},col={},title={}::{}\n",
        escape_property(&report.file_of(problem).path),
        problem.line,
        problem.column,
        escape_property(problem.rule.as_str()),
        escape_data(&message)
    )
}

fn escape_data(text: &str) -> String {
    // The percent sign first, since the others are written with it. A line break would end the
    // command, and the rest of the message would be plain output of the job.
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    // Properties are separated by commas and end at colons; in a message both stand for themselves.
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}
