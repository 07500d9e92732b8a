//! Configuration as Backstage reads it: several YAML files, the later over the earlier, objects merged and lists
//! replaced, `${ENV}` and `$env`/`$file`/`$include` substituted; and every mistake reported at once, with its path.

mod duration;
mod merge;
mod mistakes;
mod reader;
mod substitute;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use mistakes::{Mistake, Mistakes};
pub use reader::Reader;

/// A merged and substituted configuration.
#[derive(Clone, Debug, Default)]
pub struct Document {
    value: Value,
}

impl Document {
    /// A reader of the root. Top-level keys nobody reads belong to other plugins.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::root(&self.value)
    }
}

/// Reads and merges `files`; `env` answers for the environment.
///
/// # Errors
///
/// Every file that cannot be read or parsed and every substitution that fails, together.
pub fn load(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Document, Mistakes> {
    let mut mistakes = Vec::new();
    let mut merged = Value::Null;
    for file in files {
        match read_file(file, env) {
            Ok(value) => merge::merge(&mut merged, value),
            Err(more) => mistakes.extend(more.0),
        }
    }
    Mistakes::none_or(mistakes)?;
    Ok(Document { value: merged })
}

/// Reads one configuration from text, with no environment.
///
/// # Errors
///
/// As [`load`].
pub fn from_str(text: &str) -> Result<Document, Mistakes> {
    let value = parse(text, Path::new("configuration"))?;
    let value = substitute::substitute(value, Path::new("."), &|_| None)?;
    Ok(Document { value })
}

fn read_file(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Value, Mistakes> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Mistakes::of_file(file, format!("cannot be read: {error}")))?;
    let value = parse(&text, file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    substitute::substitute(value, folder, env).map_err(|mistakes| mistakes.in_file(file))
}

fn parse(text: &str, file: &Path) -> Result<Value, Mistakes> {
    serde_yaml::from_str(text)
        .map_err(|error| Mistakes::of_file(file, format!("is not YAML: {error}")))
}

#[cfg(test)]
mod tests;
