//! Reads the wanted files of many repositories: one query for all, and again for those that moved.
//! What the files depend on elsewhere is asked for in the same query.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_proto::message::{Dependency, Lane, Repository, RepositoryTarget, WantedPath};

use super::batch::Asker;
pub use super::batch::{NotShown, REPOSITORIES_PER_QUERY_MAX};
use super::client::Client;
use crate::budget::Closed;
use crate::failure::Failure;
use crate::reconcile::{
    Base, DEFAULT_BRANCH, Elsewhere, ObjectShown, Plan, Question, Reading, RepositoryShown,
    Verdict, first_question, judge,
};

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

impl From<NotShown> for Answered {
    fn from(not_shown: NotShown) -> Self {
        match not_shown {
            NotShown::Failed(failure) => Self::Failed(failure),
            NotShown::Limited(closed) => Self::Limited(closed),
        }
    }
}
