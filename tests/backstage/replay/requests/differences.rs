//! What is answered otherwise on purpose.

use serde_json::{Value, json};

use crate::answers::{Answers, KnownDifference};

pub(super) const KNOWN: &[KnownDifference] = &[
    KnownDifference {
        reason: "An entity with several values for what is ordered by comes once, at the first of them.",
        explains: comes_once,
        inputs: 49,
    },
    KnownDifference {
        reason: "`%` and `_` in a searched text are themselves; to Backstage they are wildcards, and a backslash hides them.",
        explains: has_wildcards,
        inputs: 10,
    },
    KnownDifference {
        reason: "A page that is too large to be meant is refused.",
        explains: |it| it.input.contains("limit=100000") && is_refused(&it.freshet),
        inputs: 1,
    },
    KnownDifference {
        reason: "An order without a key is refused; to Backstage it leaves nothing.",
        explains: |it| it.input.ends_with("orderField=,asc") && is_refused(&it.freshet),
        inputs: 1,
    },
    KnownDifference {
        reason: "An order without a direction ascends, also where it is posted.",
        explains: |it| {
            it.input.contains(r#""orderBy":[{"field":"kind"}]"#) && is_refused(&it.backstage)
        },
        inputs: 1,
    },
    KnownDifference {
        reason: "A negative page is the caller's mistake; to Backstage it is its own.",
        explains: |it| it.backstage["status"] == 500.0 && is_refused(&it.freshet),
        inputs: 2,
    },
    KnownDifference {
        reason: "A limit that is no whole number is refused; Backstage cuts it.",
        explains: |it| it.input.ends_with(r#"{"limit":1.5}"#) && is_refused(&it.freshet),
        inputs: 1,
    },
    KnownDifference {
        reason: "What is `null` in a body is left out; Backstage refuses it.",
        explains: |it| it.input.contains(":null") && is_refused(&it.backstage),
        inputs: 4,
    },
];

fn is_refused(answer: &Value) -> bool {
    *answer == json!({"status": 400.0, "error": "InputError"})
}

/// Whether a text with wildcards was searched for, and Freshet found less.
fn has_wildcards(it: &Answers) -> bool {
    let is_wild = searched_text(&it.input).contains(['%', '_', '\\']);
    let (Some(backstage), Some(freshet)) = (items_of(&it.backstage), items_of(&it.freshet)) else {
        return false;
    };
    is_wild && freshet.iter().all(|item| backstage.contains(item))
}

/// What a question searches for, in its path or in what is posted.
fn searched_text(input: &str) -> String {
    if let Some((_, rest)) = input.split_once(r#""term":""#) {
        return rest.split('"').next().unwrap_or_default().to_owned();
    }
    let query = input.split_once('?').map_or("", |(_, query)| query);
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let term = parameters.find(|(name, _)| name == "fullTextFilterTerm");
    term.map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Whether Freshet answers what is left when each entity is taken the first time it comes.
fn comes_once(it: &Answers) -> bool {
    let backstage = runs_of(&it.backstage).map(take_once);
    it.input.contains("order") && backstage.is_some() && backstage == runs_of(&it.freshet)
}

/// The items of an answer, those with equal values together.
fn runs_of(answer: &Value) -> Option<Vec<Vec<Value>>> {
    let runs = answer["items"].as_array()?.iter().map(|run| match run {
        Value::Array(run) => run.clone(),
        one => vec![one.clone()],
    });
    Some(runs.collect())
}

fn take_once(runs: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    let mut seen = Vec::new();
    let once = runs.into_iter().map(|mut run| {
        run.retain(|item| !seen.contains(item));
        seen.extend(run.iter().cloned());
        run
    });
    once.filter(|run| !run.is_empty()).collect()
}

/// All items of an answer in their order, each once.
fn items_of(answer: &Value) -> Option<Vec<Value>> {
    Some(take_once(runs_of(answer)?).into_iter().flatten().collect())
}
