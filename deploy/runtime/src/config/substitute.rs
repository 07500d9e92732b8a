//! `${NAME}` in texts.
//!
//! As in Backstage: names are trimmed, `$${NAME}` stands for the characters `${NAME}`, and one variable
//! that is not set makes the whole text unset. `${NAME:-default}` gives a variable a default.

const DEFAULT_MARK: &str = ":-";

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Substituted {
    Text(String),
    /// A variable without value or default.
    Unset {
        variable: String,
    },
}

/// Puts the values of environment variables into `text`.
pub(super) fn substitute_variables(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Substituted {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(expression) = find_expression(rest) {
        done.push_str(expression.before);
        match expression.evaluate_expression(env) {
            Substituted::Text(value) => done.push_str(&value),
            unset @ Substituted::Unset { .. } => return unset,
        }
        rest = expression.after;
    }
    done.push_str(rest);
    Substituted::Text(done)
}

/// `${inner}` or `$${inner}` in its surroundings.
struct Expression<'a> {
    before: &'a str,
    escaped: bool,
    inner: &'a str,
    after: &'a str,
}

impl Expression<'_> {
    fn evaluate_expression(&self, env: &dyn Fn(&str) -> Option<String>) -> Substituted {
        if self.escaped {
            return Substituted::Text(format!("${{{}}}", self.inner));
        }
        let (name, default) = match self.inner.split_once(DEFAULT_MARK) {
            Some((name, default)) => (name.trim(), Some(default)),
            None => (self.inner.trim(), None),
        };
        // Trimmed, because values that come from files end with a line break.
        let value = env(name).map(|value| value.trim().to_owned());
        // As in a shell, `:-` also replaces an empty value.
        let value = value.filter(|value| default.is_none() || !value.is_empty());
        match value.or_else(|| default.map(str::to_owned)) {
            Some(value) => Substituted::Text(value),
            None => Substituted::Unset {
                variable: name.to_owned(),
            },
        }
    }
}

/// The first expression. Braces do not nest: `${a{b}}` is none, but `{b}}` may not hide a later one.
fn find_expression(text: &str) -> Option<Expression<'_>> {
    let mut from = 0;
    while let Some(open) = text[from..].find("${").map(|at| from + at) {
        let inner_at = open + "${".len();
        // An opening brace ends the search too: Backstage does not nest them, and the text behind
        // may hold a real one.
        let end = text[inner_at..].find(['{', '}']).map(|at| inner_at + at)?;
        if text[end..].starts_with('}') {
            let escaped = text[..open].ends_with('$');
            let before = &text[..open - usize::from(escaped)];
            return Some(Expression {
                before,
                escaped,
                inner: &text[inner_at..end],
                after: &text[end + 1..],
            });
        }
        from = inner_at;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        let value = match name {
            "SECRET" => "my-secret",
            "TOKEN" => " my-token\n",
            "EMPTY" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let outcome = match substitute_variables(text, &env) {
            Substituted::Text(text) => text,
            Substituted::Unset { variable } => format!("<{variable} is not set>"),
        };
        assert_eq!(outcome, expected, "{text}");
    }

    #[test]
    fn variables_are_put_into_texts() {
        check("plain", "plain");
        check("hello ${SECRET}", "hello my-secret");
        check("${SECRET   } $${} ${TOKEN }", "my-secret ${} my-token");
        check("${SECRET}${SECRET}", "my-secretmy-secret");
        check("a ${EMPTY} b", "a  b");
    }

    #[test]
    fn one_variable_that_is_not_set_unsets_the_text() {
        check("foo ${MISSING} ${SECRET}", "<MISSING is not set>");
        check("empty ${}", "< is not set>");
    }

    #[test]
    fn a_doubled_dollar_escapes() {
        check("$${ESCAPED} $$${TWICE} $${}", "${ESCAPED} $${TWICE} ${}");
    }

    #[test]
    fn a_default_replaces_what_is_missing_or_empty() {
        check("${MISSING:-7007}", "7007");
        check("${EMPTY:-7007}", "7007");
        check("${SECRET:-7007}", "my-secret");
        check("[${MISSING:-}]", "[]");
    }

    #[test]
    fn what_is_no_expression_stays() {
        check("cost: 5$ {x}", "cost: 5$ {x}");
        check("${open", "${open");
        check("${a{b}} ${SECRET}", "${a{b}} my-secret");
    }
}
