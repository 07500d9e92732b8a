//! `backend.auth`: who may call an API that is not on loopback.

use freshet_runtime::config::Reader;
use freshet_store::{AccessScope, ExternalAccess};
use secrecy::{ExposeSecret as _, SecretString};

/// As Backstage wants it: a shorter token is soon guessed.
const TOKEN_CHARACTERS_MIN: usize = 8;
/// What Backstage's restrictions call this plugin, and the right to read entities.
const PLUGIN: &str = "catalog";
const READ_PERMISSION: &str = "catalog.entity.read";
const READ_ACTION: &str = "read";

/// Reads `backend.auth.externalAccess`. The rest of the block is for other plugins, or cannot be honoured.
pub(super) fn read_external_access(backend: &Reader<'_>) -> Vec<ExternalAccess> {
    let Some(auth) = backend.open_block("auth") else {
        return Vec::new();
    };
    if auth.bool("dangerouslyDisableDefaultAuthPolicy") == Some(true) {
        auth.warn(
            "dangerouslyDisableDefaultAuthPolicy",
            "is not honoured: beyond loopback the API never answers without credentials",
        );
    }
    if !auth.is_off("keys") {
        auth.warn(
            "keys",
            "is not honoured; name the secret in backend.auth.externalAccess, with `type: legacy`",
        );
    }
    // Strictly: a restriction whose key is misspelt would be no restriction.
    let entries = auth.strict_list("externalAccess");
    entries.iter().filter_map(read_entry).collect()
}

fn read_entry(entry: &Reader<'_>) -> Option<ExternalAccess> {
    let access_type = entry.required_string("type");
    let scope = read_scope(entry);
    match access_type.as_str() {
        "static" => read_static(&read_options(entry)?, scope),
        "legacy" => read_legacy(&read_options(entry)?, scope),
        "" => None,
        _ => {
            entry.ignore("options");
            entry.warn(
                "type",
                "is neither `static` nor `legacy`, and others are not supported yet: its tokens are refused",
            );
            None
        }
    }
}

fn read_options<'a>(entry: &Reader<'a>) -> Option<Reader<'a>> {
    if !entry.has("options") {
        entry.mistake("options", "is required");
    }
    entry.block("options")
}

fn read_static(options: &Reader<'_>, scope: AccessScope) -> Option<ExternalAccess> {
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
        scope,
    ))
}

fn read_legacy(options: &Reader<'_>, scope: AccessScope) -> Option<ExternalAccess> {
    let (secret, subject) = (read_word(options, "secret"), read_word(options, "subject"));
    let (secret, subject) = (secret?, subject?);
    let access = ExternalAccess::with_legacy_secret(&secret, subject.expose_secret(), scope);
    if access.is_none() {
        options.mistake("secret", "must be base64");
    }
    access
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

/// What the restrictions of an entry leave of its rights here; without any, everything.
fn read_scope(entry: &Reader<'_>) -> AccessScope {
    let restrictions = entry.list("accessRestrictions");
    if restrictions.is_empty() {
        return AccessScope::Everything;
    }
    let scopes = restrictions.iter().map(read_restriction);
    // One of another plugin is no right here, and there is at most one of ours.
    scopes.max().unwrap_or(AccessScope::Nothing)
}

fn read_restriction(restriction: &Reader<'_>) -> AccessScope {
    let plugin = restriction.required_string("plugin");
    let permissions = read_words(restriction, "permission");
    let attributes = restriction.block("permissionAttribute");
    let actions = attributes.and_then(|attributes| read_words(&attributes, "action"));
    if plugin != PLUGIN {
        return AccessScope::Nothing;
    }
    if permissions.is_none() && actions.is_none() {
        return AccessScope::Everything;
    }
    let allows = |words: Option<Vec<String>>, wanted: &str| {
        words.is_none_or(|words| words.iter().any(|word| word == wanted))
    };
    // Both must let it pass. What else they name is not told apart here, and so it is no right.
    if allows(permissions, READ_PERMISSION) && allows(actions, READ_ACTION) {
        AccessScope::Reads
    } else {
        AccessScope::Nothing
    }
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
