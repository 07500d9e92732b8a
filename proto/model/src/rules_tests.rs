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
fn an_exact_target_is_one_origin_however_its_url_is_written() {
    let rules = at(TargetMatch::Exact(ExactTarget::new(ROOT)));
    check(&rules, ROOT, "Group", true);
    check(&rules, &ROOT.replace("/blob/", "/tree/"), "Group", false);
    check(&rules, &ROOT.replace("/org/", "/ORG/"), "Group", false);
    for (written, otherwise) in [
        ("github.com", "GITHUB.com"),
        ("github.com", "github.com:443"),
        ("/repo/", "/x/%2e%2e/repo/"),
        ("/repo/", "%2Frepo/"),
        ("catalog", "%63atalog"),
    ] {
        check(&rules, &ROOT.replace(written, otherwise), "Group", true);
    }
    let rules = at(TargetMatch::Exact(ExactTarget::new(
        "https://a.b:443/a%20b",
    )));
    check(&rules, "https://a.b/a b", "Group", true);
}

#[test]
fn a_pattern_is_matched_with_the_place_a_url_leads_to() {
    let trusted = pattern("https://github.com/trusted/**");
    check(
        &trusted,
        "https://github.com/trusted/r/c.yaml",
        "Group",
        true,
    );
    check(
        &trusted,
        "https://github.com/trusted/%2e%2e/evil/r/blob/main/c.yaml",
        "Group",
        false,
    );
    // Wildcards match no dots that lead up, which only an encoded slash leaves in a canonical form.
    let climbing = "https://github.com/trusted%2F..%2Fevil/r/blob/main/c.yaml";
    check(&trusted, climbing, "Group", false);
    let beside = pattern("https://github.com/o/*/blob/main/*.yaml");
    check(
        &beside,
        "https://github.com/o/r/blob/main/sub%2Fc.yaml",
        "Group",
        false,
    );
}

#[test]
fn a_pattern_with_escapes_matches_no_url() {
    let spaced = "https://a.b/a%20b.yaml";
    check(&pattern(spaced), spaced, "Group", false);
    check(&pattern("https://a.b/a b.yaml"), spaced, "Group", true);
    let with_port = pattern("https://github.com:443/**");
    check(&with_port, "https://github.com:443/o/r", "Group", false);
}

#[test]
fn a_url_that_cannot_be_parsed_is_in_no_location() {
    check(&at(TargetMatch::Any), "not a url", "Group", false);
    check(&pattern("**"), "not a url", "Group", false);
    check(
        &at(TargetMatch::Exact(ExactTarget::new("not a url"))),
        "not a url",
        "Group",
        false,
    );
    check(&[Rule::everywhere(&["Group"])], "not a url", "Group", true);
}

#[test]
fn a_local_path_has_no_canonical_form() {
    let path = "/srv/a%20b/../c.yaml";
    let local = LocationRef::new("file", path).expect("a location");
    for (target, expected) in [
        (TargetMatch::Any, true),
        (TargetMatch::Exact(ExactTarget::new(path)), true),
        (TargetMatch::Exact(ExactTarget::new("/srv/c.yaml")), false),
    ] {
        let mut rules = at(target);
        if let Some(all) = &mut rules[0].locations {
            all[0].location_type = Some("file".to_owned());
        }
        assert_eq!(allows(&rules, &local, "Group", None), expected);
    }
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
    let rules = at(TargetMatch::Exact(ExactTarget::new(ROOT)));
    check(&rules, ROOT, "Group", true);
    check(&rules, ROOT, "Component", false);
    check(
        &rules,
        "https://github.com/org/other/blob/master/a.yaml",
        "Group",
        false,
    );
}
