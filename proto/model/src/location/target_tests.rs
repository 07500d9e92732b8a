use super::*;

fn own(text: &str) -> LocationRef {
    LocationRef::parse(text).expect("a location")
}

fn hosts() -> Vec<String> {
    vec!["github.com".to_owned()]
}

const FILE_OF: &str = "url:https://github.com/o/r/blob/main/sub/c.yaml";

#[track_caller]
fn check(base: &str, location_type: &str, target: &str, expected: &str) {
    let shown = match ResolvedTarget::resolve(&own(base), location_type, target, &hosts()) {
        Ok(ResolvedTarget { target, spelling }) => match target {
            Target::RepositoryFile {
                repository,
                rest,
                is_pattern,
            } => {
                let mark = if is_pattern { " as a pattern" } else { "" };
                format!("{} {rest}{mark} {spelling}", repository.slug())
            }
            Target::Url(url) => format!("url {url}"),
            Target::LocalFile { path, is_pattern } => {
                let mark = if is_pattern { "pattern" } else { "file" };
                format!("{mark} {path}")
            }
        },
        Err(error) => error.class().to_string(),
    };
    assert_eq!(shown, expected, "{target} in {base}");
}

#[test]
fn targets_of_a_repository_are_spelled_tree() {
    let tree = "https://github.com/o/r/tree/main";
    for (target, rest, url) in [
        ("./a.yaml", "main/sub/a.yaml", format!("{tree}/sub/a.yaml")),
        (
            ".//d/a.yaml",
            "main/sub/d/a.yaml",
            format!("{tree}/sub//d/a.yaml"),
        ),
        (
            "x/*.yaml",
            "main/sub/x/*.yaml as a pattern",
            format!("{tree}/sub/x/*.yaml"),
        ),
        (
            "./?.yaml",
            "main/sub/?.yaml as a pattern",
            format!("{tree}/sub/%3F.yaml"),
        ),
        (
            "./!(skeleton)/c.yaml",
            "main/sub/!(skeleton)/c.yaml as a pattern",
            format!("{tree}/sub/!(skeleton)/c.yaml"),
        ),
        ("/b.yaml", "main/b.yaml", format!("{tree}/b.yaml")),
    ] {
        check(FILE_OF, URL, target, &format!("o/r {rest} {url}"));
    }
    check(
        FILE_OF,
        URL,
        "https://github.com/o/r2/blob/main/c.yaml",
        "o/r2 main/c.yaml https://github.com/o/r2/tree/main/c.yaml",
    );
}

#[test]
fn the_page_of_the_editor_is_the_file() {
    check(
        FILE_OF,
        URL,
        "https://github.com/o/r2/edit/main/{a,b}.yaml",
        "o/r2 main/{a,b}.yaml as a pattern https://github.com/o/r2/tree/main/{a,b}.yaml",
    );
}

#[test]
fn alternatives_in_a_relative_target_are_kept() {
    check(
        FILE_OF,
        URL,
        "./{a,b}.yaml",
        "o/r main/sub/{a,b}.yaml as a pattern https://github.com/o/r/tree/main/sub/%7Ba,b%7D.yaml",
    );
}

#[test]
fn a_ref_may_be_written_in_full() {
    for (page, rest) in [
        ("raw/refs/heads/main/c.yaml", "main/c.yaml"),
        ("blob/refs/tags/v1/c.yaml", "refs/tags/v1/c.yaml"),
        ("blob/v1/c.yaml", "v1/c.yaml"),
    ] {
        let url = format!("https://github.com/o/r/{page}");
        let spelled = url.replace("/blob/", "/tree/");
        check(FILE_OF, URL, &url, &format!("o/r {rest} {spelled}"));
    }
    check(
        FILE_OF,
        URL,
        "https://github.com/o/r/raw/refs/heads/main",
        "Error",
    );
    let raw = "url:https://github.com/o/r/raw/refs/heads/main/sub/c.yaml";
    let root = "https://github.com/o/r/raw/refs/heads/main";
    check(
        raw,
        URL,
        "./a.yaml",
        &format!("o/r main/sub/a.yaml {root}/sub/a.yaml"),
    );
    assert_eq!(
        split_ref("refs/tags/v1/c.yaml"),
        Some(("refs/tags/v1", "c.yaml"))
    );
    assert_eq!(split_ref("main/a/c.yaml"), Some(("main", "a/c.yaml")));
    assert_eq!(split_ref("main"), None);
}

#[test]
fn a_branch_with_slashes_stays_whole_beside_its_files() {
    check(
        "url:https://github.com/o/r/tree/feature/x/sub/c.yaml",
        URL,
        "../a.yaml",
        "o/r feature/x/a.yaml https://github.com/o/r/tree/feature/x/a.yaml",
    );
}

#[test]
fn a_url_location_points_at_urls_only() {
    check(FILE_OF, FILE, "/etc/passwd", "InputError");
    check(FILE_OF, "foo", "x", "InputError");
}

#[test]
fn a_url_named_by_a_local_file_stays_as_it_is_written() {
    check(
        "file:/srv/c.yaml",
        URL,
        "https://github.com/o/r/blob/main/c.yaml",
        "o/r main/c.yaml https://github.com/o/r/blob/main/c.yaml",
    );
}

#[test]
fn only_a_path_with_a_dot_is_relative() {
    check("file:/srv/a/c.yaml", FILE, "./x.yaml", "file /srv/a/x.yaml");
    check("file:/srv/a/c.yaml", FILE, "../x.yaml", "file /srv/x.yaml");
    check("file:/srv/a/c.yaml", FILE, "sub/x.yaml", "NotFoundError");
    check(
        "file:/srv/a/c.yaml",
        FILE,
        "https://x.y/**/a.yaml",
        "NotFoundError",
    );
    check("file:/srv/a/c.yaml", FILE, "/x.yaml", "file /x.yaml");
    check(
        "file:/srv/a/c.yaml",
        FILE,
        r".\x.yaml",
        "file /srv/a/x.yaml",
    );
    check(
        "file:/srv/a/c.yaml",
        FILE,
        ".//d/x.yaml",
        "file /srv/a/d/x.yaml",
    );
}

#[test]
fn a_folder_is_no_target() {
    check("file:/srv/c.yaml", FILE, "./sub/", "InputError");
    check("file:/srv/c.yaml", FILE, r".\sub\", "InputError");
    for folder in [
        "./sub/",
        ".",
        "..",
        "/",
        "https://github.com/o/r/tree/main/x/",
    ] {
        check(FILE_OF, URL, folder, "NotFoundError");
    }
    // The folder is looked for, and is no file.
    check("file:/srv/a/c.yaml", FILE, ".", "file /srv/a");
}

#[test]
fn where_no_file_can_be_none_need_be() {
    let local = own("file:/srv/c.yaml");
    let page = own(FILE_OF);
    for (own, location_type, target, expected) in [
        (&local, FILE, "./sub/", true),
        (&local, FILE, "sub/x.yaml", true),
        (&page, URL, "./sub/", true),
        (&page, FILE, "./sub/", false),
        (&page, URL, "https://github.com/o/r", false),
    ] {
        let error = ResolvedTarget::resolve(own, location_type, target, &hosts());
        let error = error.expect_err("it leads nowhere");
        assert_eq!(error.names_nothing(), expected, "{target}: {error}");
    }
}

#[test]
fn the_folder_of_a_file_is_a_name_whatever_it_is_called() {
    let page = "url:https://github.com/o/r/tree/main/[id]/what%3F/c.yaml";
    let tree = "https://github.com/o/r/tree/main/[id]/what%3F";
    check(
        page,
        URL,
        "./a.yaml",
        &format!("o/r main/[id]/what?/a.yaml {tree}/a.yaml"),
    );
    check(
        page,
        URL,
        "./*.yaml",
        &format!(r"o/r main/\[id\]/what\?/*.yaml as a pattern {tree}/*.yaml"),
    );
    let file = "file:/srv/[id]/{a,b}/c.yaml";
    check(file, FILE, "./a.yaml", "file /srv/[id]/{a,b}/a.yaml");
    check(
        file,
        FILE,
        "./*.yaml",
        r"pattern /srv/\[id\]/\{a\,b\}/*.yaml",
    );
}

#[test]
fn a_target_that_leaves_the_repository_leads_nowhere() {
    check(FILE_OF, URL, "../../../../x.yaml", "Error");
    check(FILE_OF, URL, "https://github.com/o/r", "Error");
}

#[test]
fn another_host_is_read_as_a_url() {
    check(
        FILE_OF,
        URL,
        "https://example.com/x.yaml",
        "url https://example.com/x.yaml",
    );
    check(
        "url:https://example.com/a/c.yaml?t=1",
        URL,
        "./x.yaml",
        "url https://example.com/a/x.yaml?t=1",
    );
}

#[test]
fn what_an_encoded_slash_parts_does_not_climb() {
    for climbing in ["./..%2F..%2Fa.yaml", "x/%2E%2Fa.yaml", "x/%2e%2e%2fa.yaml"] {
        let resolved = ResolvedTarget::resolve(&own(FILE_OF), URL, climbing, &hosts());
        assert!(resolved.is_err(), "{climbing}: {resolved:?}");
    }
    let tree = "https://github.com/o/r/tree/main/sub/x%2Fa.yaml";
    check(
        FILE_OF,
        URL,
        "x%2Fa.yaml",
        &format!("o/r main/sub/x/a.yaml {tree}"),
    );
}
