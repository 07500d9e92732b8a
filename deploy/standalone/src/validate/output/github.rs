//! For GitHub Actions: one workflow command per finding, which the runner turns into an
//! annotation. See GitHub's "Workflow commands" for what has to be escaped.

use crate::validate::finding::{Finding, Level, Report};

pub(super) fn render(report: &Report) -> String {
    report
        .findings
        .iter()
        .map(|finding| command(report, finding))
        .collect()
}

fn command(report: &Report, finding: &Finding) -> String {
    let name = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let message = if finding.hint.is_empty() {
        finding.message.clone()
    } else {
        format!("{}\n{}", finding.message, finding.hint)
    };
    format!(
        "::{name} file={},line={},col={},title={}::{}\n",
        property(&report.file_of(finding).path),
        finding.line,
        finding.column,
        property(&finding.rule),
        data(&message)
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
