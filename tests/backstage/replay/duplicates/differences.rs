//! Where Backstage serves something else, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::cases::{Served, ServedRow};
use super::promise::PromisedCatalog;

/// A kind of difference that is on purpose.
pub(super) struct KnownDifference {
    /// Why Freshet serves something else.
    pub(super) reason: &'static str,
    /// Whether a row differs for this reason, from the moment when it first does.
    explains: fn(&RowDifference<'_>) -> bool,
    /// How many rows of all moments do, so that none joins unseen.
    pub(super) rows: usize,
}

/// What is served of one ref, or of one root, when it first differs.
struct RowDifference<'a> {
    key: &'a str,
    backstage: Option<&'a ServedRow>,
    freshet: Option<&'a ServedRow>,
    promised: &'a PromisedCatalog,
    past: &'a Past,
}

/// The first reason that explains a difference counts.
pub(super) const KNOWN: &[KnownDifference] = &[
    KnownDifference {
        reason: "Of files that declare a ref at once the first by its path holds it; in Backstage it is the one that is read first.",
        explains: |it| {
            let (Some(backstage), Some(freshet)) = (it.backstage, it.freshet) else {
                return false;
            };
            backstage.file() != freshet.file()
                && it.promised.is_tie(it.key, backstage.file(), freshet.file())
        },
        rows: 852,
    },
    KnownDifference {
        reason: "Of two documents of a file the last counts; Backstage does not notice that they change places.",
        explains: |it| {
            let (Some(backstage), Some(freshet)) = (it.backstage, it.freshet) else {
                return false;
            };
            let (file, version) = (backstage.file(), backstage.version());
            file == freshet.file() && it.promised.is_repeated(it.key, file, version)
        },
        rows: 43,
    },
    KnownDifference {
        reason: "A file that is missing holds back nothing but itself.",
        explains: |it| it.past.was_incomplete,
        rows: 459,
    },
    KnownDifference {
        reason: "An invalid document holds no ref; in Backstage it keeps the valid one of another file out.",
        explains: |it| it.past.invalid.contains(it.key),
        rows: 331,
    },
    KnownDifference {
        reason: "A file that did not get a ref is not forgotten; in Backstage it gets none until it changes.",
        explains: |it| it.past.claimants.get(it.key).is_some_and(|it| it.len() > 1),
        rows: 22,
    },
    KnownDifference {
        reason: "A file that several list stays while one of them does; in Backstage its entities go with the one that was read last.",
        explains: |it| {
            it.freshet
                .is_some_and(|row| it.past.shared.contains(row.file()))
        },
        rows: 2,
    },
];

/// What was true of a case at some moment until now: Backstage does not forget it when it is over.
#[derive(Default)]
struct Past {
    was_incomplete: bool,
    invalid: BTreeSet<String>,
    /// By ref.
    claimants: BTreeMap<String, BTreeSet<String>>,
    /// Files that several list.
    shared: BTreeSet<String>,
}

impl Past {
    fn note(&mut self, promised: &PromisedCatalog) {
        self.was_incomplete |= promised.is_incomplete();
        self.invalid.extend(promised.invalid());
        for (ref_key, file) in promised.claims() {
            let claimants = self.claimants.entry(ref_key.clone()).or_default();
            claimants.insert(file.clone());
        }
        let mut seen = BTreeSet::new();
        let twice = promised.named().filter(|file| !seen.insert(file.clone()));
        self.shared.extend(twice);
    }
}

/// The differences of one case, moment by moment.
#[derive(Default)]
pub(super) struct CaseDifferences {
    past: Past,
    /// By what differs, the index of the reason for which it began to.
    known: BTreeMap<String, usize>,
}

impl CaseDifferences {
    /// Says which reasons explain how the answers differ now, or what none explains.
    pub(super) fn explain(
        &mut self,
        promised: &PromisedCatalog,
        backstage: &Served,
        freshet: &Served,
    ) -> Result<Vec<usize>, String> {
        self.past.note(promised);
        let rows = [backstage, freshet].map(by_key);
        let keys: BTreeSet<&String> = rows.iter().flat_map(|rows| rows.keys()).collect();
        let mut reasons = Vec::new();
        for key in keys {
            let [backstage, freshet] = [0, 1].map(|side| rows[side].get(key).copied());
            if backstage == freshet {
                self.known.remove(key);
                continue;
            }
            let difference = RowDifference {
                key,
                backstage,
                freshet,
                promised,
                past: &self.past,
            };
            let found = || KNOWN.iter().position(|it| (it.explains)(&difference));
            let reason = self.known.get(key).copied().or_else(found);
            let reason = reason
                .ok_or_else(|| format!("Backstage {backstage:?}\n  Freshet   {freshet:?}"))?;
            self.known.insert(key.clone(), reason);
            reasons.push(reason);
        }
        Ok(reasons)
    }
}

fn by_key(served: &Served) -> BTreeMap<String, &ServedRow> {
    served.iter().map(|row| (row.key(), row)).collect()
}
