//! When the keys of somebody who signs are fetched, and when what is held is used. Pure: times are handed in, in
//! seconds since the epoch.
//!
//! Whoever calls us chooses whose keys we need and which of them, so whoever calls us could make us fetch. What does
//! not answer is left alone for a while, and an unknown key is looked for a few times a minute and no more.

use std::collections::VecDeque;
use std::sync::Arc;

use super::key_set::KeySet;

/// Keys are fetched again after this long.
const FRESH_FOR_SECONDS: i64 = 10 * 60;
/// Where they cannot be fetched, those that are held are good for this long: a restart of Backstage must not shut out
/// everybody who was let in before.
const KEPT_FOR_SECONDS: i64 = 60 * 60;
/// A server that failed is not asked again for this long.
const LEFT_ALONE_SECONDS: i64 = 10;
/// Fetches of one key set in a minute because a token names a key that is not in it, as in Backstage.
const FORCED_RELOADS_MAX: usize = 10;
const MINUTE_SECONDS: i64 = 60;

/// What is known of one key set.
#[derive(Debug, Default)]
pub(super) struct KeyState {
    held: Option<HeldKeys>,
    failed_at: Option<i64>,
    /// How often it was fetched, or could not be.
    attempts: u64,
    forced: RecentEvents,
}

#[derive(Debug)]
struct HeldKeys {
    keys: Arc<KeySet>,
    fetched_at: i64,
}

/// What is to be done about a key.
#[derive(Clone, Debug)]
pub(super) enum KeyLookup {
    /// Look here; if it is not here, nobody has it.
    Use(Arc<KeySet>),
    /// Fetch the set and ask again.
    Fetch,
    /// Nobody can say.
    Unavailable,
}

/// How often something happened in the last minute.
#[derive(Debug, Default)]
pub(super) struct RecentEvents(VecDeque<i64>);

impl RecentEvents {
    /// Counts one more, unless it would be one too many.
    pub(super) fn admit(&mut self, most: usize, now: i64) -> bool {
        while self.0.front().is_some_and(|&at| at <= now - MINUTE_SECONDS) {
            self.0.pop_front();
        }
        if self.0.len() >= most {
            return false;
        }
        self.0.push_back(now);
        true
    }
}

impl KeyState {
    /// How often it was tried to fetch the set.
    pub(super) fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Whether it was ever fetched.
    pub(super) fn is_known(&self) -> bool {
        self.held.is_some()
    }

    /// What is to be done for somebody who needs a set that `has_key`, and who came when there had been so many attempts.
    pub(super) fn look_up(
        &self,
        has_key: impl FnOnce(&KeySet) -> bool,
        attempts_seen: u64,
        now: i64,
    ) -> KeyLookup {
        if self.failed_lately(now) {
            return self.held(now);
        }
        match &self.held {
            Some(held) if now < held.fetched_at + FRESH_FOR_SECONDS => {
                // Many may wait for the same key: what one of them has fetched meanwhile answers all of them.
                if has_key(&held.keys) || self.attempts > attempts_seen {
                    return self.held(now);
                }
                KeyLookup::Fetch
            }
            Some(_) | None => KeyLookup::Fetch,
        }
    }

    /// What there is without fetching anything.
    pub(super) fn held(&self, now: i64) -> KeyLookup {
        match &self.held {
            Some(held) if now < held.fetched_at + KEPT_FOR_SECONDS => {
                KeyLookup::Use(Arc::clone(&held.keys))
            }
            Some(_) | None => KeyLookup::Unavailable,
        }
    }

    /// Whether the set may be fetched now, which is counted if it is for the sake of one key.
    pub(super) fn may_fetch(&mut self, now: i64) -> bool {
        let is_fresh = self
            .held
            .as_ref()
            .is_some_and(|held| now < held.fetched_at + FRESH_FOR_SECONDS);
        !is_fresh || self.forced.admit(FORCED_RELOADS_MAX, now)
    }

    /// The set was fetched.
    pub(super) fn note_fetched(&mut self, keys: KeySet, now: i64) {
        self.attempts += 1;
        self.failed_at = None;
        self.held = Some(HeldKeys {
            keys: Arc::new(keys),
            fetched_at: now,
        });
    }

    /// It could not be fetched.
    pub(super) fn note_failed(&mut self, now: i64) {
        self.attempts += 1;
        self.failed_at = Some(now);
    }

    fn failed_lately(&self, now: i64) -> bool {
        self.failed_at
            .is_some_and(|at| now < at + LEFT_ALONE_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happened to a key set, each at a second.
    enum Past {
        Fetched(i64),
        Failed(i64),
    }
    use Past::{Failed, Fetched};

    fn state_after(past: &[Past]) -> KeyState {
        let mut state = KeyState::default();
        for event in past {
            match event {
                Fetched(at) => state.note_fetched(KeySet::default(), *at),
                Failed(at) => state.note_failed(*at),
            }
        }
        state
    }

    fn describe(lookup: &KeyLookup) -> &'static str {
        match lookup {
            KeyLookup::Use(_) => "use",
            KeyLookup::Fetch => "fetch",
            KeyLookup::Unavailable => "unavailable",
        }
    }

    /// For somebody who came after all of that.
    #[track_caller]
    fn check(past: &[Past], has_key: bool, now: i64, expected: &str) {
        let state = state_after(past);
        let lookup = state.look_up(|_| has_key, state.attempts(), now);
        assert_eq!(describe(&lookup), expected, "{has_key} at {now}");
    }

    #[test]
    fn keys_are_fetched_once_and_then_used_until_they_are_old() {
        check(&[], false, 0, "fetch");
        check(&[Fetched(0)], true, 0, "use");
        check(&[Fetched(0)], true, FRESH_FOR_SECONDS - 1, "use");
        check(&[Fetched(0)], true, FRESH_FOR_SECONDS, "fetch");
        check(&[Fetched(0)], false, 1, "fetch");
    }

    #[test]
    fn a_server_that_is_away_is_left_alone_and_shuts_nobody_out_for_an_hour() {
        check(&[Failed(0)], false, LEFT_ALONE_SECONDS - 1, "unavailable");
        check(&[Failed(0)], false, LEFT_ALONE_SECONDS, "fetch");
        let old = FRESH_FOR_SECONDS;
        check(&[Fetched(0), Failed(old)], true, old + 1, "use");
        check(&[Fetched(0), Failed(old)], false, old + 1, "use");
        check(
            &[Fetched(0), Failed(old)],
            true,
            old + LEFT_ALONE_SECONDS,
            "fetch",
        );
        let too_old = KEPT_FOR_SECONDS;
        check(&[Fetched(0), Failed(too_old)], true, too_old, "unavailable");
        check(&[Failed(0), Fetched(1)], true, 2, "use");
    }

    #[test]
    fn what_was_fetched_while_somebody_waited_answers_him() {
        let state = state_after(&[Fetched(0), Fetched(1)]);
        assert_eq!(describe(&state.look_up(|_| false, 1, 1)), "use");
        assert_eq!(describe(&state.look_up(|_| false, 2, 1)), "fetch");
    }

    #[test]
    fn unknown_keys_are_looked_for_a_few_times_a_minute() {
        let mut state = state_after(&[Fetched(0)]);
        for _ in 0..FORCED_RELOADS_MAX {
            assert!(state.may_fetch(5));
        }
        assert!(!state.may_fetch(5));
        assert!(!state.may_fetch(5 + MINUTE_SECONDS - 1));
        assert!(state.may_fetch(5 + MINUTE_SECONDS));
        // What is old is fetched whatever was asked for before.
        assert!(state.may_fetch(FRESH_FOR_SECONDS));
    }
}
