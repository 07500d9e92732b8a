use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a table should say: the text in lower case, the first spelling, and who has it.
type Expected = BTreeMap<String, (String, BTreeSet<Slot>)>;

fn shown(table: &ValueTable, direction: Direction, from: Option<&str>) -> Vec<(String, Vec<Slot>)> {
    let mut shown = Vec::new();
    let all = roaring::RoaringBitmap::from_iter(0..6);
    table.walk(direction, from, |text, entities| {
        let slots = entities.shared_with(&all).iter().collect();
        shown.push((text.to_owned(), slots));
        ControlFlow::Continue(())
    });
    shown
}

fn expected(texts: &Expected) -> Vec<(String, Vec<Slot>)> {
    texts
        .values()
        .map(|(spelled, slots)| (spelled.clone(), slots.iter().copied().collect()))
        .collect()
}

/// Texts that begin alike, end in other than Latin letters, and differ in case alone.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "https://github.com/acme/[a-c]{1,3}",
        "[a-cA-C]{0,3}",
        "[äÄßİσς]{1,2}x?",
    ]
}

proptest! {
    #[test]
    fn a_table_is_a_map_of_texts_in_order(
        steps in proptest::collection::vec((text(), 0_u32..6, proptest::bool::weighted(0.7)), 1..600)
    ) {
        let (mut table, mut texts) = (ValueTable::default(), Expected::new());
        for (text, slot, is_put) in steps {
            let folded = text.to_lowercase();
            if is_put {
                let inserted = table.insert(&text, slot);
                let (kept, slots) = texts.entry(folded).or_insert((text.clone(), BTreeSet::new()));
                prop_assert_eq!(inserted.is_other_spelling, *kept != text);
                prop_assert_eq!(inserted.is_news, slots.insert(slot));
            } else {
                let was_in = texts.get_mut(&folded).is_some_and(|(_, slots)| slots.remove(&slot));
                texts.retain(|_, (_, slots)| !slots.is_empty());
                prop_assert_eq!(table.remove(&folded, slot), was_in);
            }
        }
        let all = expected(&texts);
        prop_assert_eq!(table.len(), all.len());
        prop_assert_eq!(shown(&table, Direction::Ascending, None), all.clone());
        let mut down = shown(&table, Direction::Descending, None);
        down.reverse();
        prop_assert_eq!(down, all.clone());
        let rebuilt = ValueTable::from_ascending(all.iter().map(|(text, slots)| {
            (Box::from(text.as_str()), EntitySet::from_ascending(slots))
        }));
        prop_assert_eq!(shown(&rebuilt, Direction::Ascending, None), all);
        for (folded, (spelled, slots)) in texts.iter().step_by(7) {
            let (found, entities) = table.get(folded).expect("it is in");
            prop_assert_eq!(&found, spelled);
            prop_assert_eq!(entities.len(), slots.len() as u64);
            let from: Vec<_> = texts.range(folded.clone()..).map(|(_, (spelled, _))| spelled.clone()).collect();
            let walked = shown(&table, Direction::Ascending, Some(folded));
            prop_assert_eq!(walked.into_iter().map(|(text, _)| text).collect::<Vec<_>>(), from);
            let until: Vec<_> = texts.range(..=folded.clone()).rev().map(|(_, (spelled, _))| spelled.clone()).collect();
            let walked = shown(&table, Direction::Descending, Some(folded));
            prop_assert_eq!(walked.into_iter().map(|(text, _)| text).collect::<Vec<_>>(), until);
        }
    }
}

#[test]
fn a_walk_ends_when_it_is_told_to() {
    let mut table = ValueTable::default();
    for number in 0..1_000_u32 {
        table.insert(&format!("{number:04}"), number);
    }
    let mut seen = 0;
    table.walk(Direction::Ascending, Some("0500"), |text, _| {
        seen += 1;
        if text == "0509" {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(seen, 10);
}
