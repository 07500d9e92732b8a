//! What the scanner complains of, in the words of someone who writes a file.

use freshet_model::RuleId;

/// The rule that is broken and what to say of it.
pub(in crate::yaml) fn explain_complaint(complaint: &str) -> (RuleId, &str) {
    match complaint {
        "while parsing node, found unknown anchor" => (
            RuleId::YamlAliasUndefined,
            "this alias has no anchor before it in its document",
        ),
        "recursion limit exceeded" => (RuleId::YamlLimitDepth, "brackets are nested too deep"),
        _ => (RuleId::YamlSyntax, put_plainly(complaint)),
    }
}

fn put_plainly(complaint: &str) -> &str {
    match complaint {
        "mapping values are not allowed in this context" => {
            "unexpected `: `; either the indentation is wrong, or this is a text and needs quotes"
        }
        "simple key expect ':'" | "simple key expected" => {
            "the line before has no `:`, so it is not a key, and not indented enough to continue a text"
        }
        "while parsing a block mapping, did not find expected key" => {
            "expected a key here; the indentation does not match the keys above"
        }
        "while parsing a block collection, did not find expected '-' indicator" => {
            "expected `- ` here; the indentation does not match the elements above"
        }
        "block sequence entries are not allowed in this context" => {
            "a list cannot start on the line of its key"
        }
        "tab cannot be used as indentation"
        | "tabs disallowed in this context"
        | "tabs disallowed within this context (block indentation)" => {
            "tabs are not allowed as indentation"
        }
        "while scanning a quoted scalar, found unexpected end of stream" => {
            "this quote is never closed"
        }
        "invalid indentation in quoted scalar" => {
            "a line of this quoted text is not indented enough"
        }
        "invalid trailing content after double-quoted scalar" => {
            "unexpected text after the closing quote"
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            "expected `,` or `}` in this mapping in braces"
        }
        "while parsing a flow sequence, expected ',' or ']'" => {
            "expected `,` or `]` in this list in brackets"
        }
        "while parsing a node, did not find expected node content" => "expected a value here",
        "wrongly indented line in block scalar" => {
            "this line of a block text is not indented enough"
        }
        "while parsing a quoted scalar, found unknown escape character" => {
            "unknown escape after a backslash; use single quotes or double the backslash"
        }
        "illegal placement of ':' indicator" => {
            "unexpected `:` between brackets; is a closing bracket missing before it?"
        }
        "unexpected character: `@'" => "a text that starts with @ needs quotes",
        "unexpected character: ``'" => "a text that starts with a backtick needs quotes",
        "unexpected character: `%'" => "a text that starts with % needs quotes",
        "the handle wasn't declared" => "this tag begins with a handle that no %TAG declares",
        "did not find expected <document start>" => "unexpected text after the end of the document",
        // A sentence of the scanner is better than none.
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_put_plainly() {
        assert_eq!(
            explain_complaint("recursion limit exceeded").0,
            RuleId::YamlLimitDepth
        );
        assert_eq!(
            explain_complaint("tab cannot be used as indentation").1,
            "tabs are not allowed as indentation"
        );
        assert_eq!(
            explain_complaint("something new"),
            (RuleId::YamlSyntax, "something new")
        );
    }
}
