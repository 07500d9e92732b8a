//! README's tables of limits say what the code does, and no limit is left out of them unseen.

mod of_nobody;
mod places;

use std::collections::BTreeSet;
use std::fs;

use self::of_nobody::OF_NOBODY;
use self::places::{DOCUMENTED, SAID_ONE_LESS};
use super::documents::rows_of_tables;
use super::{is_test, production_sources, root};

/// First cells of the tables' headings.
const TABLES: [&str; 7] = [
    "files and YAML",
    "patterns and targets",
    "GitHub and plain URLs",
    "webhooks",
    "API and change feed",
    "configuration",
    "`freshet validate`",
];

/// What a table says, by the first cell of the row.
fn rows() -> Vec<(String, String)> {
    rows_of_tables("README.md", &TABLES)
        .into_iter()
        .map(|mut cells| (cells.remove(0), cells.join(" | ")))
        .collect()
}

/// A number of the code.
#[derive(Clone, Copy)]
struct LimitValue {
    number: u64,
    is_seconds: bool,
}

impl LimitValue {
    /// As a person writes it.
    fn spellings(self) -> Vec<String> {
        let units: &[(u64, &str)] = if self.is_seconds {
            &[(1, " s"), (60, " min"), (60 * 60, " h")]
        } else {
            &[(1, ""), (1024, " KiB"), (1024 * 1024, " MiB")]
        };
        let whole = units
            .iter()
            .filter(|(unit, _)| self.number.is_multiple_of(*unit));
        whole
            .map(|(unit, name)| format!("{}{name}", with_commas(self.number / unit)))
            .collect()
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether a text has this number, and not as a part of another one.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + number.len()..].chars();
        let is_whole = match after.next() {
            Some(',') => !after.next().is_some_and(|it| it.is_ascii_digit()),
            Some(next) => !next.is_ascii_alphanumeric(),
            None => true,
        };
        is_whole && !before.is_some_and(|it| it.is_ascii_digit() || it == ',')
    })
}

/// The expression of a constant, or of a field of what is `Default`.
fn find_expression<'s>(source: &'s str, name: &str) -> Option<&'s str> {
    let Some((of_type, field)) = name.split_once("::") else {
        let (_, rest) = source.split_once(&format!("const {name}: "))?;
        let (declared, _) = rest.split_once(';')?;
        return Some(declared.split_once('=')?.1.trim());
    };
    let (_, rest) = source.split_once(&format!("impl Default for {of_type} {{"))?;
    let (_, rest) = rest.split_once(&format!(" {field}: "))?;
    Some(rest.split_once(",\n")?.0.trim())
}

fn evaluate(expression: &str) -> Option<LimitValue> {
    let seconds = expression.strip_prefix("Duration::from_secs(");
    let factors = match seconds {
        Some(seconds) => seconds.strip_suffix(')')?,
        None => expression,
    };
    let factors = factors.split('*').map(|factor| match factor.trim() {
        "MEBIBYTE" => Some(1024 * 1024),
        digits => digits.replace('_', "").parse::<u64>().ok(),
    });
    Some(LimitValue {
        number: factors.collect::<Option<Vec<_>>>()?.iter().product(),
        is_seconds: seconds.is_some(),
    })
}

fn read_value(file: &str, name: &str) -> LimitValue {
    let source = fs::read_to_string(root().join(file)).expect("readable");
    let expression = find_expression(&source, name)
        .unwrap_or_else(|| panic!("{file} has no {name}: where is that limit now?"));
    let mut value =
        evaluate(expression).unwrap_or_else(|| panic!("{file}: {name} is {expression}"));
    value.number -= u64::from(SAID_ONE_LESS.contains(&name));
    value
}

#[test]
fn the_tables_of_limits_say_what_the_code_does() {
    let rows = rows();
    let mut wrong = Vec::new();
    for (row, places) in DOCUMENTED {
        let Some((_, said)) = rows.iter().find(|(name, _)| name == row) else {
            wrong.push(format!("there is no row {row:?}"));
            continue;
        };
        for (file, names) in *places {
            for name in *names {
                let spellings = read_value(file, name).spellings();
                if !spellings.iter().any(|it| has_number(said, it)) {
                    wrong.push(format!("{row:?} does not say {spellings:?}: {name}"));
                }
            }
        }
    }
    let known: BTreeSet<&str> = DOCUMENTED.iter().map(|(row, _)| *row).collect();
    let unknown = rows.iter().filter(|(row, _)| !known.contains(row.as_str()));
    wrong.extend(unknown.map(|(row, _)| format!("nothing says where {row:?} is in the code")));
    assert!(wrong.is_empty(), "README.md: {wrong:#?}");
}

/// The number of things, bytes or levels that a line declares as a limit.
fn declared_limit(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("const ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (number_type, _) = rest.split_once(" =")?;
    let is_number = ["u8", "u32", "u64", "usize", "i64"].contains(&number_type);
    (name.ends_with("_MAX") && is_number).then_some(name)
}

#[test]
fn no_limit_is_left_out_of_the_readme_unseen() {
    let documented = DOCUMENTED.iter().flat_map(|(_, places)| places.iter());
    let known: BTreeSet<(&str, &str)> = documented
        .chain(OF_NOBODY)
        .flat_map(|(file, names)| names.iter().map(move |name| (*file, *name)))
        .collect();
    let mut unseen = Vec::new();
    for (path, source) in production_sources() {
        let tests = source.find("\nmod tests {").unwrap_or(source.len());
        let declared = source[..tests].lines().filter_map(declared_limit);
        let unknown = declared.filter(|name| !is_test(&path) && !known.contains(&(&*path, *name)));
        unseen.extend(unknown.map(|name| format!("{path}: {name}")));
    }
    assert!(
        unseen.is_empty(),
        "a row of README.md, or nobody's: {unseen:#?}"
    );
}
