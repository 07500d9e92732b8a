//! Reads the wanted files of many repositories: one query for all, and again for those that moved.
//! What the files depend on elsewhere is asked for in the same query.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_proto::message::{Dependency, Lane, Repository, RepositoryTarget, WantedPath};

use super::batch::QuestionAsker;
pub use super::batch::{NotShown, REPOSITORIES_PER_QUERY_MAX};
use super::client::GithubClient;
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::reconcile::{
    AnswerOutcome, DEFAULT_BRANCH, DependencyState, ObjectShown, QuestionBase, ReadPlan,
    RepositoryQuestion, RepositoryReading, RepositoryShown, first_question, judge,
};

/// Most questions about one repository in one reading. Three settle it unless it moves meanwhile.
const ROUNDS_MAX: usize = 5;
/// What reading one repository came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryAnswer {
    /// Its state.
    Read(RepositoryReading),
    /// GitHub still shows this head from before the push.
    Behind {
        /// Empty if it shows none.
        shown_head: String,
    },
    /// Nothing was proven.
    Failed(Failure),
    /// Nothing was asked, because of GitHub's limits.
    Limited(BudgetClosed),
}

/// A branch or a commit of a repository that is named, not known by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryPlace {
    /// Owner, in lower case.
    pub owner: String,
    /// Name, in lower case.
    pub name: String,
    /// Where in it.
    pub at: PlaceRevision,
}

/// Where in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlaceRevision {
    /// At a branch, or `HEAD`, wherever it is now.
    Branch(String),
    /// At a commit that was shown before.
    Commit(String),
}

impl RepositoryPlace {
    /// A place in a repository; GitHub does not tell owners and names apart by their case.
    #[must_use]
    pub fn new(owner: &str, name: &str, at: PlaceRevision) -> Self {
        Self {
            owner: owner.to_lowercase(),
            name: name.to_lowercase(),
            at,
        }
    }

    fn of(dependency: &Dependency) -> Self {
        let at = PlaceRevision::Branch(dependency.r#ref.clone());
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
                PlaceRevision::Branch(branch) => branch.clone(),
                PlaceRevision::Commit(_) => DEFAULT_BRANCH.to_owned(),
            },
            wanted: paths.into_iter().map(wanted).collect(),
            ..RepositoryTarget::default()
        }
    }

    fn base(&self) -> QuestionBase {
        match &self.at {
            PlaceRevision::Branch(_) => QuestionBase::Branch,
            PlaceRevision::Commit(commit) => QuestionBase::Shown(commit.clone()),
        }
    }
}

/// Reads the wanted files of `targets`, and answers in their order.
pub async fn read(
    client: &GithubClient,
    host: &str,
    lane: Lane,
    targets: &[&RepositoryTarget],
) -> Vec<RepositoryAnswer> {
    let plans: Vec<ReadPlan> = targets
        .iter()
        .map(|target| ReadPlan::of(target, host))
        .collect();
    let mut reader = BatchReading {
        asker: QuestionAsker::new(client, lane),
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
        RepositoryAnswer::Failed(Failure::unreadable(
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
    client: &GithubClient,
    lane: Lane,
    wanted: &[(RepositoryPlace, BTreeSet<String>)],
) -> Vec<Result<RepositoryShown, NotShown>> {
    let asked: Vec<(RepositoryTarget, RepositoryQuestion)> = wanted
        .iter()
        .map(|(place, paths)| {
            let question = RepositoryQuestion::new(place.base(), vec![true; paths.len()]);
            (place.target(paths.iter().map(String::as_str)), question)
        })
        .collect();
    let asked: Vec<_> = asked
        .iter()
        .map(|(target, asked)| (target, asked))
        .collect();
    QuestionAsker::new(client, lane).show(&asked).await
}

/// What the reading lists depend on in one place.
type PlaceObjects = Result<HashMap<String, ObjectShown>, NotShown>;

/// One reading in progress.
struct BatchReading<'a> {
    asker: QuestionAsker<'a>,
    host: &'a str,
    plans: Vec<ReadPlan>,
    open: BTreeMap<usize, RepositoryQuestion>,
    answers: Vec<Option<RepositoryAnswer>>,
    elsewhere: HashMap<RepositoryPlace, PlaceObjects>,
}

impl BatchReading<'_> {
    /// Asks every open question once, and with the first ones for what the files depend on elsewhere.
    async fn round(&mut self) {
        let beside = self.unseen();
        let questions: Vec<RepositoryQuestion> = beside
            .iter()
            .map(|(_, target)| {
                RepositoryQuestion::new(QuestionBase::Branch, vec![false; target.wanted.len()])
            })
            .collect();
        let asked: Vec<(&RepositoryTarget, &RepositoryQuestion)> = beside
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
    fn unseen(&self) -> Vec<(RepositoryPlace, RepositoryTarget)> {
        let mut unseen: BTreeMap<RepositoryPlace, BTreeSet<&str>> = BTreeMap::new();
        for index in self.open.keys() {
            for dependency in self.plans[*index].elsewhere() {
                let place = RepositoryPlace::of(dependency);
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
        question: &RepositoryQuestion,
        shown: Result<RepositoryShown, NotShown>,
    ) {
        let plan = &self.plans[index];
        let answered = match (shown, self.limited(plan)) {
            (_, Some(closed)) => RepositoryAnswer::Limited(closed),
            (Err(not_shown), None) => not_shown.into(),
            (Ok(shown), None) => {
                let elsewhere = |dependency: &Dependency| self.compared(dependency);
                match judge(plan, elsewhere, question, shown) {
                    AnswerOutcome::Again(question) => {
                        self.open.insert(index, question);
                        return;
                    }
                    AnswerOutcome::Read(reading) => RepositoryAnswer::Read(reading),
                    AnswerOutcome::Behind { shown_head } => RepositoryAnswer::Behind { shown_head },
                    AnswerOutcome::Failed(failure) => RepositoryAnswer::Failed(failure),
                }
            }
        };
        self.answers[index] = Some(answered);
    }

    /// Whether a limit kept us from looking at what a job depends on.
    fn limited(&self, plan: &ReadPlan) -> Option<BudgetClosed> {
        plan.elsewhere()
            .filter(|dependency| self.is_on_host(dependency))
            .find_map(
                |dependency| match self.elsewhere.get(&RepositoryPlace::of(dependency)) {
                    Some(Err(NotShown::Limited(closed))) => Some(*closed),
                    Some(Ok(_) | Err(NotShown::Failed(_))) | None => None,
                },
            )
    }

    fn compared(&self, dependency: &Dependency) -> DependencyState {
        if !self.is_on_host(dependency) {
            return DependencyState::Same;
        }
        match self.elsewhere.get(&RepositoryPlace::of(dependency)) {
            Some(Ok(objects)) => same_or_not(dependency, objects.get(&dependency.path)),
            Some(Err(NotShown::Failed(failure))) if is_hidden(failure) => {
                same_or_not(dependency, None)
            }
            Some(Err(NotShown::Failed(failure))) => DependencyState::Unknown(failure.clone()),
            Some(Err(NotShown::Limited(_))) | None => DependencyState::Same,
        }
    }
}

/// Whether GitHub keeps a repository from us, which lasts.
pub(crate) fn is_hidden(failure: &Failure) -> bool {
    use freshet_proto::message::FailureKind;
    matches!(failure.kind, FailureKind::NotVisible | FailureKind::Denied)
}

fn same_or_not(dependency: &Dependency, object: Option<&ObjectShown>) -> DependencyState {
    let blob = match object {
        Some(ObjectShown::Blob { oid, .. }) => oid.as_str(),
        Some(ObjectShown::Absent | ObjectShown::NotAFile) | None => "",
        Some(ObjectShown::Unreadable(message)) => {
            return DependencyState::Unknown(Failure::unreadable(message.clone()));
        }
    };
    if blob == dependency.blob {
        DependencyState::Same
    } else {
        DependencyState::Differs
    }
}

impl From<NotShown> for RepositoryAnswer {
    fn from(not_shown: NotShown) -> Self {
        match not_shown {
            NotShown::Failed(failure) => Self::Failed(failure),
            NotShown::Limited(closed) => Self::Limited(closed),
        }
    }
}
