//! What to do about a file that breaks a rule of reading it.

use freshet_model::RuleId;

/// What to do about a file that breaks one of the rules of YAML.
pub(super) fn hint_for(broken: RuleId) -> &'static str {
    match broken {
        RuleId::YamlSyntax => {
            "Check indentation, quotes and brackets around this place; a text with special characters needs quotes."
        }
        RuleId::YamlDuplicateKey => "Keep one of the two keys.",
        RuleId::YamlAliasUndefined => {
            "Put the text in quotes; or define the anchor earlier in the same document, for anchors do not reach across `---`."
        }
        RuleId::YamlAliasCycle => {
            "Write the value out instead of referring to the one it is part of."
        }
        RuleId::YamlAliasLimit => "Use fewer aliases, or write the repeated values out.",
        RuleId::YamlLimitDepth => {
            "Nest less; move a large definition to its own file and refer to it with `$text`."
        }
        RuleId::YamlLimitContent | RuleId::YamlLimitFileSize => {
            "Move large definitions to their own files and refer to them with `$text`."
        }
        RuleId::YamlLimitDocuments => "Split the file, and list the parts in a Location entity.",
        RuleId::YamlLimitProblems => "Mend the problems above first.",
        RuleId::YamlConflict => "Keep what is right of the two sides, and remove the markers.",
        RuleId::YamlEncoding => "Save the file as UTF-8.",
        RuleId::YamlSpace => "Indent with the usual space.",
        RuleId::YamlRoot => {
            "Write an entity, with apiVersion, kind, metadata and spec, at the root of the document."
        }
        RuleId::EntityDuplicate => {
            "Remove one of the two documents, or give one another name or namespace."
        }
        _ => "",
    }
}
