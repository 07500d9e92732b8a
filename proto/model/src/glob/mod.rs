//! Patterns over paths and URLs, with the meaning of JavaScript's minimatch.
//!
//! `*` and `?` stop at a slash, a step `**` spans any number of steps, `{a,b}` and `{1..3}` are
//! alternatives, `[a-z]` and `[[:alpha:]]` are sets of characters, and `@(a|b)`, `?(a)`, `*(a)`,
//! `+(a)`, `!(a)` are groups. Steps that begin with a dot are only matched by what is written with
//! one, unless asked otherwise. A pattern is matched step by step and character by character over
//! tables, so that no pattern backtracks; one that is too long or too deep, or has too many alternatives or
//! groups, is refused, and what takes too long to match is an error.

mod braces;
mod class;
mod parse;
mod step;
mod work;

use braces::expand_braces;
use step::PatternStep;
pub use work::Work;

/// Most characters of a pattern.
pub const PATTERN_CHARACTERS_MAX: usize = 2_000;
/// Most alternatives that the braces of a pattern may multiply to.
pub const ALTERNATIVES_MAX: usize = 256;
/// Most groups, such as `!(a|b)`, of one step of a pattern.
pub const GROUPS_MAX: usize = 32;
/// Most braces of a pattern within each other.
pub const NESTING_MAX: usize = 32;
/// Most characters of all alternatives of a pattern together.
pub const EXPANDED_CHARACTERS_MAX: usize = 50_000;
/// Most work that matching one path may take, in characters compared.
// A few milliseconds; what people write takes some hundred characters.
pub const MATCH_WORK_MAX: u64 = 1_000_000;
/// Most work that matching all paths of a tree may take together.
// A second or two: a hundred thousand paths against dozens of patterns that people write.
pub const TREE_WORK_MAX: u64 = 1_000_000_000;

/// Characters that mean something in a pattern, in at least one place.
const SPECIAL: &[char] = &[
    '*', '?', '[', ']', '{', '}', '(', ')', '!', '+', '@', '|', ',', '\\',
];

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is longer than [`PATTERN_CHARACTERS_MAX`].
    #[error("a pattern has at most {PATTERN_CHARACTERS_MAX} characters")]
    TooLong,
    /// Its braces multiply to more than [`ALTERNATIVES_MAX`].
    #[error("the braces of a pattern make at most {ALTERNATIVES_MAX} alternatives")]
    TooManyAlternatives,
    /// Its braces make alternatives of more than [`EXPANDED_CHARACTERS_MAX`] together.
    #[error(
        "the alternatives that the braces of a pattern make have at most {EXPANDED_CHARACTERS_MAX} characters together"
    )]
    TooMuchText,
    /// More than [`NESTING_MAX`] of its braces are within each other.
    #[error("at most {NESTING_MAX} braces of a pattern may be within each other")]
    TooDeep,
    /// One of its steps has more than [`GROUPS_MAX`] groups.
    #[error("\"{step}\" has more than {GROUPS_MAX} groups between two slashes")]
    TooManyGroups {
        /// The step.
        step: String,
    },
    /// To tell whether it matches a path takes more than [`MATCH_WORK_MAX`].
    #[error("a pattern takes too long to match; write it with fewer groups or alternatives")]
    TakesTooLong,
    /// It would match every path but those that are meant.
    #[error(
        "a pattern that begins with an exclamation mark would match all other files; write !(…) for a single step, or \\! for a name that begins with one"
    )]
    Negated,
}

/// How a pattern is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternOptions {
    /// Whether wildcards match steps that begin with a dot.
    pub dot: bool,
    /// Whether case is ignored.
    pub ignores_case: bool,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    rows: Vec<Vec<RowStep>>,
    /// The pattern read as the name of one file.
    name: String,
    options: PatternOptions,
    /// Whether a slash in front says nothing.
    is_rooted: bool,
}

#[derive(Clone, Debug)]
enum RowStep {
    /// `**`.
    Any,
    One(PatternStep),
}

/// Whether a path is a pattern rather than the name of one file.
#[must_use]
pub fn has_magic(path: &str) -> bool {
    // No pattern is that long, and a name is one in which nothing could mean something. This is asked
    // of whatever a file says, so what would be refused is not read to its end.
    if is_too_long(path) {
        return path.contains(SPECIAL);
    }
    match expand_braces(path).as_deref() {
        Ok([one]) => one.split('/').any(step::has_magic),
        Ok([]) => false,
        // To be refused with a reason when it is compiled.
        Ok(_) | Err(_) => true,
    }
}

fn is_too_long(pattern: &str) -> bool {
    pattern.chars().nth(PATTERN_CHARACTERS_MAX).is_some()
}

/// The pattern that matches this path and no other.
#[must_use]
pub fn escape(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for character in path.chars() {
        if SPECIAL.contains(&character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// A pattern read as the name of one file.
#[must_use]
pub fn unescape(pattern: &str) -> String {
    let mut name = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => name.push(rest.next().unwrap_or(character)),
            _ => name.push(character),
        }
    }
    name
}

impl Pattern {
    /// A pattern of file paths: dotfiles are left alone, case counts. Both are read from the root,
    /// with or without a slash in front.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let options = PatternOptions {
            dot: false,
            ignores_case: false,
        };
        let pattern = pattern.trim_start_matches('/');
        // To minimatch it is everything but what follows, which nobody can mean who names files.
        if pattern.starts_with('!') && !pattern.starts_with("!(") {
            return Err(PatternError::Negated);
        }
        Ok(Self {
            is_rooted: true,
            ..Self::with(pattern, options)?
        })
    }

    /// A pattern with the given options.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn with(pattern: &str, options: PatternOptions) -> Result<Self, PatternError> {
        if is_too_long(pattern) {
            return Err(PatternError::TooLong);
        }
        let rows = expand_braces(pattern)?
            .iter()
            .map(|row| compile_row(row, options))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            rows,
            name: unescape(pattern),
            options,
            is_rooted: false,
        })
    }

    /// Whether the whole path matches; what takes too long to tell does not.
    #[must_use]
    pub fn is_match(&self, path: &str) -> bool {
        self.try_match(path).unwrap_or(false)
    }

    /// Whether the whole path matches.
    ///
    /// # Errors
    /// If it takes too long to tell.
    pub fn try_match(&self, path: &str) -> Result<bool, PatternError> {
        self.match_within(path, &mut Work::new(MATCH_WORK_MAX))
    }

    /// Whether the whole path matches, when many paths and patterns share what it may take.
    ///
    /// # Errors
    /// If it takes too long to tell, or nothing is left.
    pub fn match_within(&self, path: &str, shared: &mut Work) -> Result<bool, PatternError> {
        shared.lend(MATCH_WORK_MAX, |work| self.match_path(path, work))
    }

    fn match_path(&self, path: &str, work: &mut Work) -> Result<bool, PatternError> {
        let path = self.strip_root(path);
        work.spend(path.len() + 1)?;
        let steps = split_steps(path);
        // `a/*` matches `a/b/` as well.
        let shorter = match steps.as_slice() {
            [front @ .., ""] if !front.is_empty() => front,
            _ => &[],
        };
        for row in &self.rows {
            if self.matches_steps(row, &steps, work)?
                || (!shorter.is_empty() && self.matches_steps(row, shorter, work)?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Most slashes of a path that is matched or named; `None` if it may have any number.
    #[must_use]
    pub fn slashes_max(&self) -> Option<usize> {
        // Of the rows and not of the text: braces may put the two stars of `**` together.
        let slashes_of = |row: &Vec<RowStep>| {
            let is_bounded = row.iter().all(|step| matches!(step, RowStep::One(_)));
            is_bounded.then(|| row.len().saturating_sub(1))
        };
        let named = Some(self.name.matches('/').count());
        let counts = self.rows.iter().map(slashes_of).chain([named]);
        counts.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Whether the path is the pattern, read as the name of one file: people name folders `[id]`.
    #[must_use]
    pub fn is_name_of(&self, path: &str) -> bool {
        self.strip_root(path) == self.name
    }

    fn strip_root<'p>(&self, path: &'p str) -> &'p str {
        if self.is_rooted {
            path.trim_start_matches('/')
        } else {
            path
        }
    }

    /// `reached[j]`: whether the steps of the pattern so far match the first `j` steps.
    fn matches_steps(
        &self,
        row: &[RowStep],
        steps: &[&str],
        work: &mut Work,
    ) -> Result<bool, PatternError> {
        // A table and no backtracking: `**/a*a*/` a hundred times over takes a backtracking matcher
        // for ever, and patterns are written by whoever can write a Location.
        let mut reached = vec![false; steps.len() + 1];
        reached[0] = true;
        for (index, step) in row.iter().enumerate() {
            work.spend(steps.len())?;
            let mut next = vec![false; steps.len() + 1];
            match step {
                RowStep::Any => {
                    let is_last = index + 1 == row.len();
                    let mut open = false;
                    for (index, was) in reached.iter().enumerate() {
                        // At the end `**` stands for something: `a/**` is not `a`.
                        next[index] = open || (*was && !is_last);
                        open |= was;
                        open &= steps.get(index).is_some_and(|step| self.may_span(step));
                    }
                }
                RowStep::One(one) => {
                    for (index, step) in steps.iter().enumerate() {
                        next[index + 1] =
                            reached[index] && one.is_match(step, self.options, work)?;
                    }
                }
            }
            reached = next;
        }
        Ok(reached[steps.len()])
    }

    /// Whether `**` may pass a step of a path.
    fn may_span(&self, step: &str) -> bool {
        !matches!(step, "." | "..") && (self.options.dot || !step.starts_with('.'))
    }
}

/// Steps of a path; repeated slashes are one.
fn split_steps(path: &str) -> Vec<&str> {
    let mut steps: Vec<&str> = Vec::new();
    // The empty step in front of a leading slash stays: `/a` is not `a`.
    for (index, step) in path.split('/').enumerate() {
        if index == 0 || !step.is_empty() {
            steps.push(step);
        }
    }
    if path.len() > 1 && path.ends_with('/') {
        steps.push("");
    }
    steps
}

fn compile_row(row: &str, options: PatternOptions) -> Result<Vec<RowStep>, PatternError> {
    let mut steps: Vec<RowStep> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for step in split_steps(row) {
        let goes_back = names
            .last()
            .is_some_and(|last| !matches!(*last, "" | "." | ".." | "**"));
        match step {
            ".." if goes_back => {
                names.pop();
                steps.pop();
                continue;
            }
            "**" if names.last() == Some(&"**") => continue,
            "**" => steps.push(RowStep::Any),
            _ => steps.push(RowStep::One(PatternStep::compile(step, options)?)),
        }
        names.push(step);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests;
