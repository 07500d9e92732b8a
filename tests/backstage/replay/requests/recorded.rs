//! The record: a catalog, questions about it, and what Backstage answered to each.

use std::collections::BTreeMap;

use freshet_tests::setup::ORGANIZATION;
use freshet_tests::stage::{Stage, Staged};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// What was recorded.
#[derive(Deserialize)]
pub(super) struct Recorded {
    /// Texts by repository and path.
    repositories: BTreeMap<String, BTreeMap<String, String>>,
    /// URLs that are registered.
    roots: Vec<String>,
    /// As they were served, each alone in its row; an entity is known by its place here.
    pub(super) entities: Vec<(Value,)>,
    /// By each key that is ordered by (in small letters): an entity's number, and the places of its values among all.
    orders: BTreeMap<String, Vec<Vec<u64>>>,
    /// What was asked, and what was answered.
    pub(super) rows: Vec<(Question, Value)>,
}

/// A clause of an order.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Clause {
    pub(super) field: String,
    order: String,
}

/// One question. Exactly one of `ask`, `walk` and `links` is there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Question {
    /// A path, asked once.
    pub(super) ask: Option<String>,
    /// A path whose pages are walked by cursors, to the end and back.
    pub(super) walk: Option<String>,
    /// A path whose pages are walked by links.
    pub(super) links: Option<String>,
    /// What is posted, which may be `null`.
    #[serde(default, deserialize_with = "read_body")]
    pub(super) body: Option<Value>,
    /// How many a page holds.
    pub(super) limit: Option<u64>,
    /// By which method the pages behind the first are asked for.
    pub(super) follow: Option<String>,
    /// Which fields those pages have.
    pub(super) fields: Option<Vec<String>>,
    order: Option<Clause>,
    orders: Option<Vec<Clause>>,
}

fn read_body<'de, D: Deserializer<'de>>(body: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(body).map(Some)
}

impl Clause {
    pub(super) fn is_descending(&self) -> bool {
        self.order == "desc"
    }
}

impl Question {
    /// The path.
    pub(super) fn path(&self) -> &str {
        let paths = [&self.ask, &self.walk, &self.links];
        paths.into_iter().flatten().next().expect("a path")
    }

    /// By what the answer is ordered.
    pub(super) fn clauses(&self) -> Vec<Clause> {
        let one = self.order.iter();
        one.chain(self.orders.iter().flatten()).cloned().collect()
    }

    /// Whether the answer is a list of what is found, and not of what was named one by one.
    pub(super) fn is_list(&self) -> bool {
        !self.path().starts_with("/entities/by-refs")
    }

    /// Whether only a part of what is found is asked for.
    pub(super) fn is_partial(&self) -> bool {
        let in_body = self
            .body
            .as_ref()
            .is_some_and(|it| it.get("offset").is_some());
        in_body || self.path().contains("offset=")
    }

    /// As a person reads it.
    pub(super) fn describe(&self) -> String {
        match &self.body {
            Some(body) => format!("{} {body}", self.path()),
            None => self.path().to_owned(),
        }
    }
}

impl Recorded {
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("../../recorded/requests.json")).expect("a record")
    }

    /// The catalog, with everything that its files need.
    pub(super) fn stage(&self) -> Stage {
        let locations: Vec<Value> = self
            .roots
            .iter()
            .map(|target| json!({"type": "url", "target": target}))
            .collect();
        Stage {
            repositories: self.staged(),
            overlay: json!({"catalog": {"providers": null, "locations": locations}}),
            named_github: true,
            ..Stage::default()
        }
    }

    fn staged(&self) -> Vec<Staged> {
        let staged = self.repositories.iter().map(|(name, texts)| {
            let texts = texts.iter();
            let files = texts.map(|(path, text)| (path.clone(), text.clone().into_bytes()));
            (name.clone(), files.collect())
        });
        let owner = format!("https://github.com/{ORGANIZATION}/");
        assert!(self.roots.iter().all(|root| root.starts_with(&owner)));
        staged.collect()
    }

    /// The places of each entity's values for a key, by its number.
    pub(super) fn places_of(&self, key: &str) -> BTreeMap<u64, Vec<u64>> {
        let rows = self.orders.get(&key.to_lowercase());
        let rows = rows.expect("a known order").iter();
        rows.map(|row| (row[0], row[1..].to_vec())).collect()
    }
}
