//! `backend.auth`: who outside of Backstage may call the API.

use std::collections::BTreeSet;

use freshet_runtime::config::Reader;
use freshet_store::{
    AccessRestrictions, DefaultPolicy, ExternalAccess, ForeignIssuer, PermissionAction,
    PluginRestrictions,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::addresses::is_url;

/// As Backstage wants it: a shorter token is soon guessed.
const TOKEN_CHARACTERS_MIN: usize = 8;
/// Whom Backstage takes for the sender of a token that is signed with one of `backend.auth.keys`.
const OLD_KEY_SUBJECT: &str = "external:backstage-plugin";

/// What the block says.
#[derive(Default)]
pub(super) struct AccessBlock {
    pub(super) external: Vec<ExternalAccess>,
    pub(super) default_policy: DefaultPolicy,
}

/// Reads the block. The rest of it is for other plugins.
pub(super) fn read_access(backend: &Reader<'_>) -> AccessBlock {
    let Some(auth) = backend.open_block("auth") else {
        return AccessBlock::default();
    };
    let default_policy = match auth.bool("dangerouslyDisableDefaultAuthPolicy") {
        Some(true) => DefaultPolicy::Disabled,
        Some(false) | None => DefaultPolicy::Required,
    };
    // Strictly: a restriction whose key is misspelt would be no restriction.
    let entries = auth.strict_list("externalAccess");
    let keys = auth.strict_list("keys");
    let external = entries.iter().flat_map(read_entry);
    AccessBlock {
        external: external
            .chain(keys.iter().filter_map(read_old_key))
            .collect(),
        default_policy,
    }
}

fn read_entry(entry: &Reader<'_>) -> Vec<ExternalAccess> {
    let access_type = entry.required_string("type");
    let restrictions = read_restrictions(entry);
    match access_type.as_str() {
        "static" => {
            let read = read_options(entry).and_then(|options| read_static(&options, restrictions));
            read.into_iter().collect()
        }
        "legacy" => {
            let read = read_options(entry).and_then(|options| read_legacy(&options, restrictions));
            read.into_iter().collect()
        }
        "jwks" => read_options(entry)
            .map(|options| read_issuers(&options, &restrictions))
            .unwrap_or_default(),
        "" => Vec::new(),
        _ => {
            entry.ignore("options");
            entry.warn(
                "type",
                "is none of `static`, `legacy` and `jwks`, and Freshet has no others: its tokens are refused",
            );
            Vec::new()
        }
    }
}

fn read_options<'a>(entry: &Reader<'a>) -> Option<Reader<'a>> {
    if !entry.has("options") {
        entry.mistake("options", "is required");
    }
    entry.block("options")
}

fn read_static(options: &Reader<'_>, restrictions: PluginRestrictions) -> Option<ExternalAccess> {
    let (token, subject) = (read_word(options, "token"), read_word(options, "subject"));
    let (token, subject) = (token?, subject?);
    if token.expose_secret().chars().count() < TOKEN_CHARACTERS_MIN {
        let message = format!("must have at least {TOKEN_CHARACTERS_MIN} characters");
        options.mistake("token", message);
        return None;
    }
    Some(ExternalAccess::with_token(
        &token,
        subject.expose_secret(),
        restrictions,
    ))
}

fn read_legacy(options: &Reader<'_>, restrictions: PluginRestrictions) -> Option<ExternalAccess> {
    let (secret, subject) = (read_word(options, "secret"), read_word(options, "subject"));
    let (secret, subject) = (secret?, subject?);
    read_secret(options, &secret, subject.expose_secret(), restrictions)
}

/// An entry of `backend.auth.keys`, which is a legacy one without a subject.
fn read_old_key(entry: &Reader<'_>) -> Option<ExternalAccess> {
    let restrictions = read_restrictions(entry);
    let secret = read_word(entry, "secret")?;
    read_secret(entry, &secret, OLD_KEY_SUBJECT, restrictions)
}

fn read_secret(
    reader: &Reader<'_>,
    secret: &SecretString,
    subject: &str,
    restrictions: PluginRestrictions,
) -> Option<ExternalAccess> {
    let access = ExternalAccess::with_legacy_secret(secret, subject, restrictions);
    if access.is_none() {
        reader.mistake("secret", "must be base64");
    }
    access
}

/// One for each address: whoever publishes keys in several places may use any of them.
fn read_issuers(options: &Reader<'_>, restrictions: &PluginRestrictions) -> Vec<ExternalAccess> {
    if !options.has("url") {
        options.mistake("url", "is required");
    }
    let words = |key| read_words(options, key).unwrap_or_default();
    let (algorithms, issuers, audiences) = (words("algorithm"), words("issuer"), words("audience"));
    let subject_prefix = options.string("subjectPrefix");
    let urls = options.strings("url").unwrap_or_default();
    if !urls.iter().all(|url| is_url(url, &["http", "https"])) {
        options.mistake(
            "url",
            "must be a URL such as https://example.com/.well-known/jwks.json",
        );
    }
    let issuer = |url| ForeignIssuer {
        url,
        algorithms: algorithms.clone(),
        issuers: issuers.clone(),
        audiences: audiences.clone(),
        subject_prefix: subject_prefix.clone(),
    };
    let issuers = urls.into_iter().map(issuer);
    issuers
        .map(|issuer| ExternalAccess::with_issuer(issuer, restrictions.clone()))
        .collect()
}

/// A text without white space, as Backstage wants it. One that is not set is a caller who is not there.
fn read_word(options: &Reader<'_>, key: &str) -> Option<SecretString> {
    if !options.has(key) {
        options.mistake(key, "is required");
    }
    let word = options.secret(key)?;
    if word.expose_secret().contains(char::is_whitespace) {
        options.mistake(key, "must not have white space in it");
        return None;
    }
    Some(word)
}

/// What the restrictions of an entry leave of its rights; without any, everything.
fn read_restrictions(entry: &Reader<'_>) -> PluginRestrictions {
    let mut restrictions = PluginRestrictions::default();
    for restriction in &entry.list("accessRestrictions") {
        let plugin = restriction.required_string("plugin");
        let is_repeated = restrictions.insert(&plugin, read_restriction(restriction));
        // Backstage does not start with it either: nobody could say which of them counts.
        if is_repeated && !plugin.is_empty() {
            restriction.mistake("plugin", "is restricted twice");
        }
    }
    restrictions
}

fn read_restriction(restriction: &Reader<'_>) -> AccessRestrictions {
    let permissions = read_words(restriction, "permission");
    let attributes = restriction.block("permissionAttribute");
    let actions = attributes.and_then(|attributes| read_actions(&attributes));
    AccessRestrictions {
        permissions: permissions.map(|names| names.into_iter().collect()),
        actions,
    }
}

fn read_actions(attributes: &Reader<'_>) -> Option<BTreeSet<PermissionAction>> {
    let words = read_words(attributes, "action")?;
    let mut actions = BTreeSet::new();
    for word in words {
        match PermissionAction::parse(&word) {
            Some(action) => {
                actions.insert(action);
            }
            // Left out, it would leave all of them.
            None => attributes.mistake(
                "action",
                format!("must be one of {}", PermissionAction::WORDS.join(", ")),
            ),
        }
    }
    Some(actions)
}

/// Words in a list, or in one text between commas and spaces; none are as if the key were absent.
fn read_words(reader: &Reader<'_>, key: &str) -> Option<Vec<String>> {
    let texts = reader.strings(key)?;
    let words = texts.iter().flat_map(|text| text.split([',', ' ']));
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    (!words.is_empty()).then_some(words)
}
