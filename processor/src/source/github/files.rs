//! Reads the wanted files of many repositories: one query for all, and again for those that moved.

use std::collections::BTreeMap;

use freshet_proto::message::{Lane, RepositoryTarget};

use super::answer::{self, Branch, RepositoriesData};
use super::client::Client;
use super::error::CallError;
use super::query;
use crate::budget::Closed;
use crate::metrics::CallKind;
use crate::outcome::Failure;
use crate::reconcile::{DEFAULT_BRANCH, Question, Reading, Verdict, first_question, judge};

/// Most repositories in one query.
pub const REPOSITORIES_PER_QUERY_MAX: usize = 100;
/// Most objects in one query; GitHub computes each of them separately and stops after ten seconds.
const OBJECTS_PER_QUERY_MAX: usize = 500;
/// Most questions about one repository in one reading. Three settle it unless it moves meanwhile.
const ROUNDS_MAX: usize = 5;

/// What reading one repository came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Its state.
    Read(Reading),
    /// GitHub still shows this head from before the push.
    Behind {
        /// Empty if it shows none.
        shown_head: String,
    },
    /// Nothing was proven.
    Failed(Failure),
    /// Nothing was asked, because of GitHub's limits.
    Limited(Closed),
}

/// Reads the wanted files of `targets`, and answers in their order.
pub async fn read(client: &Client, lane: Lane, targets: &[&RepositoryTarget]) -> Vec<Answered> {
    let mut open: BTreeMap<usize, Question> = targets
        .iter()
        .map(|target| first_question(target))
        .enumerate()
        .collect();
    let mut answers: Vec<Option<Answered>> = vec![None; targets.len()];
    for _ in 0..ROUNDS_MAX {
        for chunk in chunks(&open, targets) {
            let verdicts = ask(client, lane, targets, &chunk, &open).await;
            for (index, verdict) in chunk.into_iter().zip(verdicts) {
                match verdict {
                    Asked::Again(question) => {
                        open.insert(index, question);
                    }
                    Asked::Done(answered) => {
                        open.remove(&index);
                        answers[index] = Some(answered);
                    }
                }
            }
        }
        if open.is_empty() {
            break;
        }
    }
    let restless = || {
        Answered::Failed(Failure::unreadable(
            "the repository kept moving while it was read",
        ))
    };
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(restless))
        .collect()
}

enum Asked {
    Again(Question),
    Done(Answered),
}

/// Splits the open questions into queries within both bounds.
fn chunks(open: &BTreeMap<usize, Question>, targets: &[&RepositoryTarget]) -> Vec<Vec<usize>> {
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    let mut objects = 0;
    for &index in open.keys() {
        let more = targets[index].wanted.len();
        let full = |chunk: &Vec<usize>| {
            chunk.len() == REPOSITORIES_PER_QUERY_MAX || objects + more > OBJECTS_PER_QUERY_MAX
        };
        match chunks.last_mut().filter(|chunk| !full(chunk)) {
            Some(chunk) => {
                chunk.push(index);
                objects += more;
            }
            None => {
                chunks.push(vec![index]);
                objects = more;
            }
        }
    }
    chunks
}

async fn ask(
    client: &Client,
    lane: Lane,
    targets: &[&RepositoryTarget],
    chunk: &[usize],
    open: &BTreeMap<usize, Question>,
) -> Vec<Asked> {
    let asked: Vec<(&RepositoryTarget, &Question)> = chunk
        .iter()
        .map(|index| (targets[*index], &open[index]))
        .collect();
    let query = query::repositories(&asked);
    match client
        .graphql::<RepositoriesData>(CallKind::Repositories, lane, &query)
        .await
    {
        Ok(answer) => {
            let questions: Vec<_> = asked
                .iter()
                .map(|(target, question)| (*question, branch(target)))
                .collect();
            let shown = answer::repositories(answer, &questions);
            asked
                .iter()
                .zip(shown)
                .map(|((target, question), shown)| {
                    asked_from(
                        shown.map_or_else(Verdict::Failed, |shown| judge(target, question, shown)),
                    )
                })
                .collect()
        }
        Err(error) => {
            let answered = answered_from(&error);
            chunk
                .iter()
                .map(|_| Asked::Done(answered.clone()))
                .collect()
        }
    }
}

fn branch(target: &RepositoryTarget) -> Branch {
    if target.r#ref == DEFAULT_BRANCH {
        Branch::Default
    } else {
        Branch::Named
    }
}

fn asked_from(verdict: Verdict) -> Asked {
    match verdict {
        Verdict::Again(question) => Asked::Again(question),
        Verdict::Read(reading) => Asked::Done(Answered::Read(reading)),
        Verdict::Behind { shown_head } => Asked::Done(Answered::Behind { shown_head }),
        Verdict::Failed(failure) => Asked::Done(Answered::Failed(failure)),
    }
}

fn answered_from(error: &CallError) -> Answered {
    match error.failure() {
        Ok(failure) => {
            tracing::warn!(error = %freshet_runtime::error_chain::Chain(error), "GitHub could not be read");
            Answered::Failed(failure)
        }
        Err(closed) => Answered::Limited(closed),
    }
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::WantedPath;

    use super::*;

    #[track_caller]
    fn check(paths_of_each: &[usize], expected: &[usize]) {
        let targets: Vec<RepositoryTarget> = paths_of_each
            .iter()
            .map(|paths| RepositoryTarget {
                wanted: vec![WantedPath::default(); *paths],
                ..RepositoryTarget::default()
            })
            .collect();
        let targets: Vec<&RepositoryTarget> = targets.iter().collect();
        let open = targets
            .iter()
            .map(|target| first_question(target))
            .enumerate()
            .collect();
        let sizes: Vec<usize> = chunks(&open, &targets).iter().map(Vec::len).collect();
        assert_eq!(sizes, expected);
    }

    #[test]
    fn a_query_is_bounded_in_repositories_and_in_objects() {
        check(&[], &[]);
        check(&[1; 100], &[100]);
        check(&[1; 101], &[100, 1]);
        check(&[200, 200, 200], &[2, 1]);
        check(&[5_000, 1], &[1, 1]);
    }
}
