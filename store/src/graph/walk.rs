//! Walks over relations as they are shown: what can be reached from a ref, by which relation, in how many steps.
//!
//! Breadth first, so that everything is met on a shortest way. What is walked over is bounded, as a catalog may be one piece.

use std::collections::{HashMap, VecDeque};

use freshet_model::EntityRef;

use super::{Declares, RelationGraph};

/// Which relations are walked along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Along(Vec<String>);

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalkLimits {
    /// Steps from the start.
    pub(crate) depth: usize,
    /// Refs that are met.
    pub(crate) refs: usize,
}

/// Something that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) entity_ref: EntityRef,
    /// Steps from the start.
    pub(crate) distance: usize,
    /// Where the last step came from.
    pub(crate) from: EntityRef,
    /// The relation that the last step took.
    pub(crate) relation: String,
}

/// What was met, nearest first, and within a distance by ref.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    pub(crate) met: Vec<Met>,
    /// There is more than the limits let see.
    pub(crate) is_cut: bool,
}

impl Along {
    /// Relations of these types, in any case.
    pub(crate) fn types<'a>(types: impl IntoIterator<Item = &'a str>) -> Self {
        Self(types.into_iter().map(str::to_lowercase).collect())
    }

    pub(super) fn takes(&self, relation: &str) -> bool {
        self.0.iter().any(|own| *own == relation.to_lowercase())
    }
}

impl<E: Declares> RelationGraph<E> {
    /// What can be reached from a ref, which itself need not exist.
    pub(crate) fn walk_from(&self, start: &EntityRef, along: &Along, limits: WalkLimits) -> Walked {
        let mut walked = Walked::default();
        let mut known: HashMap<EntityRef, ()> = HashMap::from([(start.clone(), ())]);
        let mut waiting = VecDeque::from([(start.clone(), 0)]);
        while let Some((from, distance)) = waiting.pop_front() {
            for (relation, target) in self.served_relations(&from) {
                if !along.takes(relation) || known.contains_key(target) {
                    continue;
                }
                if distance == limits.depth || walked.met.len() == limits.refs {
                    walked.is_cut = true;
                    continue;
                }
                known.insert(target.clone(), ());
                waiting.push_back((target.clone(), distance + 1));
                walked.met.push(Met {
                    entity_ref: target.clone(),
                    distance: distance + 1,
                    from: from.clone(),
                    relation: relation.to_owned(),
                });
            }
        }
        walked
            .met
            .sort_by(|a, b| (a.distance, &a.entity_ref).cmp(&(b.distance, &b.entity_ref)));
        walked
    }

    /// The shortest ways from one ref to another, at most so many, each with the relations it takes.
    pub(crate) fn find_paths(
        &self,
        (start, end): (&EntityRef, &EntityRef),
        along: Option<&Along>,
        limits: WalkLimits,
        paths_max: usize,
    ) -> Vec<Vec<Met>> {
        let before = self.find_steps_before(start, end, along, limits);
        let mut paths = Vec::new();
        let mut unfinished = vec![(end.clone(), Vec::new())];
        while let Some((at, behind)) = unfinished.pop() {
            if paths.len() == paths_max {
                break;
            }
            if at == *start {
                let mut path: Vec<Met> = behind;
                path.reverse();
                paths.push(path);
                continue;
            }
            for step in before.get(&at).into_iter().flatten() {
                let mut longer = behind.clone();
                longer.push(step.clone());
                unfinished.push((step.from.clone(), longer));
            }
        }
        paths.sort_by(|a, b| path_key(a).cmp(&path_key(b)));
        paths
    }

    /// For each ref on a shortest way the steps that lead to it on one.
    fn find_steps_before(
        &self,
        start: &EntityRef,
        end: &EntityRef,
        along: Option<&Along>,
        limits: WalkLimits,
    ) -> HashMap<EntityRef, Vec<Met>> {
        let mut before: HashMap<EntityRef, Vec<Met>> = HashMap::new();
        let mut distances = HashMap::from([(start.clone(), 0)]);
        let mut waiting = VecDeque::from([start.clone()]);
        while let Some(from) = waiting.pop_front() {
            let distance = distances[&from];
            let is_behind_end = distances.get(end).is_some_and(|end| distance >= *end);
            if is_behind_end || distance == limits.depth || distances.len() >= limits.refs {
                continue;
            }
            for (relation, target) in self.served_relations(&from) {
                if along.is_some_and(|along| !along.takes(relation)) {
                    continue;
                }
                let known = distances.get(target).copied();
                if known.is_some_and(|known| known != distance + 1) {
                    continue;
                }
                if known.is_none() {
                    distances.insert(target.clone(), distance + 1);
                    waiting.push_back(target.clone());
                }
                before.entry(target.clone()).or_default().push(Met {
                    entity_ref: target.clone(),
                    distance: distance + 1,
                    from: from.clone(),
                    relation: relation.to_owned(),
                });
            }
        }
        before
    }
}

/// By what a path goes over, so that an answer is always the same.
fn path_key(path: &[Met]) -> Vec<(&EntityRef, &str)> {
    path.iter()
        .map(|step| (&step.entity_ref, step.relation.as_str()))
        .collect()
}
