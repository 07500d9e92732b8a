//! An answer in the form in which it was recorded: what nobody chose has no place in it.
//!
//! Entities with equal values come in the order of their uids, which are others in every catalog. So a list is a sequence
//! of runs, each of the entities with one value; where a page may have cut a run, only their number counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::recorded::{Clause, Question, Recorded};
use crate::answers::as_doubles;

/// By what an item is ordered: of each clause the place of its value, nothing last.
type Key = Vec<Option<u64>>;

/// An answer to a question, as the recorder would write it down.
pub(super) fn canonical(recorded: &Recorded, question: &Question, mut answer: Value) -> Value {
    let items = answer["items"].as_array();
    let Some(items) = items.filter(|_| question.is_list()) else {
        return answer;
    };
    let is_cut = question.is_partial() || has_more(&answer);
    let clauses = question.clauses();
    let is_whole = items.iter().all(Value::is_number);
    let written = if !is_whole || !is_ordered(question, &clauses) {
        if is_cut {
            json!(items.len())
        } else {
            sorted(items.clone())
        }
    } else if clauses.is_empty() {
        // In the order of refs, and so are the numbers.
        json!(items)
    } else {
        runs(recorded, &clauses, items, is_cut)
    };
    answer["items"] = written;
    answer
}

/// An answer of either catalog with nothing in it that has no order of its own.
pub(super) fn comparable(question: &Question, answer: Value) -> Value {
    let mut answer = as_doubles(answer);
    if let Some(facets) = answer.get_mut("facets").and_then(Value::as_array_mut) {
        facets.sort_by_key(|row| row[0].to_string());
    }
    let items = answer.get_mut("items").and_then(Value::as_array_mut);
    let is_unordered =
        |items: &&mut Vec<Value>| question.is_list() && items.iter().all(is_projection);
    if let Some(items) = items.filter(is_unordered) {
        items.sort_by_key(Value::to_string);
    }
    answer
}

/// Whether something stands for an entity of which only some fields were asked for. Those are in no order that anybody compares.
fn is_projection(item: &Value) -> bool {
    item.is_object() && item.get("cut").is_none()
}

/// Whether the answer goes on where nobody went.
fn has_more(answer: &Value) -> bool {
    let last = answer
        .get("there")
        .and_then(|pages| pages.as_array()?.last());
    let last = last.or_else(|| answer.get("page"));
    last.is_some_and(|page| page[2] == 1)
}

fn is_ordered(question: &Question, clauses: &[Clause]) -> bool {
    if question.links.is_none() {
        return !clauses.is_empty();
    }
    // In these lists Backstage knows a key only in small letters, and orders by nothing otherwise.
    clauses.iter().all(|it| it.field == it.field.to_lowercase())
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_key(|item| (item.as_u64(), item.to_string()));
    json!(items)
}

/// Items with equal keys together: one alone, several in the order of their numbers, and of a run that may be cut how many.
fn runs(recorded: &Recorded, clauses: &[Clause], items: &[Value], is_cut: bool) -> Value {
    let keys = keys(recorded, clauses, items);
    let mut runs: Vec<(&Key, Vec<u64>)> = Vec::new();
    for (key, item) in keys.iter().zip(items) {
        match runs.last_mut() {
            Some((last, members)) if *last == key => members.push(number_of(item)),
            _ => runs.push((key, vec![number_of(item)])),
        }
    }
    let last = runs.len().saturating_sub(1);
    let written = runs.into_iter().enumerate().map(|(at, (_, mut members))| {
        members.sort_unstable();
        match members.as_slice() {
            _ if is_cut && (at == 0 || at == last) => json!({"cut": members.len()}),
            [one] => json!(one),
            _ => json!(members),
        }
    });
    written.collect()
}

fn number_of(item: &Value) -> u64 {
    item.as_u64().expect("the number of an entity")
}

/// The key of each item. One that comes several times has another of its values each time.
fn keys(recorded: &Recorded, clauses: &[Clause], items: &[Value]) -> Vec<Key> {
    let tables: Vec<BTreeMap<u64, Vec<u64>>> = clauses
        .iter()
        .map(|clause| {
            let mut places = recorded.places_of(&clause.field);
            if clause.is_descending() {
                places.values_mut().for_each(|own| own.reverse());
            }
            places
        })
        .collect();
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    let key = |item: &Value| {
        let times = seen.entry(number_of(item)).or_default();
        let place = |table: &BTreeMap<u64, Vec<u64>>| {
            let own = table.get(&number_of(item))?;
            own.get(*times).or(own.last()).copied()
        };
        let key = tables.iter().map(place).collect();
        *times += 1;
        key
    };
    items.iter().map(key).collect()
}
