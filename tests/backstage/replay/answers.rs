//! Two answers to one input, and which of them may differ.

use serde_json::Value;

/// Fewest inputs of a kind: fewer, and the record was lost.
const INPUTS_MIN: usize = 1_000;
/// Most differences that a failure prints.
const SHOWN_MAX: usize = 60;

/// What both made of one input.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) input: String,
    pub(crate) backstage: Value,
    pub(crate) freshet: Value,
}

/// A kind of difference that is on purpose.
pub(crate) struct KnownDifference {
    /// Why Freshet answers something else.
    pub(crate) reason: &'static str,
    /// Whether two answers differ for this reason.
    pub(crate) explains: fn(&Answers) -> bool,
    /// How many of the recorded inputs do, so that none joins unseen.
    pub(crate) inputs: usize,
}

/// Two answers differ for the first reason that explains it.
#[track_caller]
pub(crate) fn check_answers(all: &[Answers], known: &[KnownDifference]) {
    assert!(
        all.len() >= INPUTS_MIN,
        "{} inputs were recorded",
        all.len()
    );
    let mut counts = vec![0; known.len()];
    let mut unexplained = Vec::new();
    for answers in all.iter().filter(|it| it.backstage != it.freshet) {
        match known.iter().position(|it| (it.explains)(answers)) {
            Some(index) => counts[index] += 1,
            None => unexplained.push(format!(
                "{}\n  Backstage {}\n  Freshet   {}",
                answers.input, answers.backstage, answers.freshet
            )),
        }
    }
    let shown = unexplained.len().min(SHOWN_MAX);
    assert!(
        unexplained.is_empty(),
        "{} answers differ:\n{}",
        unexplained.len(),
        unexplained[..shown].join("\n")
    );
    let changed: Vec<String> = known
        .iter()
        .zip(counts)
        .filter(|(difference, count)| difference.inputs != *count)
        .map(|(difference, count)| {
            format!(
                "{count} inputs, not {}: {}",
                difference.inputs, difference.reason
            )
        })
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

/// The value with every number as JavaScript compares it.
pub(crate) fn as_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => serde_json::json!(number.as_f64().map(|it| it + 0.0)),
        Value::Array(items) => items.into_iter().map(as_doubles).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, as_doubles(value)))
            .collect(),
        other => other,
    }
}
