//! Reads the wanted files of many repositories: one query for all, and again for those that moved.
//!
//! A query that GitHub cannot answer in its ten seconds is asked in halves, or the same repositories would
//! fail together for ever. GitHub being down looks the same at first; then halving soon ends.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;

use freshet_proto::message::{Dependency, Lane, Repository, RepositoryTarget, WantedPath};

use super::answer::{self, Answer, Branch, RepositoriesData};
use super::client::Client;
use super::error::CallError;
use super::query;
use crate::budget::Closed;
use crate::metrics::CallKind;
use crate::outcome::Failure;
use crate::reconcile::{
    Base, DEFAULT_BRANCH, Elsewhere, ObjectShown, Plan, Question, Reading, RepositoryShown,
    Verdict, first_question, judge,
};

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

/// A branch or a commit of a repository that is named, not known by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Owner, in lower case.
    pub owner: String,
    /// Name, in lower case.
    pub name: String,
    /// Where in it.
    pub at: At,
}

/// Where in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    /// At a branch, or `HEAD`, wherever it is now.
    Branch(String),
    /// At a commit that was shown before.
    Commit(String),
}

impl Place {
    /// A place in a repository; GitHub does not tell owners and names apart by their case.
    #[must_use]
    pub fn new(owner: &str, name: &str, at: At) -> Self {
        Self {
            owner: owner.to_lowercase(),
            name: name.to_lowercase(),
            at,
        }
    }

    fn of(dependency: &Dependency) -> Self {
        let at = At::Branch(dependency.r#ref.clone());
        Self::new(&dependency.owner, &dependency.name, at)
    }

    fn target<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> RepositoryTarget {
        let repository = Repository {
            owner: self.owner.clone(),
            name: self.name.clone(),
            ..Repository::default()
        };
        let wanted = |path: &str| WantedPath {
            path: path.to_owned(),
            ..WantedPath::default()
        };
        RepositoryTarget {
            repository: Some(repository),
            r#ref: match &self.at {
                At::Branch(branch) => branch.clone(),
                At::Commit(_) => DEFAULT_BRANCH.to_owned(),
            },
            wanted: paths.into_iter().map(wanted).collect(),
            ..RepositoryTarget::default()
        }
    }

    fn base(&self) -> Base {
        match &self.at {
            At::Branch(_) => Base::Branch,
            At::Commit(commit) => Base::Shown(commit.clone()),
        }
    }
}

/// Why nothing was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShown {
    /// Nothing was proven.
    Failed(Failure),
    /// Nothing was asked, because of GitHub's limits.
    Limited(Closed),
}

/// Reads the wanted files of `targets`, and answers in their order.
pub async fn read(
    client: &Client,
    host: &str,
    lane: Lane,
    targets: &[&RepositoryTarget],
) -> Vec<Answered> {
    let plans: Vec<Plan> = targets
        .iter()
        .map(|target| Plan::of(target, host))
        .collect();
    let mut reader = Reader {
        asker: Asker::new(client, lane),
        open: plans.iter().map(first_question).enumerate().collect(),
        answers: vec![None; plans.len()],
        elsewhere: HashMap::new(),
        host,
        plans,
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

/// Shows the files at these places, with their texts, and answers in their order.
pub async fn show(
    client: &Client,
    lane: Lane,
    wanted: &[(Place, BTreeSet<String>)],
) -> Vec<Result<RepositoryShown, NotShown>> {
    let asked: Vec<(RepositoryTarget, Question)> = wanted
        .iter()
        .map(|(place, paths)| {
            let question = Question::new(place.base(), vec![true; paths.len()]);
            (place.target(paths.iter().map(String::as_str)), question)
        })
        .collect();
    let asked: Vec<_> = asked
        .iter()
        .map(|(target, asked)| (target, asked))
        .collect();
    Asker::new(client, lane).show(&asked).await
}

/// What the reading lists depend on in one place.
type Seen = Result<HashMap<String, ObjectShown>, NotShown>;

/// One reading in progress.
struct Reader<'a> {
    asker: Asker<'a>,
    host: &'a str,
    plans: Vec<Plan>,
    open: BTreeMap<usize, Question>,
    answers: Vec<Option<Answered>>,
    elsewhere: HashMap<Place, Seen>,
}

impl Reader<'_> {
    /// Asks every open question once, and with the first ones for what the files depend on elsewhere.
    async fn round(&mut self) {
        let beside = self.unseen();
        let questions: Vec<Question> = beside
            .iter()
            .map(|(_, target)| Question::new(Base::Branch, vec![false; target.wanted.len()]))
            .collect();
        let asked: Vec<(&RepositoryTarget, &Question)> = beside
            .iter()
            .map(|(_, target)| target)
            .zip(&questions)
            .chain(
                self.open
                    .iter()
                    .map(|(index, question)| (&self.plans[*index].target, question)),
            )
            .collect();
        let mut shown = self.asker.show(&asked).await;
        let of_the_open = shown.split_off(beside.len());
        for ((place, target), shown) in beside.into_iter().zip(shown) {
            let seen = shown.map(|shown| {
                let paths = target.wanted.into_iter().map(|wanted| wanted.path);
                paths.zip(shown.objects).collect()
            });
            self.elsewhere.insert(place, seen);
        }
        for ((index, question), shown) in
            std::mem::take(&mut self.open).into_iter().zip(of_the_open)
        {
            self.note(index, &question, shown);
        }
    }

    /// The places on this host that were not looked at yet.
    fn unseen(&self) -> Vec<(Place, RepositoryTarget)> {
        let mut unseen: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
        for index in self.open.keys() {
            for dependency in self.plans[*index].elsewhere() {
                let place = Place::of(dependency);
                if self.is_on_host(dependency) && !self.elsewhere.contains_key(&place) {
                    unseen.entry(place).or_default().insert(&dependency.path);
                }
            }
        }
        unseen
            .into_iter()
            .map(|(place, paths)| {
                let target = place.target(paths);
                (place, target)
            })
            .collect()
    }

    fn is_on_host(&self, dependency: &Dependency) -> bool {
        dependency.url.is_empty() && dependency.host.eq_ignore_ascii_case(self.host)
    }

    fn note(
        &mut self,
        index: usize,
        question: &Question,
        shown: Result<RepositoryShown, NotShown>,
    ) {
        let plan = &self.plans[index];
        let answered = match (shown, self.limited(plan)) {
            (_, Some(closed)) => Answered::Limited(closed),
            (Err(not_shown), None) => not_shown.into(),
            (Ok(shown), None) => {
                let elsewhere = |dependency: &Dependency| self.compared(dependency);
                match judge(plan, elsewhere, question, shown) {
                    Verdict::Again(question) => {
                        self.open.insert(index, question);
                        return;
                    }
                    Verdict::Read(reading) => Answered::Read(reading),
                    Verdict::Behind { shown_head } => Answered::Behind { shown_head },
                    Verdict::Failed(failure) => Answered::Failed(failure),
                }
            }
        };
        self.answers[index] = Some(answered);
    }

    /// Whether a limit kept us from looking at what a job depends on.
    fn limited(&self, plan: &Plan) -> Option<Closed> {
        plan.elsewhere()
            .filter(|dependency| self.is_on_host(dependency))
            .find_map(
                |dependency| match self.elsewhere.get(&Place::of(dependency)) {
                    Some(Err(NotShown::Limited(closed))) => Some(*closed),
                    Some(Ok(_) | Err(NotShown::Failed(_))) | None => None,
                },
            )
    }

    fn compared(&self, dependency: &Dependency) -> Elsewhere {
        if !self.is_on_host(dependency) {
            return Elsewhere::Same;
        }
        match self.elsewhere.get(&Place::of(dependency)) {
            Some(Ok(objects)) => same_or_not(dependency, objects.get(&dependency.path)),
            Some(Err(NotShown::Failed(failure))) if is_hidden(failure) => {
                same_or_not(dependency, None)
            }
            Some(Err(NotShown::Failed(failure))) => Elsewhere::Unknown(failure.clone()),
            Some(Err(NotShown::Limited(_))) | None => Elsewhere::Same,
        }
    }
}

/// Whether GitHub keeps a repository from us, which lasts.
pub(crate) fn is_hidden(failure: &Failure) -> bool {
    use freshet_proto::message::FailureKind;
    matches!(failure.kind, FailureKind::NotVisible | FailureKind::Denied)
}

fn same_or_not(dependency: &Dependency, object: Option<&ObjectShown>) -> Elsewhere {
    let blob = match object {
        Some(ObjectShown::Blob { oid, .. }) => oid.as_str(),
        Some(ObjectShown::Absent | ObjectShown::NotAFile) | None => "",
        Some(ObjectShown::Unreadable(message)) => {
            return Elsewhere::Unknown(Failure::unreadable(message.clone()));
        }
    };
    if blob == dependency.blob {
        Elsewhere::Same
    } else {
        Elsewhere::Differs
    }
}

/// Asks about repositories, many in one query.
struct Asker<'a> {
    client: &'a Client,
    lane: Lane,
    failed_in_a_row: usize,
}

impl<'a> Asker<'a> {
    fn new(client: &'a Client, lane: Lane) -> Self {
        Self {
            client,
            lane,
            failed_in_a_row: 0,
        }
    }

    /// Asks each question once.
    async fn show(
        &mut self,
        asked: &[(&RepositoryTarget, &Question)],
    ) -> Vec<Result<RepositoryShown, NotShown>> {
        let mut shown: Vec<Option<Result<RepositoryShown, NotShown>>> = vec![None; asked.len()];
        let mut queries = VecDeque::from(chunks(asked));
        while let Some(chunk) = queries.pop_front() {
            match self.ask(&asked[chunk.clone()]).await {
                Ok(answers) => {
                    self.failed_in_a_row = 0;
                    for (place, answer) in shown[chunk].iter_mut().zip(answers) {
                        *place = Some(answer.map_err(NotShown::Failed));
                    }
                }
                Err(error) => {
                    self.failed_in_a_row += 1;
                    match after_failure(&error, chunk.len(), self.failed_in_a_row) {
                        Next::Halves => {
                            let middle = chunk.start + chunk.len().div_ceil(2);
                            queries.push_front(middle..chunk.end);
                            queries.push_front(chunk.start..middle);
                            tokio::time::sleep(self.client.pause_after(self.failed_in_a_row)).await;
                        }
                        Next::Others => shown[chunk].fill(Some(Err(not_shown(&error)))),
                        Next::Nothing => {
                            let not_shown = not_shown(&error);
                            for chunk in queries.drain(..).chain([chunk]) {
                                shown[chunk].fill(Some(Err(not_shown.clone())));
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

    async fn ask(
        &self,
        asked: &[(&RepositoryTarget, &Question)],
    ) -> Result<Vec<Result<RepositoryShown, Failure>>, CallError> {
        let query = query::repositories(asked);
        let (kind, lane) = (CallKind::Repositories, self.lane);
        // One repository cannot be asked for in a smaller query, but after failures it is not asked for
        // more often than any other.
        let answer: Answer<RepositoriesData> = if asked.len() == 1 && self.failed_in_a_row == 0 {
            self.client.graphql(kind, lane, &query).await?
        } else {
            self.client.graphql_divisible(kind, lane, &query).await?
        };
        let questions: Vec<_> = asked
            .iter()
            .map(|(target, question)| (*question, branch(target)))
            .collect();
        Ok(answer::repositories(answer, &questions))
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

/// Splits the questions into queries within both bounds.
fn chunks(asked: &[(&RepositoryTarget, &Question)]) -> Vec<Range<usize>> {
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

fn branch(target: &RepositoryTarget) -> Branch {
    if target.r#ref == DEFAULT_BRANCH {
        Branch::Default
    } else {
        Branch::Named
    }
}

fn not_shown(error: &CallError) -> NotShown {
    match error.failure() {
        Ok(failure) => {
            tracing::warn!(error = %freshet_runtime::error_chain::Chain(error), "GitHub could not be read");
            NotShown::Failed(failure)
        }
        Err(closed) => NotShown::Limited(closed),
    }
}

impl From<NotShown> for Answered {
    fn from(not_shown: NotShown) -> Self {
        match not_shown {
            NotShown::Failed(failure) => Self::Failed(failure),
            NotShown::Limited(closed) => Self::Limited(closed),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let questions: Vec<Question> = targets
            .iter()
            .map(|target| first_question(&Plan::of(target, "github.com")))
            .collect();
        let asked: Vec<_> = targets.iter().zip(&questions).collect();
        let sizes: Vec<usize> = chunks(&asked).iter().map(Range::len).collect();
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
