//! Asks about many repositories, in as few queries as they fit into.
//!
//! A query that GitHub cannot answer in its ten seconds is asked in halves, or the same repositories would
//! fail together for ever. GitHub being down looks the same at first; then halving soon ends.

use std::collections::VecDeque;
use std::ops::Range;

use freshet_proto::message::{Lane, RepositoryTarget};
use freshet_runtime::error_chain::Chain;

use super::answer::{self, BranchChoice, GraphqlAnswer, RepositoriesData};
use super::client::GithubClient;
use super::error::{CallError, NotRead};
use super::query::{self, REPOSITORIES_PER_QUERY_MAX};
use crate::failure::Failure;
use crate::metrics::CallKind;
use crate::reconcile::{QuestionBase, RefKind, RepositoryQuestion, RepositoryShown, git_ref_of};

/// Most objects in one query; GitHub computes each of them separately and stops after ten seconds.
const OBJECTS_PER_QUERY_MAX: usize = 500;
/// Queries in a row that may fail before nothing more is asked: as many as it takes to get from a full
/// query to one repository, and its neighbour.
const FAILED_IN_A_ROW_MAX: usize = 9;

/// Asks about repositories, many in one query.
pub(super) struct QuestionAsker<'a> {
    client: &'a GithubClient,
    lane: Lane,
    failed_in_a_row: usize,
}

impl<'a> QuestionAsker<'a> {
    pub(super) fn new(client: &'a GithubClient, lane: Lane) -> Self {
        Self {
            client,
            lane,
            failed_in_a_row: 0,
        }
    }

    /// Asks each question, and once more those about a ref that is no branch.
    pub(super) async fn ask_all(
        &mut self,
        asked: &[(&RepositoryTarget, &RepositoryQuestion)],
    ) -> Vec<Result<RepositoryShown, NotRead>> {
        let mut shown = self.ask_once(asked).await;
        let pinned: Vec<(usize, RepositoryQuestion)> = asked
            .iter()
            .zip(&shown)
            .enumerate()
            .filter_map(|(index, ((_, question), shown))| {
                Some((index, pin_to_other_ref(question, shown.as_ref().ok()?)?))
            })
            .collect();
        let again: Vec<_> = pinned
            .iter()
            .map(|(index, question)| (asked[*index].0, question))
            .collect();
        let answers = self.ask_once(&again).await;
        for ((index, _), answer) in pinned.iter().zip(answers) {
            shown[*index] = answer.and_then(|shown| {
                // Without the commit every file is null, and none of them is absent.
                let lags = || Failure::unreadable("the commit of a tag is not shown yet");
                let is_shown = shown.commit_shown;
                is_shown
                    .then_some(shown)
                    .ok_or_else(|| NotRead::Failed(lags()))
            });
        }
        shown
    }

    async fn ask_once(
        &mut self,
        asked: &[(&RepositoryTarget, &RepositoryQuestion)],
    ) -> Vec<Result<RepositoryShown, NotRead>> {
        let mut shown: Vec<Option<Result<RepositoryShown, NotRead>>> = vec![None; asked.len()];
        let mut queries = VecDeque::from(split_queries(asked));
        while let Some(chunk) = queries.pop_front() {
            match self.ask_query(&asked[chunk.clone()]).await {
                Ok(answers) => {
                    self.failed_in_a_row = 0;
                    for (place, answer) in shown[chunk].iter_mut().zip(answers) {
                        *place = Some(answer.map_err(NotRead::Failed));
                    }
                }
                Err(error) => {
                    self.failed_in_a_row += 1;
                    match decide_after_failure(&error, chunk.len(), self.failed_in_a_row) {
                        AfterFailure::Halves => {
                            let middle = chunk.start + chunk.len().div_ceil(2);
                            // In front, so that the halves are asked before the next full query
                            // and a failure stays near its cause.
                            queries.push_front(middle..chunk.end);
                            queries.push_front(chunk.start..middle);
                            tokio::time::sleep(self.client.pause_after(self.failed_in_a_row)).await;
                        }
                        AfterFailure::Others => shown[chunk].fill(Some(Err(log_not_read(&error)))),
                        // An outage: the remaining jobs fail at once instead of one timeout after
                        // the other.
                        AfterFailure::Nothing => {
                            let not_read = log_not_read(&error);
                            for chunk in queries.drain(..).chain([chunk]) {
                                shown[chunk].fill(Some(Err(not_read.clone())));
                            }
                        }
                    }
                }
            }
        }
        shown
            .into_iter()
            .map(|shown| shown.expect("every question is in a query, and every query is noted"))
            .collect()
    }

    async fn ask_query(
        &self,
        asked: &[(&RepositoryTarget, &RepositoryQuestion)],
    ) -> Result<Vec<Result<RepositoryShown, Failure>>, CallError> {
        let query = query::write_repositories(asked);
        let (kind, lane) = (CallKind::Repositories, self.lane);
        // One repository cannot be asked for in a smaller query, but after failures it is not asked for
        // more often than any other.
        let answer: GraphqlAnswer<RepositoriesData> =
            if asked.len() == 1 && self.failed_in_a_row == 0 {
                self.client.ask_graphql(kind, lane, &query).await?
            } else {
                self.client
                    .ask_graphql_divisible(kind, lane, &query)
                    .await?
            };
        let questions: Vec<_> = asked
            .iter()
            .map(|(target, question)| (*question, branch_of(target)))
            .collect();
        Ok(answer::read_repositories(answer, &questions))
    }
}

/// The same question at the commit of a tag, where the answer shows that the ref is one.
// Which of the two a name is cannot be known before, and asking for every file at both would double the
// queries of all branches.
fn pin_to_other_ref(
    question: &RepositoryQuestion,
    shown: &RepositoryShown,
) -> Option<RepositoryQuestion> {
    match (&question.base, shown.at_ref) {
        (QuestionBase::Branch, RefKind::Other) => Some(RepositoryQuestion {
            base: QuestionBase::Shown(shown.head.clone()?),
            ..question.clone()
        }),
        (QuestionBase::Pushed(_) | QuestionBase::Shown(_), _) | (_, RefKind::Expected) => None,
    }
}

/// What to ask after a query that brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterFailure {
    /// The same in two queries: it may have been too large.
    Halves,
    /// The other queries; this one failed.
    Others,
    /// Nothing: it is not the size of the queries.
    Nothing,
}

fn decide_after_failure(
    error: &CallError,
    repositories: usize,
    failed_in_a_row: usize,
) -> AfterFailure {
    if failed_in_a_row >= FAILED_IN_A_ROW_MAX {
        AfterFailure::Nothing
    } else if repositories > 1 && error.may_be_too_large() {
        AfterFailure::Halves
    } else {
        AfterFailure::Others
    }
}

/// Splits the questions into queries within both bounds.
fn split_queries(asked: &[(&RepositoryTarget, &RepositoryQuestion)]) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut objects = 0;
    for (index, (target, _)) in asked.iter().enumerate() {
        let more = target.wanted.len();
        let full = |chunk: &Range<usize>| {
            chunk.len() == REPOSITORIES_PER_QUERY_MAX || objects + more > OBJECTS_PER_QUERY_MAX
        };
        match chunks.last_mut().filter(|chunk| !full(chunk)) {
            Some(chunk) => {
                chunk.end += 1;
                objects += more;
            }
            None => {
                chunks.push(index..index + 1);
                objects = more;
            }
        }
    }
    chunks
}

fn branch_of(target: &RepositoryTarget) -> BranchChoice {
    if git_ref_of(&target.r#ref).is_default_branch() {
        BranchChoice::Default
    } else {
        BranchChoice::Named
    }
}

// Logged here, once: from here on only what it means for a source is known.
fn log_not_read(error: &CallError) -> NotRead {
    let not_read = NotRead::from(error);
    if let NotRead::Failed(_) = &not_read {
        freshet_runtime::summed_up!(warn, error = %Chain(error), "GitHub could not be read");
    }
    not_read
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::WantedPath;

    use super::*;
    use crate::reconcile::{ReadPlan, first_question};

    #[track_caller]
    fn check(paths_of_each: &[usize], expected: &[usize]) {
        let targets: Vec<RepositoryTarget> = paths_of_each
            .iter()
            .map(|paths| RepositoryTarget {
                wanted: vec![WantedPath::default(); *paths],
                ..RepositoryTarget::default()
            })
            .collect();
        let questions: Vec<RepositoryQuestion> = targets
            .iter()
            .map(|target| first_question(&ReadPlan::new(target, "github.com")))
            .collect();
        let asked: Vec<_> = targets.iter().zip(&questions).collect();
        let sizes: Vec<usize> = split_queries(&asked).iter().map(Range::len).collect();
        assert_eq!(sizes, expected);
    }

    #[test]
    fn what_may_be_too_large_is_halved_until_it_cannot_be_that() {
        let status = |status| CallError::Status {
            operation: "repositories",
            status,
            message: String::new(),
        };
        assert_eq!(
            decide_after_failure(&status(502), 100, 1),
            AfterFailure::Halves
        );
        assert_eq!(
            decide_after_failure(&status(504), 2, 7),
            AfterFailure::Halves
        );
        assert_eq!(
            decide_after_failure(&status(504), 1, 8),
            AfterFailure::Others
        );
        assert_eq!(
            decide_after_failure(&status(401), 100, 1),
            AfterFailure::Others
        );
        assert_eq!(
            decide_after_failure(&status(502), 2, 9),
            AfterFailure::Nothing
        );
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
