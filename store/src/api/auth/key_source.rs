//! Fetches the key sets of those who sign, and keeps them.
//!
//! When something is fetched is decided in `key_state`. Here it is done: by one request at a time for each set, by few
//! for those who are named by nobody but the token that is to be checked, and for no more sets than can be kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freshet_runtime::error_chain::Chain;
use jsonwebtoken::Header;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::key_set::KeySet;
use super::key_state::{KeyLookup, KeyState, RecentEvents};
use crate::api::outbound::{CallError, OutboundClient};

/// Key sets that are kept, as in Backstage.
const KEY_SETS_MAX: usize = 100;
/// Key sets in a minute that are fetched for the first time because a token names their owner.
const FIRST_FETCHES_MAX: usize = 60;
/// As many of these at once.
const FIRST_FETCHES_AT_ONCE: usize = 4;

/// Who named the owner of a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The operator.
    Configuration,
    /// Whoever sent the token.
    Token,
}

/// Key sets, by their address.
pub(super) struct KeySource {
    client: Arc<OutboundClient>,
    kept: Mutex<KeptSets>,
    first_fetches: Semaphore,
}

#[derive(Default)]
struct KeptSets {
    slots: HashMap<String, Arc<KeySlot>>,
    /// Counts up with every use.
    uses: u64,
    first_fetches: RecentEvents,
}

/// One key set.
#[derive(Default)]
struct KeySlot {
    state: Mutex<KeyState>,
    /// When it was used last, as a count of uses.
    used: Mutex<u64>,
    /// Held by who fetches it.
    fetching: tokio::sync::Mutex<()>,
}

/// That a set may be fetched, for as long as that takes.
enum FetchPermit<'a> {
    First(
        #[expect(dead_code, reason = "held, and given back when it is dropped")]
        SemaphorePermit<'a>,
    ),
    Again,
}

/// Why a set was not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{url} answers with something that is no key set")]
    NoKeySet {
        url: String,
        source: serde_json::Error,
    },
}

impl KeySlot {
    fn state(&self) -> MutexGuard<'_, KeyState> {
        // A state is whole at every moment, so that of a thread that panicked is as good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn use_count(&self) -> MutexGuard<'_, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptSets {
    /// The place of a set, made if there is none.
    fn slot(&mut self, url: &str) -> Arc<KeySlot> {
        self.uses += 1;
        if !self.slots.contains_key(url) && self.slots.len() >= KEY_SETS_MAX {
            self.drop_one();
        }
        let slot = self.slots.entry(url.to_owned()).or_default();
        *slot.use_count() = self.uses;
        Arc::clone(slot)
    }

    /// Those of which there are no keys go first: otherwise whoever invents owners could displace those there are.
    fn drop_one(&mut self) {
        let oldest = self
            .slots
            .iter()
            .min_by_key(|(_, slot)| (slot.state().is_known(), *slot.use_count()));
        let oldest = oldest.map(|(url, _)| url.clone());
        if let Some(oldest) = oldest {
            self.slots.remove(&oldest);
        }
    }
}

impl KeySource {
    pub(super) fn new(client: Arc<OutboundClient>) -> Self {
        Self {
            client,
            kept: Mutex::default(),
            first_fetches: Semaphore::new(FIRST_FETCHES_AT_ONCE),
        }
    }

    /// The keys at `url` to check a token with this header with; `None` if nobody can say. `now` is in seconds since
    /// the epoch.
    pub(super) async fn keys_for(
        &self,
        url: &str,
        header: &Header,
        named_by: NamedBy,
        now: i64,
    ) -> Option<Arc<KeySet>> {
        let slot = self.kept().slot(url);
        let attempts = slot.state().attempts();
        let look_up = || {
            slot.state()
                .look_up(|keys| keys.has_key_of(header), attempts, now)
        };
        match look_up() {
            KeyLookup::Use(keys) => return Some(keys),
            KeyLookup::Unavailable => return None,
            KeyLookup::Fetch => {}
        }
        let _others_wait = slot.fetching.lock().await;
        match look_up() {
            KeyLookup::Use(keys) => return Some(keys),
            KeyLookup::Unavailable => return None,
            KeyLookup::Fetch => {}
        }
        if let Some(_permit) = self.permit_fetch(&slot, named_by, now) {
            self.fetch(&slot, url, now).await;
        }
        let held = slot.state().held(now);
        match held {
            KeyLookup::Use(keys) => Some(keys),
            KeyLookup::Fetch | KeyLookup::Unavailable => None,
        }
    }

    fn permit_fetch(&self, slot: &KeySlot, named_by: NamedBy, now: i64) -> Option<FetchPermit<'_>> {
        let is_first = !slot.state().is_known();
        match named_by {
            // Nobody waits for a permit: a server that takes its time with plugins that are not there would keep
            // those waiting that are.
            NamedBy::Token if is_first => {
                let permit = self.first_fetches.try_acquire().ok()?;
                let is_admitted = self.kept().first_fetches.admit(FIRST_FETCHES_MAX, now);
                is_admitted.then_some(FetchPermit::First(permit))
            }
            NamedBy::Token | NamedBy::Configuration => {
                slot.state().may_fetch(now).then_some(FetchPermit::Again)
            }
        }
    }

    async fn fetch(&self, slot: &KeySlot, url: &str, now: i64) {
        let fetched = self.fetch_keys(url).await;
        match fetched {
            Ok(keys) => slot.state().note_fetched(keys, now),
            Err(error) => {
                slot.state().note_failed(now);
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "The keys of a plugin or issuer of tokens cannot be read, so its tokens are refused");
            }
        }
    }

    async fn fetch_keys(&self, url: &str) -> Result<KeySet, FetchError> {
        let body = self.client.get(url).await?;
        KeySet::parse(&body).map_err(|source| FetchError::NoKeySet {
            url: url.to_owned(),
            source,
        })
    }

    fn kept(&self) -> MutexGuard<'_, KeptSets> {
        // As above: nothing is half done in it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_sets_are_kept_than_may_be_and_those_with_keys_stay() {
        let mut kept = KeptSets::default();
        let known = kept.slot("known");
        known.state().note_fetched(KeySet::default(), 0);
        for number in 0..3 * KEY_SETS_MAX {
            kept.slot(&format!("invented-{number}"));
        }
        assert_eq!(kept.slots.len(), KEY_SETS_MAX);
        assert!(Arc::ptr_eq(&known, &kept.slot("known")));
        let newest = format!("invented-{}", 3 * KEY_SETS_MAX - 1);
        assert!(kept.slots.contains_key(&newest));
    }

    #[test]
    fn of_sets_with_keys_the_one_goes_that_was_used_least_lately() {
        let mut kept = KeptSets::default();
        for number in 0..KEY_SETS_MAX {
            let slot = kept.slot(&format!("known-{number}"));
            slot.state().note_fetched(KeySet::default(), 0);
        }
        kept.slot("known-0");
        kept.slot("another");
        assert!(kept.slots.contains_key("known-0"));
        assert!(!kept.slots.contains_key("known-1"));
    }
}
