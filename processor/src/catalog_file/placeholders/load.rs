//! From the bytes of a file to the value that a placeholder becomes.

use std::borrow::Cow;
use std::ops::Range;

use freshet_model::RuleId;
use serde_json::Value;

use super::find::PlaceholderForm;
use crate::json_depth::count_levels;
use crate::limits::ReadLimits;
use crate::yaml::read_documents;

/// Why a content is not what the placeholder needs.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::catalog_file) struct UnfitContent {
    pub(in crate::catalog_file) rule: RuleId,
    pub(in crate::catalog_file) message: String,
}

/// The value, which comes to stand within so many mappings and lists. A byte order mark stays in a text,
/// breaks JSON and begins YAML, as in Backstage.
pub(in crate::catalog_file) fn load_content(
    form: PlaceholderForm,
    bytes: &[u8],
    levels_around: usize,
    limits: &ReadLimits,
) -> Result<Value, UnfitContent> {
    let (value, rule) = match form {
        PlaceholderForm::Text => {
            return Ok(Value::String(String::from_utf8_lossy(bytes).into_owned()));
        }
        PlaceholderForm::Json => (load_json(bytes)?, RuleId::PlaceholderJson),
        PlaceholderForm::Yaml => (load_yaml(bytes, limits)?, RuleId::PlaceholderYaml),
    };
    if levels_around + count_levels(&value) > limits.depth {
        let most = limits.depth;
        return Err(UnfitContent {
            rule,
            message: format!("is nested deeper than {most} levels where it is put"),
        });
    }
    Ok(value)
}

fn load_json(bytes: &[u8]) -> Result<Value, UnfitContent> {
    let unfit = |message| UnfitContent {
        rule: RuleId::PlaceholderJson,
        message,
    };
    let text = String::from_utf8_lossy(bytes);
    // The parser itself stops at a depth that is harmless.
    // Not our own reader: a number in JSON stays as it is, and a trailing comma is an error.
    serde_json::from_str(&text)
        .or_else(|error| match replace_unwritable(&text) {
            Cow::Borrowed(_) => Err(error),
            Cow::Owned(replaced) => serde_json::from_str(&replaced),
        })
        .map_err(|error| unfit(format!("is not JSON: {error}")))
}

/// The text without what JavaScript reads and cannot write: a number that is too large for it is
/// infinite, and then null; half a character (`\ud83d` alone) is none.
fn replace_unwritable(text: &str) -> Cow<'_, str> {
    let mut replaced = String::new();
    let mut copied = 0;
    let mut replace = |range: Range<usize>, by: &str| {
        replaced.push_str(&text[copied..range.start]);
        replaced.push_str(by);
        copied = range.end;
    };
    let bytes = text.as_bytes();
    let (mut at, mut is_in_text) = (0, false);
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => is_in_text = !is_in_text,
            b'\\' if is_in_text => match (read_half(text, start), read_half(text, start + 6)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => at = start + 12,
                (Some(0xD800..=0xDFFF), _) => {
                    at = start + 6;
                    replace(start..at, "\\ufffd");
                }
                _ => at = start + 2,
            },
            b'-' | b'0'..=b'9' if !is_in_text => {
                let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                while bytes.get(at).is_some_and(is_number) {
                    at += 1;
                }
                if text[start..at].parse().is_ok_and(f64::is_infinite) {
                    replace(start..at, "null");
                }
            }
            _ => {}
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(&text[copied..]);
    Cow::Owned(replaced)
}

/// The unit of UTF-16 that is escaped at `at`.
fn read_half(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

fn load_yaml(bytes: &[u8], limits: &ReadLimits) -> Result<Value, UnfitContent> {
    let unfit = |message| UnfitContent {
        rule: RuleId::PlaceholderYaml,
        message,
    };
    // The bound on a catalog file is not the one on a definition that it reads.
    let limits = ReadLimits {
        file_bytes: limits.placeholder_bytes,
        ..*limits
    };
    let mut documents = read_documents(bytes, &limits);
    match (documents.pop(), documents.len()) {
        (Some(Ok(document)), 0) => Ok(document.value),
        (Some(Err(problem)), 0) => Err(unfit(format!(
            "cannot be read at line {}, column {}: {}",
            problem.position.line, problem.position.column, problem.message
        ))),
        (None, _) => Err(unfit(
            "has no document; it must have exactly one".to_owned(),
        )),
        (Some(_), before) => Err(unfit(format!(
            "has {} documents; it must have exactly one",
            before + 1
        ))),
    }
}
