//! The handle tests and benches hold: start, stop, and one verb per thing that can happen on GitHub.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engine::{Engine, Moved, Onto};
use super::hooks::{self, DeliveryRecord, Event, HookMode, ReleaseOrder};
use super::knobs::Fault;
use super::repository::{RepoOptions, StaleUntil};
use super::requests::{RequestKind, RequestRecord};
use super::server;
use super::world::{Member, Team};

/// How long `stop` waits for what is under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How the emulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The only credential the API accepts. Without one, everybody may see everything.
    pub token: Option<String>,
    /// Installation id shown in hooks.
    pub installation: Option<u64>,
    /// Points per hour and resource.
    pub rate_limit: u64,
    /// Hooks being delivered at the same time.
    pub hook_concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: None,
            installation: None,
            rate_limit: 100_000,
            hook_concurrency: 256,
        }
    }
}

/// The id of a commit, forty hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitSha(String);

impl CommitSha {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A commit that is made and an event that is not sent yet.
#[derive(Clone, Debug)]
pub struct PreparedPush {
    event: Arc<Event>,
    commit: CommitSha,
}

impl PreparedPush {
    /// The new head.
    #[must_use]
    pub fn commit(&self) -> &CommitSha {
        &self.commit
    }

    /// GUID the event is delivered under.
    #[must_use]
    pub fn guid(&self) -> &str {
        &self.event.guid
    }

    /// Full name of the repository.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.event.repository.as_ref().map_or("", |(_, name)| name)
    }

    /// The body, byte for byte as it is sent.
    #[must_use]
    pub fn body(&self) -> bytes::Bytes {
        self.event.body.clone()
    }

    /// All headers, the signature included.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        hooks::headers(&self.event)
    }
}

/// A running emulator. Dropping it stops it.
pub struct GithubEmulator {
    engine: Arc<Engine>,
    address: SocketAddr,
    shutdown: CancellationToken,
    tracker: TaskTracker,
    _directory: TempDir,
}

impl Drop for GithubEmulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl GithubEmulator {
    /// Binds, makes a temporary folder for the repositories, and serves.
    pub async fn start(options: Options) -> Result<Self> {
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("listen on {}", options.listen))?;
        let address = listener.local_addr().context("read the bound address")?;
        let directory = tempfile::Builder::new()
            .prefix("github-emulator-")
            .tempdir()
            .context("make the repositories' folder")?;
        let base = format!("http://{address}");
        let engine = Arc::new(Engine::new(base, options, directory.path().to_owned()));
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        tracker.spawn(server::serve(
            listener,
            Arc::clone(&engine),
            shutdown.clone(),
        ));
        tracker.close();
        Ok(Self {
            engine,
            address,
            shutdown,
            tracker,
            _directory: directory,
        })
    }

    /// Stops serving and waits, not for long, for hooks being delivered.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let finished = async {
            self.tracker.wait().await;
            self.engine.hooks.finish().await;
        };
        if tokio::time::timeout(STOP_TIMEOUT, finished).await.is_err() {
            tracing::warn!("The emulator was stopped with hooks still under way.");
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`; repositories are cloned from `<base>/<org>/<repo>.git`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.engine.base
    }

    /// Base of the REST API, as on GitHub Enterprise Server.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.engine.base)
    }

    /// Where GraphQL queries are posted.
    #[must_use]
    pub fn graphql_url(&self) -> String {
        format!("{}/api/graphql", self.engine.base)
    }

    /// Address a repository is cloned from and pushed to.
    #[must_use]
    pub fn clone_url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.engine.base)
    }
}

/// What happens on GitHub. Methods fail if a repository or organisation they name does not exist.
impl GithubEmulator {
    /// Makes an organisation, if there is none of that name, and returns its id.
    pub fn create_org(&self, login: &str) -> u64 {
        self.engine.create_org(login).id
    }

    /// Makes an empty repository and returns its id. No event is sent.
    pub fn create_repo(&self, org: &str, name: &str, options: RepoOptions) -> Result<u64> {
        Ok(self.engine.create_repo(org, name, options)?.id)
    }

    /// Makes many repositories with one commit each. No event is sent.
    pub fn seed<Name, Path, Content>(
        &self,
        org: &str,
        repositories: Vec<(Name, Vec<(Path, Content)>)>,
    ) -> Result<()>
    where
        Name: AsRef<str>,
        Path: AsRef<str>,
        Content: AsRef<str>,
    {
        for (name, files) in &repositories {
            self.engine
                .create_repo(org, name.as_ref(), RepoOptions::default())?;
            let files: Vec<_> = files
                .iter()
                .map(|(path, content)| (path.as_ref(), Some(content.as_ref())))
                .collect();
            self.commit_quietly(&format!("{org}/{}", name.as_ref()), &files, "Begin")?;
        }
        Ok(())
    }

    /// Commits to the default branch and sends the push event.
    pub fn commit(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        let moved = self
            .engine
            .commit(full_name, None, files, message, Onto::Head)?;
        Ok(self.announce(&moved))
    }

    /// Commits to a branch, made from the default branch if it is new, and sends the push event.
    pub fn commit_to(
        &self,
        full_name: &str,
        branch: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        let moved = self
            .engine
            .commit(full_name, Some(branch), files, message, Onto::Head)?;
        Ok(self.announce(&moved))
    }

    /// Commits to the default branch; no event is sent.
    pub fn commit_quietly(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        Ok(sha(&self.engine.commit(
            full_name,
            None,
            files,
            message,
            Onto::Head,
        )?))
    }

    /// Replaces the head of the default branch by a commit on its parent and sends the push event.
    pub fn force_push(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        let moved = self
            .engine
            .commit(full_name, None, files, message, Onto::Parent)?;
        Ok(self.announce(&moved))
    }

    /// Commits to the default branch now; the event waits for [`fire`](Self::fire). The organisation must have a hook.
    pub fn prepare_push(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<PreparedPush> {
        let moved = self
            .engine
            .commit(full_name, None, files, message, Onto::Head)?;
        let event = self
            .engine
            .push_event(&moved)
            .with_context(|| format!("the owner of {full_name} has no hook"))?;
        Ok(PreparedPush {
            event,
            commit: sha(&moved),
        })
    }

    /// Starts delivering a prepared push, as the hook mode says.
    pub fn fire(&self, prepared: &PreparedPush) {
        self.engine.hooks.fire(Arc::clone(&prepared.event));
    }

    /// Delivers a prepared push, whatever the hook mode, and returns the receiver's status.
    pub async fn fire_and_wait(&self, prepared: &PreparedPush) -> Option<u16> {
        self.engine.hooks.deliver(Arc::clone(&prepared.event)).await
    }

    /// Head of the default branch. `None`: nothing was committed yet.
    pub fn head(&self, full_name: &str) -> Result<Option<CommitSha>> {
        Ok(self
            .engine
            .repository(full_name)?
            .facts()
            .head()
            .map(|oid| CommitSha(oid.to_string())))
    }

    /// Content of a file at the head of the default branch.
    pub fn file(&self, full_name: &str, path: &str) -> Result<Option<String>> {
        let content = self.engine.repository(full_name)?.file_at_head(path)?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Full names of an organisation's repositories, in the order they were made.
    #[must_use]
    pub fn repositories(&self, org: &str) -> Vec<String> {
        let held = self.engine.read(|world| world.repositories_of(org));
        held.iter()
            .map(|repository| repository.facts().full_name())
            .collect()
    }

    /// Numeric id of a repository.
    pub fn repository_id(&self, full_name: &str) -> Result<u64> {
        Ok(self.engine.repository(full_name)?.id)
    }

    /// Deletes a repository; its owner's hook hears of it.
    pub fn delete_repo(&self, full_name: &str) -> Result<()> {
        self.engine.delete(full_name)
    }

    /// Gives a repository another name; its ids stay, its old name leads to it, the hook hears of it.
    pub fn rename_repo(&self, full_name: &str, to: &str) -> Result<()> {
        self.engine.rename(full_name, to)
    }

    /// Changes what a repository is (archived, topics, default branch …). No event is sent.
    pub fn change_repo(
        &self,
        full_name: &str,
        change: impl FnOnce(&mut RepoOptions),
    ) -> Result<()> {
        let repository = self.engine.repository(full_name)?;
        let facts = repository.update(|facts| change(&mut facts.options));
        repository.bare.set_head(&facts.options.default_branch)
    }

    /// Sets the organisation's webhook and returns its id. No ping is sent.
    pub fn set_hook(&self, org: &str, url: &str, secret: &str) -> u64 {
        let organization = self.engine.create_org(org);
        self.engine.set_hook(&organization, url, secret)
    }

    /// Replaces an organisation's members and teams.
    pub fn set_people(&self, org: &str, members: Vec<Member>, teams: Vec<Team>) {
        let organization = self.engine.create_org(org);
        let mut people = organization
            .people
            .lock()
            .expect("no holder of people panics");
        people.members = members;
        people.teams = teams;
    }

    fn announce(&self, moved: &Moved) -> CommitSha {
        if let Some(event) = self.engine.push_event(moved) {
            self.engine.hooks.fire(event);
        }
        sha(moved)
    }
}

/// What a test breaks.
impl GithubEmulator {
    /// Delays every API answer.
    pub fn set_latency(&self, latency: Duration) {
        self.engine.knobs.set_latency(latency);
    }

    /// The next API calls meet this fault.
    pub fn fail_next(&self, calls: usize, fault: Fault) {
        self.engine.knobs.fail_next(calls, fault);
    }

    /// Every API call meets this fault until [`heal`](Self::heal).
    pub fn fail_all(&self, fault: Fault) {
        self.engine.knobs.fail_all(fault);
    }

    /// No API call meets a fault any more.
    pub fn heal(&self) {
        self.engine.knobs.heal();
    }

    /// Sets both rate buckets: points per hour, points used, seconds until the reset.
    pub fn set_rate_limit(&self, limit: u64, used: u64, resets_in: u64) {
        self.engine.rates.set(limit, used, resets_in);
    }

    /// From the next push on, the API shows the repository as it was before it.
    pub fn stale_after_next_push(&self, full_name: &str, until: StaleUntil) -> Result<()> {
        self.engine
            .repository(full_name)?
            .stale_after_next_push(until);
        Ok(())
    }

    /// The API shows the repository as it is.
    pub fn release_stale(&self, full_name: &str) -> Result<()> {
        self.engine.repository(full_name)?.release_stale();
        Ok(())
    }

    /// The API answers "not found" for a repository that exists, as without access to it.
    pub fn conceal(&self, full_name: &str) -> Result<()> {
        self.engine.repository(full_name)?.conceal(true);
        Ok(())
    }

    /// Ends [`conceal`](Self::conceal).
    pub fn reveal(&self, full_name: &str) -> Result<()> {
        self.engine.repository(full_name)?.conceal(false);
        Ok(())
    }

    /// What becomes of hooks from now on.
    pub fn set_hook_mode(&self, mode: HookMode) {
        self.engine.hooks.set_mode(mode);
    }

    /// What becomes of the next hooks, whatever the standing mode.
    pub fn set_hook_mode_of_next(&self, events: usize, mode: HookMode) {
        self.engine.hooks.set_mode_of_next(events, mode);
    }

    /// Sends held hooks one after another and returns how many there were.
    pub fn release_hooks(&self, order: ReleaseOrder) -> usize {
        self.engine.hooks.release(order)
    }

    /// Push events list at most this many commits, the oldest ones.
    pub fn list_commits_up_to(&self, commits: usize) {
        self.engine.list_commits_up_to(commits);
    }
}

/// What a test can see.
impl GithubEmulator {
    /// Every attempt to deliver an event, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.engine
            .hooks
            .attempts()
            .into_iter()
            .map(|attempt| attempt.record)
            .collect()
    }

    /// Sends a logged event again under its GUID. `false`: no such attempt.
    pub fn redeliver(&self, attempt_id: u64) -> bool {
        self.engine.hooks.redeliver(attempt_id)
    }

    /// Every answered request, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.engine.requests.all()
    }

    /// How many REST and GraphQL calls were answered.
    #[must_use]
    pub fn count_api_calls(&self) -> usize {
        self.engine
            .requests
            .count(|record| record.kind != RequestKind::Git)
    }

    /// Forgets requests and deliveries.
    pub fn clear_log(&self) {
        self.engine.requests.clear();
        self.engine.hooks.clear();
    }
}

fn sha(moved: &Moved) -> CommitSha {
    CommitSha(super::payload::hex_or_zeros(moved.push.after))
}
