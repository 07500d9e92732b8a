//! The decision over the graph of locations: the order in which what follows from what is worked off. Pure.
//!
//! The working copy is in `evaluation.rs`; each step has a file of its own: `links.rs`, `activate.rs`,
//! `succession.rs`, `prune.rs`.
//!
//! Evidence changes locations; what enters declares Location entities; these gain and lose targets.
//! What nobody declares any more is decided only when all declarations are known, so that a Location
//! entity may move between files; what lost a link is looked at last, for another link may be new.

use std::collections::BTreeMap;

use freshet_model::{LocationId, SourceId};

use super::diff::LocationDiff;
use super::evaluation::{Evaluation, EvaluationInputs, ParentReviews};
use super::graph::{GraphRequest, LocationGraph};
use crate::apply::observed::evidence::{LocationEvidence, is_as_in_catalog};
use crate::repo::{Location, LocationState};

/// What an evaluation comes to.
#[derive(Debug)]
pub(crate) enum Evaluated {
    /// Everything it needed was loaded.
    Decided(Box<LocationDiff>),
    /// A part of the graph is lacking that nobody could know before.
    Incomplete(Box<GraphRequest>),
}

/// Decides what the evidence makes of the graph.
pub(crate) fn evaluate(
    graph: &LocationGraph,
    evidence: &BTreeMap<LocationId, LocationEvidence>,
    inputs: EvaluationInputs<'_>,
) -> Evaluated {
    let mut evaluation = Evaluation::new(graph, evidence, inputs);
    if let ParentReviews::Of(reviews) = inputs.reviews {
        evaluation.retargeted.clone_from(reviews);
    }
    evaluation.take_over_evidence();
    evaluation.work_off();
    let diff = evaluation.compare_with_stored();
    if evaluation.lacking.is_empty() {
        Evaluated::Decided(Box::new(diff))
    } else {
        Evaluated::Incomplete(Box::new(evaluation.lacking))
    }
}

impl<'a> Evaluation<'a> {
    fn take_over_evidence(&mut self) {
        let evidence = self.evidence;
        for (id, proved) in evidence {
            if let Some(before) = self.location(*id).cloned() {
                self.take_over(&before, proved);
            }
        }
    }

    fn take_over(&mut self, before: &Location, proved: &LocationEvidence) {
        let (id, source_id) = (before.id, before.source_id);
        let mut after = before.clone();
        match proved.state() {
            Some(state) => after.state = state,
            None if is_as_in_catalog(before) => return,
            // What is known besides the content is of another one: read it once more.
            None => {
                after.active_blob = None;
                self.reread.insert(id, source_id);
            }
        }
        let is_pattern = matches!(after.state, LocationState::Matched { .. });
        let reads_alike = reads_alike(&before.state, &after.state);
        // Touched even if nothing enters: whoever points here may have another problem to show.
        self.touched.insert(id, source_id);
        self.put_location(after);
        if self.is_root(id) {
            return self.take_over_root(id, proved, source_id);
        }
        // Whether it may enter depends on who points at it, which this very batch may change; so it
        // is tried when all targets are known, and again whenever it gains a link.
        self.activatable.insert(id, source_id);
        let is_heard = *self.inputs.reviews != ParentReviews::Later;
        if is_heard && (is_pattern || !reads_alike) {
            for parent_ref in self.parents_of(id) {
                // The links of a parent follow from what its patterns match, and those it does not list
                // any more go once nothing it lists is unread.
                self.retargeted.insert(parent_ref, source_id);
            }
        }
    }

    fn take_over_root(&mut self, id: LocationId, proved: &LocationEvidence, source_id: SourceId) {
        match proved {
            LocationEvidence::Content(_) => {
                self.activatable.insert(id, source_id);
            }
            // A root is there because somebody names it. No link can hold it up, so nothing has to
            // be searched.
            LocationEvidence::Absent { .. } => {
                self.removed.insert(id, source_id);
                for entity_ref in self.declared_by(id) {
                    self.undeclared.insert(entity_ref, source_id);
                }
            }
            LocationEvidence::Unchanged
            // Roots are never looked at, so nothing else can be proved of them.
            | LocationEvidence::Matched(_)
            | LocationEvidence::Failed { .. } => {}
        }
    }

    fn work_off(&mut self) {
        loop {
            // The order matters. Links first: what enters may be let in by one that is new. Then
            // what enters: it may declare what another file has just let go. Only then is somebody
            // found to take over what nobody declares, and last what nothing leads to any more
            // goes, for only now are all links known.
            if let Some((entity_ref, triggered_by)) = self.retargeted.pop_first() {
                self.retarget(&entity_ref, triggered_by);
            } else if let Some((location_id, triggered_by)) = self.activatable.pop_first() {
                self.activate(location_id, triggered_by);
            } else if !self.undeclared.is_empty() {
                self.reassign_undeclared();
            } else if !self.unlinked.is_empty() {
                self.prune_unlinked();
            } else {
                return;
            }
        }
    }
}

/// Whether a Location entity says the same of a target in both states.
fn reads_alike(before: &LocationState, after: &LocationState) -> bool {
    match (before, after) {
        (LocationState::Valid { .. }, LocationState::Valid { .. }) => true,
        _ => before == after,
    }
}
