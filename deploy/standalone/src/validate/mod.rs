//! `freshet validate`: what the catalog would say of files that are not pushed yet.
//!
//! The same reader, model and rules as in the service, applied to a work tree, without a network
//! and without a catalog: quick enough for a hook that runs before each commit. It refuses to guess: what
//! lies in another repository is noted as unchecked, not taken for good or bad.

mod bytes;
mod check;
mod excerpt;
mod finding;
mod judge;
mod output;
mod places;
mod select;
mod settings;
mod target;
#[cfg(test)]
mod tests;
mod work_tree;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use freshet_model::location::{GithubFileUrl, LocationRef};
use freshet_runtime::config::Mistakes;

pub use excerpt::Source;
pub use finding::{Finding, Level, Report, ReportedFile, Strictness};
pub use output::{Colours, Format, render};
pub use work_tree::BaseError;

use check::{Checker, Content, Subject};
use select::Input;
use settings::Settings;
use work_tree::{Checkout, WorkTree, read_base};

/// The name under which piped text is reported.
const STDIN_NAME: &str = "<stdin>";
/// The name that piped text has in the work tree unless the location says another.
const STDIN_PATH: &str = "catalog-info.yaml";

/// What to check, and against what.
#[derive(Clone, Debug)]
pub struct Request {
    /// Files, directories, and `-` for piped text.
    pub paths: Vec<PathBuf>,
    /// Configuration files, later ones over earlier ones. None: every kind is allowed.
    pub config: Vec<PathBuf>,
    /// The URL under which the root of the work tree lies.
    pub location: Option<String>,
    /// The root of the work tree.
    pub root: Option<PathBuf>,
    /// Whether warnings count as errors.
    pub strictness: Strictness,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// A path that was given cannot be read.
    #[error("cannot read {}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory that was given cannot be listed.
    #[error("cannot list {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: ignore::Error,
    },
    /// A file is not below the root that was given.
    #[error("{} is not below the root {}", path.display(), root.display())]
    NotBelowRoot {
        /// The file.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// The location is no base.
    #[error("cannot use --location")]
    Location(#[from] BaseError),
    /// The configuration has mistakes.
    #[error("cannot use the configuration")]
    Config(#[source] Mistakes),
}

/// Checks what is asked for.
///
/// # Errors
/// If a path, the location or the configuration cannot be used at all.
pub fn validate(request: &Request, stdin: &mut dyn Read) -> Result<Report, UsageError> {
    let mut settings = Settings::read(&request.config)?;
    let kinds = settings.kinds.clone();
    let is_own_version = |version: &str| kinds.api_versions().any(|known| known == version);
    let inputs = select::select(&request.paths, &is_own_version, settings.limits.file_bytes)?;
    let mut places = WorkTrees::new(request)?;
    let mut subjects = Vec::new();
    for input in inputs {
        let subject = match input {
            Input::Stdin => places.stdin(stdin, settings.limits.file_bytes)?,
            Input::File {
                path,
                name,
                given_directory,
            } => places.file(&path, name, given_directory.as_deref())?,
        };
        settings.add_host(subject.tree.host());
        subjects.push(subject);
    }
    let mut checker = Checker::new(&settings, subjects);
    checker.run()?;
    let mut report = checker.report();
    report.settle(request.strictness);
    Ok(report)
}

/// The work trees of the given files; most often one.
struct WorkTrees {
    location: Option<String>,
    /// The file name in the location, if it has one: that of piped text.
    stdin_path: Option<String>,
    root: Option<PathBuf>,
    known: Vec<Rc<WorkTree>>,
}

impl WorkTrees {
    fn new(request: &Request) -> Result<Self, UsageError> {
        let root = request.root.as_ref().map(|root| {
            root.canonicalize().map_err(|source| UsageError::Path {
                path: root.clone(),
                source,
            })
        });
        let mut location = request.location.clone();
        let mut stdin_path = None;
        // The URL of a catalog file names its folder too.
        if let Some((folder, file)) = request.location.as_ref().and_then(|it| it.rsplit_once('/'))
            && [".yaml", ".yml"].iter().any(|end| file.ends_with(end))
        {
            stdin_path = Some(file.to_owned());
            location = Some(format!("{folder}/"));
        }
        if let Some(location) = &location {
            read_base(location, None)?;
        }
        Ok(Self {
            location,
            stdin_path,
            root: root.transpose()?,
            known: Vec::new(),
        })
    }

    fn stdin(&mut self, stdin: &mut dyn Read, bytes_max: usize) -> Result<Subject, UsageError> {
        let unreadable = |source| UsageError::Path {
            path: PathBuf::from(STDIN_NAME),
            source,
        };
        let bytes = bytes::from(stdin, bytes_max).map_err(unreadable)?;
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let here = here.map_err(unreadable)?;
        let name = self.stdin_path.as_deref().unwrap_or(STDIN_PATH);
        let file = match &self.root {
            Some(root) => root.join(name),
            None => here.join(name),
        };
        let tree = self.tree_of(&file, None)?;
        subject(tree, &file, STDIN_NAME.to_owned(), Content::Bytes(bytes))
    }

    fn file(
        &mut self,
        path: &Path,
        name: String,
        given_directory: Option<&Path>,
    ) -> Result<Subject, UsageError> {
        let tree = self.tree_of(path, given_directory)?;
        subject(tree, path, name, Content::File(path.to_owned()))
    }

    /// The root is the one that was given, that of git, the given directory, or else where the
    /// process runs, if the file is below it.
    fn tree_of(
        &mut self,
        file: &Path,
        directory: Option<&Path>,
    ) -> Result<Rc<WorkTree>, UsageError> {
        let folder = file.parent().unwrap_or(file);
        let checkout = Checkout::around(folder);
        let here = || {
            let here = std::env::current_dir().and_then(|here| here.canonicalize());
            here.ok().filter(|here| file.starts_with(here))
        };
        let root = self
            .root
            .clone()
            .or_else(|| checkout.as_ref().map(|checkout| checkout.root.clone()))
            .or_else(|| directory.map(Path::to_owned))
            .or_else(here)
            .unwrap_or_else(|| folder.to_owned());
        if let Some(known) = self.known.iter().find(|known| known.root() == root) {
            return Ok(Rc::clone(known));
        }
        let base = self.base(checkout.as_ref())?;
        let tree = Rc::new(WorkTree::new(root, base, checkout.as_ref()));
        self.known.push(Rc::clone(&tree));
        Ok(tree)
    }

    fn base(&self, checkout: Option<&Checkout>) -> Result<Option<GithubFileUrl>, BaseError> {
        let branch = checkout.and_then(Checkout::head);
        let location = self.location.as_deref();
        location
            .map(|location| read_base(location, branch.as_deref()))
            .transpose()
    }
}

fn subject(
    tree: Rc<WorkTree>,
    file: &Path,
    name: String,
    content: Content,
) -> Result<Subject, UsageError> {
    let path = tree.path_of(file).ok_or_else(|| UsageError::NotBelowRoot {
        path: file.to_owned(),
        root: tree.root().to_owned(),
    })?;
    let origin = LocationRef::new("url", &tree.url_of(&path)).ok();
    Ok(Subject {
        name,
        path,
        tree,
        content,
        origin,
    })
}
