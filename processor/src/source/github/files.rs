//! Reads the wanted files of many repositories: one query for all, and again for those that moved.
//! What the files depend on elsewhere is asked for in the same query.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::{GitRef, RepositoryName};
use freshet_proto::message::{Dependency, Lane, Repository, RepositoryTarget, WantedPath};

use super::batch::QuestionAsker;
use super::client::GithubClient;
use super::error::NotRead;
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::reconcile::{
    AnswerOutcome, DependencyState, ObjectShown, QuestionBase, ReadPlan, RepositoryQuestion,
    RepositoryReading, RepositoryShown, evaluate_answer, first_question, git_ref_of, repository_of,
};

/// Most questions about one repository in one reading. Three settle it unless it moves meanwhile.
const ROUNDS_MAX: usize = 5;
/// What reading one repository came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryAnswer {
    /// Its state.
    Read(Box<RepositoryReading>),
    /// GitHub still shows this head from before the push.
    Behind {
        /// Empty if it shows none.
        shown_head: String,
    },
    /// Nothing was proven, or nothing asked.
    NotRead(NotRead),
}

/// A branch or a commit of a repository that is named, not known by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryPlace {
    /// Which repository.
    pub repository: RepositoryName,
    /// Where in it.
    pub at: PlaceRevision,
}

/// Where in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlaceRevision {
    /// At a branch, wherever it is now.
    Branch(GitRef),
    /// At a commit that was shown before.
    Commit(String),
}

impl RepositoryPlace {
    fn of_dependency(dependency: &Dependency) -> Self {
        Self {
            repository: repository_of(dependency),
            at: PlaceRevision::Branch(git_ref_of(&dependency.r#ref)),
        }
    }

    /// The branch; of a commit that was shown it is enough to know that some branch led there.
    #[must_use]
    pub fn git_ref(&self) -> GitRef {
        match &self.at {
            PlaceRevision::Branch(branch) => branch.clone(),
            PlaceRevision::Commit(_) => GitRef::DefaultBranch,
        }
    }

    fn target_of<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> RepositoryTarget {
        let repository = Repository {
            owner: self.repository.owner().to_owned(),
            name: self.repository.name().to_owned(),
            ..Repository::default()
        };
        let wanted = |path: &str| WantedPath {
            path: path.to_owned(),
            ..WantedPath::default()
        };
        RepositoryTarget {
            repository: Some(repository),
            r#ref: self.git_ref().into(),
            wanted: paths.into_iter().map(wanted).collect(),
            ..RepositoryTarget::default()
        }
    }

    fn question_base(&self) -> QuestionBase {
        match &self.at {
            PlaceRevision::Branch(_) => QuestionBase::Branch,
            PlaceRevision::Commit(commit) => QuestionBase::Shown(commit.clone()),
        }
    }
}

/// Reads the wanted files of `targets`, and answers in their order.
pub async fn read_repositories(
    client: &GithubClient,
    host: &str,
    lane: Lane,
    targets: &[&RepositoryTarget],
) -> Vec<RepositoryAnswer> {
    let plans: Vec<ReadPlan> = targets
        .iter()
        .map(|target| ReadPlan::new(target, host))
        .collect();
    let mut reading = BatchReading {
        asker: QuestionAsker::new(client, lane),
        open: plans.iter().map(first_question).enumerate().collect(),
        answers: vec![None; plans.len()],
        elsewhere: HashMap::new(),
        host,
        plans,
    };
    // Branch, commit, and once more for texts; beyond that somebody pushes faster than GitHub
    // answers.
    for _ in 0..ROUNDS_MAX {
        reading.ask_open_questions().await;
        if reading.open.is_empty() {
            break;
        }
    }
    let restless = || {
        RepositoryAnswer::NotRead(NotRead::Failed(Failure::unreadable(
            "the repository kept moving while it was read",
        )))
    };
    reading
        .answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(restless))
        .collect()
}

/// Shows the files at these places, with their texts, and answers in their order.
pub async fn show_places(
    client: &GithubClient,
    lane: Lane,
    wanted: &[(RepositoryPlace, BTreeSet<String>)],
) -> Vec<Result<RepositoryShown, NotRead>> {
    let asked: Vec<(RepositoryTarget, RepositoryQuestion)> = wanted
        .iter()
        .map(|(place, paths)| {
            let question = RepositoryQuestion::new(place.question_base(), vec![true; paths.len()]);
            (place.target_of(paths.iter().map(String::as_str)), question)
        })
        .collect();
    let asked: Vec<_> = asked
        .iter()
        .map(|(target, asked)| (target, asked))
        .collect();
    QuestionAsker::new(client, lane).ask_all(&asked).await
}

/// What the reading lists depend on in one place.
type PlaceObjects = Result<HashMap<String, ObjectShown>, NotRead>;

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
    async fn ask_open_questions(&mut self) {
        let places = self.unseen_places();
        let questions: Vec<RepositoryQuestion> = places
            .iter()
            .map(|(_, target)| {
                RepositoryQuestion::new(QuestionBase::Branch, vec![false; target.wanted.len()])
            })
            .collect();
        let asked: Vec<(&RepositoryTarget, &RepositoryQuestion)> = places
            .iter()
            .map(|(_, target)| target)
            .zip(&questions)
            .chain(
                self.open
                    .iter()
                    .map(|(index, question)| (&self.plans[*index].target, question)),
            )
            .collect();
        // Dependencies in front: whatever the answers about the repositories are compared with is
        // known by then.
        let mut shown = self.asker.ask_all(&asked).await;
        let of_the_open = shown.split_off(places.len());
        for ((place, target), shown) in places.into_iter().zip(shown) {
            let seen = shown.map(|shown| {
                let paths = target.wanted.into_iter().map(|wanted| wanted.path);
                paths.zip(shown.objects).collect()
            });
            self.elsewhere.insert(place, seen);
        }
        for ((index, question), shown) in
            std::mem::take(&mut self.open).into_iter().zip(of_the_open)
        {
            self.note_answer(index, &question, shown);
        }
    }

    /// The places on this host that were not looked at yet.
    fn unseen_places(&self) -> Vec<(RepositoryPlace, RepositoryTarget)> {
        let mut unseen: BTreeMap<RepositoryPlace, BTreeSet<&str>> = BTreeMap::new();
        for index in self.open.keys() {
            for dependency in self.plans[*index].elsewhere() {
                let place = RepositoryPlace::of_dependency(dependency);
                if self.is_on_host(dependency) && !self.elsewhere.contains_key(&place) {
                    unseen.entry(place).or_default().insert(&dependency.path);
                }
            }
        }
        unseen
            .into_iter()
            .map(|(place, paths)| {
                let target = place.target_of(paths);
                (place, target)
            })
            .collect()
    }

    fn is_on_host(&self, dependency: &Dependency) -> bool {
        dependency.url.is_empty() && dependency.host.eq_ignore_ascii_case(self.host)
    }

    fn note_answer(
        &mut self,
        index: usize,
        question: &RepositoryQuestion,
        shown: Result<RepositoryShown, NotRead>,
    ) {
        let plan = &self.plans[index];
        let answered = match (shown, self.limit_of_dependencies(plan)) {
            (_, Some(closed)) => RepositoryAnswer::NotRead(NotRead::Limited(closed)),
            (Err(not_read), None) => RepositoryAnswer::NotRead(not_read),
            (Ok(shown), None) => {
                let elsewhere = |dependency: &Dependency| self.compare_dependency(dependency);
                match evaluate_answer(plan, elsewhere, question, shown) {
                    AnswerOutcome::AskAgain(question) => {
                        self.open.insert(index, question);
                        return;
                    }
                    AnswerOutcome::Read(reading) => RepositoryAnswer::Read(Box::new(reading)),
                    AnswerOutcome::Behind { shown_head } => RepositoryAnswer::Behind { shown_head },
                    AnswerOutcome::Failed(failure) => {
                        RepositoryAnswer::NotRead(NotRead::Failed(failure))
                    }
                }
            }
        };
        self.answers[index] = Some(answered);
    }

    /// Whether a limit kept us from looking at what a job depends on.
    fn limit_of_dependencies(&self, plan: &ReadPlan) -> Option<BudgetClosed> {
        plan.elsewhere()
            .filter(|dependency| self.is_on_host(dependency))
            .find_map(|dependency| {
                match self
                    .elsewhere
                    .get(&RepositoryPlace::of_dependency(dependency))
                {
                    Some(Err(NotRead::Limited(closed))) => Some(*closed),
                    Some(Ok(_) | Err(NotRead::Failed(_))) | None => None,
                }
            })
    }

    fn compare_dependency(&self, dependency: &Dependency) -> DependencyState {
        if !self.is_on_host(dependency) {
            return DependencyState::Same;
        }
        match self
            .elsewhere
            .get(&RepositoryPlace::of_dependency(dependency))
        {
            Some(Ok(objects)) => compare_object(dependency, objects.get(&dependency.path)),
            // A repository that is kept from us lasts, and what was read of it before is as good
            // as absent.
            Some(Err(NotRead::Failed(failure))) if failure.is_hidden() => {
                compare_object(dependency, None)
            }
            Some(Err(NotRead::Failed(failure))) => DependencyState::Unknown(failure.clone()),
            Some(Err(NotRead::Limited(_))) | None => DependencyState::Same,
        }
    }
}

fn compare_object(dependency: &Dependency, object: Option<&ObjectShown>) -> DependencyState {
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
