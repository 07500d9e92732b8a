//! What a hundred times more costs: reading and checking files of one shape at three sizes, and how fast the cost
//! grows. An exponent of 1 is a cost in proportion, 2 one that grows with the square.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use freshet::validate::{
    Colours, ReportFormat, Strictness, ValidateRequest, render, validate_files,
};
use freshet_model::Kinds;
use freshet_processor::catalog_file::{FileOrigin, PendingFile, ReadPolicy};
use freshet_processor::limits::ReadLimits;
use serde_json::{Value, json};

use crate::machine::millis;

/// How much more there is of it each time.
const STEP: usize = 10;
const STEPS: u32 = 3;
/// The quickest of so many rounds counts: whatever else the machine does only ever adds.
const ROUNDS: usize = 5;
/// A round this long is not repeated.
const LONG: Duration = Duration::from_secs(1);

/// A file of one shape, of any size.
struct Shape {
    name: &'static str,
    /// The smallest size.
    first: usize,
    make: fn(usize) -> String,
}

const SHAPES: [Shape; 12] = [
    shape("documents", 100, make_documents),
    shape("invalid documents", 100, make_invalid_documents),
    shape("relations", 100, |n| {
        with_spec(&list("dependsOn", n, "resource:r"))
    }),
    shape("items", 1_000, |n| with_spec(&list("anything", n, "item"))),
    shape("items in one line", 1_000, |n| {
        with_spec(&flow_list("anything", n, "item"))
    }),
    shape("keys", 100, |n| with_metadata(&mapping("labels", n, "x"))),
    shape("keys of another case", 100, make_keys_of_two_cases),
    shape("deep items", 10, |n| with_spec(&deep_list(n))),
    shape("aliases", 100, |n| with_spec(&aliases(n))),
    shape("invalid items", 100, |n| {
        with_spec(&list("dependsOn", n, "a b:c/d/"))
    }),
    shape("invalid items in one line", 100, |n| {
        with_spec(&flow_list("dependsOn", n, ":"))
    }),
    shape("targets", 100, make_targets),
];

const fn shape(name: &'static str, first: usize, make: fn(usize) -> String) -> Shape {
    Shape { name, first, make }
}

/// One line for each shape, size and way of looking at it.
pub(crate) fn measure() -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("catalog-info.yaml");
    let mut lines = Vec::new();
    for shape in &SHAPES {
        lines.extend(measure_steps("read", shape, read_file));
        lines.extend(measure_steps("validate", shape, |text| {
            std::fs::write(&path, text).expect("written");
            check_file(&path);
        }));
    }
    lines
}

fn measure_steps(what: &str, shape: &Shape, work: impl Fn(&str)) -> Vec<Value> {
    let mut before: Option<Duration> = None;
    let sizes = (0..STEPS).map(|step| shape.first * STEP.pow(step));
    sizes
        .map(|size| {
            let text = (shape.make)(size);
            let took = measure_quickest(|| work(&text));
            let grown = before
                .replace(took)
                .map(|before| took.as_secs_f64() / before.as_secs_f64());
            #[expect(clippy::cast_precision_loss, reason = "ten")]
            let step = STEP as f64;
            json!({
                "bench": "growth",
                "what": format!("{what} {}", shape.name),
                "n": size,
                "bytes": text.len(),
                "ms": millis(took),
                "exponent": grown.map(|grown| (grown.log(step) * 100.0).round() / 100.0),
            })
        })
        .collect()
}

fn measure_quickest(work: impl Fn()) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        work();
        quickest = quickest.min(started.elapsed());
        if quickest > LONG {
            break;
        }
    }
    quickest
}

/// As a processor reads it.
fn read_file(text: &str) {
    let limits = ReadLimits::default();
    let (origin, policy) = (
        FileOrigin::Url("https://example.com/catalog-info.yaml".to_owned()),
        ReadPolicy::default(),
    );
    let pending = PendingFile::parse(text.as_bytes(), &limits);
    let _asked = pending.requests(&origin, &policy, &limits);
    let kinds = Kinds::builtin();
    let file = pending.finish(&origin, &policy, &HashMap::new(), &kinds, &limits);
    assert!(!file.emitted.is_empty(), "it declares something");
}

/// As `freshet validate` does, the comparison of all references with what the files declare included: nobody
/// declares what the relations of a shape name.
fn check_file(path: &Path) {
    let request = ValidateRequest {
        paths: vec![path.to_owned()],
        config: Vec::new(),
        location: None,
        root: None,
        strictness: Strictness::Lenient,
    };
    let report = validate_files(&request, &mut std::io::empty()).expect("it can be checked");
    let text = render(&report, ReportFormat::Human, Colours::Off);
    assert!(text.contains("1 file"), "{text}");
}

fn component(name: &str, metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{metadata}spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n{spec}"
    )
}

fn with_metadata(metadata: &str) -> String {
    component("a", metadata, "")
}

fn with_spec(spec: &str) -> String {
    component("a", "", spec)
}

fn make_documents(count: usize) -> String {
    let documents = (0..count).map(|number| component(&format!("c{number}"), "", ""));
    documents.collect::<Vec<_>>().join("---\n")
}

fn make_invalid_documents(count: usize) -> String {
    let documents = (0..count).map(|number| component(&format!("c{number} x"), "", ""));
    documents.collect::<Vec<_>>().join("---\n")
}

fn list(field: &str, count: usize, item: &str) -> String {
    let mut text = format!("  {field}:\n");
    for number in 0..count {
        writeln!(text, "    - \"{item}{number}\"").expect("a text can be written to");
    }
    text
}

fn flow_list(field: &str, count: usize, item: &str) -> String {
    let items = (0..count).map(|number| format!("\"{item}{number}\""));
    let items = items.collect::<Vec<_>>().join(", ");
    format!("  {field}: [{items}]\n")
}

fn mapping(field: &str, count: usize, value: &str) -> String {
    let mut text = format!("  {field}:\n");
    for number in 0..count {
        writeln!(text, "    key-{number}: {value}").expect("a text can be written to");
    }
    text
}

fn make_keys_of_two_cases(count: usize) -> String {
    let mut text = mapping("labels", count / 2, "x");
    for number in 0..count / 2 {
        writeln!(text, "    KEY-{number}: x").expect("a text can be written to");
    }
    with_metadata(&text)
}

/// Each item is nested nearly as deep as may be.
fn deep_list(count: usize) -> String {
    const LEVELS: usize = 90;
    let item = format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS));
    let mut text = "  anything:\n".to_owned();
    for _ in 0..count {
        writeln!(text, "    - {item}").expect("a text can be written to");
    }
    text
}

fn aliases(count: usize) -> String {
    let mut text = "  anything:\n".to_owned();
    for number in 0..count {
        writeln!(text, "    - &a{number} [x, y]\n    - *a{number}")
            .expect("a text can be written to");
    }
    text
}

/// A Location entity with targets that are not there.
fn make_targets(count: usize) -> String {
    let mut text =
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: a\nspec:\n  targets:\n".to_owned();
    for number in 0..count {
        writeln!(text, "    - ./missing-{number}.yaml").expect("a text can be written to");
    }
    text
}
