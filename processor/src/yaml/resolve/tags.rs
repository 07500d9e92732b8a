//! What a tag stands for.

use crate::yaml::scalar::YAML_TAGS;
use crate::yaml::split::TagHandles;

/// The whole name of a tag as written, or `!` for the one that says nothing.
pub(super) fn resolve_tag(source: &str, handles: &TagHandles<'_>) -> Result<String, String> {
    if source == "!" {
        return Ok(source.to_owned());
    }
    if let Some(verbatim) = source.strip_prefix("!<") {
        return match verbatim.strip_suffix('>') {
            Some(name @ ("!" | "!!")) => Err(format!("!<{name}> is no tag")),
            Some(name) => Ok(name.to_owned()),
            None => Err("this tag is missing its >".to_owned()),
        };
    }
    let end = source.rfind('!').map_or(0, |at| at + 1);
    let (handle, suffix) = source.split_at(end);
    if suffix.is_empty() {
        return Err(format!("the tag {source} has no name behind its !"));
    }
    let prefix = match (handles.get(handle), handle) {
        (Some(prefix), _) => *prefix,
        (None, "!!") => YAML_TAGS,
        (None, "!") => return Ok(source.to_owned()),
        (None, _) => {
            return Err(format!(
                "the tag {source} begins with a handle that no %TAG declares"
            ));
        }
    };
    match percent_decode(suffix) {
        Some(suffix) => Ok(format!("{prefix}{suffix}")),
        None => Err(format!("the tag {source} has an escape that is no text")),
    }
}

fn percent_decode(suffix: &str) -> Option<String> {
    if !suffix.contains('%') {
        return Some(suffix.to_owned());
    }
    let mut bytes = Vec::with_capacity(suffix.len());
    let mut rest = suffix.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let code = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(code).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, name: Option<&str>) {
        let handles = TagHandles::from([("!e!", "tag:example.com,2000:")]);
        assert_eq!(resolve_tag(source, &handles).ok().as_deref(), name);
    }

    #[test]
    fn a_tag_is_its_handle_and_a_name() {
        check("!", Some("!"));
        check("!own", Some("!own"));
        check("!!str", Some("tag:yaml.org,2002:str"));
        check("!e!x", Some("tag:example.com,2000:x"));
        check("!e!%C3%A9", Some("tag:example.com,2000:é"));
        check("!e!%C3", None);
        check("!f!x", None);
        check("!!", None);
        check("!<tag:yaml.org,2002:int>", Some("tag:yaml.org,2002:int"));
        check("!<!>", None);
        check("!<x", None);
    }
}
