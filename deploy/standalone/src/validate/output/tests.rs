//! Each format by its text.

use freshet_model::RuleId;
use serde_json::Value;

use super::*;
use crate::validate::file_text::FileText;
use crate::validate::report::{ReportedFile, ReportedProblem, Severity};

const TEXT: &str =
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: bad name\n";

fn problem(severity: Severity, rule: RuleId, line: u32, column: u32) -> ReportedProblem {
    ReportedProblem {
        file: 0,
        line,
        column,
        severity,
        rule,
        message: "\"bad name\" is no name".to_owned(),
        hint: "Use letters, digits: 100% of them.".to_owned(),
        entity_ref: Some("component:default/bad name".to_owned()),
    }
}

fn report() -> ValidationReport {
    ValidationReport {
        files: vec![ReportedFile {
            name: "./a, b/catalog-info.yaml".to_owned(),
            path: "a, b/catalog-info.yaml".to_owned(),
            text: Some(FileText::new(TEXT.as_bytes())),
        }],
        problems: vec![
            problem(Severity::Error, RuleId::MetadataNameFormat, 4, 9),
            problem(Severity::Note, RuleId::ReferenceUnknown, 2, 1),
        ],
        valid_entities: 1,
    }
}

#[test]
fn people_see_the_line_the_place_and_what_to_do() {
    assert_eq!(
        render(&report(), ReportFormat::Human, Colours::Off),
        r#"error[metadata.name.format]: "bad name" is no name
 --> ./a, b/catalog-info.yaml:4:9
  |
4 |   name: bad name
  |         ^^^^^^^^
  = help: Use letters, digits: 100% of them.

note[reference.unknown]: "bad name" is no name
 --> ./a, b/catalog-info.yaml:2:1
  = help: Use letters, digits: 100% of them.

1 file with 1 valid entity: 1 error, 1 note
"#
    );
}

#[test]
fn colours_are_for_terminals() {
    let coloured = render(&report(), ReportFormat::Human, Colours::On);
    assert!(coloured.starts_with("\u{1b}[1;31merror[metadata.name.format]\u{1b}[0m"));
    let plain = render(&report(), ReportFormat::Human, Colours::Off);
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn nothing_found_is_said_too() {
    let mut report = report();
    report.problems.clear();
    assert_eq!(
        render(&report, ReportFormat::Human, Colours::Off),
        "1 file with 1 valid entity: no problems\n"
    );
    assert_eq!(
        render(
            &ValidationReport::default(),
            ReportFormat::Human,
            Colours::Off
        ),
        "no catalog files found\n"
    );
    assert_eq!(render(&report, ReportFormat::Github, Colours::Off), "");
}

#[test]
fn programs_get_one_object() {
    let text = render(&report(), ReportFormat::Json, Colours::Off);
    let object: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(object["schemaVersion"], 1);
    assert_eq!(object["valid"], false);
    assert_eq!(object["summary"]["errors"], 1);
    assert_eq!(object["summary"]["notes"], 1);
    let problem = &object["problems"][0];
    assert_eq!(problem["rule"], "metadata.name.format");
    assert_eq!(problem["file"], "./a, b/catalog-info.yaml");
    assert_eq!(problem["line"], 4);
    assert_eq!(problem["entityRef"], "component:default/bad name");
}

#[test]
fn code_scanning_gets_rules_regions_and_relative_paths() {
    let text = render(&report(), ReportFormat::Sarif, Colours::Off);
    let sarif: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("a list");
    assert_eq!(rules.len(), 2);
    for result in run["results"].as_array().expect("a list") {
        let index = result["ruleIndex"].as_u64().expect("an index");
        let rule = &rules[usize::try_from(index).expect("small")];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(
            rule["help"]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"],
        "a%2C%20b/catalog-info.yaml"
    );
    assert_eq!(place["region"]["startLine"], 4);
    assert_eq!(place["region"]["startColumn"], 9);
}

#[test]
fn workflow_commands_are_escaped() {
    let text = render(&report(), ReportFormat::Github, Colours::Off);
    assert_eq!(
        text.lines().next(),
        Some(
            "::error file=a%2C b/catalog-info.yaml,line=4,col=9,title=metadata.name.format::\"bad name\" is no name%0AUse letters, digits: 100%25 of them."
        )
    );
    assert!(text.contains("::notice "));
}
