use super::*;

fn origin(target: &str) -> LocationRef {
    LocationRef::new("url", target).expect("a location")
}

fn at(target: TargetMatch) -> Vec<Rule> {
    let locations = vec![LocationMatch {
        location_type: Some("url".to_owned()),
        target,
    }];
    vec![Rule {
        locations: Some(locations),
        ..Rule::everywhere(&["Group"])
    }]
}

fn pattern(text: &str) -> Vec<Rule> {
    at(TargetMatch::Pattern(
        TargetPattern::new(text).expect("a pattern"),
    ))
}

#[track_caller]
fn check(rules: &[Rule], target: &str, kind: &str, expected: bool) {
    let is_allowed = allows(rules, &origin(target), kind, None);
    assert_eq!(is_allowed, expected, "{kind} from {target}");
}

const ROOT: &str = "https://github.com/org/repo/blob/master/catalog-info.yaml";

#[test]
fn by_default_components_apis_and_locations_enter() {
    for (kind, expected) in [
        ("Component", true),
        ("component", true),
        ("API", true),
        ("api", true),
        ("LOCATION", true),
        ("Group", false),
        ("Template", false),
    ] {
        check(&Rule::defaults(), ROOT, kind, expected);
    }
}

#[test]
fn by_default_an_unknown_kind_does_not_enter() {
    check(&Rule::defaults(), ROOT, "Foo", false);
}

#[test]
fn empty_lists_allow_nothing() {
    check(&[], ROOT, "Component", false);
    check(&[Rule::everywhere(&[])], ROOT, "Component", false);
    let nowhere = Rule {
        locations: Some(Vec::new()),
        ..Rule::everywhere(&["Component"])
    };
    check(&[nowhere], ROOT, "Component", false);
}

#[test]
fn a_rule_may_ask_for_a_type() {
    let database = Allowed {
        kind: "Resource".to_owned(),
        spec_type: Some("Database".to_owned()),
    };
    let rules = [Rule {
        allow: vec![database],
        locations: None,
    }];
    for (kind, spec_type, expected) in [
        ("resource", Some("DATABASE"), true),
        ("Resource", Some("database"), true),
        ("Resource", Some("bucket"), false),
        ("Resource", None, false),
        ("Component", Some("database"), false),
    ] {
        assert_eq!(
            allows(&rules, &origin(ROOT), kind, spec_type),
            expected,
            "{kind} {spec_type:?}"
        );
    }
}

#[test]
fn an_exact_target_is_the_origin_as_written() {
    let rules = at(TargetMatch::Exact(ROOT.to_owned()));
    check(&rules, ROOT, "Group", true);
    check(&rules, &ROOT.replace("/blob/", "/tree/"), "Group", false);
    check(&rules, &ROOT.replace("/org/", "/ORG/"), "Group", false);
}

#[test]
fn a_pattern_ignores_case_and_stops_at_slashes() {
    let rules = pattern("https://github.com/ORG/*/blob/master/*.yaml");
    check(&rules, ROOT, "Group", true);
    check(
        &rules,
        "https://github.com/org/repo/blob/master/sub/a.yaml",
        "Group",
        false,
    );
}

#[test]
fn a_pattern_matches_hidden_folders() {
    let rules = pattern("**/*.yaml");
    check(
        &rules,
        "https://github.com/org/repo/blob/master/.hidden/.a.yaml",
        "Group",
        true,
    );
}

#[test]
fn a_pattern_may_be_negated_or_a_comment() {
    check(&pattern("!https://other/**"), ROOT, "Group", true);
    check(&pattern("!https://github.com/**"), ROOT, "Group", false);
    check(&pattern("!!https://github.com/**"), ROOT, "Group", true);
    check(&pattern("#https://github.com/**"), ROOT, "Group", false);
    check(&pattern("https:///github.com/org/**"), ROOT, "Group", true);
}

#[test]
fn the_type_of_the_origin_counts() {
    let mut rules = at(TargetMatch::Any);
    check(&rules, ROOT, "Group", true);
    if let Some(all) = &mut rules[0].locations {
        all[0].location_type = Some("file".to_owned());
    }
    check(&rules, ROOT, "Group", false);
}

#[test]
fn a_rule_of_one_location_is_for_that_location() {
    let rules = at(TargetMatch::Exact(ROOT.to_owned()));
    check(&rules, ROOT, "Group", true);
    check(&rules, ROOT, "Component", false);
    check(
        &rules,
        "https://github.com/org/other/blob/master/a.yaml",
        "Group",
        false,
    );
}
