//! One word for one thing: the private words that README's vocabulary replaced do not come back.

use super::read_sources;

/// Words of types that nobody outside could know.
const TYPE_WORDS: [&str; 23] = [
    "Aim",
    "Aimed",
    "Aims",
    "Asked",
    "Census",
    "Claimant",
    "Contender",
    "Desk",
    "Face",
    "Judge",
    "Judgement",
    "Obstacle",
    "Occasion",
    "Patience",
    "Setback",
    "Settlement",
    "Shift",
    "Sighted",
    "Sights",
    "Supplier",
    "Supplies",
    "Tally",
    "Verdicts",
];

/// Words of functions, fields and modules.
const NAME_WORDS: [&str; 15] = [
    "bury",
    "crown",
    "faces",
    "forest",
    "judge",
    "judgement",
    "plant",
    "poisoned",
    "settle",
    "setback",
    "sighted",
    "sights",
    "spoiled",
    "spoilt",
    "uproot",
];

/// `FileFetcher` → `File`, `Fetcher`.
fn words_of_type(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

fn is_private(identifier: &str) -> bool {
    let first = identifier.chars().next();
    if identifier.contains('_') || first.is_none_or(char::is_lowercase) {
        let mut words = identifier.split('_');
        return words.any(|word| NAME_WORDS.contains(&word));
    }
    let words = words_of_type(identifier);
    words.iter().any(|word| TYPE_WORDS.contains(&word.as_str()))
}

/// The code of a line, as far as a glance can tell it from comments and texts.
fn code_of(line: &str) -> String {
    let line = line.split("//").next().unwrap_or_default();
    line.split('"').step_by(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_private_metaphor_names_anything() {
    let folders = ["proto", "ingestor", "processor", "store", "deploy"];
    let mut found = Vec::new();
    for (path, source) in read_sources(&folders) {
        for (index, line) in source.lines().enumerate() {
            let code = code_of(line);
            let identifiers = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            for identifier in identifiers.filter(|it| !it.is_empty() && is_private(it)) {
                found.push(format!("{path}:{}: {identifier}", index + 1));
            }
        }
    }
    assert!(found.is_empty(), "say it in README's words: {found:#?}");
}
