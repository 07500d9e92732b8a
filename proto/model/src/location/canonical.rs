//! The one spelling that `catalog.rules` know a URL by.
//!
//! A URL can be written in many ways. Without one of them being the right one, a detour such as
//! `trusted/%2e%2e/evil` would pass a pattern that means `trusted`, and a harmless `:443` would miss
//! an exact rule.

use url::Url;

/// Escapes that JavaScript's `decodeURI` leaves alone, as what they stand for parts a URL.
const RESERVED: &[u8] = b";/?:@&=+$,#";

/// The canonical form of a URL, as Backstage compares it; `None` if it cannot be parsed.
#[must_use]
pub fn canonical_url(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let mut canonical = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        canonical.push_str(&format!(":{port}"));
    }
    canonical.push_str(&canonical_path(url.path()));
    for (mark, part) in [('?', url.query()), ('#', url.fragment())] {
        // A mark with nothing behind it is none, as in JavaScript.
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            canonical.push(mark);
            canonical.push_str(&decode_or_keep(part));
        }
    }
    Some(canonical)
}

fn canonical_path(path: &str) -> String {
    let path = replace_escape(&replace_escape(path, "%2f", "/"), "%5c", "/");
    let steps: Vec<String> = path.split('/').map(decode_or_keep).collect();
    // What was encoded twice has become an escape only now.
    let path = replace_escape(&steps.join("/"), "%2e", ".");
    let path = replace_escape(&path, "%2f", "/");
    replace_escape(&path, "%5c", "/").replace('\\', "/")
}

/// Replaces an escape, written here in lower case, in any case.
fn replace_escape(text: &str, escape: &str, by: &str) -> String {
    text.replace(escape, by)
        .replace(&escape.to_ascii_uppercase(), by)
}

fn decode_or_keep(text: &str) -> String {
    decode_uri(text).unwrap_or_else(|| text.to_owned())
}

/// What JavaScript's `decodeURI` makes of a text; `None` where that throws.
fn decode_uri(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first != b'%' {
            decoded.push(*first);
            rest = behind;
            continue;
        }
        let byte = hex::decode(behind.get(..2)?).ok()?[0];
        if RESERVED.contains(&byte) {
            decoded.extend_from_slice(&rest[..3]);
        } else {
            decoded.push(byte);
        }
        rest = &rest[3..];
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(canonical_url(url).as_deref(), Some(expected), "{url}");
    }

    const PAGE: &str = "https://github.com/o/r/blob/main/c.yaml";

    #[test]
    fn spellings_of_one_url_have_one_canonical_form() {
        for url in [
            PAGE,
            "HTTPS://GitHub.COM/o/r/blob/main/c.yaml",
            "https://github.com:443/o/r/blob/main/c.yaml",
            "https://user:pw@github.com/o/r/blob/main/c.yaml",
            "https://github.com/o/x/../r/blob/main/c.yaml",
            "https://github.com/o/x/%2e%2E/r/blob/main/c.yaml",
            "https://github.com/o%2Fr/blob/main/c.yaml",
            "https://github.com/o%252fr%5Cblob%5cmain/c%252Eyaml",
            "https://github.com/o/r/blob/main/%63.yaml",
            r"https:\\github.com\o\r\blob\main\c.yaml",
            "  https://github.com/o/r/blob/main/c.yaml?#  ",
        ] {
            check(url, PAGE);
        }
        for (url, expected) in [
            ("https://a.b/a%20b/%7Bc%7D/é", "https://a.b/a b/{c}/é"),
            ("https://a.b/a b/{c}/%C3%A9", "https://a.b/a b/{c}/é"),
            ("https://ghe.corp:8443/o", "https://ghe.corp:8443/o"),
            ("https://a.b/?q=%41%2F#%42", "https://a.b/?q=A%2F#B"),
        ] {
            check(url, expected);
        }
    }

    #[test]
    fn what_differs_for_a_server_differs() {
        for url in [
            "https://github.com/o/r/blob/main/c.yaml#x",
            "https://github.com//o/r/blob/main/c.yaml",
            "http://github.com/o/r/blob/main/c.yaml",
            "https://github.com/O/r/blob/main/c.yaml",
            "https://github.com/trusted/%2e%2e/evil/c.yaml",
        ] {
            assert_ne!(canonical_url(url).as_deref(), Some(PAGE), "{url}");
        }
        check(
            "https://github.com/trusted/%2e%2e/evil/c.yaml",
            "https://github.com/evil/c.yaml",
        );
    }

    #[test]
    fn what_does_not_decode_stays() {
        check("https://a.b/%zz%20/%41", "https://a.b/%zz%20/A");
        check("https://a.b/%ff%20/%41", "https://a.b/%ff%20/A");
        check("https://a.b/x%3B%3f?%2", "https://a.b/x%3B%3f?%2");
        assert_eq!(canonical_url("not a url"), None);
    }
}
