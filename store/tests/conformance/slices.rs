//! What is applied in slices comes to the same as in one transaction, whatever happens between two of them.

use std::collections::BTreeMap;
use std::future::Future;

use super::slices_world::{Files, files, root};
use super::world::{FILE, World, contents};
use crate::config::DatabaseConfig;

/// As large as a file or two.
const SLICE_BYTES: usize = 200;
/// Everything fits one transaction.
const WHOLE_BYTES: usize = 1024 * 1024;
/// Histories that are told in both ways.
const HISTORIES: u64 = 8;
/// Pushes of a history.
const PUSHES: usize = 6;
/// The file that lists the others.
const LISTING: &str = "location:all@./files/*.yaml";

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    for seed in 1..=HISTORIES {
        let whole = World::start_in_slices(fresh().await, WHOLE_BYTES).await;
        let sliced = World::start_in_slices(fresh().await, SLICE_BYTES).await;
        any_history_comes_to_the_same(seed, whole, sliced).await;
    }
    let world = World::start_in_slices(fresh().await, SLICE_BYTES).await;
    what_moves_between_files_keeps_its_identity(world).await;
    let world = World::start_in_slices(fresh().await, SLICE_BYTES).await;
    too_many_removals_ask_though_each_slice_has_few(world).await;
    let world = World::start_in_slices(fresh().await, SLICE_BYTES).await;
    a_push_elsewhere_comes_between(world).await;
    let world = World::start_in_slices(fresh().await, SLICE_BYTES).await;
    nothing_is_proved_before_the_last_slice(world).await;
}

/// Numbers that look drawn.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// Twelve entities in five files and a file that is found by another; each is declared once or not at all.
fn draw_files(draw: &mut Draw) -> Files {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut declare = |path: String, word: String| {
        let text = texts.entry(path).or_default();
        *text = format!("{text} {word}");
    };
    declare(FILE.to_owned(), LISTING.to_owned());
    for number in 0..12 {
        let (file, version, owner) = (draw.below(7), draw.below(2), draw.below(3));
        let word = match draw.below(12) {
            0 => format!("?component:e{number}"),
            1 if file == 3 => "!".to_owned(),
            _ => format!("component:e{number}@{version}>group:g{owner}"),
        };
        match file {
            5 => declare("extra/x.yaml".to_owned(), word),
            6 => {}
            file => declare(format!("files/f{file}.yaml"), word),
        }
    }
    if draw.below(3) > 0 {
        declare(
            "files/f9.yaml".to_owned(),
            "location:more@../extra/x.yaml".to_owned(),
        );
    }
    texts
}

/// Everything there is to be seen, but for what is numbered or drawn.
fn shown(world: &World) -> Vec<String> {
    let (records, problems) = contents(&world.view);
    let records = records.iter().map(|it| {
        let relations: Vec<String> = it.relations.iter().map(|it| format!("{it:?}")).collect();
        format!("{} {} {relations:?}", it.entity_ref, it.document)
    });
    let problems = problems.iter().map(|it| {
        let mut entities: Vec<String> = it.status_of.iter().map(ToString::to_string).collect();
        entities.sort();
        format!("{} {:?} {entities:?}", it.path, it.problem)
    });
    let mut shown: Vec<String> = records.chain(problems).collect();
    shown.sort();
    shown
}

fn identities(world: &World) -> BTreeMap<String, String> {
    let (records, _) = contents(&world.view);
    let identities = records.iter();
    identities
        .map(|it| (it.entity_ref.to_string(), it.uid.to_string()))
        .collect()
}

/// The entities that are the ones they were.
fn kept(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let kept = before
        .iter()
        .filter(|(name, uid)| after.get(*name) == Some(uid));
    kept.map(|(name, _)| name.clone()).collect()
}

async fn any_history_comes_to_the_same(seed: u64, mut whole: World, mut sliced: World) {
    let mut draw = Draw(seed);
    for push in 0..PUSHES {
        let texts = draw_files(&mut draw);
        let interrupted = draw.below(3);
        let before = (identities(&whole), identities(&sliced));
        whole.push_files(&texts).await;
        sliced.push(1, &["x"]).await;
        let pieces = sliced.read_files(&texts).await;
        sliced.apply(&pieces).await;
        sliced.make_steps(draw.below(20)).await;
        match interrupted {
            0 => sliced.restart().await,
            // The source is asked for once more, and read before all of this is applied.
            1 => {
                sliced.push(1, &["x"]).await;
            }
            _ => {
                sliced.make_steps(10_000).await;
            }
        }
        if interrupted == 0 {
            sliced.make_steps(10_000).await;
        }
        sliced.read_until_settled(&texts).await;
        sliced.agrees().await;
        assert_eq!(
            shown(&sliced),
            shown(&whole),
            "seed {seed}, push {push}: {texts:?}"
        );
        let after = (identities(&whole), identities(&sliced));
        let (in_whole, in_slices) = (kept(&before.0, &after.0), kept(&before.1, &after.1));
        let lost: Vec<_> = in_whole
            .iter()
            .filter(|it| !in_slices.contains(it))
            .collect();
        assert!(
            lost.is_empty(),
            "seed {seed}, push {push}: {lost:?} of {texts:?}"
        );
        // A newer reading that comes between knows a file that the older one only found, and what moved there.
        if interrupted != 1 {
            assert_eq!(in_slices, in_whole, "seed {seed}, push {push}: {texts:?}");
        }
    }
}

async fn what_moves_between_files_keeps_its_identity(mut world: World) {
    let before = files(&[
        root(LISTING),
        ("files/a.yaml", "component:a@1 component:stays@1"),
        ("files/b.yaml", "component:b@1"),
        ("files/c.yaml", "component:c@1"),
    ]);
    world.push_files(&before).await;
    let first = identities(&world);
    let after = files(&[
        root(LISTING),
        ("files/a.yaml", "component:b@2 component:stays@1"),
        ("files/b.yaml", "component:a@2"),
        ("files/d.yaml", "component:c@2"),
    ]);
    world.push_files(&after).await;
    assert_eq!(identities(&world), first);
    world.agrees().await;
    let (_, problems) = contents(&world.view);
    assert_eq!(problems, []);
}

async fn too_many_removals_ask_though_each_slice_has_few(mut world: World) {
    let mut texts = files(&[root(LISTING)]);
    for number in 0..40 {
        let text = format!("component:c{number}@1");
        texts.insert(format!("files/{number:02}.yaml"), text);
    }
    world.push_files(&texts).await;
    let all = identities(&world);
    let left: Files = texts
        .iter()
        .filter(|(path, _)| path.as_str() < "files/05.yaml")
        .map(|(path, text)| (path.clone(), text.replace("@1", "@2")))
        .collect();
    world.push(1, &["x"]).await;
    let pieces = world.read_files(&left).await;
    world.apply(&pieces).await;
    world.make_steps(10_000).await;
    assert_eq!(identities(&world), all, "nothing has gone");
    let shown = shown(&world);
    let changed = shown.iter().filter(|it| it.contains("\"title\":\"2\""));
    assert_eq!(changed.count(), 5, "and the rest is applied");
    assert!(world.source("1").await.is_outstanding());
    let mut tx = world.repo.read().await.expect("a transaction");
    let waiting = tx.removals().await.expect("rows");
    assert_eq!(waiting.len(), 35);
}

async fn a_push_elsewhere_comes_between(mut world: World) {
    let mut texts = files(&[root(LISTING)]);
    for number in 0..12 {
        let text = format!("component:c{number}@1");
        texts.insert(format!("files/{number:02}.yaml"), text);
    }
    // The first reading finds out which files there are, the second one reads them.
    world.push(1, &["x"]).await;
    for _ in 0..2 {
        let pieces = world.read_files(&texts).await;
        world.apply(&pieces).await;
        while !identities(&world).contains_key("component:default/c0") && world.make_steps(1).await
        {
        }
    }
    let generation = world.push(2, &["x"]).await;
    let elsewhere = world
        .observation(2, generation, "component:elsewhere@1")
        .await;
    world.apply(&[elsewhere]).await;
    assert!(world.make_steps(1).await, "the large one is not through");
    world.make_steps(10_000).await;
    world.read_until_settled(&texts).await;
    let (records, _) = contents(&world.view);
    let revision = |name: &str| {
        let mut records = records.iter();
        let record = records.find(|it| it.entity_ref.name() == name);
        record.map(|it| it.revision).expect("it is there")
    };
    assert!(revision("elsewhere") < revision("c11"));
    assert!(revision("c0") < revision("elsewhere"));
}

async fn nothing_is_proved_before_the_last_slice(mut world: World) {
    let mut texts = files(&[root(LISTING)]);
    for number in 0..6 {
        let text = format!("component:c{number}@1");
        texts.insert(format!("files/{number:02}.yaml"), text);
    }
    world.push_files(&texts).await;
    let proved = world.source("1").await;
    let texts: Files = texts
        .into_iter()
        .map(|(path, text)| (path, text.replace("c@", "d@")))
        .collect();
    world.push(1, &["x"]).await;
    let pieces = world.read_files(&texts).await;
    world.apply(&pieces).await;
    let mut steps = 0;
    while world.make_steps(1).await {
        steps += 1;
        let source = world.source("1").await;
        assert_eq!(source.done, proved.done, "step {steps}");
    }
    assert!(steps > 5, "{steps}");
    let source = world.source("1").await;
    assert!(!source.is_outstanding());
    assert_eq!(source.fingerprint, proved.fingerprint);
}
