//! What Freshet promises of these cases, said again in as few words as possible: each file stands on its own, of two
//! documents of a file the last counts, what is missing or invalid keeps what it was, the holder keeps a ref while it
//! declares it, and then it goes to whoever declared it first, by path if both did at once.

use std::collections::{BTreeMap, BTreeSet};

use super::cases::{Case, Document, FileChanges, Served, ServedRow};

/// When a claim was made: the moment, and how many links lead to its file, as it is read after what names it.
type Since = (usize, usize);

/// A document that is in the catalog, or would be if nobody else held the ref.
#[derive(Clone, Debug)]
struct Claim {
    since: Since,
    document: Document,
}

/// The catalog of one case.
pub(super) struct PromisedCatalog {
    roots: Vec<String>,
    /// The files there are.
    files: BTreeMap<String, Vec<Document>>,
    /// The files that were read and that something still leads to.
    known: BTreeSet<String>,
    /// What each of them said when it was there last.
    read: BTreeMap<String, Vec<Document>>,
    /// By ref, then file.
    claims: BTreeMap<String, BTreeMap<String, Claim>>,
    /// The file that holds a ref.
    holders: BTreeMap<String, String>,
    moment: usize,
}

impl PromisedCatalog {
    pub(super) fn new(case: &Case) -> Self {
        Self {
            roots: case.roots.clone(),
            files: BTreeMap::new(),
            known: case.roots.iter().cloned().collect(),
            read: BTreeMap::new(),
            claims: BTreeMap::new(),
            holders: BTreeMap::new(),
            moment: 0,
        }
    }

    /// Follows what changes at the next moment.
    pub(super) fn apply(&mut self, changes: &FileChanges) {
        for (file, documents) in changes {
            match documents {
                Some(documents) => self.files.insert(file.clone(), documents.clone()),
                None => self.files.remove(file),
            };
        }
        let mut to_read = self.known.clone();
        for wave in 0.. {
            for file in &to_read {
                self.read_file(file, (self.moment, wave));
            }
            self.award();
            let reached = self.prune();
            to_read = reached.difference(&self.known).cloned().collect();
            if to_read.is_empty() {
                break;
            }
            self.known.extend(to_read.iter().cloned());
        }
        self.moment += 1;
    }

    fn read_file(&mut self, file: &str, now: Since) {
        // A file that is missing although it is named declares what it did.
        let Some(documents) = self.files.get(file) else {
            return;
        };
        self.read.insert(file.to_owned(), documents.clone());
        let newest: BTreeMap<String, &Document> =
            documents.iter().map(|it| (it.ref_key(), it)).collect();
        for (ref_key, claims) in &mut self.claims {
            if !newest.contains_key(ref_key) {
                claims.remove(file);
            }
        }
        for (ref_key, document) in newest.into_iter().filter(|(_, it)| it.is_valid()) {
            let claims = self.claims.entry(ref_key).or_default();
            let since = claims.get(file).map_or(now, |claim| claim.since);
            let document = document.clone();
            claims.insert(file.to_owned(), Claim { since, document });
        }
    }

    fn award(&mut self) {
        self.claims.retain(|_, claims| !claims.is_empty());
        let holders = &self.holders;
        self.holders = self
            .claims
            .iter()
            .filter_map(|(ref_key, claims)| {
                let held = holders.get(ref_key).filter(|it| claims.contains_key(*it));
                let first = || claims.iter().min_by_key(|(file, it)| (it.since, *file));
                let holder = held.or_else(|| first().map(|(file, _)| file))?;
                Some((ref_key.clone(), holder.clone()))
            })
            .collect();
    }

    /// Forgets what nothing leads to any more, and says what something leads to.
    fn prune(&mut self) -> BTreeSet<String> {
        loop {
            let reached = self.reach();
            let left: Vec<String> = self.known.difference(&reached).cloned().collect();
            if left.is_empty() {
                return reached;
            }
            for file in left {
                self.known.remove(&file);
                self.read.remove(&file);
                for claims in self.claims.values_mut() {
                    claims.remove(&file);
                }
            }
            self.award();
        }
    }

    fn reach(&self) -> BTreeSet<String> {
        let mut reached: BTreeSet<String> = self.roots.iter().cloned().collect();
        loop {
            let found: BTreeSet<String> = self
                .held()
                .filter(|(file, _)| reached.contains(*file))
                .flat_map(|(_, document)| document.targets())
                .collect();
            let count = reached.len();
            reached.extend(found);
            if reached.len() == count {
                return reached;
            }
        }
    }

    /// The documents that count, with their files.
    fn held(&self) -> impl Iterator<Item = (&String, &Document)> {
        let holders = self.holders.iter();
        holders.map(|(ref_key, file)| (file, &self.claims[ref_key][file].document))
    }

    /// What is served.
    pub(super) fn serve(&self) -> Served {
        let missing = |file: &String| !self.files.contains_key(file);
        let roots = self.roots.iter().map(|root| {
            let errors = missing(root).then(|| "NotFoundError".to_owned());
            let row = [String::new(), root.clone(), String::new()];
            ServedRow(row.into_iter().chain(errors).collect())
        });
        let held = self.held().map(|(file, document)| {
            let errors = document
                .targets()
                .filter(missing)
                .map(|_| "NotFoundError".to_owned());
            let invalid = self.count_errors(file, document);
            let invalid = std::iter::repeat_n("InputError".to_owned(), invalid);
            let version = document.version().to_owned();
            let row = [document.shown_name(), file.clone(), version];
            ServedRow(row.into_iter().chain(errors).chain(invalid).collect())
        });
        let mut served: Served = roots.chain(held).collect();
        served.sort();
        served
    }

    /// How many documents of the ref in the file are invalid; if the last is not, the others say nothing of it.
    fn count_errors(&self, file: &str, document: &Document) -> usize {
        let documents = self.read.get(file).into_iter().flatten();
        let same = documents.filter(|it| it.ref_key() == document.ref_key());
        let same: Vec<&Document> = same.collect();
        match same.last() {
            Some(last) if !last.is_valid() => same.iter().filter(|it| !it.is_valid()).count(),
            _ => 0,
        }
    }

    /// Whether two files declared a ref at the same time.
    pub(super) fn is_tie(&self, ref_key: &str, file: &str, other: &str) -> bool {
        let since = |file: &str| Some(self.claims.get(ref_key)?.get(file)?.since);
        since(file).is_some_and(|since_file| since(other) == Some(since_file))
    }

    /// Whether a file has several documents of a ref, and one of this version among them.
    pub(super) fn is_repeated(&self, ref_key: &str, file: &str, version: &str) -> bool {
        let documents = self.files.get(file).into_iter().flatten();
        let same: Vec<&Document> = documents.filter(|it| it.ref_key() == ref_key).collect();
        same.len() > 1 && same.iter().any(|it| it.version() == version)
    }

    /// Whether something that is registered or listed is not there.
    pub(super) fn is_incomplete(&self) -> bool {
        self.named().any(|file| !self.files.contains_key(&file))
    }

    /// Each ref with each file that declares it.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&String, &String)> {
        let claims = self.claims.iter();
        claims.flat_map(|(ref_key, claims)| claims.keys().map(move |file| (ref_key, file)))
    }

    /// The files that are registered or listed, each as often as it is.
    pub(super) fn named(&self) -> impl Iterator<Item = String> {
        let targets = self.held().flat_map(|(_, document)| document.targets());
        targets.chain(self.roots.iter().cloned())
    }

    /// The refs of invalid documents.
    pub(super) fn invalid(&self) -> impl Iterator<Item = String> {
        let documents = self.known.iter().filter_map(|file| self.files.get(file));
        let documents = documents.flatten().filter(|it| !it.is_valid());
        documents.map(Document::ref_key)
    }
}
