//! Files that are no catalog files yet: a software template or a chart fills them in first.
//!
//! Such a place may stand anywhere, in the documentation of a finished file too. It makes a file
//! an unfilled one only where the catalog reads a value by itself, or where the text is no YAML
//! because of it.

use freshet_processor::limits::ReadLimits;
use freshet_processor::yaml::{ParsedDocument, TextPosition, read_documents};
use serde_json::Value;

/// What every place to fill in has one of.
const MARKS: [&str; 2] = ["{{", "{%"];
/// Values that tell which entity it is, besides those at the root.
const TELLING: [&str; 6] = [
    "/metadata/name",
    "/metadata/namespace",
    "/spec/type",
    "/spec/lifecycle",
    "/spec/owner",
    "/spec/system",
];
/// The kind whose documents have places to fill in of their own.
const TEMPLATE: &str = "Template";
/// How a line says that kind.
const TEMPLATE_LINE: &str = "kind: Template";
/// Steps of a template with these actions copy files and fill them in.
const FETCH_ACTIONS: &str = "fetch:";

/// Where something still has to be filled in before the text is a catalog file.
pub(super) fn find_unfilled(text: &str, limits: &ReadLimits) -> Option<TextPosition> {
    if !MARKS.iter().any(|mark| text.contains(mark)) {
        return None;
    }
    let mut is_broken = false;
    for document in read_documents(text.as_bytes(), limits) {
        match document {
            Ok(document) if is_template(&document.value) => {}
            Ok(document) => {
                let unfilled = find_unfilled_value(&document);
                if unfilled.is_some() {
                    return unfilled;
                }
            }
            Err(_) => is_broken = true,
        }
    }
    let has_template = text.lines().any(|line| line.trim_end() == TEMPLATE_LINE);
    (is_broken && !has_template)
        .then(|| find_unfilled_line(text))
        .flatten()
}

fn is_template(document: &Value) -> bool {
    document.get("kind").and_then(Value::as_str) == Some(TEMPLATE)
}

fn find_unfilled_value(document: &ParsedDocument) -> Option<TextPosition> {
    let root = document.value.as_object()?;
    let at_root = root.keys().map(|key| {
        let key = key.replace('~', "~0").replace('/', "~1");
        format!("/{key}")
    });
    let pointer = at_root
        .chain(TELLING.map(str::to_owned))
        .find(|pointer| document.value.pointer(pointer).is_some_and(is_unfilled))?;
    Some(document.positions.value_at(&pointer))
}

/// Whether a value is a place to fill in: `${{ a }}` is a text, and `{{ a }}` a mapping of one key
/// that is a mapping itself.
fn is_unfilled(value: &Value) -> bool {
    match value {
        Value::String(text) => MARKS.iter().any(|mark| text.contains(mark)),
        Value::Object(members) => members.keys().any(|key| key.starts_with('{')),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

/// The first line that is an instruction, or whose value begins with a place to fill in.
fn find_unfilled_line(text: &str) -> Option<TextPosition> {
    (1u32..).zip(text.lines()).find_map(|(number, line)| {
        let value = line.split_once(": ").map_or(line, |(_, value)| value);
        let value = value.trim_start();
        let is_unfilled = MARKS
            .iter()
            .any(|mark| value.trim_start_matches(['"', '\'', '$']).starts_with(mark));
        let before = line.len() - value.len();
        let column = line[..before].chars().count() + 1;
        is_unfilled.then_some(TextPosition {
            line: number,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        })
    })
}

/// The folders, relative to the file, that the templates in a text fill in.
pub(super) fn list_skeletons(text: &str, limits: &ReadLimits) -> Vec<String> {
    if !text.contains(TEMPLATE) || !text.contains(FETCH_ACTIONS) {
        return Vec::new();
    }
    let documents = read_documents(text.as_bytes(), limits)
        .into_iter()
        .flatten();
    let templates = documents.filter(|document| is_template(&document.value));
    templates
        .flat_map(|template| {
            let steps = template.value.pointer("/spec/steps");
            let steps = steps.and_then(Value::as_array).cloned();
            steps.unwrap_or_default()
        })
        .filter_map(|step| {
            let action = step.get("action")?.as_str()?;
            let url = step.pointer("/input/url")?.as_str()?;
            let is_folder = action.starts_with(FETCH_ACTIONS)
                && !url.contains("://")
                && url.chars().any(|c| !matches!(c, '.' | '/'));
            is_folder.then(|| url.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: backstage.io/v1alpha1\n";

    #[track_caller]
    fn check(text: &str, place: Option<(u32, u32)>) {
        let found = find_unfilled(text, &ReadLimits::default());
        assert_eq!(found.map(|at| (at.line, at.column)), place, "{text}");
    }

    #[test]
    fn what_has_to_be_filled_in_first_is_told_by_the_values_that_count() {
        let component = |name: &str, rest: &str| {
            format!("{HEAD}kind: Component\nmetadata:\n  name: {name}\n{rest}")
        };
        for name in [
            "${{ values.name }}",
            "{{ cookiecutter.id }}",
            "{{a}}",
            "'{{ a }}'",
        ] {
            check(&component(name, ""), Some((4, 9)));
        }
        check(
            &component("a", "spec:\n  owner: ${{ values.owner }}\n"),
            Some((6, 10)),
        );
        check(
            &component("a", "  description: needs ${{ secrets.KEY }}\n"),
            None,
        );
        check(&component("a # ${{ b }}", ""), None);
        check(&component("a", "  description: |\n    {{ b }}\n"), None);
        check("name: ${{ values.name }}\n", Some((1, 7)));
    }

    #[test]
    fn what_is_no_yaml_because_of_instructions_is_unfilled() {
        check(
            &format!("{HEAD}metadata:\n  {{%- if a %}}\n  title: x\n  {{%- endif %}}\n"),
            Some((3, 3)),
        );
        check(
            &format!("{{{{- if .a }}}}\n{HEAD}{{{{- end }}}}\n"),
            Some((1, 1)),
        );
        check(&format!("{HEAD}title: {{{{ a | b }}}} c\n"), Some((2, 8)));
        check(&format!("{HEAD}note: a {{{{ b }}}}\nbroken: [\n"), None);
    }

    #[test]
    fn a_template_has_such_places_of_its_own() {
        let template = format!(
            "{HEAD}kind: Template\nmetadata:\n  name: ${{{{ a }}}}\nspec:\n  steps:\n    - action: fetch:template\n      input: {{url: ./skeleton}}\n    - action: fetch:plain\n      input: {{url: 'https://h/x'}}\n    - action: fetch:plain\n      input: {{url: ./}}\n    - action: publish:github\n      input: {{url: ./x}}\n"
        );
        check(&template, None);
        check(&format!("{template}broken: {{{{ a }}}} b\n"), None);
        assert_eq!(
            list_skeletons(&template, &ReadLimits::default()),
            ["./skeleton"]
        );
    }
}
