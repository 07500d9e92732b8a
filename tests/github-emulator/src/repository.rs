//! A repository as the API shows it: its facts, its refs, and what of it is kept in memory.
//!
//! A page of a hundred repositories must not open a hundred directories, so the trees of recent
//! commits and the blobs read so far are remembered; everything else is read through gix.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Result, anyhow};
use bytes::Bytes;

use crate::generated::GeneratedFile;
use crate::git::{self, Bare, CommitRecord, Oid, Snapshot};
use crate::view::View;

/// Trees of this many recent commits are kept per repository.
const SNAPSHOTS_MAX: usize = 64;
/// Blobs kept per repository.
const BLOBS_MAX: usize = 512;
/// Blobs above this size are always read from disk.
const BLOB_KEPT_BYTES_MAX: usize = 512 * 1024;

/// Who may see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Visibility {
    /// Everyone.
    #[default]
    Public,
    /// Whoever was given access.
    Private,
    /// Members of the enterprise.
    Internal,
}

impl Visibility {
    /// The word GitHub's REST API and webhooks use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Internal => "internal",
        }
    }
}

/// What a repository can be created as.
#[derive(Clone, Debug)]
pub struct RepoOptions {
    /// Read-only.
    pub archived: bool,
    /// Copied from another repository.
    pub fork: bool,
    /// Who may see it.
    pub visibility: Visibility,
    /// Topics, in order.
    pub topics: Vec<String>,
    /// Short name of the default branch.
    pub default_branch: String,
    /// One line about it.
    pub description: Option<String>,
}

impl Default for RepoOptions {
    fn default() -> Self {
        Self {
            archived: false,
            fork: false,
            visibility: Visibility::Public,
            topics: Vec::new(),
            default_branch: "main".to_owned(),
            description: None,
        }
    }
}

/// What is true of a repository at one moment.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) options: RepoOptions,
    /// Seconds since the epoch.
    pub(super) created_at: i64,
    pub(super) pushed_at: i64,
    /// Full ref names.
    pub(super) refs: BTreeMap<String, Oid>,
}

impl Facts {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn default_ref(&self) -> String {
        format!("refs/heads/{}", self.options.default_branch)
    }

    pub(super) fn head(&self) -> Option<Oid> {
        self.refs.get(&self.default_ref()).copied()
    }
}

/// How long the API keeps showing the head from before a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleUntil {
    /// This many API requests that look at the repository have been answered.
    Calls(usize),
    /// The test releases it.
    Released,
}

struct Stale {
    facts: Arc<Facts>,
    hidden: HashSet<Oid>,
    until: StaleUntil,
    last_request: Option<u64>,
}

struct State {
    facts: Arc<Facts>,
    stale: Option<Stale>,
    /// Applies from the next push on.
    stale_next: Option<StaleUntil>,
    concealed: bool,
    snapshots: HashMap<Oid, Arc<Snapshot>>,
    snapshot_order: VecDeque<Oid>,
    blobs: HashMap<Oid, Bytes>,
}

/// One repository. Its id survives renames and transfers.
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) node_id: String,
    storage: Storage,
    readings: AtomicUsize,
    state: Mutex<State>,
}

/// Where a repository's objects are.
enum Storage {
    /// In a folder that git understands.
    Folder(Bare),
    /// Nowhere: its one file is made anew whenever it is asked for.
    Generated(GeneratedFile),
}

impl Repository {
    pub(super) fn create(id: u64, directory: PathBuf, facts: Facts) -> Result<Self> {
        Ok(Self {
            id,
            node_id: super::ids::node_id("R", id),
            storage: Storage::Folder(Bare::create(directory, &facts.options.default_branch)?),
            readings: AtomicUsize::new(0),
            state: Mutex::new(State::new(facts)),
        })
    }

    /// A repository of one commit with one file, which is in no folder.
    pub(super) fn generate(id: u64, mut facts: Facts, file: GeneratedFile) -> Self {
        let head = file.commit_id();
        facts.refs.insert(facts.default_ref(), head);
        let mut state = State::new(facts);
        state.snapshots.insert(head, Arc::new(file.snapshot()));
        Self {
            id,
            node_id: super::ids::node_id("R", id),
            storage: Storage::Generated(file),
            readings: AtomicUsize::new(0),
            state: Mutex::new(state),
        }
    }

    /// Its folder.
    ///
    /// # Errors
    ///
    /// If it is generated and so has none.
    pub(super) fn bare(&self) -> Result<&Bare> {
        match &self.storage {
            Storage::Folder(bare) => Ok(bare),
            Storage::Generated(_) => Err(anyhow!("a generated repository is in no folder")),
        }
    }

    /// The text of one of its files was shown.
    pub(super) fn note_reading(&self) {
        self.readings.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn readings(&self) -> usize {
        self.readings.load(Ordering::Relaxed)
    }

    fn open(&self) -> Option<gix::Repository> {
        self.bare().ok()?.open().ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no holder of a repository's state panics")
    }

    /// The truth, whatever the API shows.
    pub(super) fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.state().facts)
    }

    /// Changes facts and returns them as they are now.
    pub(super) fn update(&self, change: impl FnOnce(&mut Facts)) -> Arc<Facts> {
        let mut state = self.state();
        change(Arc::make_mut(&mut state.facts));
        Arc::clone(&state.facts)
    }

    /// Moves refs as a push does; `commits` are the ones a stale API must not know yet.
    pub(super) fn pushed(
        &self,
        moved: &[(String, Option<Oid>)],
        commits: &[Oid],
        now: i64,
    ) -> Arc<Facts> {
        let mut state = self.state();
        if let Some(until) = state.stale_next.take() {
            let facts = Arc::clone(&state.facts);
            state.stale = Some(Stale {
                facts,
                hidden: HashSet::new(),
                until,
                last_request: None,
            });
        }
        if let Some(stale) = &mut state.stale {
            stale.hidden.extend(commits.iter().copied());
        }
        let facts = Arc::make_mut(&mut state.facts);
        for (name, target) in moved {
            match target {
                Some(oid) => facts.refs.insert(name.clone(), *oid),
                None => facts.refs.remove(name),
            };
        }
        facts.pushed_at = now;
        Arc::clone(&state.facts)
    }

    pub(super) fn stale_after_next_push(&self, until: StaleUntil) {
        self.state().stale_next = Some(until);
    }

    pub(super) fn release_stale(&self) {
        let mut state = self.state();
        state.stale = None;
        state.stale_next = None;
    }

    pub(super) fn conceal(&self, concealed: bool) {
        self.state().concealed = concealed;
    }

    /// What API request number `request` sees; `None` if the caller may not know the repository.
    pub(super) fn view(self: &Arc<Self>, request: u64) -> Option<View> {
        let mut state = self.state();
        if state.concealed {
            return None;
        }
        if state
            .stale
            .as_mut()
            .is_some_and(|stale| stale.is_over(request))
        {
            state.stale = None;
        }
        let (facts, hidden) = match &state.stale {
            Some(stale) => (&stale.facts, stale.hidden.clone()),
            None => (&state.facts, HashSet::new()),
        };
        Some(View {
            repository: Arc::clone(self),
            facts: Arc::clone(facts),
            hidden,
        })
    }

    /// The listing of a commit, from memory or from disk. `None`: no such commit.
    pub(super) fn snapshot(&self, commit: Oid) -> Option<Arc<Snapshot>> {
        if let Some(held) = self.state().snapshots.get(&commit) {
            return Some(Arc::clone(held));
        }
        let repository = self.open()?;
        let snapshot = Arc::new(git::snapshot(&repository, commit).ok()?);
        self.remember(commit, Arc::clone(&snapshot), []);
        Some(snapshot)
    }

    /// Keeps a commit's listing and some blobs in memory.
    pub(super) fn remember(
        &self,
        commit: Oid,
        snapshot: Arc<Snapshot>,
        blobs: impl IntoIterator<Item = (Oid, Bytes)>,
    ) {
        let mut state = self.state();
        if state.snapshots.insert(commit, snapshot).is_none() {
            state.snapshot_order.push_back(commit);
        }
        if state.snapshot_order.len() > SNAPSHOTS_MAX
            && let Some(oldest) = state.snapshot_order.pop_front()
        {
            state.snapshots.remove(&oldest);
        }
        for (oid, content) in blobs {
            state.remember_blob(oid, content);
        }
    }

    /// The content of a blob. `None`: no such blob.
    pub(super) fn blob(&self, oid: Oid) -> Option<Bytes> {
        if let Storage::Generated(file) = &self.storage {
            // Not kept: ten thousand of them would be a gigabyte and more.
            return (file.blob_id() == oid).then(|| file.content());
        }
        if let Some(held) = self.state().blobs.get(&oid) {
            return Some(held.clone());
        }
        let repository = self.open()?;
        let mut blob = repository.find_blob(oid).ok()?;
        let content = Bytes::from(blob.take_data());
        self.state().remember_blob(oid, content.clone());
        Some(content)
    }

    /// The commit that an annotated tag is put on; anything else is itself.
    pub(super) fn peel(&self, oid: Oid) -> Oid {
        if self.state().snapshots.contains_key(&oid) {
            return oid;
        }
        let opened = self.open();
        let target = opened.and_then(|opened| {
            let tag = opened.find_object(oid).ok()?.try_into_tag().ok()?;
            Some(tag.target_id().ok()?.detach())
        });
        target.unwrap_or(oid)
    }

    /// The object whose id begins with these digits, if there is one only.
    pub(super) fn find_short(&self, digits: &str) -> Option<Oid> {
        let prefix = gix::hash::Prefix::from_hex(digits).ok()?;
        let found = self.open()?.objects.lookup_prefix(prefix, None);
        found.ok()??.ok()
    }

    /// What a commit says about itself. `None`: no such commit.
    pub(super) fn commit_record(&self, id: Oid) -> Option<CommitRecord> {
        git::commit_record(&self.open()?, id).ok()
    }

    /// The bytes of a file at the true head of the default branch.
    pub(super) fn file_at_head(&self, path: &str) -> Result<Option<Bytes>> {
        let Some(head) = self.facts().head() else {
            return Ok(None);
        };
        let snapshot = self
            .snapshot(head)
            .ok_or_else(|| anyhow!("commit {head} cannot be read"))?;
        Ok(snapshot
            .files
            .get(path)
            .and_then(|entry| self.blob(entry.oid)))
    }
}

impl Stale {
    /// Counts `request` once, however many times it looks.
    fn is_over(&mut self, request: u64) -> bool {
        let StaleUntil::Calls(left) = &mut self.until else {
            return false;
        };
        if self.last_request == Some(request) {
            return false;
        }
        if *left == 0 {
            return true;
        }
        *left -= 1;
        self.last_request = Some(request);
        false
    }
}

impl State {
    fn new(facts: Facts) -> Self {
        Self {
            facts: Arc::new(facts),
            stale: None,
            stale_next: None,
            concealed: false,
            snapshots: HashMap::new(),
            snapshot_order: VecDeque::new(),
            blobs: HashMap::new(),
        }
    }

    fn remember_blob(&mut self, oid: Oid, content: Bytes) {
        if content.len() > BLOB_KEPT_BYTES_MAX {
            return;
        }
        if self.blobs.len() >= BLOBS_MAX {
            self.blobs.clear();
        }
        self.blobs.insert(oid, content);
    }
}
