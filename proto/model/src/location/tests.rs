use super::*;

const BASE: &str = "https://github.com/o/r/blob/main/sub/dir/c.yaml";

#[track_caller]
fn check_resolve(base: &str, target: &str, expected: &str) {
    assert_eq!(
        resolve(base, target).as_deref(),
        Ok(expected),
        "{target:?} at {base}"
    );
}

#[track_caller]
fn check_refused(base: &str, target: &str) {
    let expected = ResolveError::LeavesRepository {
        target: target.to_owned(),
    };
    assert_eq!(resolve(base, target), Err(expected), "{target:?} at {base}");
}

#[test]
fn targets_resolve_as_in_backstage() {
    let tree = |path: &str| format!("https://github.com/o/r/tree/main/{path}");
    for (target, path) in [
        ("./a.yaml", "sub/dir/a.yaml"),
        ("a.yaml", "sub/dir/a.yaml"),
        ("../a.yaml", "sub/a.yaml"),
        ("/a.yaml", "a.yaml"),
        ("./", "sub/dir/"),
        ("/", ""),
        (BASE, "sub/dir/c.yaml"),
        ("./a b.yaml", "sub/dir/a%20b.yaml"),
        ("./*.yaml", "sub/dir/*.yaml"),
        ("./**/c.yaml", "sub/dir/**/c.yaml"),
        ("/**/c.yaml", "**/c.yaml"),
        ("./[ab].yaml", "sub/dir/[ab].yaml"),
        ("./{a,b}.yaml", "sub/dir/%7Ba,b%7D.yaml"),
        ("./a.yaml?x=1#y", "sub/dir/a.yaml#y"),
        ("//evil.com/a.yaml", "/evil.com/a.yaml"),
        ("", "sub/dir/c.yaml"),
    ] {
        check_resolve(BASE, target, &tree(path));
    }
    check_resolve(
        BASE,
        "https://github.com/x/y/blob/main/z.yaml",
        "https://github.com/x/y/tree/main/z.yaml",
    );
    check_resolve(
        BASE,
        "https://example.com/blob/z.yaml",
        "https://example.com/blob/z.yaml",
    );
    check_resolve(
        "https://github.com/o/r/raw/main/sub/c.yaml",
        "/a.yaml",
        "https://github.com/o/r/raw/main/a.yaml",
    );
    let with_query = format!("{BASE}?token=abc");
    check_resolve(
        &with_query,
        "a.yaml",
        "https://github.com/o/r/tree/main/sub/dir/a.yaml?token=abc",
    );
    let branch = "https://github.com/o/r/blob/feature/x/c.yaml";
    check_resolve(
        branch,
        "/a.yaml",
        "https://github.com/o/r/tree/feature/a.yaml",
    );
    check_resolve(
        branch,
        "./a.yaml",
        "https://github.com/o/r/tree/feature/x/a.yaml",
    );
    check_resolve(
        "https://github.com/o/r/tree/main",
        "./",
        "https://github.com/o/r/tree/",
    );
    check_resolve("https://github.com/o/r", "./", "https://github.com/o/");
    check_resolve(
        "https://example.com/foo/c.yaml",
        "/a.yaml",
        "https://example.com/foo/c.yaml/a.yaml",
    );
}

#[test]
fn a_relative_target_cannot_climb_out_of_its_repository_or_ref() {
    check_refused(BASE, "../../../../../a.yaml");
    check_refused(BASE, "../../../a.yaml");
    check_refused(BASE, "../../../../../%2e%2e/a.yaml");
    check_refused(
        "https://github.com/o/r/blob/main/c.yaml",
        "../../../../x/y/blob/main/a.yaml",
    );
}

#[test]
fn annotations_of_a_file_on_github() {
    let file = "https://github.com/o/r/blob/main/sub/x.yaml";
    assert_eq!(
        edit_url(file).as_deref(),
        Some("https://github.com/o/r/edit/main/sub/x.yaml")
    );
    assert_eq!(
        source_location(file).as_deref(),
        Some("url:https://github.com/o/r/tree/main/sub/")
    );
    assert_eq!(
        source_location("https://github.com/o/r").as_deref(),
        Some("url:https://github.com/o/")
    );
    assert_eq!(
        edit_url("https://github.com/o/r").as_deref(),
        Some("https://github.com/o/r")
    );
}

#[test]
fn a_file_pinned_to_a_commit_has_no_edit_url() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(
        edit_url(&format!("https://github.com/o/r/blob/{commit}/c.yaml")),
        None
    );
    assert_eq!(
        edit_url(&format!(
            "https://github.com/o/r/blob/{}/c.yaml",
            "ab".repeat(32)
        )),
        None
    );
    assert!(
        edit_url(&format!(
            "https://github.com/o/r/blob/{}/c.yaml",
            &commit[1..]
        ))
        .is_some()
    );
    assert!(edit_url(&format!("https://github.com/o/r/blob/x{commit}/c.yaml")).is_some());
}

#[test]
fn generated_locations_have_the_names_of_backstage() {
    assert_eq!(
        generated_location_name("url", "https://github.com/o/r/blob/main/catalog-info.yaml"),
        "generated-7c55750a4675b0187bd394fa668346a2ab626ab7"
    );
}

#[track_caller]
fn check_ref(text: &str, expected: Option<(&str, &str)>) {
    let read = LocationRef::parse(text).ok();
    let read = read
        .as_ref()
        .map(|location| (location.location_type(), location.target()));
    assert_eq!(read, expected, "{text:?}");
}

#[test]
fn a_location_reference_is_a_type_and_a_target() {
    check_ref("url:https://a.b/c", Some(("url", "https://a.b/c")));
    check_ref("url: https://a ", Some(("url", "https://a")));
    check_ref("HTTP://a", Some(("HTTP", "//a")));
    check_ref("foo:bar:baz", Some(("foo", "bar:baz")));
    check_ref("file:C:\\x", Some(("file", "C:\\x")));
    for text in [
        "https://a.b",
        "http://a",
        "https://x/y",
        "nocolon",
        ":x",
        "url:",
        "",
        "url: ",
    ] {
        check_ref(text, None);
    }
    for text in [
        "url:javascript:x",
        "url: JAVA\nscript:x",
        "url:\u{1} j\ta\rvascript:x",
    ] {
        assert_eq!(
            LocationRef::parse(text),
            Err(LocationRefError::Script),
            "{text:?}"
        );
    }
}

#[test]
fn a_location_reference_prints_as_it_was_read() {
    let location = LocationRef::parse("url:https://a.b/c").expect("well formed");
    assert_eq!(location.to_string(), "url:https://a.b/c");
}

fn file(path: &str, git_ref: &str, spelling: Spelling) -> GithubFileUrl {
    GithubFileUrl {
        base: "https://github.com".to_owned(),
        owner: "o".to_owned(),
        repository: "r".to_owned(),
        git_ref: git_ref.to_owned(),
        path: path.to_owned(),
        spelling,
    }
}

#[test]
fn the_url_of_a_file_reads_back_as_its_parts() {
    for spelling in [
        Spelling::Blob,
        Spelling::Tree,
        Spelling::Edit,
        Spelling::Raw,
    ] {
        for path in [
            "c.yaml",
            "a b/ü/c#1?.yaml",
            "100%/x.yaml",
            "a/{b}.yaml",
            "%41.yaml",
        ] {
            let parts = file(path, "main", spelling);
            assert_eq!(GithubFileUrl::parse(&parts.to_string()), Ok(parts));
        }
    }
    let deep = file("c.yaml", "feature/x", Spelling::Blob);
    assert_eq!(
        GithubFileUrl::parse_at(&deep.to_string(), "feature/x"),
        Ok(deep)
    );
}

#[test]
fn the_url_of_a_file_keeps_its_host_and_port() {
    let parts = GithubFileUrl::parse("http://127.0.0.1:4567/acme/pay.git/blob/main/c.yaml")
        .expect("a file");
    assert_eq!(parts.base, "http://127.0.0.1:4567");
    assert_eq!(parts.host(), "127.0.0.1:4567");
    assert_eq!(parts.repository, "pay");
    assert_eq!(
        parts.to_string(),
        "http://127.0.0.1:4567/acme/pay/blob/main/c.yaml"
    );
}

#[test]
fn a_url_that_names_no_file_is_refused() {
    for url in [
        "https://github.com/o/r",
        "https://github.com/o/r/blob/main",
        "https://github.com/o/r/blob/main/",
        "https://github.com/o/r/issues/1/x",
        "https://github.com//r/blob/main/x",
        "mailto:a@b",
        "c.yaml",
    ] {
        assert!(GithubFileUrl::parse(url).is_err(), "{url}");
    }
    assert!(GithubFileUrl::parse_at("https://github.com/o/r/blob/main/c.yaml", "mai").is_err());
}

#[track_caller]
fn check_join(target: &str, expected: Option<&str>) {
    let here = file("sub/dir/c.yaml", "feature/x", Spelling::Blob);
    let joined = here.join(target).ok();
    assert_eq!(
        joined.as_ref().map(|file| file.path.as_str()),
        expected,
        "{target:?}"
    );
    assert!(
        joined.is_none_or(|file| file.spelling == Spelling::Tree && file.git_ref == "feature/x")
    );
}

#[test]
fn a_path_joins_within_the_repository_whatever_the_branch_is_called() {
    check_join("./a.yaml", Some("sub/dir/a.yaml"));
    check_join("a.yaml", Some("sub/dir/a.yaml"));
    check_join("../a.yaml", Some("sub/a.yaml"));
    check_join("../../a.yaml", Some("a.yaml"));
    check_join("/a.yaml", Some("a.yaml"));
    check_join("../../../a.yaml", None);
    check_join("./", None);
    check_join("/", None);
}

#[track_caller]
fn check_matched(pattern_url: &str, pattern: &str, path: &str, expected: &str) {
    let url = matched_url(pattern_url, pattern, path).expect("a URL");
    assert_eq!(url, expected, "{path} of {pattern_url}");
}

#[test]
fn the_url_of_a_match_is_encoded_as_backstage_does() {
    let tree = "https://github.com/o/r/tree/main";
    for (path, encoded) in [
        ("a b.yaml", "a%20b.yaml"),
        ("a#b.yaml", "a%23b.yaml"),
        ("what?/c.yaml", "what%3F/c.yaml"),
        ("{a,b}/c.yaml", "%7Ba,b%7D/c.yaml"),
        ("[id]/c.yaml", "[id]/c.yaml"),
        ("é/c.yaml", "%C3%A9/c.yaml"),
        ("a\\b.yaml", "a%5Cb.yaml"),
        // Backstage leaves it, and then reads another file.
        ("a%20b/c.yaml", "a%2520b/c.yaml"),
    ] {
        let url = format!("{tree}/**/*.yaml");
        check_matched(&url, "/**/*.yaml", path, &format!("{tree}/{encoded}"));
    }
}

#[test]
fn the_url_of_a_match_keeps_what_is_in_front_of_the_pattern() {
    let branch = "https://github.com/o/r/tree/feature/x";
    let encoded = format!("{branch}/sub//%7Ba,b%7D/*.yaml");
    check_matched(
        &encoded,
        "/sub/{a,b}/*.yaml",
        "sub/a/c.yaml",
        &format!("{branch}/sub/a/c.yaml"),
    );
    check_matched(
        "http://127.0.0.1:4567/o/r/blob/main/x/../*.yaml",
        "/*.yaml",
        "c.yaml",
        "http://127.0.0.1:4567/o/r/blob/main/c.yaml",
    );
}
