//! What placeholders may not do, how much they may bring, and owners from CODEOWNERS.

use super::*;
use crate::failure::Failure;

#[test]
fn a_text_is_kept_as_it_is() {
    let world = World::new()
        .with_file("bom.txt", "\u{FEFF}x\r\n")
        .with_file("latin.txt", [b'a', 0xE4, b'b']);
    world.check_text("{ $text: /bom.txt }", "\u{FEFF}x\r\n");
    world.check_text("{ $text: /latin.txt }", "a\u{FFFD}b");
}

#[test]
fn escapes_are_read_and_queries_are_not() {
    let named = |path: &str| FileRequest::File(file("main", path));
    check_asked("./a b.txt", &named("sub/a b.txt"));
    check_asked("./a%20b.txt", &named("sub/a b.txt"));
    check_asked("./100%.txt", &named("sub/100%.txt"));
    check_asked("./%ff.txt", &named("sub/%ff.txt"));
    check_asked("a.txt?x=1#y", &named("sub/a.txt"));
    check_asked("//a.txt", &named("a.txt"));
    check_asked(".//./b/../a.txt", &named("sub/a.txt"));
    check_asked(
        "https://github.com/o/r/blob/main/a%20b.txt",
        &named("a b.txt"),
    );
}

#[test]
fn nothing_leaves_the_repository() {
    for value in [
        "../../x.txt",
        "../../../../../x.txt",
        "/../x.txt",
        "../../../../r2/blob/main/x.txt",
        "a/../../../x.txt",
        "..",
        "/",
        "./",
        "sub/",
        "%2e%2e/%2e%2e/x.txt",
        "..%2F..%2Fx.txt",
        "%2E%2E/x.txt",
        "..\\..\\x.txt",
        "\\x.txt",
        "a%5cb.txt",
        "a\u{0}b.txt",
        "a%00.txt",
        "a\tb.txt",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "c:/x.txt",
        "https://user@github.com/o/r/blob/main/x.txt",
        "https://github.com/o/r/blob/main/%2e%2e/x.txt",
    ] {
        check_target_refused(value, RuleId::PlaceholderTarget);
    }
}

#[test]
fn a_plain_url_is_the_base_of_what_is_written_in_it() {
    let world = World {
        base: FileOrigin::Url("https://example.com/a/catalog-info.yaml".to_owned()),
        ..World::new()
    };
    world.check_refused(&api("{ $text: ./x.txt }"), &[RuleId::PlaceholderUrl]);
    for page in [
        "https://github.com/o/r/blob/main/x.txt",
        "//github.com/o/r/blob/main/x.txt",
    ] {
        let text = api(&format!("{{ $text: {page} }}"));
        let limits = ReadLimits::default();
        let draft = PendingFile::parse(text.as_bytes(), &limits);
        assert!(
            draft
                .requests(&world.base, &world.policy, &limits)
                .is_empty()
        );
        world.check_refused(&text, &[RuleId::PlaceholderRepository]);
    }
}

#[test]
fn each_placeholder_that_fails_is_told_and_nothing_of_the_others_is_kept() {
    let text = api("{ $text: ./none.txt }").replace(
        "owner: team-a",
        "owner: team-a\n  a: { $text: /ok.txt }\n  b: { $text: https://github.com/o/r2/blob/main/x }",
    );
    let world = World::new().with_file("ok.txt", "x");
    let rules: Vec<RuleId> = world
        .read(&text)
        .problems
        .iter()
        .map(|it| it.rule)
        .collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    assert!(rules.contains(&RuleId::PlaceholderNotFound), "{rules:?}");
    assert!(rules.contains(&RuleId::PlaceholderRepository), "{rules:?}");
    assert!(world.read(&text).entities.is_empty());
}

#[test]
fn a_placeholder_that_fails_spoils_its_entity_alone() {
    let text = [
        api("{ $text: ./none.txt }"),
        api("{ $text: /ok.txt }").replace("name: a", "name: b"),
    ]
    .join("---\n");
    let file = World::new().with_file("ok.txt", "x").read(&text);
    assert_eq!(file.entities.len(), 1);
    assert_eq!(file.entities[0].index, 1);
    assert_eq!(file.problems.len(), 1);
    assert_eq!(file.emitted.len(), 2);
    assert!(!file.is_invalid);
}

#[test]
fn whatever_is_wrong_besides_is_said_too() {
    let text = api("{ $text: ./none.txt }").replace("owner: team-a", "owner: 5");
    let file = World::new().read(&text);
    let rules: Vec<&str> = file
        .problems
        .iter()
        .map(|found| found.rule.as_str())
        .collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    assert_eq!(rules[0], RuleId::PlaceholderNotFound.as_str());
    assert!(
        rules[1].starts_with("spec.owner") || rules[1].starts_with("spec"),
        "{rules:?}"
    );
}

#[test]
fn what_nobody_looked_at_is_neither_right_nor_wrong() {
    let limits = ReadLimits::default();
    let text = api("{ $text: ./x.txt }");
    let draft = PendingFile::parse(text.as_bytes(), &limits);
    let file = draft.finish(
        &home(),
        &policy(),
        &HashMap::new(),
        &Kinds::builtin(),
        &limits,
    );
    assert_eq!((file.problems, file.entities.len()), (vec![], 0));
}

#[test]
fn what_could_not_be_supplied_is_a_problem() {
    let asked = FileRequest::File(file("main", "x.txt"));
    let too_large = Fetched::TooLarge {
        version: "b1".to_owned(),
        bytes: 9,
        bytes_max: 1,
    };
    for (missing, rule) in [
        (
            Fetched::Failed(Failure::unreachable("down")),
            RuleId::PlaceholderUnreadable,
        ),
        (
            Fetched::Failed(Failure::denied("secret")),
            RuleId::PlaceholderUnreadable,
        ),
        (too_large, RuleId::PlaceholderLimit),
    ] {
        let mut world = World::new();
        world.files.insert(asked.clone(), missing);
        world.check_refused(&api("{ $text: /x.txt }"), &[rule]);
    }
}

#[test]
fn contents_are_limited_in_number_and_size() {
    let list = |times: usize| {
        let items = vec!["{ $text: /x.txt }"; times].join(", ");
        api("x").replace("  name: a\n", &format!("  name: a\n  x: [{items}]\n"))
    };
    let mut world = World::new().with_file("x.txt", "0123456789");
    world.limits.placeholders = 3;
    assert_eq!(world.read(&list(3)).problems, []);
    world.check_refused(&list(4), &[RuleId::PlaceholderLimit]);
    world.limits.placeholders = 100;
    world.limits.placeholders_bytes = 30;
    assert_eq!(world.read(&list(3)).problems, []);
    world.limits.placeholders_bytes = 29;
    world.check_refused(&list(3), &[RuleId::PlaceholderLimit]);
    world.limits.placeholder_bytes = 10;
    assert_eq!(world.read(&list(1)).problems, []);
    world.limits.placeholder_bytes = 9;
    world.check_refused(&list(1), &[RuleId::PlaceholderLimit]);
}

#[test]
fn a_content_is_nested_no_deeper_than_the_file_it_is_put_in_may_be() {
    let nested = |levels: usize, inner: &str| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{open}{inner}{close}")
    };
    let world = World::new().with_file("x", nested(40, "1"));
    // The document itself and its spec are two levels more.
    for (form, rule) in [
        ("$json", RuleId::PlaceholderJson),
        ("$yaml", RuleId::PlaceholderYaml),
    ] {
        let text = |levels: usize| {
            let placed = nested(levels, &format!("{{ {form}: /x }}"));
            format!("{}  x: {placed}\n", api("y"))
        };
        assert_eq!(world.read(&text(58)).problems, [], "{form}");
        world.check_refused(&text(59), &[rule]);
    }
}

#[test]
fn a_file_without_placeholders_asks_for_nothing() {
    let limits = ReadLimits::default();
    for text in [
        api("x"),
        "$text: /x.txt\n".to_owned(),
        "[{ $text: /x.txt }]".to_owned(),
    ] {
        let draft = PendingFile::parse(text.as_bytes(), &limits);
        assert!(
            draft.requests(&home(), &policy(), &limits).is_empty(),
            "{text}"
        );
    }
}

#[test]
fn a_dollar_may_be_written_as_an_escape() {
    World::new()
        .with_file("ok.txt", "x")
        .check_text(r#"{ "\u0024text": /ok.txt }"#, "x");
}

fn ownerless() -> String {
    api("x").replace("  owner: team-a\n", "")
}

#[test]
fn an_owner_comes_from_the_first_file_that_says_who_owns_what() {
    let mut world = World::new();
    world.policy.codeowners = true;
    let owner = |world: &World, expected: &str| {
        world.check_value(&ownerless(), "/spec/owner", &json!(expected));
    };
    world = world.with_file("docs/CODEOWNERS", "* @o/docs\n");
    owner(&world, "docs");
    world = world.with_file("CODEOWNERS", "* @o/root\n/sub/ @o/sub\n");
    owner(&world, "sub");
    world = world.with_file(".github/CODEOWNERS", "* @jane\n");
    owner(&world, "User:jane");
    world.check_value(&api("x"), "/spec/owner", &json!("team-a"));
    world.policy.codeowners = false;
    assert_eq!(world.read(&ownerless()).entities.len(), 0);
}

#[test]
fn an_owner_that_cannot_be_looked_up_costs_the_entity() {
    let mut world = World::new().with_file("CODEOWNERS", "* @o/root\n");
    world.policy.codeowners = true;
    let unreadable = Fetched::Failed(Failure::unreachable("down"));
    let first = FileRequest::File(file("main", ".github/CODEOWNERS"));
    world.files.insert(first, unreadable);
    world.check_refused(&ownerless(), &[RuleId::CodeownersUnreadable]);
}
