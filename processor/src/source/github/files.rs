//! Reads the wanted files of many repositories: one query for all, and again for those that moved.
//!
//! A query that GitHub cannot answer in its ten seconds is asked in halves, or the same repositories would
//! fail together for ever. GitHub being down looks the same at first; then halving soon ends.

use std::collections::{BTreeMap, VecDeque};

use freshet_proto::message::{Lane, RepositoryTarget};

use super::answer::{self, Answer, Branch, RepositoriesData};
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
/// Queries in a row that may fail before nothing more is asked: as many as it takes to get from a full
/// query to one repository, and its neighbour.
const FAILED_IN_A_ROW_MAX: usize = 9;

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
    let open = targets.iter().map(|target| first_question(target));
    let mut reader = Reader {
        client,
        lane,
        targets,
        open: open.enumerate().collect(),
        answers: vec![None; targets.len()],
        failed_in_a_row: 0,
    };
    for _ in 0..ROUNDS_MAX {
        reader.round().await;
        if reader.open.is_empty() {
            break;
        }
    }
    let restless = || {
        Answered::Failed(Failure::unreadable(
            "the repository kept moving while it was read",
        ))
    };
    reader
        .answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(restless))
        .collect()
}

/// One reading in progress.
struct Reader<'a> {
    client: &'a Client,
    lane: Lane,
    targets: &'a [&'a RepositoryTarget],
    open: BTreeMap<usize, Question>,
    answers: Vec<Option<Answered>>,
    failed_in_a_row: usize,
}

impl Reader<'_> {
    /// Asks every open question once.
    async fn round(&mut self) {
        let mut queries = VecDeque::from(chunks(&self.open, self.targets));
        while let Some(chunk) = queries.pop_front() {
            match self.ask(&chunk).await {
                Ok(asked) => {
                    self.failed_in_a_row = 0;
                    for (index, asked) in chunk.into_iter().zip(asked) {
                        self.note(index, asked);
                    }
                }
                Err(error) => {
                    self.failed_in_a_row += 1;
                    match after_failure(&error, chunk.len(), self.failed_in_a_row) {
                        Next::Halves => {
                            let halves = chunk.split_at(chunk.len().div_ceil(2));
                            queries.push_front(halves.1.to_vec());
                            queries.push_front(halves.0.to_vec());
                            tokio::time::sleep(self.client.pause_after(self.failed_in_a_row)).await;
                        }
                        Next::Others => self.fail(&error, chunk),
                        Next::Nothing => {
                            self.fail(&error, chunk.into_iter().chain(queries.drain(..).flatten()));
                        }
                    }
                }
            }
        }
    }

    async fn ask(&self, chunk: &[usize]) -> Result<Vec<Asked>, CallError> {
        let asked: Vec<(&RepositoryTarget, &Question)> = chunk
            .iter()
            .map(|index| (self.targets[*index], &self.open[index]))
            .collect();
        let query = query::repositories(&asked);
        let (kind, lane) = (CallKind::Repositories, self.lane);
        // One repository cannot be asked for in a smaller query, but after failures it is not asked for
        // more often than any other.
        let answer: Answer<RepositoriesData> = if chunk.len() == 1 && self.failed_in_a_row == 0 {
            self.client.graphql(kind, lane, &query).await?
        } else {
            self.client.graphql_divisible(kind, lane, &query).await?
        };
        let questions: Vec<_> = asked
            .iter()
            .map(|(target, question)| (*question, branch(target)))
            .collect();
        let shown = answer::repositories(answer, &questions);
        let verdicts = asked.iter().zip(shown).map(|((target, question), shown)| {
            shown.map_or_else(Verdict::Failed, |shown| judge(target, question, shown))
        });
        Ok(verdicts.map(asked_from).collect())
    }

    fn note(&mut self, index: usize, asked: Asked) {
        match asked {
            Asked::Again(question) => {
                self.open.insert(index, question);
            }
            Asked::Done(answered) => {
                self.open.remove(&index);
                self.answers[index] = Some(answered);
            }
        }
    }

    fn fail(&mut self, error: &CallError, indices: impl IntoIterator<Item = usize>) {
        let answered = answered_from(error);
        for index in indices {
            self.note(index, Asked::Done(answered.clone()));
        }
    }
}

/// What to ask after a query that brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The same in two queries: it may have been too large.
    Halves,
    /// The other queries; this one failed.
    Others,
    /// Nothing: it is not the size of the queries.
    Nothing,
}

fn after_failure(error: &CallError, repositories: usize, failed_in_a_row: usize) -> Next {
    if failed_in_a_row >= FAILED_IN_A_ROW_MAX {
        Next::Nothing
    } else if repositories > 1 && error.may_be_too_large() {
        Next::Halves
    } else {
        Next::Others
    }
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
    fn what_may_be_too_large_is_halved_until_it_cannot_be_that() {
        let status = |status| CallError::Status {
            operation: "repositories",
            status,
            message: String::new(),
        };
        assert_eq!(after_failure(&status(502), 100, 1), Next::Halves);
        assert_eq!(after_failure(&status(504), 2, 7), Next::Halves);
        assert_eq!(after_failure(&status(504), 1, 8), Next::Others);
        assert_eq!(after_failure(&status(401), 100, 1), Next::Others);
        assert_eq!(after_failure(&status(502), 2, 9), Next::Nothing);
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
