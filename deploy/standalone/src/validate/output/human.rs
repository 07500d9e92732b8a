//! For people: each finding with its place, its line and what to do; then a summary.

use std::collections::HashMap;
use std::fmt::Write as _;

use freshet_model::RuleId;

use super::Colours;
use crate::validate::excerpt::{Excerpt, printable};
use crate::validate::finding::{Finding, Level, Report};

const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";
const BLUE: &str = "\u{1b}[1;34m";
const GREEN: &str = "\u{1b}[1;32m";

/// Writes to a `String` cannot fail.
const INFALLIBLE: &str = "a text takes what is written to it";

pub(super) fn render(report: &Report, colours: Colours) -> String {
    let mut page = Page {
        text: String::new(),
        colours,
        secrets: secrets(report),
    };
    for finding in &report.findings {
        page.finding(report, finding);
    }
    page.summary(report);
    page.text
}

struct Page {
    text: String,
    colours: Colours,
    /// By file and line, the first column of a secret.
    secrets: HashMap<(usize, u32), u32>,
}

fn secrets(report: &Report) -> HashMap<(usize, u32), u32> {
    let mut secrets = HashMap::new();
    for finding in report
        .findings
        .iter()
        .filter(|it| it.rule == RuleId::SecretValue.as_str())
    {
        // They come in order: the first of a line is the leftmost.
        let place = (finding.file, finding.line);
        secrets.entry(place).or_insert(finding.column);
    }
    secrets
}

impl Page {
    fn paint(&self, colour: &str, text: &str) -> String {
        match self.colours {
            Colours::On => format!("{colour}{text}{RESET}"),
            Colours::Off => text.to_owned(),
        }
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect(INFALLIBLE);
    }

    fn finding(&mut self, report: &Report, finding: &Finding) {
        let colour = colour_of(finding.level);
        let level = format!("{}[{}]", finding.level.as_str(), printable(&finding.rule));
        let title = format!(": {}", printable(&finding.message));
        let title = self.paint(colour, &level) + &self.paint(BOLD, &title);
        self.line(&title);
        let file = report.file_of(finding);
        let number = finding.line.to_string();
        let margin = " ".repeat(number.len());
        let arrow = self.paint(BLUE, "-->");
        let (name, line, column) = (printable(&file.name), finding.line, finding.column);
        self.line(&format!("{margin}{arrow} {name}:{line}:{column}"));
        let hidden_from = self.secrets.get(&(finding.file, line)).copied();
        let excerpt = file
            .source
            .as_ref()
            .filter(|_| finding.level != Level::Note)
            .and_then(|source| source.excerpt(line, column, hidden_from));
        if let Some(excerpt) = excerpt {
            self.excerpt(&excerpt, &number, &margin, colour);
        }
        if !finding.hint.is_empty() {
            let help = self.paint(BLUE, "=");
            self.line(&format!(
                "{margin} {help} help: {}",
                printable(&finding.hint)
            ));
        }
        self.line("");
    }

    fn excerpt(&mut self, excerpt: &Excerpt, number: &str, margin: &str, colour: &str) {
        let bar = self.paint(BLUE, "|");
        let number = self.paint(BLUE, number);
        let mark = self.paint(colour, &"^".repeat(excerpt.width));
        self.line(&format!("{margin} {bar}"));
        self.line(format!("{number} {bar} {}", excerpt.text).trim_end());
        self.line(&format!(
            "{margin} {bar} {}{mark}",
            " ".repeat(excerpt.offset)
        ));
    }

    fn summary(&mut self, report: &Report) {
        if report.files.is_empty() {
            self.line("no catalog files found");
            return;
        }
        let checked = format!(
            "{} with {}",
            counted(report.files.len(), "file", "files"),
            counted(report.entities, "valid entity", "valid entities")
        );
        let found: Vec<String> = [Level::Error, Level::Warning, Level::Note]
            .into_iter()
            .map(|level| (level, report.count(level)))
            .filter(|(_, count)| *count > 0)
            .map(|(level, count)| {
                let many = format!("{}s", level.as_str());
                self.paint(colour_of(level), &counted(count, level.as_str(), &many))
            })
            .collect();
        let found = if found.is_empty() {
            self.paint(GREEN, "no problems")
        } else {
            found.join(", ")
        };
        self.line(&format!("{checked}: {found}"));
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::Error => RED,
        Level::Warning => YELLOW,
        Level::Note => CYAN,
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
