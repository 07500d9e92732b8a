//! The path of a page on a GitHub host, step by step: what each is called, and what it says as a
//! pattern.
//!
//! A URL says both in one text. What is percent-encoded in it is a name and never a pattern, so that
//! folders called `[id]` can be pointed at; and a folder that a file was found in is a name however
//! it is called.

use std::borrow::Cow;

use url::Url;

use crate::glob;

/// The path of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UrlPath {
    /// With the empty ones between two slashes, which `..` goes back over like over any other.
    steps: Vec<UrlStep>,
    /// Whether it ends like a folder.
    is_folder: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UrlStep {
    name: String,
    pattern: String,
}

impl UrlPath {
    /// Reads what a person wrote; `None` if it is no URL, or its path no text.
    pub(super) fn parse(url: &str) -> Option<Self> {
        Url::parse(url).ok()?;
        let url = drop_breaks(trim_blanks(url));
        // To the parser of URLs the slashes in front of a host are there however few are written.
        let (_, rest) = url.split_once(':')?;
        let rest = rest.trim_start_matches(['/', '\\']);
        let path = rest.find(['/', '\\']).map_or("", |at| &rest[at..]);
        let mut read = Self {
            steps: Vec::new(),
            is_folder: false,
        };
        read.push_all(cut_path(path), 0)?;
        Some(read)
    }

    /// Reads the URL of one file, in which nothing is a pattern.
    pub(super) fn of_file(url: &str) -> Option<Self> {
        // Of a file the parser's own reading will do: nothing is lost if it encodes more.
        let url = Url::parse(url).ok()?;
        let mut read = Self {
            steps: Vec::new(),
            is_folder: false,
        };
        read.push_all(url.path(), 0)?;
        for step in &mut read.steps {
            step.pattern = glob::escape(&step.name);
        }
        Some(read)
    }

    /// What a relative target names from here: from this folder, or behind the first `root_steps`
    /// if it begins with a slash. `None` if it leaves those, or is no text.
    pub(super) fn join(&self, target: &str, root_steps: usize) -> Option<Self> {
        // A path from the root is set as it is written, and any other is read as a URL.
        let target = if target.starts_with('/') {
            target
        } else {
            trim_blanks(target)
        };
        let target = drop_breaks(target);
        let target = cut_path(&target);
        let mut joined = self.clone();
        if target.is_empty() {
            return Some(joined);
        }
        let root_length = self.root_length(root_steps);
        let kept = if target.starts_with(['/', '\\']) {
            root_length
        } else if self.is_folder {
            self.steps.len()
        } else {
            self.steps.len().saturating_sub(1)
        };
        joined.steps.truncate(kept);
        joined.push_all(target, root_length)?;
        Some(joined)
    }

    /// How many steps the first `root_steps` that have a name take.
    fn root_length(&self, root_steps: usize) -> usize {
        let mut named = (1..).zip(&self.steps).filter(|(_, step)| step.is_named());
        let last = root_steps.checked_sub(1).and_then(|last| named.nth(last));
        last.map_or(0, |(length, _)| length)
    }

    fn push_all(&mut self, path: &str, root_length: usize) -> Option<()> {
        // As the parser of URLs does; a backslash that is meant is encoded.
        let path = path.replace('\\', "/");
        self.is_folder = true;
        // Nothing stands in front of the first slash and behind the last one.
        let slashes = path.matches('/').count();
        for (index, raw) in path.split('/').enumerate() {
            let step = UrlStep::read(raw)?;
            // An encoded slash is one to GitHub, and what it parts must not climb behind our back.
            if step.name.contains('/') && step.name.split('/').any(|it| matches!(it, "." | "..")) {
                return None;
            }
            self.is_folder = matches!(&*step.name, "" | "." | "..");
            match &*step.name {
                "." => {}
                "" if index == 0 || index == slashes => {}
                ".." if self.steps.len() > root_length => {
                    self.steps.pop();
                }
                // Above the root of a host is its root.
                ".." if root_length == 0 => {}
                ".." => return None,
                _ => self.steps.push(step),
            }
        }
        Some(())
    }

    /// Whether it ends like a folder.
    pub(super) fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// The names of the steps; two slashes in a row are one to GitHub as well.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let named = self.steps.iter().filter(|step| step.is_named());
        named.map(|step| &*step.name)
    }

    /// What is behind the first steps, and whether it is a pattern; else it is a name.
    pub(super) fn behind(&self, steps: usize) -> (String, bool) {
        let behind = self.steps.get(self.root_length(steps)..);
        let named = behind.unwrap_or_default().iter();
        let behind: Vec<&UrlStep> = named.filter(|step| step.is_named()).collect();
        let join = |text: fn(&UrlStep) -> &str| -> String {
            let texts: Vec<&str> = behind.iter().map(|step| text(step)).collect();
            texts.join("/")
        };
        let pattern = join(|step| &step.pattern);
        if glob::has_magic(&pattern) {
            (pattern, true)
        } else {
            (join(|step| &step.name), false)
        }
    }
}

impl UrlStep {
    fn is_named(&self) -> bool {
        !self.name.is_empty()
    }

    fn read(raw: &str) -> Option<Self> {
        let mut step = Self {
            name: String::new(),
            pattern: String::new(),
        };
        let mut rest = raw;
        while !rest.is_empty() {
            // Escapes in a row are decoded together, for one character may take several.
            let encoded = rest.len() - skip_escapes(rest).len();
            let length = if encoded > 0 {
                encoded
            } else {
                // Behind the first character, which may be a percent sign that escapes nothing.
                let mut behind_first = rest.char_indices().skip(1);
                let percent = behind_first.find(|(_, character)| *character == '%');
                percent.map_or(rest.len(), |(at, _)| at)
            };
            let (piece, behind) = rest.split_at(length);
            rest = behind;
            if encoded > 0 {
                let name = super::github::decode_percent(piece)?;
                step.pattern.push_str(&glob::escape(&name));
                step.name.push_str(&name);
            } else {
                step.pattern.push_str(piece);
                step.name.push_str(piece);
            }
        }
        Some(step)
    }
}

/// The text without what surrounds it, which the parser of URLs drops.
fn trim_blanks(text: &str) -> &str {
    text.trim_matches(|character: char| character <= ' ')
}

/// The text without what the parser of URLs drops wherever it stands: a folded text of YAML ends with a
/// line break.
fn drop_breaks(text: &str) -> Cow<'_, str> {
    const BREAKS: [char; 3] = ['\t', '\n', '\r'];
    if text.contains(BREAKS) {
        Cow::Owned(text.replace(BREAKS, ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// What is left behind the escapes at the beginning.
fn skip_escapes(mut text: &str) -> &str {
    while let Some(behind) = text.strip_prefix('%')
        && let Some(digits) = behind.as_bytes().get(..2)
        && digits.iter().all(u8::is_ascii_hexdigit)
    {
        text = &behind[2..];
    }
    text
}

/// The target without the query and the fragment.
pub(super) fn cut_path(target: &str) -> &str {
    let target = target.split('#').next().unwrap_or_default();
    find_query(target).map_or(target, |at| &target[..at])
}

/// The target in a form that the parser of URLs reads the same path from.
pub(super) fn encode_wildcards(target: &str) -> String {
    let (path, behind) = target.split_at(cut_path(target).len());
    format!("{}{behind}", path.replace('?', "%3F"))
}

/// Where the query begins.
// In a path `?` is a wildcard, and in the URLs that GitHub gives (`?plain=1`, `?raw=true`) it is not.
fn find_query(target: &str) -> Option<usize> {
    target
        .match_indices('?')
        .map(|(at, _)| at)
        .find(|at| is_query(&target[at + 1..]))
}

/// Whether a text begins with a key of a query, or is an empty one.
fn is_query(text: &str) -> bool {
    let is_key = |key: &str| {
        !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    text.split_once('=').is_some_and(|(key, _)| is_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: (&str, bool)) {
        let path = UrlPath::parse(url).expect("a URL");
        let (text, is_pattern) = path.behind(4);
        assert_eq!((text.as_str(), is_pattern), expected, "{url}");
    }

    const PAGE: &str = "https://github.com/o/r/blob/main";

    #[test]
    fn what_is_encoded_is_a_name_and_never_a_pattern() {
        for (target, expected) in [
            ("svc/[id]/c.yaml", ("svc/[id]/c.yaml", true)),
            ("svc/%5Bid%5D/c.yaml", ("svc/[id]/c.yaml", false)),
            ("%5Bid%5D/*.yaml", (r"\[id\]/*.yaml", true)),
            ("{a,b}.yaml", ("{a,b}.yaml", true)),
            ("%7Ba,b%7D.yaml", ("{a,b}.yaml", false)),
            ("{a%2Cb,c}.yaml", (r"{a\,b,c}.yaml", true)),
            ("a%20b/%C3%A9.yaml", ("a b/é.yaml", false)),
            ("a%2520b.yaml", ("a%20b.yaml", false)),
            ("a%5Cb.yaml", (r"a\b.yaml", false)),
            (r"a\b.yaml", ("a/b.yaml", false)),
            ("what%3F/?.yaml", (r"what\?/?.yaml", true)),
            ("100%.yaml", ("100%.yaml", false)),
            ("é%20%/😀.yaml", ("é %/😀.yaml", false)),
            ("%é%é.yaml", ("%é%é.yaml", false)),
            ("é|*.yaml", ("é|*.yaml", true)),
            ("é.yaml", ("é.yaml", false)),
            ("é%20é.yaml", ("é é.yaml", false)),
            ("%20é%/*.yaml", (" é%/*.yaml", true)),
        ] {
            check(&format!("{PAGE}/{target}"), expected);
            check(&format!(" https:/{}/{target}\n", &PAGE[8..]), expected);
        }
    }

    #[test]
    fn a_query_is_no_wildcard() {
        check(&format!("{PAGE}/a.yaml?plain=1"), ("a.yaml", false));
        check(&format!("{PAGE}/a.yaml?raw=true#L3"), ("a.yaml", false));
        check(&format!("{PAGE}/a?.yaml?raw=true"), ("a?.yaml", true));
        assert_eq!(encode_wildcards("./?.yaml?x=1#y"), "./%3F.yaml?x=1#y");
    }

    #[test]
    fn steps_that_lead_nowhere_are_left_out() {
        check(&format!("{PAGE}/.//d/./x/../a.yaml"), ("d/a.yaml", false));
        check(&format!("{PAGE}/d//../a.yaml"), ("d/a.yaml", false));
        check(&format!("{PAGE}//d/../a.yaml"), ("a.yaml", false));
        assert!(UrlPath::parse(&format!("{PAGE}/d/")).is_some_and(|it| it.is_folder()));
        assert!(UrlPath::parse(&format!("{PAGE}/d/.")).is_some_and(|it| it.is_folder()));
    }

    #[track_caller]
    fn check_join(target: &str, expected: (&str, bool), is_folder: bool) {
        let here = UrlPath::of_file(&format!("{PAGE}/svc/[id]/%7Ba%7D/c.yaml")).expect("a URL");
        let joined = here.join(target, 4).expect("a text");
        let (text, is_pattern) = joined.behind(4);
        assert_eq!((text.as_str(), is_pattern), expected, "{target}");
        assert_eq!(joined.is_folder(), is_folder, "{target}");
    }

    #[test]
    fn the_folder_of_a_file_is_a_name() {
        check_join("./more.yaml", ("svc/[id]/{a}/more.yaml", false), false);
        check_join("*.yaml", (r"svc/\[id\]/\{a\}/*.yaml", true), false);
        check_join("../[b]/x.yaml", (r"svc/\[id\]/[b]/x.yaml", true), false);
        check_join("/{a,b}.yaml", ("{a,b}.yaml", true), false);
        check_join(".//d/a.yaml", ("svc/[id]/{a}/d/a.yaml", false), false);
        check_join("", ("svc/[id]/{a}/c.yaml", false), false);
        check_join(" ./a.yaml \n", ("svc/[id]/{a}/a.yaml", false), false);
        check_join("./a\n\tb.yaml", ("svc/[id]/{a}/ab.yaml", false), false);
        check_join("/a.yaml\n", ("a.yaml", false), false);
        check_join(".//../a.yaml", ("svc/[id]/{a}/a.yaml", false), false);
        check_join(
            ".//d//../../../a.yaml",
            ("svc/[id]/{a}/a.yaml", false),
            false,
        );
        check_join(".", ("svc/[id]/{a}", false), true);
        check_join("./d/", ("svc/[id]/{a}/d", false), true);
        check_join(
            "./übersicht.yaml",
            ("svc/[id]/{a}/übersicht.yaml", false),
            false,
        );
    }
}
