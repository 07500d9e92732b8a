//! The answers of the npm package `yaml` 2.9.1 with its defaults, as recorded from it.
//!
//! An entry is a text and, per document, the value or that there is an error. Where the answer
//! here is another one on purpose or for want of a better scanner, it stands beside it.

use freshet_model::canonical_json;
use serde_json::{Map, Value, json};

use super::read;

const RECORDED: &str = include_str!("npm-yaml-2.9.1.json");
/// Enough to notice if the record is lost.
const RECORDS_MIN: usize = 500;

#[test]
fn the_answers_are_those_of_the_npm_package() {
    let recorded: Vec<Map<String, Value>> =
        serde_json::from_str(RECORDED).expect("the record is JSON");
    assert!(recorded.len() >= RECORDS_MIN);
    let different: Vec<String> = recorded
        .iter()
        .filter_map(|record| {
            let text = record["text"].as_str().expect("a text");
            // As text, for there numbers are written as JavaScript compares them.
            let expected = canonical_json(record.get("ours").unwrap_or(&record["npm"]));
            let actual = canonical_json(&answers(text));
            (actual != expected).then(|| format!("{text:?}\n  is {actual}\n  not {expected}"))
        })
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn answers(text: &str) -> Value {
    let answer = |document| match document {
        Ok(super::ParsedDocument { value, .. }) => json!({ "value": value }),
        Err(_) => json!({ "error": true }),
    };
    read(text).into_iter().map(answer).collect()
}
