//! A report in the form its reader wants. All of them are pure: a report in, a text out.

mod github;
mod human;
mod json;
mod sarif;
#[cfg(test)]
mod tests;

use clap::ValueEnum;

use super::finding::Report;

/// For whom the report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
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
pub fn render(report: &Report, format: Format, colours: Colours) -> String {
    match format {
        Format::Human => human::render(report, colours),
        Format::Json => json::render(report),
        Format::Sarif => sarif::render(report),
        Format::Github => github::render(report),
    }
}
