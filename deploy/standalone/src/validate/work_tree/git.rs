//! What a checkout says of itself, read from its files.

use std::path::{Path, PathBuf};

use freshet_model::location::{GithubFileUrl, Spelling};
use url::Url;

/// More than any configuration or reference has.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
const BRANCHES: &str = "refs/heads/";

/// A work tree of git.
#[derive(Clone, Debug)]
pub(in crate::validate) struct GitCheckout {
    /// Its directory, as the path that was asked for leads to it.
    pub(in crate::validate) root: PathBuf,
    /// Where its own files are: the current branch.
    directory: PathBuf,
    /// Where the files are that all work trees of a repository share: the configuration.
    common: PathBuf,
}

impl GitCheckout {
    /// The checkout that a canonical directory is in.
    pub(in crate::validate) fn find_around(directory: &Path) -> Option<Self> {
        directory.ancestors().find_map(Self::open_at)
    }

    fn open_at(root: &Path) -> Option<Self> {
        let dot_git = root.join(".git");
        let directory = if dot_git.is_dir() {
            dot_git
        } else {
            // A further work tree, or a submodule.
            let text = read_text(&dot_git)?;
            root.join(text.strip_prefix("gitdir:")?.trim())
        };
        let common = match read_text(&directory.join("commondir")) {
            Some(common) => directory.join(common.trim()),
            None => directory.clone(),
        };
        directory.join("HEAD").is_file().then(|| Self {
            root: root.to_owned(),
            directory,
            common,
        })
    }

    /// The branch that is checked out; the commit if it is none.
    pub(in crate::validate) fn read_head(&self) -> Option<String> {
        let head = read_text(&self.directory.join("HEAD"))?;
        let head = head.trim();
        let name = match head.strip_prefix("ref:") {
            Some(name) => name.trim().strip_prefix(BRANCHES)?,
            None => head,
        };
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The page of its top folder at the remote it came from.
    pub(in crate::validate) fn read_page(&self) -> Option<GithubFileUrl> {
        let origin = find_origin(&read_text(&self.common.join("config"))?)?;
        let (base, owner, repository) = parse_remote(&origin)?;
        Some(GithubFileUrl {
            base,
            owner,
            repository,
            git_ref: self.read_head()?,
            path: String::new(),
            spelling: Spelling::Blob,
        })
    }
}

fn read_text(file: &Path) -> Option<String> {
    use std::io::Read as _;

    let mut text = String::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The URL of the remote `origin` in a configuration of git.
pub(super) fn find_origin(config: &str) -> Option<String> {
    let mut is_origin = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            is_origin = line.eq_ignore_ascii_case("[remote \"origin\"]");
        } else if is_origin
            && let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("url")
        {
            return Some(value.trim().trim_matches('"').to_owned());
        }
    }
    None
}

/// The address of the web pages, the owner and the name of the repository at a remote.
pub(super) fn parse_remote(remote: &str) -> Option<(String, String, String)> {
    let (base, path) = match Url::parse(remote) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            // The origin leaves out user and password: this URL is shown.
            (url.origin().ascii_serialization(), url.path().to_owned())
        }
        Ok(url) if matches!(url.scheme(), "ssh" | "git" | "git+ssh") => (
            format!("https://{}", url.host_str()?),
            url.path().to_owned(),
        ),
        // user@host:owner/name
        Ok(_) | Err(_) => {
            let (host, path) = remote.split_once(':')?;
            let host = host.rsplit('@').next()?;
            let is_host = !host.is_empty() && !host.contains(['/', '\\']) && host.contains('.');
            let base = is_host.then(|| format!("https://{host}"))?;
            (base, path.to_owned())
        }
    };
    let path = path.trim_matches('/');
    let (owner, name) = path.strip_suffix(".git").unwrap_or(path).split_once('/')?;
    let is_pair = !owner.is_empty() && !name.is_empty() && !name.contains('/');
    is_pair.then(|| (base, owner.to_owned(), name.to_owned()))
}
