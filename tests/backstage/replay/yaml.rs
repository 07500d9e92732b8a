//! The documents of odd catalog files.

use freshet_processor::limits::ReadLimits;
use freshet_processor::yaml::read_documents;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answers::{Answers, KnownDifference, as_doubles, check_answers};

#[derive(Deserialize)]
struct Recorded {
    /// A text, and its documents: what each says, or 0 for an error.
    rows: Vec<Vec<Value>>,
}

const KNOWN: &[KnownDifference] = &[
    KnownDifference {
        reason: "An alias without an anchor is an error of its document, with a place; in Backstage the whole reading fails.",
        explains: |it| it.backstage == json!(["throws"]) && it.freshet == json!([0]),
        inputs: 18,
    },
    KnownDifference {
        reason: "A text that closes no quote ends at the next `---`, so that the documents behind it are not lost.",
        explains: |it| {
            it.backstage == json!([0]) && it.freshet[0] == 0 && it.input.contains("\\n---\\n")
        },
        inputs: 2,
    },
];

fn read(text: &str) -> Value {
    let documents = read_documents(text.as_bytes(), &ReadLimits::default()).into_iter();
    let answer = |document| match document {
        Ok(freshet_processor::yaml::ParsedDocument { value, .. }) => match value {
            Value::Null => None,
            Value::Object(_) => Some(as_doubles(value)),
            _ => Some(json!(0)),
        },
        Err(_) => Some(json!(0)),
    };
    documents.filter_map(answer).collect()
}

#[test]
fn a_catalog_file_says_what_it_says_to_backstage() {
    let Recorded { rows } =
        serde_json::from_str(include_str!("../recorded/yaml.json")).expect("a record");
    let all: Vec<Answers> = rows
        .iter()
        .map(|row| {
            let text = row[0].as_str().expect("a text");
            Answers {
                input: format!("{text:?}"),
                backstage: row[1..]
                    .iter()
                    .map(|value| match value {
                        Value::Number(_) => value.clone(),
                        value => as_doubles(value.clone()),
                    })
                    .collect(),
                freshet: read(text),
            }
        })
        .collect();
    check_answers(&all, KNOWN);
}
