//! Configuration in the form of Backstage's `app-config.yaml`.
//!
//! Several files make one tree: a later file wins, objects merge key by key, lists and texts replace, and
//! `null` takes away what an earlier file said. Texts may name environment variables (`${NAME}`,
//! `${NAME:-default}`, escaped as `$${NAME}`), and `$env`, `$file` and `$include` stand for a value from
//! elsewhere. A text with a variable that is not set counts as not written at all.
//!
//! Reading never stops at the first mistake: whoever starts a process learns all of them at once, each
//! with its path and file. Values never appear in a mistake, because any of them may be a secret.

mod duration;
mod node;
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

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

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
        self.0
            .iter()
            .try_for_each(|mistake| write!(formatter, "\n  {mistake}"))
    }
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
    Mistakes::from_list(resolver.into_mistakes())?;
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
    /// Sorted by path, each once; no mistakes is no error.
    fn from_list(mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        // Two readers may have asked for the same key, and each has noted its own mistake about it.
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Self(mistakes))
        }
    }
}

#[cfg(test)]
mod tests;
