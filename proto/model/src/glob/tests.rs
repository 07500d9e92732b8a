use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

/// What minimatch 11.0.9 says: for each pattern the paths that match, by their index. `folded` is
/// with `dot` and `nocase`.
#[derive(Deserialize)]
struct Recorded {
    paths: Vec<String>,
    patterns: BTreeMap<String, Vec<usize>>,
    folded: BTreeMap<String, Vec<usize>>,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("minimatch.json")).expect("a table")
}

fn find_differences(
    paths: &[String],
    patterns: &BTreeMap<String, Vec<usize>>,
    options: PatternOptions,
) -> Vec<String> {
    let mut different = Vec::new();
    for (text, matching) in patterns {
        let pattern = Pattern::with(text, options).expect("a pattern");
        for (index, path) in paths.iter().enumerate() {
            let expected = matching.contains(&index);
            if pattern.is_match(path) != expected {
                different.push(format!("{text:?} of {path:?} is {expected}"));
            }
        }
    }
    different
}

#[test]
fn patterns_match_what_minimatch_matches() {
    let Recorded {
        paths,
        patterns,
        folded,
    } = recorded();
    let options = PatternOptions {
        dot: false,
        ignores_case: false,
    };
    assert_eq!(find_differences(&paths, &patterns, options), [""; 0]);
    let options = PatternOptions {
        dot: true,
        ignores_case: true,
    };
    assert_eq!(find_differences(&paths, &folded, options), [""; 0]);
}

#[track_caller]
fn check(pattern: &str, matching: &[&str], other: &[&str]) {
    let compiled = Pattern::new(pattern).expect("a pattern");
    for path in matching {
        assert!(compiled.is_match(path), "{pattern} matches {path}");
    }
    for path in other {
        assert!(!compiled.is_match(path), "{pattern} does not match {path}");
    }
}

#[test]
fn a_question_mark_is_one_character_however_many_bytes_it_has() {
    check("?.yaml", &["é.yaml", "😀.yaml"], &["éé.yaml", ".yaml"]);
    check("[é-ü].yaml", &["ö.yaml"], &["o.yaml"]);
}

#[test]
fn a_path_is_read_from_the_root_with_or_without_a_slash() {
    check("/a/*.yaml", &["a/b.yaml", "/a/b.yaml"], &["b/a/b.yaml"]);
    check("*.yaml", &["/a.yaml", "a.yaml"], &["/a/b.yaml"]);
}

#[test]
fn a_name_is_no_pattern() {
    for (path, expected) in [
        ("a/b.yaml", false),
        ("a{b}.yaml", false),
        ("a(b)!.yaml", false),
        ("a[b.yaml", false),
        ("a\\*.yaml", false),
        ("*.yaml", true),
        ("a?.yaml", true),
        ("[ab].yaml", true),
        ("{a,b}.yaml", true),
        ("{1..3}.yaml", true),
        ("!(a)/b.yaml", true),
        ("@(a|b).yaml", true),
    ] {
        assert_eq!(has_magic(path), expected, "{path}");
    }
}

#[test]
fn an_escaped_path_is_a_pattern_of_itself_alone() {
    for path in [
        "svc/[slug]/more.yaml",
        "{a,b}/x.yaml",
        "what?/*.yaml",
        "!(a)+(b)@(c)|d.yaml",
        "a\\b.yaml",
        "é,.yaml",
    ] {
        let pattern = escape(path);
        assert!(!has_magic(&pattern), "{pattern}");
        assert_eq!(unescape(&pattern), path);
        check(&pattern, &[path], &["svc/s/more.yaml", "a/x.yaml"]);
    }
}

#[test]
fn a_pattern_is_also_the_name_of_a_file() {
    let pattern = Pattern::new("/svc/[slug]/\\{a}.yaml").expect("a pattern");
    assert!(pattern.is_name_of("svc/[slug]/{a}.yaml"));
    assert!(!pattern.is_name_of("svc/s/{a}.yaml"));
}

#[test]
fn a_pattern_that_means_everything_else_is_refused() {
    assert_eq!(
        Pattern::new("!drafts/*.yaml").err(),
        Some(PatternError::Negated)
    );
    check("!(drafts)/*.yaml", &["a/b.yaml"], &["drafts/b.yaml"]);
}

#[test]
fn a_hostile_pattern_is_refused_or_quick() {
    let refused = |pattern: &str| Pattern::new(pattern).err();
    for braces in [
        "{a,b}".repeat(20),
        "{1..1000}".to_owned(),
        "{a,{b,{c..z}}}".repeat(9),
    ] {
        assert_eq!(refused(&braces), Some(PatternError::TooManyAlternatives));
    }
    let groups = "!(a)".repeat(GROUPS_MAX + 1);
    assert_eq!(
        refused(&groups),
        Some(PatternError::TooManyGroups { step: groups })
    );
    let stars = format!("{}b", "**/a*a*/".repeat(100));
    check(&stars, &[], &[&"aaaaaaaa/".repeat(200)]);
    let depth = GROUPS_MAX;
    for group in ["*(", "!(", "+("] {
        let nested = format!("{}a*a*{}b", group.repeat(depth), ")".repeat(depth));
        check(&nested, &[], &[&"a".repeat(255)]);
    }
}

#[test]
fn a_pattern_has_so_many_characters_and_alternatives_and_no_more() {
    let refused = |pattern: &str| Pattern::new(pattern).err();
    let longest = "a".repeat(PATTERN_CHARACTERS_MAX);
    assert_eq!(refused(&longest), None);
    assert_eq!(refused(&format!("{longest}é")), Some(PatternError::TooLong));
    let most = ALTERNATIVES_MAX;
    let listed = |count: usize| {
        let all: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        format!("{{{}}}", all.join(","))
    };
    let multiplied = "{a,b}".repeat(7);
    for (pattern, beyond) in [
        (format!("{{1..{most}}}"), format!("{{0..{most}}}")),
        (listed(most), listed(most + 1)),
        (
            format!("{multiplied}{{a,b}}"),
            format!("{multiplied}{{a,b,c}}"),
        ),
    ] {
        assert_eq!(refused(&pattern), None);
        let reason = Some(PatternError::TooManyAlternatives);
        assert_eq!(refused(&beyond), reason);
    }
    // Two hundred and fifty of two hundred characters each.
    let names: Vec<String> = (100..350).map(|number| number.to_string()).collect();
    let fits = format!("{{{}}}{}", names.join(","), "a".repeat(197));
    assert_eq!(EXPANDED_CHARACTERS_MAX, names.len() * (3 + 197));
    assert_eq!(refused(&fits), None);
    let beyond = fits.replacen("100", "1000", 1);
    assert_eq!(refused(&beyond), Some(PatternError::TooMuchText));
}

#[test]
fn what_takes_too_long_is_an_error_and_not_a_wait() {
    for pattern in [
        format!("{{,a,aa}}*({})", "*[a]".repeat(100)),
        format!("*(@({})a)b", "|".repeat(1_900)),
        format!("*({})b", "[[:word:]]".repeat(150)),
    ] {
        let pattern = Pattern::new(&pattern).expect("a pattern");
        assert_eq!(
            pattern.try_match(&"a".repeat(250)),
            Err(PatternError::TakesTooLong)
        );
        assert_eq!(pattern.try_match("b/a"), Ok(false));
    }
}

#[test]
fn only_two_stars_cross_slashes_also_if_braces_make_them() {
    for (pattern, expected) in [
        ("a/*/c.yaml", Some(2)),
        ("{a,b/c}/d.yaml", Some(2)),
        ("{a/b,c/d}/e.yaml", Some(3)),
        ("a/**b/c.yaml", Some(2)),
        ("a/**/c.yaml", None),
        ("x/{*,q}*/c.yaml", None),
        ("{x,**}/c.yaml", None),
    ] {
        let compiled = Pattern::new(pattern).expect("a pattern");
        assert_eq!(compiled.slashes_max(), expected, "{pattern}");
    }
}

#[test]
fn what_many_matches_share_is_used_up_by_all_of_them() {
    let pattern = Pattern::new("*.yaml").expect("a pattern");
    let mut work = Work::new(100);
    let mut matched = 0;
    while pattern.match_within("some.yaml", &mut work) == Ok(true) {
        matched += 1;
    }
    assert!((1..10).contains(&matched), "{matched}");
    assert!(work.is_spent());
}

#[test]
fn what_is_too_long_or_too_deep_is_a_pattern_that_is_refused() {
    let nested = |open: &str, close: &str, times: usize| {
        format!("{}a{}", open.repeat(times), close.repeat(times))
    };
    for long in [
        nested("@(", ")", 30_000),
        nested("{", ",}", 30_000),
        "[".repeat(1_000_000),
        format!("{}{{x,y}}", "{a}".repeat(100_000)),
        format!("{{{}1..2}}", "0".repeat(70_000)),
    ] {
        assert!(has_magic(&long));
        assert_eq!(Pattern::new(&long).err(), Some(PatternError::TooLong));
    }
    assert!(!has_magic(&"a".repeat(PATTERN_CHARACTERS_MAX + 1)));
    let refused = |pattern: &str| {
        assert!(has_magic(pattern));
        Pattern::new(pattern).err()
    };
    let deep = |times| nested("{b,", "}", times);
    assert_eq!(refused(&deep(NESTING_MAX)), None);
    assert_eq!(refused(&deep(NESTING_MAX + 1)), Some(PatternError::TooDeep));
    assert_eq!(refused(&deep(400)), Some(PatternError::TooDeep));
    let step = nested("@(", ")", 600);
    let expected = PatternError::TooManyGroups { step: step.clone() };
    assert_eq!(refused(&step), Some(expected));
    for wide in [
        format!("{{{}1..255}}", "0".repeat(1_900)),
        format!("{{0..255}}{}", "${a}".repeat(400)),
    ] {
        assert_eq!(refused(&wide), Some(PatternError::TooMuchText));
    }
}

#[test]
fn a_step_of_any_size_counts_to_the_end() {
    check("{1..9..9223372036854775807}", &["1"], &["2", "9"]);
    check("{1..2..-9223372036854775808}", &["1"], &["2"]);
    check("{9..-9..9223372036854775807}", &["9"], &["-9"]);
    check(
        "{9223372036854775806..9223372036854775807}",
        &["9223372036854775807"],
        &["1"],
    );
}

#[test]
fn thousands_of_classes_are_compiled_at_once() {
    let pattern = format!("{{0..255}}{}", "[[:word:]]".repeat(19));
    check(&pattern, &[&format!("7{}", "é".repeat(19))], &["7é"]);
}

#[test]
fn a_class_without_case_holds_both() {
    let options = PatternOptions {
        dot: true,
        ignores_case: true,
    };
    for (pattern, matching, other) in [
        ("[a-c]x", "BX", "dx"),
        ("[É]", "é", "e"),
        ("[!a]", "b", "A"),
        ("[[:upper:]]", "a", "1"),
        ("[![:lower:]]", "1", "A"),
    ] {
        let pattern = Pattern::with(pattern, options).expect("a pattern");
        assert!(pattern.is_match(matching), "{matching}");
        assert!(!pattern.is_match(other), "{other}");
    }
}
