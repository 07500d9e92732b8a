//! Histories: drawn from a seed, applied to a model of the repositories.

use std::collections::BTreeMap;
use std::fmt;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::story::{component, document, location, url};

/// Repositories of a history.
pub(super) const REPOSITORIES: usize = 3;
/// The file of each repository that is registered.
pub(super) const ROOT: &str = "catalog-info.yaml";
/// Files that only Locations lead to.
const PARTS: [&str; 2] = ["part-a.yaml", "part-b.yaml"];
/// What placeholders read.
const TEXT: &str = "text.txt";
const NAMES: u8 = 4;

pub(super) fn repository(number: usize) -> String {
    format!("r{number}")
}

/// A push: files of one repository.
pub(super) type Push = (String, Vec<(&'static str, Option<String>)>);

pub(super) fn borrowed<'a>(
    files: &'a [(&'static str, Option<String>)],
) -> Vec<(&'static str, Option<&'a str>)> {
    files
        .iter()
        .map(|(path, content)| (*path, content.as_deref()))
        .collect()
}

/// What a Location lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A part of some repository, by its address.
    Part(usize, usize),
    /// The root of some repository.
    Root(usize),
    /// All parts beside it.
    Parts,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Components, by name, with a title and what they depend on.
    Components(Vec<(u8, u8, u8)>),
    /// A Location and a component beside it.
    Location {
        targets: Vec<Target>,
        is_required: bool,
    },
    /// An API whose definition is in another file.
    Embedding,
    /// No catalog file but what one reads.
    Text(u8),
    Nothing,
    BrokenSyntax,
    BrokenEntity(u8),
}

/// Files of all repositories.
pub(super) type World = BTreeMap<(usize, &'static str), Content>;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Write(usize, &'static str, Content),
    Remove(usize, &'static str),
    /// The two parts of a repository change their places.
    Swap(usize),
    Restart,
}

#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) steps: Vec<Step>,
}

impl fmt::Display for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(formatter, "    {step:?}")?;
        }
        Ok(())
    }
}

impl History {
    pub(super) fn draw(seed: u64, steps: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let steps = (0..steps).map(|_| Step::draw(&mut random)).collect();
        Self { steps }
    }

    /// The repositories just before a step, which is one of the history's own.
    pub(super) fn before(&self, step: &Step) -> World {
        let until = self
            .steps
            .iter()
            .position(|it| std::ptr::eq(it, step))
            .expect("its own");
        world_after(&self.steps[..until])
    }

    /// The repositories when everything is mended.
    pub(super) fn last(&self) -> World {
        let mut world = world_after(&self.steps);
        mend(&mut world);
        world
    }

    /// What mends everything: one push per repository, even if it only moves the marker.
    pub(super) fn epilogue(&self) -> Vec<Push> {
        let (before, after) = (world_after(&self.steps), self.last());
        let changed = |number: usize| {
            let files = after.iter().filter(move |((of, _), _)| *of == number);
            let new = files.filter(|(key, content)| before.get(*key) != Some(*content));
            new.map(|((_, path), content)| (*path, Some(content.text(number, path))))
                .collect()
        };
        (0..REPOSITORIES)
            .map(|number| (repository(number), changed(number)))
            .collect()
    }
}

fn world_after(steps: &[Step]) -> World {
    let mut world: World = (0..REPOSITORIES)
        .map(|number| ((number, ROOT), Content::Nothing))
        .collect();
    for step in steps {
        for (key, content) in step.writes(&world) {
            match content {
                Some(content) => world.insert(key, content),
                None => world.remove(&key),
            };
        }
    }
    world
}

/// Replaces what is broken, and makes what is missing though something needs it.
fn mend(world: &mut World) {
    for content in world.values_mut() {
        if matches!(content, Content::BrokenSyntax | Content::BrokenEntity(_)) {
            *content = Content::Components(vec![(0, 0, 1)]);
        }
    }
    for number in 0..REPOSITORIES {
        world.entry((number, ROOT)).or_insert(Content::Nothing);
    }
    let mut needed = Vec::new();
    for ((number, _), content) in &*world {
        match content {
            Content::Location {
                targets,
                is_required: true,
            } => needed.extend(targets.iter().map(|target| match target {
                Target::Part(of, part) => (*of, PARTS[*part]),
                Target::Root(of) => (*of, ROOT),
                Target::Parts => (*number, PARTS[0]),
            })),
            Content::Embedding => needed.push((*number, TEXT)),
            _ => {}
        }
    }
    for key in needed {
        let content = if key.1 == TEXT {
            Content::Text(0)
        } else {
            Content::Nothing
        };
        world.entry(key).or_insert(content);
    }
}

impl Step {
    fn draw(random: &mut StdRng) -> Self {
        let number = random.random_range(0..REPOSITORIES);
        let part = PARTS[random.random_range(0..PARTS.len())];
        let path = if random.random_bool(0.35) { ROOT } else { part };
        match random.random_range(0..100) {
            0..62 => Self::Write(number, path, Content::draw(random)),
            62..72 => Self::Write(number, TEXT, Content::Text(random.random())),
            72..84 => Self::Remove(number, path),
            84..87 => Self::Remove(number, TEXT),
            87..96 => Self::Swap(number),
            _ => Self::Restart,
        }
    }

    fn writes(&self, world: &World) -> Vec<((usize, &'static str), Option<Content>)> {
        match self {
            Self::Write(number, path, content) => vec![((*number, path), Some(content.clone()))],
            Self::Remove(number, path) => vec![((*number, path), None)],
            Self::Swap(number) => {
                let [a, b] = PARTS.map(|path| world.get(&(*number, path)).cloned());
                vec![((*number, PARTS[0]), b), ((*number, PARTS[1]), a)]
            }
            Self::Restart => Vec::new(),
        }
    }

    /// What is pushed, given the repositories before it. Nothing is removed that is not there.
    pub(super) fn pushes(&self, world: &World) -> Vec<Push> {
        let writes = self.writes(world);
        let Some(((number, _), _)) = writes.first() else {
            return Vec::new();
        };
        let number = *number;
        let files: Vec<_> = writes
            .into_iter()
            .filter(|(key, content)| content.is_some() || world.contains_key(key))
            .map(|((_, path), content)| (path, content.map(|content| content.text(number, path))))
            .collect();
        if files.is_empty() {
            return Vec::new();
        }
        vec![(repository(number), files)]
    }
}

impl Content {
    fn draw(random: &mut StdRng) -> Self {
        match random.random_range(0..100) {
            0..45 => {
                let count = random.random_range(1..=3);
                let mut component = || {
                    (
                        random.random_range(0..NAMES),
                        random.random_range(0..5),
                        random.random_range(0..NAMES),
                    )
                };
                Self::Components((0..count).map(|_| component()).collect())
            }
            45..72 => {
                let count = random.random_range(1..=2);
                let targets = (0..count).map(|_| Target::draw(random)).collect();
                Self::Location {
                    targets,
                    is_required: random.random_bool(0.5),
                }
            }
            72..82 => Self::Embedding,
            82..86 => Self::Nothing,
            86..93 => Self::BrokenSyntax,
            _ => Self::BrokenEntity(random.random_range(0..NAMES)),
        }
    }

    /// The file itself. Names of entities are the repository's own, so that its files compete for them.
    pub(super) fn text(&self, number: usize, path: &str) -> String {
        let stem = path.trim_end_matches(".yaml");
        match self {
            Self::Components(all) => {
                let documents: Vec<String> = all
                    .iter()
                    .map(|(name, title, depends)| {
                        let depends = format!(
                            ", owner: team, dependsOn: ['component:{}']",
                            name_of(number, *depends)
                        );
                        component(&name_of(number, *name), &format!("t{title}"))
                            .replace(", owner: team", &depends)
                    })
                    .collect();
                documents.join("---\n")
            }
            Self::Location {
                targets,
                is_required,
            } => {
                let targets: Vec<String> = targets.iter().map(|target| target.text()).collect();
                let presence = if *is_required { "required" } else { "optional" };
                let spec = format!(
                    "{{targets: [{}], presence: {presence}}}",
                    targets.join(", ")
                );
                format!(
                    "{}---\n{}",
                    location(&format!("r{number}-{stem}"), &spec),
                    component(&format!("r{number}-{stem}-beside"), "t")
                )
            }
            Self::Embedding => document(
                "API",
                &format!("r{number}-{stem}"),
                "api",
                "{type: openapi, lifecycle: prod, owner: team, definition: {$text: ./text.txt}}",
            ),
            Self::Text(version) => format!("definition {version}"),
            Self::Nothing => "# nothing\n".to_owned(),
            Self::BrokenSyntax => "kind: [broken\n".to_owned(),
            Self::BrokenEntity(name) => {
                component(&name_of(number, *name), "broken").replace(", owner: team", "")
            }
        }
    }
}

fn name_of(repository: usize, name: u8) -> String {
    format!("r{repository}-c{name}")
}

impl Target {
    fn draw(random: &mut StdRng) -> Self {
        let number = random.random_range(0..REPOSITORIES);
        match random.random_range(0..10) {
            0..6 => Self::Part(number, random.random_range(0..PARTS.len())),
            6..8 => Self::Root(number),
            _ => Self::Parts,
        }
    }

    fn text(self) -> String {
        let target = match self {
            Self::Part(number, part) => url(&repository(number), PARTS[part]),
            Self::Root(number) => url(&repository(number), ROOT),
            Self::Parts => "./part-*.yaml".to_owned(),
        };
        format!("'{target}'")
    }
}

/// Refs that more than one file declares, or one file twice.
pub(super) fn contested(world: &World) -> Vec<String> {
    let mut declared = BTreeMap::<String, usize>::new();
    for ((number, _), content) in world {
        if let Content::Components(all) = content {
            for (name, _, _) in all {
                *declared
                    .entry(format!("component:default/{}", name_of(*number, *name)))
                    .or_default() += 1;
            }
        }
    }
    declared
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(entity_ref, _)| entity_ref)
        .collect()
}

/// The ends of addresses of files that more than one Location lists, or one twice.
pub(super) fn shared(world: &World) -> Vec<String> {
    let mut listed = BTreeMap::<(usize, &str), usize>::new();
    for number in 0..REPOSITORIES {
        *listed.entry((number, ROOT)).or_default() += 1;
    }
    for ((number, _), content) in world {
        let Content::Location { targets, .. } = content else {
            continue;
        };
        for target in targets {
            let files = match target {
                Target::Part(of, part) => vec![(*of, PARTS[*part])],
                Target::Root(of) => vec![(*of, ROOT)],
                Target::Parts => PARTS.iter().map(|part| (*number, *part)).collect(),
            };
            for file in files {
                *listed.entry(file).or_default() += 1;
            }
        }
    }
    listed
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|((number, path), _)| format!("/{}/tree/main/{path}", repository(number)))
        .collect()
}
