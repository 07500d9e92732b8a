//! Which work tree each given file belongs to; most often there is one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use freshet_model::location::{GithubFileUrl, LocationRef, URL};

use super::ValidateRequest;
use super::content::{FileContent, current_folder, read_bounded};
use super::error::UsageError;
use super::files::FileToCheck;
use super::work_tree::{BaseError, GitCheckout, WorkTree, read_base};

/// The name under which piped text is reported.
const STDIN_NAME: &str = "<stdin>";
/// The name that piped text has in the work tree unless the location says another.
const STDIN_PATH: &str = "catalog-info.yaml";

/// What the caller says of where the files will be.
pub(super) struct GivenPlace {
    /// The URL of a folder.
    location: Option<String>,
    /// The file name in the location, if it has one: that of piped text.
    stdin_path: Option<String>,
    /// Canonical.
    root: Option<PathBuf>,
}

impl GivenPlace {
    /// Reads it.
    ///
    /// # Errors
    /// If the root is not there or the location is no page of a repository.
    pub(super) fn read(request: &ValidateRequest) -> Result<Self, UsageError> {
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
            // Once without a branch: a location that is none is told before any file is looked for.
            read_base(location, None)?;
        }
        Ok(Self {
            location,
            stdin_path,
            root: root.transpose()?,
        })
    }

    fn read_base(
        &self,
        checkout: Option<&GitCheckout>,
    ) -> Result<Option<GithubFileUrl>, BaseError> {
        let branch = checkout.and_then(GitCheckout::read_head);
        let location = self.location.as_deref();
        location
            .map(|location| read_base(location, branch.as_deref()))
            .transpose()
    }
}

/// The work trees of the given files.
pub(super) struct WorkTrees {
    place: GivenPlace,
    known: Vec<Rc<WorkTree>>,
}

impl WorkTrees {
    /// None known yet.
    pub(super) fn new(place: GivenPlace) -> Self {
        Self {
            place,
            known: Vec::new(),
        }
    }

    /// Piped text, as if it lay where the location says, or else where the process runs.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn place_stdin(
        &mut self,
        stdin: &mut dyn Read,
        bytes_max: usize,
    ) -> Result<FileToCheck, UsageError> {
        let unreadable = |source| UsageError::Path {
            path: PathBuf::from(STDIN_NAME),
            source,
        };
        let content = FileContent::Piped(read_bounded(stdin, bytes_max).map_err(unreadable)?);
        let folder = match &self.place.root {
            Some(root) => root.clone(),
            None => current_folder().map_err(unreadable)?,
        };
        let file = folder.join(self.place.stdin_path.as_deref().unwrap_or(STDIN_PATH));
        let tree = self.find_tree(&file, None)?;
        place_in_tree(tree, &file, STDIN_NAME.to_owned(), content)
    }

    /// A file at a canonical path.
    ///
    /// # Errors
    /// If it is not below the root that was given.
    pub(super) fn place_file(
        &mut self,
        path: PathBuf,
        name: String,
        given_directory: Option<&Path>,
    ) -> Result<FileToCheck, UsageError> {
        let tree = self.find_tree(&path, given_directory)?;
        place_in_tree(tree, &path.clone(), name, FileContent::OnDisk(path))
    }

    /// The root is the one that was given, that of git, the given directory, or else where the
    /// process runs, if the file is below it.
    fn find_tree(
        &mut self,
        file: &Path,
        given_directory: Option<&Path>,
    ) -> Result<Rc<WorkTree>, UsageError> {
        let folder = file.parent().unwrap_or(file);
        // Around the file and not the process: a hook may run anywhere, and a folder may hold several checkouts.
        let checkout = GitCheckout::find_around(folder);
        let current = || current_folder().ok().filter(|it| file.starts_with(it));
        let given = self.place.root.clone();
        let root = given
            .or_else(|| checkout.as_ref().map(|checkout| checkout.root.clone()))
            .or_else(|| given_directory.map(Path::to_owned))
            .or_else(current)
            .unwrap_or_else(|| folder.to_owned());
        if let Some(known) = self.known.iter().find(|known| known.root() == root) {
            return Ok(Rc::clone(known));
        }
        let base = self.place.read_base(checkout.as_ref())?;
        let tree = Rc::new(WorkTree::new(root, base, checkout.as_ref()));
        self.known.push(Rc::clone(&tree));
        Ok(tree)
    }
}

fn place_in_tree(
    tree: Rc<WorkTree>,
    file: &Path,
    name: String,
    content: FileContent,
) -> Result<FileToCheck, UsageError> {
    let path = tree.path_of(file).ok_or_else(|| UsageError::NotBelowRoot {
        path: file.to_owned(),
        root: tree.root().to_owned(),
    })?;
    let origin = LocationRef::new(URL, &tree.url_of(&path)).ok();
    Ok(FileToCheck {
        name,
        path,
        tree,
        content,
        origin,
    })
}
