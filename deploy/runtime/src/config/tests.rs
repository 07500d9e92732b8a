use std::time::Duration;

use serde_json::json;

use super::*;

fn with_env(text: &str, env: &[(&str, &str)]) -> Value {
    let value = parse(text, Path::new("t.yaml")).expect("YAML");
    let lookup = |name: &str| {
        env.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    substitute::substitute(value, Path::new("."), &lookup).expect("no mistakes")
}

#[test]
fn later_files_win_objects_merge_and_lists_replace() {
    let mut merged = json!({"a": {"x": 1, "y": [1, 2]}, "b": 1});
    merge::merge(&mut merged, json!({"a": {"y": [3], "z": 2}, "b": {"c": 1}}));
    assert_eq!(
        merged,
        json!({"a": {"x": 1, "y": [3], "z": 2}, "b": {"c": 1}})
    );
}

#[test]
fn the_environment_is_substituted_as_in_backstage() {
    let value = with_env(
        "a: ${X}\nb: pre-${X}-${Y:-z}\nc: $${X}\nd: ${GONE}\ne: {$env: X}\nf: {$env: GONE}\ng: a$b\n",
        &[("X", "one")],
    );
    assert_eq!(
        value,
        json!({"a": "one", "b": "pre-one-z", "c": "${X}", "e": "one", "g": "a$b"})
    );
}

#[test]
fn files_are_read_relative_to_their_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret.txt"), "  s3cret\n").expect("written");
    std::fs::write(folder.path().join("more.yaml"), "a: {b: [1]}\n").expect("written");
    let file = folder.path().join("app-config.yaml");
    std::fs::write(
        &file,
        "x: {$file: secret.txt}\ny: {$include: 'more.yaml#a.b'}\n",
    )
    .expect("written");
    let document = load(std::slice::from_ref(&file), &|_| None).expect("no mistakes");
    assert_eq!(document.value, json!({"x": "s3cret", "y": [1]}));

    std::fs::write(
        &file,
        "x: {$file: gone.txt}\ny: {$include: 'more.yaml#c'}\n",
    )
    .expect("written");
    let missing = folder.path().join("missing.yaml");
    let mistakes = load(&[file.clone(), missing], &|_| None).expect_err("three mistakes");
    assert_eq!(mistakes.0.len(), 3, "{mistakes}");
    assert!(mistakes.to_string().contains("x: "), "{mistakes}");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_path() {
    let document = from_str(
        "other: {plugin: 1}\nours: {known: 1, typo: 2, list: [{a: 1, b: 2}, 3], map: {x: {ok: true, odd: 1}}}\nshared: {theirs: 1, mine: [1]}\n",
    )
    .expect("YAML");
    let root = document.reader();
    let ours = root.block("ours").expect("an object");
    assert_eq!(ours.integer("known"), Some(1));
    assert_eq!(ours.required_string("absent"), "");
    assert_eq!(
        ours.list("list")
            .iter()
            .map(|item| item.integer("a"))
            .collect::<Vec<_>>(),
        [Some(1)]
    );
    for (name, entry) in ours.entries("map") {
        assert_eq!((name.as_str(), entry.bool("ok")), ("x", Some(true)));
    }
    let shared = root.open_block("shared").expect("an object");
    assert_eq!(shared.string("mine"), None);

    let mistakes = root.finish().expect_err("mistakes");
    let paths: Vec<&str> = mistakes
        .0
        .iter()
        .map(|mistake| mistake.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "ours.absent",
            "ours.list[0].b",
            "ours.list[1]",
            "ours.map.x.odd",
            "ours.typo",
            "shared.mine"
        ]
    );
}

#[track_caller]
fn check_duration(value: &Value, expected: Option<u64>) {
    assert_eq!(
        duration::parse(value),
        expected.map(Duration::from_millis),
        "{value}"
    );
}

#[test]
fn durations_have_three_spellings() {
    check_duration(&json!({"minutes": 5}), Some(300_000));
    check_duration(&json!({"hours": 1, "minutes": 30}), Some(5_400_000));
    check_duration(&json!("PT5M"), Some(300_000));
    check_duration(&json!("P1DT1H"), Some(90_000_000));
    check_duration(&json!("PT0.5S"), Some(500));
    check_duration(&json!("5m"), Some(300_000));
    check_duration(&json!("1h 30m"), Some(5_400_000));
    check_duration(&json!("500ms"), Some(500));
    check_duration(&json!("5"), None);
    check_duration(&json!("5 years"), None);
    check_duration(&json!("P1M"), None);
    check_duration(&json!("P"), None);
    check_duration(&json!(""), None);
    check_duration(&json!({"months": 1}), None);
    check_duration(&json!({"minutes": -1}), None);
    check_duration(&json!(5), None);
}
