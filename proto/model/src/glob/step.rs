//! Whether one step of a pattern matches one step of a path.

use std::collections::HashMap;
use std::rc::Rc;

use super::parse::{Group, GroupKind, Item, parse_step};
use super::{PatternError, PatternOptions, Work};

/// One step of a pattern, compiled.
#[derive(Clone, Debug)]
pub(super) struct PatternStep {
    items: Vec<Item>,
    /// The name, if it is nothing else.
    literal: Option<String>,
}

/// For each place between two characters of a name, whether it can be reached.
// As bits, for groups within groups of a long name unite many of them.
#[derive(Clone, Debug)]
struct Places(Vec<u64>);

impl Places {
    fn none(characters: usize) -> Self {
        Self(vec![0; characters / 64 + 1])
    }

    fn one(characters: usize, at: usize) -> Self {
        let mut places = Self::none(characters);
        places.set(at, true);
        places
    }

    fn contains(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn set(&mut self, at: usize, is_reached: bool) {
        let bit = 1 << (at % 64);
        if is_reached {
            self.0[at / 64] |= bit;
        } else {
            self.0[at / 64] &= !bit;
        }
    }

    fn add(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word |= other;
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Takes out the first one.
    fn pop(&mut self) -> Option<usize> {
        let index = self.0.iter().position(|word| *word != 0)?;
        let word = &mut self.0[index];
        let bit = word.trailing_zeros() as usize;
        *word &= *word - 1;
        Some(index * 64 + bit)
    }

    /// Those that are not among the others.
    fn without(&self, others: &Self) -> Self {
        let words = self.0.iter().zip(&others.0);
        Self(words.map(|(word, other)| word & !other).collect())
    }
}

/// Whether a step of a pattern stands for more than its own name.
pub(super) fn has_magic(step: &str) -> bool {
    let is_magic = |item: &Item| match item {
        Item::Char(_) => false,
        Item::Any | Item::Star | Item::Class(_) | Item::Never | Item::Group(_) => true,
    };
    // What has too many groups is no name either.
    parse_step(step, false).map_or(true, |items| items.iter().any(is_magic))
}

impl PatternStep {
    pub(super) fn compile(step: &str, options: PatternOptions) -> Result<Self, PatternError> {
        let items = parse_step(step, options.ignores_case)?;
        let read_literal = |item: &Item| match item {
            Item::Char(character) if !options.ignores_case => Some(*character),
            _ => None,
        };
        Ok(Self {
            literal: items.iter().map(read_literal).collect(),
            items,
        })
    }

    pub(super) fn is_match(
        &self,
        name: &str,
        options: PatternOptions,
        work: &mut Work,
    ) -> Result<bool, PatternError> {
        if let Some(literal) = &self.literal {
            return Ok(literal == name);
        }
        work.spend(name.len())?;
        // `*` alone stands for at least one character.
        if name.is_empty() {
            return Ok(self.items.is_empty());
        }
        let characters: Vec<char> = name.chars().collect();
        let mut places = Places::one(characters.len(), 0);
        let mut matching = Matching {
            is_dots: matches!(name, "." | ".."),
            is_hidden: !options.dot && name.starts_with('.'),
            ignores_case: options.ignores_case,
            name: characters,
            known: HashMap::new(),
            work,
        };
        matching.advance(&self.items, &mut places, Wildcards::Restricted)?;
        Ok(places.contains(matching.name.len()))
    }
}

/// Whether a leading dot keeps wildcards out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wildcards {
    Restricted,
    /// Inside of `!(…)`, which keeps them out as a whole.
    Free,
}

/// One name while it is matched.
struct Matching<'w> {
    name: Vec<char>,
    is_dots: bool,
    is_hidden: bool,
    ignores_case: bool,
    /// Where one turn of a group can end, by the group and where it begins. Looked up and not searched
    /// again, so that groups within groups do not multiply.
    known: HashMap<(usize, usize), Rc<Places>>,
    work: &'w mut Work,
}

impl Matching<'_> {
    /// Whether a wildcard may not take the character there.
    fn is_kept_out(&self, at: usize, wildcards: Wildcards) -> bool {
        wildcards == Wildcards::Restricted && (self.is_dots || (self.is_hidden && at == 0))
    }

    /// Moves the places past all items.
    fn advance(
        &mut self,
        items: &[Item],
        places: &mut Places,
        wildcards: Wildcards,
    ) -> Result<(), PatternError> {
        for item in items {
            if places.is_empty() {
                return Ok(());
            }
            let cost = match item {
                Item::Class(class) => class.cost(),
                _ => 1,
            };
            self.work.spend(cost * self.name.len())?;
            match item {
                Item::Char(expected) => {
                    let ignores_case = self.ignores_case;
                    self.advance_one(places, |_, it| is_same(*expected, it, ignores_case));
                }
                Item::Any => {
                    self.advance_one(places, |this, at| !this.is_kept_out(at.index, wildcards));
                }
                Item::Class(class) => self.advance_one(places, |this, at| {
                    !this.is_kept_out(at.index, wildcards) && class.is_match(at.character)
                }),
                Item::Never => *places = Places::none(self.name.len()),
                Item::Star => {
                    let mut open = false;
                    for at in 0..=self.name.len() {
                        // It cannot even be nothing in front of a dot.
                        open = (open || places.contains(at)) && !self.is_kept_out(at, wildcards);
                        places.set(at, open);
                    }
                }
                Item::Group(group) => *places = self.advance_group(group, places, wildcards)?,
            }
        }
        Ok(())
    }

    /// Moves the places past one character that is accepted.
    fn advance_one(&self, places: &mut Places, accepts: impl Fn(&Self, CharacterAt) -> bool) {
        // From the end, so that no place is moved twice.
        for (index, character) in self.name.iter().copied().enumerate().rev() {
            let at = CharacterAt { index, character };
            let is_reached = places.contains(index) && accepts(self, at);
            places.set(index + 1, is_reached);
        }
        places.set(0, false);
    }

    fn advance_group(
        &mut self,
        group: &Group,
        from: &Places,
        wildcards: Wildcards,
    ) -> Result<Places, PatternError> {
        let mut ends = match group.kind {
            GroupKind::Once | GroupKind::Some | GroupKind::Not => Places::none(self.name.len()),
            GroupKind::Optional | GroupKind::Any => from.clone(),
        };
        let mut open = from.clone();
        let mut seen = from.clone();
        while let Some(start) = open.pop() {
            if group.kind == GroupKind::Not {
                let inside = self.find_ends(group, start, Wildcards::Free)?;
                let last = if self.is_kept_out(start, wildcards) {
                    start
                } else {
                    self.name.len()
                };
                for at in (start..=last).filter(|at| !inside.contains(*at)) {
                    ends.set(at, true);
                }
                continue;
            }
            let reached = self.find_ends(group, start, wildcards)?;
            ends.add(&reached);
            if matches!(group.kind, GroupKind::Any | GroupKind::Some) {
                open.add(&reached.without(&seen));
                seen.add(&reached);
            }
        }
        Ok(ends)
    }

    /// Where one turn of a group can end that begins at `start`.
    fn find_ends(
        &mut self,
        group: &Group,
        start: usize,
        wildcards: Wildcards,
    ) -> Result<Rc<Places>, PatternError> {
        // Each alternative has a table of its own, whatever is in it.
        self.work
            .spend(self.name.len() * group.alternatives.len())?;
        if let Some(known) = self.known.get(&(group.id, start)) {
            return Ok(Rc::clone(known));
        }
        let mut ends = Places::none(self.name.len());
        for alternative in &group.alternatives {
            let mut places = Places::one(self.name.len(), start);
            self.advance(alternative, &mut places, wildcards)?;
            ends.add(&places);
        }
        let ends = Rc::new(ends);
        self.known.insert((group.id, start), Rc::clone(&ends));
        Ok(ends)
    }
}

/// A character of a name, and which one it is.
#[derive(Clone, Copy)]
struct CharacterAt {
    index: usize,
    character: char,
}

fn is_same(expected: char, at: CharacterAt, ignores_case: bool) -> bool {
    let shown = at.character;
    expected == shown
        || (ignores_case
            && (expected.to_lowercase().eq(shown.to_lowercase())
                || expected.to_uppercase().eq(shown.to_uppercase())))
}
