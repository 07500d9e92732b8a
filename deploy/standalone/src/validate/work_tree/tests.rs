//! What git's files say, and what may be read because of it.

use super::git::{find_origin, parse_remote};
use super::*;

#[track_caller]
fn check_remote(remote: &str, expected: Option<(&str, &str, &str)>) {
    let found = parse_remote(remote);
    let found = found
        .as_ref()
        .map(|(base, owner, name)| (base.as_str(), owner.as_str(), name.as_str()));
    assert_eq!(found, expected, "{remote}");
}

#[test]
fn a_remote_names_a_repository() {
    let expected = Some(("https://github.com", "acme", "pay"));
    check_remote("https://github.com/acme/pay.git", expected);
    check_remote("https://github.com/acme/pay/", expected);
    check_remote("https://user:token@github.com/acme/pay", expected);
    check_remote("git@github.com:acme/pay.git", expected);
    check_remote("ssh://git@github.com:22/acme/pay.git", expected);
    check_remote(
        "http://127.0.0.1:8080/a/b",
        Some(("http://127.0.0.1:8080", "a", "b")),
    );
    check_remote("/srv/git/pay.git", None);
    check_remote("../pay", None);
    check_remote("https://gitlab.example/group/sub/pay", None);
    check_remote("", None);
}

#[test]
fn the_origin_is_one_of_the_remotes() {
    let config = "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = https://a.b/c/d\n[remote \"origin\"]\n\tfetch = x\n\turl = https://github.com/acme/pay\n";
    assert_eq!(
        find_origin(config).as_deref(),
        Some("https://github.com/acme/pay")
    );
    assert_eq!(find_origin("[core]\nurl = x\n"), None);
}

#[track_caller]
fn check_base(text: &str, branch: Option<&str>, expected: Option<(&str, &str)>) {
    let base = read_base(text, branch).ok();
    let found = base
        .as_ref()
        .map(|base| (base.git_ref.as_str(), base.path.as_str()));
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_base_is_a_folder_of_a_repository() {
    let main = Some(("main", ""));
    check_base("https://github.com/acme/corpus/blob/main/", None, main);
    check_base("https://github.com/acme/corpus/tree/main", None, main);
    check_base(
        "https://github.com/acme/corpus/tree/main/a/b/",
        None,
        Some(("main", "a/b")),
    );
    check_base(
        "https://github.com/a/b/tree/feat/x/",
        Some("feat/x"),
        Some(("feat/x", "")),
    );
    check_base("https://github.com/acme/corpus", None, None);
    check_base("catalog", None, None);
}

fn tree(root: &Path, base: &str) -> WorkTree {
    let base = read_base(base, None).expect("a base");
    WorkTree::new(root.canonicalize().expect("it exists"), Some(base), None)
}

#[test]
fn a_file_is_read_below_the_root_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("sub")).expect("a folder");
    std::fs::write(folder.path().join("secret"), "x").expect("a file");
    std::fs::write(root.join("sub/a.yaml"), "x").expect("a file");
    std::os::unix::fs::symlink("../secret", root.join("link")).expect("a link");
    std::os::unix::fs::symlink("sub/a.yaml", root.join("inner")).expect("a link");
    let tree = tree(&root, "https://github.com/acme/pay/blob/main/in");
    assert!(matches!(tree.on_disk("in/sub/a.yaml"), DiskFile::Found(_)));
    assert!(matches!(tree.on_disk("in/inner"), DiskFile::Found(_)));
    assert_eq!(tree.on_disk("in/none"), DiskFile::Missing);
    assert_eq!(tree.on_disk("in/sub"), DiskFile::Missing);
    for outside in [
        "in/link",
        "in/../secret",
        "in//etc/passwd",
        "in/",
        "sub/a.yaml",
        "inner",
    ] {
        assert_eq!(tree.on_disk(outside), DiskFile::Outside, "{outside}");
    }
}

#[test]
fn a_checkout_names_its_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("it exists");
    let git = root.join(".git");
    std::fs::create_dir_all(&git).expect("a folder");
    std::fs::create_dir_all(root.join("deep/er")).expect("a folder");
    std::fs::write(git.join("HEAD"), "ref: refs/heads/feat/x\n").expect("a file");
    std::fs::write(
        git.join("config"),
        "[remote \"origin\"]\n url = git@github.com:acme/pay.git\n",
    )
    .expect("a file");
    let checkout = GitCheckout::find_around(&root.join("deep/er")).expect("a checkout");
    let tree = WorkTree::new(root.clone(), None, Some(&checkout));
    assert_eq!(
        tree.url_of("a b.yaml"),
        "https://github.com/acme/pay/blob/feat/x/a%20b.yaml"
    );
    assert!(!tree.is_stand_in());
    let inner = WorkTree::new(root.join("deep"), None, Some(&checkout));
    assert_eq!(
        inner.url_of("a.yaml"),
        "https://github.com/acme/pay/blob/feat/x/deep/a.yaml"
    );
    std::fs::write(
        git.join("HEAD"),
        "0123456789012345678901234567890123456789\n",
    )
    .expect("a file");
    assert_eq!(checkout.read_head().map(|head| head.len()), Some(40));
    std::fs::remove_file(git.join("config")).expect("it was there");
    assert!(WorkTree::new(root, None, Some(&checkout)).is_stand_in());
}
