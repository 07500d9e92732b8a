//! A report in the form its reader wants. All of them are pure: a report in, a text out.

mod github;
mod human;
mod json;
mod sarif;
#[cfg(test)]
mod tests;

use clap::ValueEnum;

use super::report::ValidationReport;

/// For whom the report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// People: excerpts, hints, a summary.
    Human,
    /// Programs: one object.
    Json,
    /// Code scanning: SARIF 2.1.0.
    Sarif,
    /// GitHub Actions: workflow commands, shown as annotations.
    Github,
}

/// Whether the reader shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// A terminal.
    On,
    /// Anything else.
    Off,
}

/// The report as text, ending with a line break unless it is empty.
#[must_use]
pub fn render(report: &ValidationReport, format: ReportFormat, colours: Colours) -> String {
    match format {
        ReportFormat::Human => human::render(report, colours),
        ReportFormat::Json => json::render(report),
        ReportFormat::Sarif => sarif::render(report),
        ReportFormat::Github => github::render(report),
    }
}
