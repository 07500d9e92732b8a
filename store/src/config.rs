//! What the store is told, and the defaults of what it need not be told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use freshet_model::location::URL;
pub use freshet_model::rules::Rule;
use freshet_proto::subject::DEFAULT_PREFIX;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::api::{ApiCertificate, AuthConfig};

/// About 250 entities of a sweep: a push may have to wait for one such transaction. What larger ones would save
/// in a cold start was not measured.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Where the API is, unless it is said otherwise.
const BASE_URL: &str = "http://localhost:7007";

/// Everything the store is told.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// First token of every subject.
    pub subject_prefix: String,
    /// Where the catalog is stored.
    pub database: DatabaseConfig,
    /// What is discovered on GitHub.
    pub providers: Vec<GithubProvider>,
    /// Locations the configuration names; roots of the catalog.
    pub roots: Vec<Root>,
    /// Which kinds may enter from where; a kind is allowed if any rule allows it.
    pub rules: Vec<Rule>,
    /// What becomes of entities nothing points at any more.
    pub orphan_strategy: OrphanStrategy,
    /// When a removal is too large to be made without asking.
    pub removals: RemovalLimits,
    /// How often what no listing sweeps is looked at.
    pub recheck: Recheck,
    /// What people may register through the API.
    pub registration: RegistrationConfig,
    /// Kinds that are annotated with the name of their repository.
    pub scm_slug_kinds: Vec<String>,
    /// Hosts of the GitHub integrations.
    pub github_hosts: Vec<String>,
    /// Names what the processors read with; content read with another one is read again.
    pub fingerprint: String,
    /// How often outstanding sources are looked for.
    pub reconcile_every: Duration,
    /// A source that was given a job this recently is not given another.
    pub enqueued_recently: Duration,
    /// Most messages handled in one transaction.
    pub batch_max: usize,
    /// Most bytes of messages handled in one transaction; one message is handled whatever its size.
    pub batch_bytes_max: usize,
    /// How often changes written by other processes are looked for.
    pub follow_every: Duration,
    /// How often the ledger is asked when each source was last proved.
    pub freshness_every: Duration,
    /// How often what is outstanding is counted, to tell how far the reading of sources is.
    pub progress_every: Duration,
    /// Which browsers may call the API; `None` sends no CORS headers.
    pub cors: Option<CorsConfig>,
    /// Who may call the API.
    pub auth: AuthConfig,
    /// What the API shows to clients that speak TLS; without it, it speaks plain HTTP.
    pub certificate: Option<ApiCertificate>,
    /// Where this API is reached from outside, without a slash at the end.
    pub base_url: String,
    /// Limits of the change feed.
    pub feed: FeedLimits,
}

impl StoreConfig {
    /// The defaults, with the catalog in `database`.
    #[must_use]
    pub fn new(database: DatabaseConfig) -> Self {
        Self {
            subject_prefix: DEFAULT_PREFIX.to_owned(),
            database,
            providers: Vec::new(),
            roots: Vec::new(),
            rules: Rule::defaults(),
            orphan_strategy: OrphanStrategy::default(),
            removals: RemovalLimits::default(),
            recheck: Recheck::default(),
            registration: RegistrationConfig::default(),
            scm_slug_kinds: Vec::new(),
            github_hosts: vec!["github.com".to_owned()],
            fingerprint: String::new(),
            reconcile_every: Duration::from_secs(5),
            enqueued_recently: Duration::from_secs(15),
            batch_max: 200,
            batch_bytes_max: BATCH_BYTES_MAX,
            follow_every: Duration::from_secs(1),
            freshness_every: Duration::from_secs(5),
            progress_every: Duration::from_secs(1),
            cors: None,
            auth: AuthConfig::new(BASE_URL),
            certificate: None,
            base_url: BASE_URL.to_owned(),
            feed: FeedLimits::default(),
        }
    }
}

impl StoreConfig {
    /// Names how content enters the catalog.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let annotated = (&self.scm_slug_kinds, &self.github_hosts);
        Fingerprint::new(&self.fingerprint, &self.rules, &format!("{annotated:?}"))
    }
}

/// Names how content enters the catalog: what the processors read with, and the rules of this store.
///
/// A file that one rule kept out is read again when the rules change, as it is when the processors
/// do. They know nothing of rules, so their own name says whether a reading is of today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    processor: String,
    whole: String,
}

/// Hexadecimal digits of the rules' digest that are kept.
const RULES_DIGITS: usize = 16;

impl Fingerprint {
    /// `annotated` says how documents are annotated.
    pub(crate) fn new(processor: &str, rules: &[Rule], annotated: &str) -> Self {
        // Sorted: the order of rules means nothing, and reading a thousand repositories anew
        // because two lines were swapped would be a poor joke.
        let spelled: BTreeSet<String> = rules.iter().map(Rule::spelled).collect();
        let mut hash = Sha256::new();
        for part in spelled.iter().map(String::as_str).chain([annotated]) {
            hash.update(part.as_bytes());
            // Without a separator two lists could spell the same bytes.
            hash.update([0]);
        }
        let digest = hex::encode(hash.finalize());
        Self {
            processor: processor.to_owned(),
            whole: format!("{processor}+{}", &digest[..RULES_DIGITS]),
        }
    }

    /// As it is stored with a source.
    pub(crate) fn as_str(&self) -> &str {
        &self.whole
    }

    /// What a source that was read with `reading` and applied now is stored with.
    pub(crate) fn of_reading<'a>(&'a self, reading: &'a str) -> &'a str {
        // A processor that was not upgraded yet reads as before; its readings are of before.
        if reading == self.processor {
            &self.whole
        } else {
            reading
        }
    }
}

/// Where the catalog is stored.
#[derive(Clone, Debug)]
pub enum DatabaseConfig {
    /// One file.
    Sqlite {
        /// The file; created if absent.
        path: PathBuf,
    },
    /// A file that is gone when the process ends.
    Temporary,
    /// A server.
    Postgres {
        /// Its URL, with credentials.
        url: SecretString,
        /// Certificates that the URL does not name.
        tls: PostgresTls,
        /// Most connections at once.
        pool_max: u32,
    },
}

/// Certificates of a PostgreSQL connection, each as PEM.
#[derive(Clone, Debug, Default)]
pub struct PostgresTls {
    /// Whose signature the server's certificate must bear, instead of the usual authorities.
    pub root_certificates: Option<SecretString>,
    /// Shown to the server.
    pub client_certificate: Option<SecretString>,
    /// The key of that certificate.
    pub client_key: Option<SecretString>,
}

/// One organisation whose repositories are discovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubProvider {
    /// Its id in the configuration.
    pub id: String,
    /// Host of the integration, such as `github.com`.
    pub host: String,
    /// The organisation.
    pub organization: String,
    /// File looked for in each repository, without a slash in front.
    pub catalog_path: String,
    /// How often the organisation is listed.
    pub frequency: Duration,
    /// Branch that is read; `None` is each repository's default branch.
    pub branch: Option<String>,
    /// Which repositories count.
    pub filters: ProviderFilters,
}

/// Which repositories of an organisation count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderFilters {
    /// Pattern the whole name must match; `None` matches all.
    pub repository: Option<String>,
    /// Whether archived repositories count.
    pub allow_archived: bool,
    /// Whether forks count.
    pub allow_forks: bool,
    /// Who may see those that count: `public`, `internal`, `private`, in any case; empty is all.
    pub visibility: Vec<String>,
    /// Which topics they must and must not have.
    pub topics: TopicFilter,
}

/// Which repositories count by their topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicFilter {
    /// One of these is needed; empty needs none.
    pub include: Vec<String>,
    /// None of these may be there, whatever else is.
    pub exclude: Vec<String>,
}

impl Default for ProviderFilters {
    fn default() -> Self {
        Self {
            repository: None,
            allow_archived: false,
            allow_forks: true,
            visibility: Vec::new(),
            topics: TopicFilter::default(),
        }
    }
}

/// A location the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// `url` or `file`.
    pub location_type: String,
    /// The URL, or an absolute path or pattern.
    pub target: String,
}

/// What people may register through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationConfig {
    /// Whether anything may be registered, changed and unregistered.
    pub writes: LocationWrites,
    /// What is done about a location that is registered already, if the request does not say.
    pub on_conflict: LocationConflict,
    /// Types of locations that may be registered.
    pub types: Vec<String>,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            writes: LocationWrites::Allowed,
            on_conflict: LocationConflict::Reject,
            // As in Backstage: whoever may call the API must not be able to read the disk of the server.
            types: vec![URL.to_owned()],
        }
    }
}

/// Whether registered locations may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationWrites {
    /// They may.
    Allowed,
    /// They stay as they are.
    Refused,
}

/// What is done about a location that is registered already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationConflict {
    /// It is refused.
    Reject,
    /// It is read again.
    Refresh,
}

/// What becomes of entities nothing points at any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrphanStrategy {
    /// They leave the catalog.
    #[default]
    Delete,
    /// They stay, with an annotation that says so.
    Keep,
}

/// When a removal is too large to be made without asking: if it is more than both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalLimits {
    /// Percent of the entities of an installation.
    pub percent: u32,
    /// Number of entities.
    pub entities: u32,
    /// A second complete look that says the same after this long is taken at its word.
    pub wait: Duration,
    /// Removals this close together count as one.
    pub window: Duration,
}

impl Default for RemovalLimits {
    fn default() -> Self {
        Self {
            percent: 10,
            entities: 20,
            wait: Duration::from_secs(30 * 60),
            window: Duration::from_secs(10 * 60),
        }
    }
}

/// How often what no listing sweeps is looked at without a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recheck {
    /// Local files.
    pub files: Duration,
    /// Plain URLs.
    pub urls: Duration,
    /// Repositories that only a URL names.
    pub repositories: Duration,
}

impl Default for Recheck {
    fn default() -> Self {
        Self {
            files: Duration::from_secs(5),
            urls: Duration::from_secs(2 * 60),
            repositories: Duration::from_secs(10 * 60),
        }
    }
}

/// Which browsers may call the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsConfig {
    /// Origins or patterns of them; `*` is any.
    pub origins: Vec<String>,
    /// Methods; empty is those of Backstage.
    pub methods: Vec<String>,
    /// Whether cookies may be sent along.
    pub credentials: bool,
    /// Headers that may be sent; `None` is whatever is asked for.
    pub allowed_headers: Option<Vec<String>>,
    /// Headers of answers that a page may see.
    pub exposed_headers: Vec<String>,
    /// How long a browser may remember all of that.
    pub max_age_seconds: Option<u64>,
}

/// Limits of the change feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedLimits {
    /// Most subscribers at once.
    pub subscribers_max: usize,
    /// Changes read from the log at once, for one subscriber.
    pub page_size_max: i64,
    /// Events that wait for one slow reader.
    pub pending_events_max: usize,
    /// A reader that takes nothing for this long is dropped.
    pub stalled_after: Duration,
    /// A comment is sent when there was no event for this long.
    pub heartbeat_every: Duration,
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self {
            subscribers_max: 256,
            page_size_max: 256,
            pending_events_max: 64,
            stalled_after: Duration::from_secs(30),
            heartbeat_every: Duration::from_secs(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(kinds: &[&str]) -> Fingerprint {
        Fingerprint::new("p1", &[Rule::everywhere(kinds)], "")
    }

    #[test]
    fn other_rules_are_another_way_for_content_to_enter() {
        let api = fingerprint(&["API", "Component"]);
        assert_ne!(api, fingerprint(&["API", "Component", "Group"]));
        assert_eq!(api, fingerprint(&["API", "Component"]));
        let slugs = Fingerprint::new("p1", &[Rule::everywhere(&["API", "Component"])], "slugs");
        assert_ne!(api, slugs);
    }

    #[test]
    fn only_a_reading_of_todays_processors_is_of_today() {
        let today = fingerprint(&["API"]);
        assert_eq!(today.of_reading("p1"), today.as_str());
        assert_eq!(today.of_reading("p0"), "p0");
    }
}
