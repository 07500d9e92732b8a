//! For people: each problem with its place, its line and what to do; then a summary.

use std::collections::HashMap;
use std::fmt::Write as _;

use freshet_model::RuleId;

use super::Colours;
use crate::validate::excerpt::{Excerpt, make_printable};
use crate::validate::report::{ReportedProblem, Severity, ValidationReport};

const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";
const BLUE: &str = "\u{1b}[1;34m";
const GREEN: &str = "\u{1b}[1;32m";

/// Writes to a `String` cannot fail.
const INFALLIBLE: &str = "a text takes what is written to it";

pub(super) fn render(report: &ValidationReport, colours: Colours) -> String {
    let mut page = HumanReport {
        text: String::new(),
        colours,
        secrets: find_secrets(report),
    };
    for problem in &report.problems {
        page.write_problem(report, problem);
    }
    page.write_summary(report);
    page.text
}

struct HumanReport {
    text: String,
    colours: Colours,
    /// By file and line, the first column of a secret.
    secrets: HashMap<(usize, u32), u32>,
}

fn find_secrets(report: &ValidationReport) -> HashMap<(usize, u32), u32> {
    let mut secrets = HashMap::new();
    for problem in report
        .problems
        .iter()
        .filter(|it| it.rule == RuleId::SecretValue)
    {
        // They come in order: the first of a line is the leftmost.
        let place = (problem.file, problem.line);
        secrets.entry(place).or_insert(problem.column);
    }
    secrets
}

// Whatever comes out of a file passes `make_printable`: a terminal obeys it otherwise.
impl HumanReport {
    fn paint(&self, colour: &str, text: &str) -> String {
        match self.colours {
            Colours::On => format!("{colour}{text}{RESET}"),
            Colours::Off => text.to_owned(),
        }
    }

    fn write_line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect(INFALLIBLE);
    }

    fn write_problem(&mut self, report: &ValidationReport, problem: &ReportedProblem) {
        let colour = colour_of(problem.severity);
        let level = format!("{}[{}]", problem.severity.as_str(), problem.rule);
        let title = format!(": {}", make_printable(&problem.message));
        let title = self.paint(colour, &level) + &self.paint(BOLD, &title);
        self.write_line(&title);
        let file = report.file_of(problem);
        let number = problem.line.to_string();
        let margin = " ".repeat(number.len());
        let arrow = self.paint(BLUE, "-->");
        let (name, line, column) = (make_printable(&file.name), problem.line, problem.column);
        self.write_line(&format!("{margin}{arrow} {name}:{line}:{column}"));
        // Any other problem on the line of a secret would show the secret in its excerpt.
        let hidden_from = self.secrets.get(&(problem.file, line)).copied();
        let excerpt = file
            .text
            .as_ref()
            // A note says nothing is wrong, and a marked line would look as if something were.
            .filter(|_| problem.severity != Severity::Note)
            .and_then(|text| text.find_excerpt(line, column, hidden_from));
        if let Some(excerpt) = excerpt {
            self.write_excerpt(&excerpt, &number, &margin, colour);
        }
        if !problem.hint.is_empty() {
            let help = self.paint(BLUE, "=");
            self.write_line(&format!(
                "{margin} {help} help: {}",
                make_printable(&problem.hint)
            ));
        }
        self.write_line("");
    }

    fn write_excerpt(&mut self, excerpt: &Excerpt, number: &str, margin: &str, colour: &str) {
        let bar = self.paint(BLUE, "|");
        let number = self.paint(BLUE, number);
        let mark = self.paint(colour, &"^".repeat(excerpt.width));
        self.write_line(&format!("{margin} {bar}"));
        self.write_line(format!("{number} {bar} {}", excerpt.text).trim_end());
        self.write_line(&format!(
            "{margin} {bar} {}{mark}",
            " ".repeat(excerpt.offset)
        ));
    }

    fn write_summary(&mut self, report: &ValidationReport) {
        // Not "no problems": whoever mistyped a directory would take that for a pass.
        if report.files.is_empty() {
            self.write_line("no catalog files found");
            return;
        }
        let checked = format!(
            "{} with {}",
            count_noun(report.files.len(), "file", "files"),
            count_noun(report.valid_entities, "valid entity", "valid entities")
        );
        let found: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
            .into_iter()
            .map(|level| (level, report.count_problems(level)))
            .filter(|(_, count)| *count > 0)
            .map(|(level, count)| {
                let many = format!("{}s", level.as_str());
                self.paint(colour_of(level), &count_noun(count, level.as_str(), &many))
            })
            .collect();
        let found = if found.is_empty() {
            self.paint(GREEN, "no problems")
        } else {
            found.join(", ")
        };
        self.write_line(&format!("{checked}: {found}"));
    }
}

fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
        Severity::Note => CYAN,
    }
}

fn count_noun(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
