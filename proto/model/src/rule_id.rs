//! Every rule the owner of a file can break, in one list.
//!
//! The service that reads files, the one that stores them and the command line check say the
//! same id for the same mistake, so that a person can look up in one place what is shown in
//! another. An id is public: it stands in answers, events and what people filter by. It may be
//! added, and is not renamed.

use crate::word::word_enum;

word_enum! {
    /// The stable id of a rule, such as `metadata.name.format`.
    RuleId, "rule" {
        // The envelope and the root.
        /// A document is not a mapping, so it declares no entity.
        DocumentType = "document.type",
        /// A key stands at the root of a document that cannot stand there.
        DocumentAdditional = "document.additional",
        /// A key of the root is written by the catalog only.
        DocumentServed = "document.served",
        /// Two keys differ only by the case of their letters.
        DocumentKeyCase = "document.key.case",
        /// A text holds the character NUL.
        DocumentNul = "document.nul",
        /// `apiVersion` is missing.
        ApiVersionRequired = "apiVersion.required",
        /// `apiVersion` is no text.
        ApiVersionType = "apiVersion.type",
        /// `apiVersion` is empty.
        ApiVersionEmpty = "apiVersion.empty",
        /// `apiVersion` has a form no version has.
        ApiVersionFormat = "apiVersion.format",
        /// The kind is known, but not under this `apiVersion`.
        ApiVersionUnknown = "apiVersion.unknown",
        /// `kind` is missing.
        KindRequired = "kind.required",
        /// `kind` is no text.
        KindType = "kind.type",
        /// `kind` is empty.
        KindEmpty = "kind.empty",
        /// `kind` has characters no kind has.
        KindFormat = "kind.format",
        /// There is no such kind.
        KindUnknown = "kind.unknown",
        /// `metadata` is missing.
        MetadataRequired = "metadata.required",
        /// `metadata` is no mapping.
        MetadataType = "metadata.type",
        /// `metadata.name` is missing.
        MetadataNameRequired = "metadata.name.required",
        /// `metadata.name` is no text.
        MetadataNameType = "metadata.name.type",
        /// `metadata.name` is empty.
        MetadataNameEmpty = "metadata.name.empty",
        /// `metadata.name` has characters no name has, or too many.
        MetadataNameFormat = "metadata.name.format",
        /// `metadata.namespace` is no text.
        MetadataNamespaceType = "metadata.namespace.type",
        /// `metadata.namespace` is empty.
        MetadataNamespaceEmpty = "metadata.namespace.empty",
        /// `metadata.namespace` has characters no namespace has, or too many.
        MetadataNamespaceFormat = "metadata.namespace.format",
        /// `metadata.uid` is no text.
        MetadataUidType = "metadata.uid.type",
        /// `metadata.uid` is empty.
        MetadataUidEmpty = "metadata.uid.empty",
        /// `metadata.etag` is no text.
        MetadataEtagType = "metadata.etag.type",
        /// `metadata.etag` is empty.
        MetadataEtagEmpty = "metadata.etag.empty",
        /// `metadata.title` is no text.
        MetadataTitleType = "metadata.title.type",
        /// `metadata.title` is empty.
        MetadataTitleEmpty = "metadata.title.empty",
        /// `metadata.description` is no text.
        MetadataDescriptionType = "metadata.description.type",
        /// Labels are no mapping of texts.
        MetadataLabelsType = "metadata.labels.type",
        /// The key of a label has a form no key has.
        MetadataLabelsKeyFormat = "metadata.labels.key.format",
        /// The value of a label has a form no such value has.
        MetadataLabelsValueFormat = "metadata.labels.value.format",
        /// Annotations are no mapping of texts.
        MetadataAnnotationsType = "metadata.annotations.type",
        /// The key of an annotation has a form no key has.
        MetadataAnnotationsKeyFormat = "metadata.annotations.key.format",
        /// Tags are no list of texts.
        MetadataTagsType = "metadata.tags.type",
        /// A tag is empty.
        MetadataTagsEmpty = "metadata.tags.empty",
        /// A tag has characters no tag has, or too many.
        MetadataTagsFormat = "metadata.tags.format",
        /// Links are no list of mappings.
        MetadataLinksType = "metadata.links.type",
        /// A link has no `url`.
        MetadataLinksUrlRequired = "metadata.links.url.required",
        /// The `url` of a link is no text.
        MetadataLinksUrlType = "metadata.links.url.type",
        /// The `url` of a link is empty.
        MetadataLinksUrlEmpty = "metadata.links.url.empty",
        /// The `url` of a link is no absolute URL.
        MetadataLinksUrlFormat = "metadata.links.url.format",
        /// The `title` of a link is no text.
        MetadataLinksTitleType = "metadata.links.title.type",
        /// The `title` of a link is empty.
        MetadataLinksTitleEmpty = "metadata.links.title.empty",
        /// The `title` of a link has nothing visible in it.
        MetadataLinksTitleFormat = "metadata.links.title.format",
        /// The `icon` of a link is no text.
        MetadataLinksIconType = "metadata.links.icon.type",
        /// The `icon` of a link is empty.
        MetadataLinksIconEmpty = "metadata.links.icon.empty",
        /// The `icon` of a link has nothing visible in it.
        MetadataLinksIconFormat = "metadata.links.icon.format",
        /// The `type` of a link is no text.
        MetadataLinksTypeType = "metadata.links.type.type",
        /// The `type` of a link is empty.
        MetadataLinksTypeEmpty = "metadata.links.type.empty",
        /// `spec` is no mapping.
        SpecType = "spec.type",
        /// The document does not fit the JSON Schema of its kind.
        SpecSchema = "spec.schema",
        /// `relations` is declared, and malformed besides.
        RelationsType = "relations.type",
        /// A reference to an entity is neither a text nor a mapping.
        RelationTargetType = "relation.target.type",
        /// A reference names no kind where there is no default.
        RelationTargetKind = "relation.target.kind",
        /// A reference is too long.
        RelationTargetLength = "relation.target.length",
        /// A reference has an empty or unreadable part.
        RelationTargetFormat = "relation.target.format",
        // The file as YAML.
        /// It is not YAML.
        YamlSyntax = "yaml.syntax",
        /// A mapping has the same key twice.
        YamlDuplicateKey = "yaml.duplicate-key",
        /// An alias without an anchor before it in the same document.
        YamlAliasUndefined = "yaml.alias.undefined",
        /// An alias inside the value it refers to.
        YamlAliasCycle = "yaml.alias.cycle",
        /// Aliases that expand too far.
        YamlAliasLimit = "yaml.alias.limit",
        /// Nested too deep.
        YamlLimitDepth = "yaml.limit.depth",
        /// Too many values, or too much text in them.
        YamlLimitContent = "yaml.limit.content",
        /// The file has too many bytes.
        YamlLimitFileSize = "yaml.limit.file-size",
        /// The file has too many documents.
        YamlLimitDocuments = "yaml.limit.documents",
        /// The file has more problems than are reported.
        YamlLimitProblems = "yaml.limit.problems",
        /// A document is not a mapping.
        YamlRoot = "yaml.root",
        /// Git left a conflict marker in the file.
        YamlConflict = "yaml.conflict",
        /// The file is in another encoding than UTF-8.
        YamlEncoding = "yaml.encoding",
        /// A key begins with a space that YAML does not take for one.
        YamlSpace = "yaml.space",
        /// The file declares more than one observation should carry.
        FileLimitObserved = "file.limit.observed",
        /// The file could not be read from the disk.
        FileUnreadable = "file.unreadable",
        /// The file looks like one that a template still has to fill in.
        FileUnfilled = "file.unfilled",
        /// The file has a name under which discovery does not look for it.
        FileName = "file.name",
        /// Two documents declare the same entity.
        EntityDuplicate = "entity.duplicate",
        /// A value looks like a secret.
        SecretValue = "secret.value",
        // What a file refers to.
        /// The value of a placeholder is no text.
        PlaceholderValue = "placeholder.value",
        /// The value of a placeholder names no file, or leaves the repository.
        PlaceholderTarget = "placeholder.target",
        /// A placeholder names a file of a repository that may not be read from here.
        PlaceholderRepository = "placeholder.repository",
        /// A placeholder names a URL that may not be read.
        PlaceholderUrl = "placeholder.url",
        /// A placeholder names a file that does not exist.
        PlaceholderNotFound = "placeholder.not-found",
        /// The file a placeholder names could not be read.
        PlaceholderUnreadable = "placeholder.unreadable",
        /// The file a placeholder names is too large, or all of them together are, or there are too many.
        PlaceholderLimit = "placeholder.limit",
        /// The file a placeholder names is not JSON.
        PlaceholderJson = "placeholder.json",
        /// The file a placeholder names is not one YAML document.
        PlaceholderYaml = "placeholder.yaml",
        /// The file a placeholder names is elsewhere, so nobody looked.
        PlaceholderUnchecked = "placeholder.unchecked",
        /// The file that says who owns what could not be read.
        CodeownersUnreadable = "codeowners.unreadable",
        /// An entity is referred to that nothing declares.
        ReferenceUnknown = "reference.unknown",
        // What depends on who points at a file.
        /// Another location holds the ref and keeps it.
        ClaimConflict = "claim.conflict",
        /// `catalog.rules` do not allow the kind from where the file was found.
        RulesNotAllowed = "rules.not-allowed",
        /// A Location entity names a type of location it may not point at.
        LocationTypeNotAllowed = "location.type-not-allowed",
        /// A required target of a Location entity does not exist.
        LocationTargetMissing = "location.target-missing",
        /// A target of a Location entity cannot be understood, or may not or cannot be read.
        LocationTargetUnreadable = "location.target-unreadable",
        /// A target of a Location entity is elsewhere, so nobody looked.
        LocationTargetUnchecked = "location.target-unchecked",
        /// An account that the configuration names cannot be listed.
        ProviderUnreadable = "provider.unreadable",
        /// So many entities would go at once that somebody is asked first.
        RemovalWithheld = "removal.withheld",
        // Only read, never found: a processor of a newer version may name a rule that a store
        // still running does not have yet, and must not be held up by it.
        /// A rule of another version.
        Unknown = "unknown",
    }
}

impl RuleId {
    /// Reads a rule that another version wrote: one that is not known here is
    /// [`RuleId::Unknown`].
    #[must_use]
    pub fn parse_lenient(text: &str) -> Self {
        text.parse().unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_words_between_dots_from_the_general_to_the_special() {
        for rule in RuleId::ALL {
            let is_plain = |c: char| c.is_ascii_alphabetic() || c == '-';
            let steps = rule.as_str().split('.');
            let is_well_formed = |step: &str| !step.is_empty() && step.chars().all(is_plain);
            assert!(steps.clone().all(is_well_formed), "{rule}");
        }
    }
}
