//! Everybody's copy is the same (I7): the feed, the stream, the API, the bucket, the database.

use std::collections::BTreeMap;

use freshet_model::canonical_json;
use serde_json::Value;

use super::Finding;
use crate::entity::{read_ref, strip_served_fields};
use crate::history::{History, Live};

/// Ref → declared document, canonical.
type Copy = BTreeMap<String, String>;

pub(super) fn all_copies_agree(history: &History) -> Finding {
    let mut finding = Finding::new("I7", "database, feed, stream, API and bucket hold the same");
    let database = database(history);
    let copies = [
        ("feed", fold(&history.feed)),
        ("stream", fold(&history.stream)),
        ("API", api(history)),
        ("bucket", bucket(history)),
    ];
    for (name, copy) in copies {
        compare(&mut finding, name, &copy, &database);
    }
    let (heard, revision) = (
        history.stream.last().map_or(0, |event| event.sequence),
        history.run.stream_sequence,
    );
    finding.expect(heard == revision, || {
        format!("the stream ends at {revision}, its subscriber heard up to {heard}")
    });
    finding.expect(history.run.api_revision == history.meta.revision, || {
        format!(
            "the API is at revision {}, the database at {}",
            history.run.api_revision, history.meta.revision
        )
    });
    events_agree(&mut finding, history);
    finding
}

fn compare(finding: &mut Finding, name: &str, copy: &Copy, database: &Copy) {
    for (entity_ref, document) in database {
        let held = copy.get(entity_ref);
        finding.expect(held == Some(document), || {
            format!("{name}: {entity_ref} is {held:?}, in the database {document}")
        });
    }
    for entity_ref in copy
        .keys()
        .filter(|entity_ref| !database.contains_key(*entity_ref))
    {
        finding.expect(false, || {
            format!("{name}: {entity_ref} is not in the database")
        });
    }
}

fn database(history: &History) -> Copy {
    let documents: BTreeMap<i64, &str> = history
        .changes
        .iter()
        .filter_map(|row| Some((row.revision, row.document.as_deref()?)))
        .collect();
    let live = history
        .entities
        .iter()
        .filter(|row| row.document_revision > 0);
    live.map(|row| {
        let document = documents
            .get(&row.document_revision)
            .copied()
            .unwrap_or("null");
        let value = serde_json::from_str(document).unwrap_or(Value::Null);
        (row.entity_ref.clone(), canonical_json(&value))
    })
    .collect()
}

fn fold(events: &[Live]) -> Copy {
    let mut copy = Copy::new();
    for event in events {
        let Some(entity_ref) = event.entity_ref() else {
            continue;
        };
        match event.verb() {
            "created" | "updated" => {
                copy.insert(entity_ref.to_owned(), canonical_json(&event.data["after"]));
            }
            "deleted" => {
                copy.remove(entity_ref);
            }
            _ => {}
        }
    }
    copy
}

fn api(history: &History) -> Copy {
    let entities = history.api.iter().map(|line| &line.entity);
    entities
        .map(|entity| {
            (
                read_ref(entity),
                canonical_json(&strip_served_fields(entity)),
            )
        })
        .collect()
}

fn bucket(history: &History) -> Copy {
    let entries = history.kv.iter();
    entries
        .map(|entry| {
            let entity_ref = entry.data["entity"]["ref"]
                .as_str()
                .unwrap_or(&entry.key)
                .to_owned();
            (entity_ref, canonical_json(&entry.data["after"]))
        })
        .collect()
}

/// The feed and the stream said the same of each revision; only when they said it differs.
fn events_agree(finding: &mut Finding, history: &History) {
    let of_feed: BTreeMap<i64, Value> = history
        .feed
        .iter()
        .map(|event| (event.revision(), content(event)))
        .collect();
    for event in &history.stream {
        let said = of_feed.get(&event.revision());
        finding.expect(said == Some(&content(event)), || {
            format!(
                "revision {}: the stream said {}, the feed {said:?}",
                event.revision(),
                content(event)
            )
        });
    }
}

fn content(event: &Live) -> Value {
    let mut data = event.data.clone();
    if let Some(timing) = data.get_mut("timing").and_then(Value::as_object_mut) {
        timing.remove("published");
    }
    data
}
