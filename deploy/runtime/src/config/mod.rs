//! Configuration in the form of Backstage's `app-config.yaml`.
//!
//! Several files make one tree: a later file wins, objects merge key by key, lists and texts replace, and
//! `null` takes away what an earlier file said. Texts may name environment variables (`${NAME}`,
//! `${NAME:-default}`, escaped as `$${NAME}`), and `$env`, `$file` and `$include` stand for a value from
//! elsewhere. A text with a variable that is not set counts as not written at all.
//!
//! Reading never stops at the first mistake: whoever starts a process learns all of them at once, each
//! with its path and file. What is not honoured and does no harm is a warning, as most of a file was written
//! for others. Values never appear in either, because any of them may be a secret.

mod duration;
mod findings;
mod node;
mod opened;
mod reader;
mod resolve;
mod substitute;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use reader::Reader;

use node::{ConfigNode, Located};
use resolve::ConfigResolver;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The merged configuration, each value with the file it came from.
pub struct Document {
    root: Located,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// What has to be mended first.
    pub fatal: Vec<Mistake>,
    /// What alone would have been passed over; it often explains the others.
    pub warnings: Vec<Mistake>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where, such as `catalog.providers.github.acme.organization`. Empty for a whole file.
    pub path: String,
    /// In which file, if the value came from one.
    pub file: Option<PathBuf>,
    /// What, as the rest of a sentence that begins with the path.
    pub message: String,
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the configuration has mistakes")?;
        write_list(formatter, &self.fatal)?;
        if self.warnings.is_empty() {
            return Ok(());
        }
        formatter.write_str("\nalso, though these alone would not stop it")?;
        write_list(formatter, &self.warnings)
    }
}

fn write_list(formatter: &mut fmt::Formatter<'_>, mistakes: &[Mistake]) -> fmt::Result {
    mistakes
        .iter()
        .try_for_each(|mistake| write!(formatter, "\n  {mistake}"))
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        match &self.file {
            Some(file) => write!(formatter, " (in {})", file.display()),
            None => Ok(()),
        }
    }
}

/// Secrets are in it, so it does not print itself.
impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Document").finish_non_exhaustive()
    }
}

impl Document {
    /// Starts reading. Keys of the top level that nobody reads belong to others.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::root(&self.root)
    }
}

/// Reads and merges files, later ones over earlier ones, with variables from `env`.
///
/// A value that cannot be resolved is a mistake of whoever reads it.
///
/// # Errors
///
/// Every file that cannot be read. What the others say is not looked at then: half of a configuration is
/// full of mistakes that the whole does not have.
pub fn load(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Document, Mistakes> {
    let mut resolver = ConfigResolver::new(env);
    let root = files
        .iter()
        .fold(Located::empty(), |base, file| match read_file(file) {
            Ok(text) => base.merged_with(resolver.resolve_document(
                &text,
                file.parent(),
                Some(&Arc::from(file.as_path())),
            )),
            Err(error) => {
                // Reading goes on without it: what is wrong in the other files is told at the same
                // time.
                resolver.add_mistake("", Some(file), format!("cannot be read: {error}"));
                base
            }
        });
    finish_document(root, resolver)
}

/// Reads one text that names no variables and no other files.
///
/// # Errors
///
/// If it is no YAML, or no object.
pub fn from_str(text: &str) -> Result<Document, Mistakes> {
    let mut resolver = ConfigResolver::new(&|_| None);
    let root = resolver.resolve_document(text, None, None);
    finish_document(root, resolver)
}

/// The text of a file, without the mark that some editors begin it with.
fn read_file(file: &Path) -> std::io::Result<String> {
    let text = std::fs::read_to_string(file)?;
    Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn finish_document(root: Located, resolver: ConfigResolver<'_>) -> Result<Document, Mistakes> {
    Mistakes::from_lists(resolver.into_mistakes(), Vec::new())?;
    // An empty file is an empty configuration: whether something is missing in it is for its
    // readers to say.
    let root = if root.is_absent() {
        Located {
            node: ConfigNode::Block(std::collections::BTreeMap::new()),
            ..root
        }
    } else {
        root
    };
    Ok(Document { root })
}

impl Mistakes {
    /// Each once and sorted by path: the warnings, if there is nothing worse.
    fn from_lists(fatal: Vec<Mistake>, warnings: Vec<Mistake>) -> Result<Vec<Mistake>, Self> {
        let (fatal, warnings) = (sort_mistakes(fatal), sort_mistakes(warnings));
        if fatal.is_empty() {
            Ok(warnings)
        } else {
            Err(Self { fatal, warnings })
        }
    }
}

/// Two readers may have asked for the same key, and each has noted its own mistake about it.
fn sort_mistakes(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort();
    mistakes.dedup();
    mistakes
}

#[cfg(test)]
mod resolve_tests;
#[cfg(test)]
mod tests;
