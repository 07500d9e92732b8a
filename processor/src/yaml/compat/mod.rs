//! Where the scanner and the npm package `yaml`, which Backstage reads with, differ.

pub(super) mod char_substitution;
pub(super) mod scanner_fixup;
pub(super) mod scanner_messages;
pub(super) mod trailing_indent;
pub(super) mod yaml11;
