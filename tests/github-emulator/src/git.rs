//! One bare git repository on disk, and what the emulator reads from and writes to it.
//!
//! Objects are written through gix into a skeleton directory made by hand: `git init` costs
//! milliseconds per repository and a thousand are wanted within seconds. Everything written here is
//! what real git expects, so `git clone` and `git push` work on it. It refuses SHA-256 repositories.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use gix::objs::tree::{Entry, EntryKind};
use gix::objs::{Commit, Tree, Write};

/// The id of a git object.
pub(super) type Oid = gix::ObjectId;

/// Compression and repacking are off: the repositories are small and short-lived.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = false\n\
    \tcompression = 1\n[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n\tunpackLimit = 1000000\n\
    [http]\n\treceivepack = true\n[uploadpack]\n\tallowAnySHA1InWant = true\n";

/// A person as git writes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
}

/// One file in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileEntry {
    pub(super) kind: EntryKind,
    pub(super) oid: Oid,
}

/// Every path of a commit, flat. Small repositories make the flat form cheaper than walking trees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Object id of the root tree.
    pub(super) root: Option<Oid>,
    pub(super) files: BTreeMap<String, FileEntry>,
    /// Directories by path, without the root.
    pub(super) directories: BTreeMap<String, Oid>,
}

/// Paths that differ between a commit and its first parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) modified: Vec<String>,
}

impl Changes {
    /// What turns `before` into `after`. Git has no renames: one is a removal and an addition.
    pub(super) fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let mut changes = Self::default();
        for (path, entry) in &after.files {
            match before.files.get(path) {
                None => changes.added.push(path.clone()),
                Some(held) if held != entry => changes.modified.push(path.clone()),
                Some(_) => {}
            }
        }
        let gone = before
            .files
            .keys()
            .filter(|path| !after.files.contains_key(*path));
        changes.removed.extend(gone.cloned());
        changes
    }
}

/// What a commit says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommitRecord {
    pub(super) id: Oid,
    pub(super) tree: Oid,
    pub(super) parents: Vec<Oid>,
    pub(super) message: String,
    pub(super) author: Person,
    pub(super) committer: Person,
    /// Seconds since the epoch.
    pub(super) time: i64,
}

/// A bare repository directory.
#[derive(Clone)]
pub(super) struct Bare {
    directory: PathBuf,
    objects: gix::odb::loose::Store,
}

impl Bare {
    /// Makes the directory with what git needs to accept it as a repository.
    pub(super) fn create(directory: PathBuf, default_branch: &str) -> Result<Self> {
        for part in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            fs::create_dir_all(directory.join(part)).with_context(|| format!("create {part}"))?;
        }
        fs::write(directory.join("config"), CONFIG).context("write the repository's config")?;
        let objects = gix::odb::loose::Store::at(directory.join("objects"), gix::hash::Kind::Sha1);
        let bare = Self { directory, objects };
        bare.set_head(default_branch)?;
        Ok(bare)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Points `HEAD` at a branch, which need not exist yet.
    pub(super) fn set_head(&self, branch: &str) -> Result<()> {
        self.replace("HEAD", &format!("ref: refs/heads/{branch}\n"))
    }

    /// Opens the repository for reading and walking.
    pub(super) fn open(&self) -> Result<gix::Repository> {
        gix::open_opts(&self.directory, gix::open::Options::isolated())
            .map_err(|error| anyhow!("open {}: {error:?}", self.directory.display()))
    }

    pub(super) fn write_blob(&self, content: &[u8]) -> Result<Oid> {
        self.write(gix::objs::Kind::Blob, content)
    }

    /// Writes the trees of `files` and returns them as a snapshot.
    pub(super) fn write_trees(&self, files: BTreeMap<String, FileEntry>) -> Result<Snapshot> {
        let mut directories = BTreeMap::new();
        let listed: Vec<_> = files
            .iter()
            .map(|(path, entry)| (path.as_str(), *entry))
            .collect();
        let root = self.write_tree("", &listed, &mut directories)?;
        Ok(Snapshot {
            root: Some(root),
            files,
            directories,
        })
    }

    fn write_tree(
        &self,
        prefix: &str,
        files: &[(&str, FileEntry)],
        directories: &mut BTreeMap<String, Oid>,
    ) -> Result<Oid> {
        let mut entries = Vec::new();
        let mut rest = files;
        while let Some((path, file)) = rest.first().copied() {
            let local = &path[prefix.len()..];
            let Some((directory, _)) = local.split_once('/') else {
                entries.push(Entry {
                    mode: file.kind.into(),
                    filename: local.into(),
                    oid: file.oid,
                });
                rest = &rest[1..];
                continue;
            };
            let inner = format!("{prefix}{directory}/");
            let (inside, after) =
                rest.split_at(rest.partition_point(|(path, _)| path.starts_with(&inner)));
            let oid = self.write_tree(&inner, inside, directories)?;
            directories.insert(format!("{prefix}{directory}"), oid);
            entries.push(Entry {
                mode: EntryKind::Tree.into(),
                filename: directory.into(),
                oid,
            });
            rest = after;
        }
        entries.sort();
        self.write_whole(&Tree { entries })
    }

    /// Writes a commit object; no ref moves.
    pub(super) fn write_commit(&self, commit: &NewCommit<'_>) -> Result<CommitRecord> {
        let author = signature(commit.author, commit.time);
        let id = self.write_whole(&Commit {
            tree: commit.tree,
            parents: commit.parents.iter().copied().collect(),
            author: author.clone(),
            committer: author,
            encoding: None,
            message: commit.message.into(),
            extra_headers: Vec::new(),
        })?;
        Ok(CommitRecord {
            id,
            tree: commit.tree,
            parents: commit.parents.to_vec(),
            message: commit.message.to_owned(),
            author: commit.author.clone(),
            committer: commit.author.clone(),
            time: commit.time,
        })
    }

    /// Writes an annotated tag on a commit; no ref is made.
    pub(super) fn write_tag(&self, name: &str, commit: Oid, tagger: &Person) -> Result<Oid> {
        self.write_whole(&gix::objs::Tag {
            target: commit,
            target_kind: gix::objs::Kind::Commit,
            name: name.into(),
            tagger: Some(signature(tagger, 0)),
            message: name.into(),
            signature: None,
        })
    }

    /// Removes a ref.
    pub(super) fn remove_ref(&self, name: &str) -> Result<()> {
        fs::remove_file(self.directory.join(name)).with_context(|| format!("remove {name}"))
    }

    /// Moves or creates a ref, atomically for readers.
    pub(super) fn set_ref(&self, name: &str, oid: Oid) -> Result<()> {
        self.replace(name, &format!("{oid}\n"))
    }

    /// All refs below `refs/`, with what they point at.
    pub(super) fn refs(&self) -> Result<BTreeMap<String, Oid>> {
        let repository = self.open()?;
        let mut found = BTreeMap::new();
        let platform = repository
            .references()
            .map_err(|error| anyhow!("list refs: {error:?}"))?;
        let all = platform
            .all()
            .map_err(|error| anyhow!("list refs: {error:?}"))?;
        for reference in all.flatten() {
            if let Some(oid) = reference.try_id() {
                found.insert(reference.name().as_bstr().to_string(), oid.detach());
            }
        }
        Ok(found)
    }

    fn write(&self, kind: gix::objs::Kind, content: &[u8]) -> Result<Oid> {
        let oid = gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, content)
            .map_err(|error| anyhow!("hash an object: {error:?}"))?;
        if self.objects.contains(&oid) {
            return Ok(oid);
        }
        self.objects
            .write_buf_with_known_id(kind, content, oid)
            .map_err(|error| anyhow!("write object {oid}: {error:?}"))
    }

    fn write_whole(&self, object: &dyn gix::objs::WriteTo) -> Result<Oid> {
        let mut encoded = Vec::new();
        object.write_to(&mut encoded).context("encode an object")?;
        self.write(object.kind(), &encoded)
    }

    fn replace(&self, name: &str, content: &str) -> Result<()> {
        let target = self.directory.join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("create the folder of {name}"))?;
        }
        let staged = self.directory.join("freshet-staged-ref");
        fs::write(&staged, content).with_context(|| format!("stage {name}"))?;
        fs::rename(&staged, &target).with_context(|| format!("replace {name}"))
    }
}

/// A commit to be written.
pub(super) struct NewCommit<'a> {
    pub(super) tree: Oid,
    pub(super) parents: &'a [Oid],
    pub(super) author: &'a Person,
    pub(super) message: &'a str,
    pub(super) time: i64,
}

fn signature(person: &Person, time: i64) -> gix::actor::Signature {
    gix::actor::Signature {
        name: person.name.as_str().into(),
        email: person.email.as_str().into(),
        time: gix::date::Time::new(time, 0),
    }
}

/// Reads the flat listing of a commit's tree.
pub(super) fn snapshot(repository: &gix::Repository, commit: Oid) -> Result<Snapshot> {
    let root = commit_record(repository, commit)?.tree;
    let mut snapshot = Snapshot {
        root: Some(root),
        ..Snapshot::default()
    };
    let mut pending = vec![(String::new(), root)];
    while let Some((prefix, oid)) = pending.pop() {
        let tree = repository
            .find_tree(oid)
            .map_err(|error| anyhow!("read tree {oid}: {error:?}"))?;
        for entry in tree.iter() {
            let entry = entry.map_err(|error| anyhow!("decode tree {oid}: {error:?}"))?;
            let path = format!("{prefix}{}", entry.filename());
            if entry.mode().is_tree() {
                snapshot.directories.insert(path.clone(), entry.object_id());
                pending.push((format!("{path}/"), entry.object_id()));
            } else {
                snapshot.files.insert(
                    path,
                    FileEntry {
                        kind: entry.kind(),
                        oid: entry.object_id(),
                    },
                );
            }
        }
    }
    Ok(snapshot)
}

/// Reads what a commit says about itself.
pub(super) fn commit_record(repository: &gix::Repository, id: Oid) -> Result<CommitRecord> {
    let commit = repository
        .find_commit(id)
        .map_err(|error| anyhow!("read commit {id}: {error:?}"))?;
    let decoded = commit
        .decode()
        .map_err(|error| anyhow!("decode commit {id}: {error:?}"))?;
    let person = |signature: gix::actor::SignatureRef<'_>| Person {
        name: signature.name.to_string(),
        email: signature.email.to_string(),
    };
    let author = commit
        .author()
        .map_err(|error| anyhow!("author of {id}: {error:?}"))?;
    let committer = commit
        .committer()
        .map_err(|error| anyhow!("committer of {id}: {error:?}"))?;
    Ok(CommitRecord {
        id,
        tree: decoded.tree(),
        parents: decoded.parents().collect(),
        message: decoded.message.to_string(),
        author: person(author),
        committer: person(committer),
        time: commit
            .time()
            .map_err(|error| anyhow!("time of {id}: {error:?}"))?
            .seconds,
    })
}

/// Commits reachable from `tip` and from none of `hidden`, newest first.
pub(super) fn walk(repository: &gix::Repository, tip: Oid, hidden: &[Oid]) -> Result<Vec<Oid>> {
    let walk = repository
        .rev_walk([tip])
        .with_hidden(hidden.iter().copied())
        .all()
        .map_err(|error| anyhow!("walk from {tip}: {error:?}"))?;
    walk.map(|info| {
        info.map(|info| info.id)
            .map_err(|error| anyhow!("walk from {tip}: {error:?}"))
    })
    .collect()
}
