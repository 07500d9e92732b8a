use serde_json::json;

use super::*;
use crate::history::{
    ApiEntity, CLOCK_STEP_MICROS, ChangeRow, Commit, DeliveryRow, EntityRow, Fault, FaultKind,
    HeadFile, Hook, KvEntry, Live, MetaRow, Recorder, Run, SourceRow, file,
};

const PAY: &str = "component:default/pay";
const EPOCH: &str = "e1";
const SECOND: i64 = 1_000_000;

fn yaml(title: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\n  title: {title}\nspec:\n  type: service\n  lifecycle: production\n  owner: payments\n"
    )
}

fn document(title: &str) -> serde_json::Value {
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {
            "annotations": {"backstage.io/managed-by-location": "url:https://x"},
            "name": "pay", "namespace": "default", "title": title,
        },
        "spec": {"lifecycle": "production", "owner": "payments", "type": "service"},
    })
}

/// The Location entity that stands for the file.
fn generated() -> (String, serde_json::Value) {
    let target = "https://github.com/acme/pay/blob/main/catalog-info.yaml";
    let name = freshet_model::location::generated_location_name("url", target);
    let document = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"presence": "optional", "target": target, "type": "url"},
    });
    (format!("location:default/{name}"), document)
}

fn live(revision: i64, verb: &str, version: i64, after: Option<serde_json::Value>) -> Live {
    let mut data = json!({
        "op": verb,
        "entity": {"ref": PAY},
        "revision": {"catalog": revision, "entity": version},
        "timing": {"published": format!("when {revision} was sent")},
    });
    if let Some(after) = after {
        data["after"] = after;
    }
    Live {
        at: revision * SECOND + 1,
        id: format!("{EPOCH}-{revision}"),
        sequence: 0,
        data,
    }
}

fn row(revision: i64, verb: &str, version: i64, after: Option<&serde_json::Value>) -> ChangeRow {
    ChangeRow {
        revision,
        verb: verb.to_owned(),
        entity_ref: Some(PAY.to_owned()),
        version,
        document: after.map(ToString::to_string),
        committed_at: revision * SECOND,
    }
}

fn run() -> Run {
    Run {
        catalog_path: "catalog-info.yaml".to_owned(),
        faults_planned: 1,
        fault_kinds_planned: 1,
        disturbed_until: 5 * SECOND,
        drained_at: Some(6 * SECOND),
        drain_micros_max: 60 * SECOND,
        api_revision: 3,
        stream_sequence: 3,
        ..Run::default()
    }
}

fn hook(guid: &str, status: Option<u16>) -> Hook {
    Hook {
        guid: guid.to_owned(),
        event: "push".to_owned(),
        status,
        ..Hook::default()
    }
}

fn delivery(guid: &str, outcome: &str) -> DeliveryRow {
    DeliveryRow {
        guid: guid.to_owned(),
        outcome: outcome.to_owned(),
        covered_at: Some(1),
    }
}

fn commit(sha: &str, title: &str) -> Commit {
    Commit {
        repository: "acme/pay".to_owned(),
        sha: sha.to_owned(),
        path: "catalog-info.yaml".to_owned(),
        content: Some(yaml(title)),
        at: 1,
    }
}

/// A repository was pushed to twice, one crash, everything went well.
#[expect(clippy::too_many_lines, reason = "one whole run as a table")]
fn good() -> History {
    let (first, second) = (document("first"), document("second"));
    let (location_ref, location) = generated();
    let mut feed = vec![
        live(1, "created", 1, Some(first.clone())),
        live(2, "updated", 2, Some(second.clone())),
        live(3, "created", 1, Some(location.clone())),
    ];
    feed[2].data["entity"]["ref"] = json!(location_ref);
    let stream: Vec<Live> = (1..)
        .zip(&feed)
        .map(|(sequence, event)| Live {
            sequence,
            ..event.clone()
        })
        .collect();
    let mut served = second.clone();
    served["metadata"]["uid"] = json!("u");
    served["relations"] = json!([]);
    History {
        run: run(),
        hooks: vec![
            hook("g1", Some(202)),
            hook("g2", None),
            hook("g3", Some(202)),
        ],
        commits: vec![commit("c1", "first"), commit("c2", "second")],
        faults: vec![Fault {
            kind: FaultKind::Kill,
            target: "store".to_owned(),
            at: 2 * SECOND,
            note: String::new(),
        }],
        heads: vec![HeadFile {
            repository: "acme/pay".to_owned(),
            sha: "c2".to_owned(),
            path: "catalog-info.yaml".to_owned(),
            content: Some(yaml("second")),
        }],
        kv: vec![
            KvEntry {
                key: "component.default.pay".to_owned(),
                data: feed[1].data.clone(),
            },
            KvEntry {
                key: location_ref.replace([':', '/'], "."),
                data: feed[2].data.clone(),
            },
        ],
        feed,
        stream,
        api: vec![
            ApiEntity { entity: served },
            ApiEntity {
                entity: location.clone(),
            },
        ],
        counters: Vec::new(),
        deliveries: vec![
            delivery("gh:github.com:g1", "superseded"),
            delivery("gh:github.com:g3", "applied"),
        ],
        sources: vec![SourceRow {
            id: 1,
            name: "pay".to_owned(),
            wanted: 2,
            done: 2,
        }],
        entities: vec![
            EntityRow {
                entity_ref: PAY.to_owned(),
                version: 2,
                revision: 2,
                document_revision: 2,
            },
            EntityRow {
                entity_ref: location_ref.clone(),
                version: 1,
                revision: 3,
                document_revision: 3,
            },
        ],
        changes: vec![
            row(1, "created", 1, Some(&first)),
            row(2, "updated", 2, Some(&second)),
            ChangeRow {
                entity_ref: Some(location_ref),
                ..row(3, "created", 1, Some(&location))
            },
        ],
        meta: MetaRow {
            epoch: EPOCH.to_owned(),
            revision: 3,
        },
    }
}

/// The doctored run violates these invariants and no other.
#[track_caller]
fn check_fails<const N: usize>(expected: [&str; N], doctor: impl FnOnce(&mut History)) {
    let mut history = good();
    doctor(&mut history);
    let report = check(&history);
    let violated = report
        .findings
        .iter()
        .filter(|finding| !finding.violations.is_empty());
    assert_eq!(
        violated
            .map(|finding| finding.invariant)
            .collect::<Vec<_>>(),
        expected,
        "{report}"
    );
}

#[test]
fn a_good_run_has_no_violation() {
    check_fails([], |_| {});
    let report = check(&good());
    assert!(
        report.findings.iter().all(|finding| finding.checked > 0),
        "{report}"
    );
    assert!(report.to_string().ends_with("violations: 0\n"), "{report}");
}

#[test]
fn an_accepted_hook_that_is_lost_is_found() {
    check_fails(["I1"], |history| history.deliveries.truncate(1));
    check_fails(["I1"], |history| history.hooks[1].status = Some(202));
}

#[test]
fn a_delivery_without_an_end_is_found() {
    check_fails(["I2"], |history| history.deliveries[0].covered_at = None);
    check_fails(["I2"], |history| {
        "waiting".clone_into(&mut history.deliveries[0].outcome);
    });
}

#[test]
fn a_catalog_that_is_not_what_the_heads_declare_is_found() {
    check_fails(["I5"], |history| {
        history.heads[0].content = Some(yaml("third"));
    });
    check_fails(["I5"], |history| history.heads[0].content = None);
    check_fails(["I5"], |history| {
        let other = HeadFile {
            repository: "acme/other".to_owned(),
            ..history.heads[0].clone()
        };
        history.heads.push(HeadFile {
            content: other
                .content
                .map(|text| text.replace("name: pay", "name: other")),
            ..other
        });
    });
}

#[test]
fn a_file_without_its_location_and_a_location_without_its_file_are_found() {
    check_fails(["I5", "I7"], |history| {
        history.entities.pop();
    });
    check_fails(["I5", "I7"], |history| {
        history.heads[0].content = None;
        history.entities[0].document_revision = 0;
        history.api.remove(0);
        history.kv.remove(0);
    });
}

#[test]
fn a_broken_head_leaves_what_the_file_declared_before() {
    let syntax = Some("kind: [broken".to_owned());
    let invalid = Some(yaml("third").replace("  owner: payments\n", ""));
    for broken in [syntax, invalid] {
        check_fails([], |history| history.heads[0].content = broken.clone());
        check_fails(["I5"], |history| {
            history.heads[0].content = broken;
            history.commits.retain(|commit| commit.sha != "c2");
        });
    }
}

#[test]
fn copies_that_differ_are_found() {
    check_fails(["I7"], |history| {
        history.api[0].entity["metadata"]["title"] = json!("first");
    });
    check_fails(["I7"], |history| history.api.clear());
    check_fails(["I7"], |history| history.kv.clear());
    check_fails(["I7"], |history| {
        history.kv[0].data["after"]["kind"] = json!("API");
    });
    check_fails(["I7"], |history| {
        history.stream[1].data["after"]["kind"] = json!("API");
    });
    check_fails(["I7"], |history| {
        history.stream[0].data["cause"] = json!({"actor": "somebody else"});
    });
    check_fails(["I7"], |history| history.run.stream_sequence = 4);
    check_fails(["I7"], |history| history.run.api_revision = 1);
}

#[test]
fn a_feed_that_lost_or_repeated_an_event_is_found() {
    check_fails(["I7", "I8"], |history| {
        history.feed.pop();
    });
    check_fails(["I8"], |history| {
        history.feed.insert(1, history.feed[0].clone());
    });
    check_fails(["I8"], |history| {
        history.stream.insert(1, history.stream[0].clone());
    });
}

#[test]
fn a_gap_in_the_log_is_found() {
    check_fails(["I8"], |history| {
        history.meta.revision = 4;
        history.run.api_revision = 4;
    });
    check_fails(["I8"], |history| history.entities[0].version = 1);
    check_fails(["I8"], |history| {
        history.changes[1].version = 3;
        history.entities[0].version = 3;
        for event in history
            .feed
            .iter_mut()
            .chain(&mut history.stream)
            .filter(|event| event.revision() == 2)
        {
            event.data["revision"]["entity"] = json!(3);
        }
    });
}

#[test]
fn an_event_before_its_commit_is_found() {
    check_fails(["I8"], |history| history.feed[1].at = SECOND);
    // An hour ahead, and heard a second after that hour or a second before it.
    for (stepped, second, expected) in [
        (true, 1, None),
        (true, -1, Some("I8")),
        (false, 1, Some("I8")),
    ] {
        let mut history = good();
        let heard = history.feed[1].at.min(history.stream[1].at);
        history.changes[1].committed_at = heard - second * SECOND + CLOCK_STEP_MICROS;
        if stepped {
            history.faults.push(Fault {
                kind: FaultKind::ClockStep,
                target: "store".to_owned(),
                at: SECOND,
                note: String::new(),
            });
        }
        let report = check(&history);
        let mut findings = report.findings.iter();
        let violated = findings.find(|finding| !finding.violations.is_empty());
        assert_eq!(
            violated.map(|finding| finding.invariant),
            expected,
            "{report}"
        );
    }
    check_fails(["I8"], |history| {
        "other-1".clone_into(&mut history.stream[0].id);
    });
}

#[test]
fn a_run_that_does_not_drain_is_found() {
    check_fails(["I12"], |history| history.run.drained_at = None);
    check_fails(["I12"], |history| {
        history.run.drained_at = Some(66 * SECOND);
    });
    check_fails(["I12"], |history| history.sources[0].done = 1);
}

#[test]
fn a_run_that_was_too_quiet_is_found() {
    check_fails(["loud"], |history| history.faults.clear());
    check_fails(["loud"], |history| history.run.fault_kinds_planned = 2);
    check_fails(["loud"], |history| {
        history.faults[0].kind = FaultKind::Exit;
    });
    check_fails(["loud"], |history| history.hooks.clear());
}

#[test]
fn a_history_is_read_as_it_was_recorded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recorder = Recorder::new(folder.path());
    let history = good();
    recorder.record(file::RUN, &history.run);
    recorder.record(file::SQL_META, &history.meta);
    let History {
        hooks,
        commits,
        faults,
        heads,
        feed,
        stream,
        api,
        kv,
        ..
    } = &history;
    hooks
        .iter()
        .for_each(|record| recorder.record(file::HOOKS, record));
    commits
        .iter()
        .for_each(|record| recorder.record(file::COMMITS, record));
    faults
        .iter()
        .for_each(|record| recorder.record(file::FAULTS, record));
    heads
        .iter()
        .for_each(|record| recorder.record(file::HEADS, record));
    feed.iter()
        .for_each(|record| recorder.record(file::FEED, record));
    stream
        .iter()
        .for_each(|record| recorder.record(file::STREAM, record));
    api.iter()
        .for_each(|record| recorder.record(file::API, record));
    kv.iter()
        .for_each(|record| recorder.record(file::KV, record));
    history
        .deliveries
        .iter()
        .for_each(|record| recorder.record(file::SQL_DELIVERY, record));
    history
        .sources
        .iter()
        .for_each(|record| recorder.record(file::SQL_SOURCE, record));
    history
        .entities
        .iter()
        .for_each(|record| recorder.record(file::SQL_ENTITY, record));
    history
        .changes
        .iter()
        .for_each(|record| recorder.record(file::SQL_CHANGE, record));
    let read = History::read(folder.path()).expect("the history is complete");
    assert_eq!(check(&read), check(&history));
    assert_eq!(check(&read).violations(), 0);
}

#[test]
fn a_folder_without_a_run_is_no_history() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = History::read(folder.path()).expect_err("there is nothing");
    assert!(error.to_string().ends_with("run.jsonl is empty"), "{error}");
}
