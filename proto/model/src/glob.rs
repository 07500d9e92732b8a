//! Patterns over paths and URLs, with the meaning of JavaScript's minimatch.
//!
//! `*` and `?` stop at a slash, a segment `**` spans any number of segments, `{a,b}` are
//! alternatives and `[a-z]` is a class. Segments that begin with a dot are only matched by a
//! pattern segment that begins with one, unless asked otherwise. A pattern is matched segment
//! by segment, so that no pattern needs more than pattern times path steps; one that is too
//! long or has too many alternatives is refused.

use globset::{GlobBuilder, GlobMatcher};

/// Most characters of a pattern.
pub const PATTERN_CHARACTERS_MAX: usize = 2_000;
/// Most alternatives that the braces of a pattern may multiply to.
pub const ALTERNATIVES_MAX: usize = 256;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is longer than [`PATTERN_CHARACTERS_MAX`].
    #[error("a pattern has at most {PATTERN_CHARACTERS_MAX} characters")]
    TooLong,
    /// Its braces multiply to more than [`ALTERNATIVES_MAX`].
    #[error("the braces of a pattern make at most {ALTERNATIVES_MAX} alternatives")]
    TooManyAlternatives,
    /// One of its segments cannot be read.
    #[error("\"{segment}\" is not a pattern: {reason}")]
    Segment {
        /// The segment.
        segment: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How a pattern is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternOptions {
    /// Whether wildcards match segments that begin with a dot.
    pub dot: bool,
    /// Whether case is ignored.
    pub ignores_case: bool,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    alternatives: Vec<Vec<PatternSegment>>,
    options: PatternOptions,
}

#[derive(Clone, Debug)]
enum PatternSegment {
    /// `**`.
    Any,
    One {
        matcher: GlobMatcher,
        /// Whether it is written with a dot in front.
        dot: bool,
        is_wild: bool,
    },
}

/// Whether a path is a pattern rather than the name of one file.
#[must_use]
pub fn has_magic(path: &str) -> bool {
    path.contains(['*', '?', '[']) || expand_braces(path).is_none_or(|all| all.len() > 1)
}

impl Pattern {
    /// A pattern of file paths: dotfiles are left alone, case counts.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let options = PatternOptions {
            dot: false,
            ignores_case: false,
        };
        Self::with(pattern, options)
    }

    /// A pattern with the given options.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn with(pattern: &str, options: PatternOptions) -> Result<Self, PatternError> {
        if pattern.len() > PATTERN_CHARACTERS_MAX {
            return Err(PatternError::TooLong);
        }
        let alternatives = expand_braces(pattern)
            .ok_or(PatternError::TooManyAlternatives)?
            .iter()
            .map(|one| compile_segments(one, options))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            alternatives,
            options,
        })
    }

    /// Whether the whole path matches.
    #[must_use]
    pub fn is_match(&self, path: &str) -> bool {
        let steps: Vec<&str> = split_steps(path);
        self.alternatives
            .iter()
            .any(|segments| self.matches_steps(segments, &steps))
    }

    /// `reached[j]`: whether the segments so far match the first `j` steps.
    fn matches_steps(&self, segments: &[PatternSegment], steps: &[&str]) -> bool {
        // A table and no backtracking: `**/a*a*/` a hundred times over takes a backtracking matcher
        // for ever, and patterns are written by whoever can write a Location.
        let mut reached = vec![false; steps.len() + 1];
        reached[0] = true;
        for segment in segments {
            let mut next = vec![false; steps.len() + 1];
            match segment {
                PatternSegment::Any => {
                    let mut open = false;
                    for (index, was) in reached.iter().enumerate() {
                        open |= was;
                        next[index] = open;
                        open &= steps
                            .get(index)
                            .is_some_and(|step| self.options.dot || !step.starts_with('.'));
                    }
                }
                PatternSegment::One { .. } => {
                    for (index, step) in steps.iter().enumerate() {
                        next[index + 1] = reached[index] && self.matches_step(segment, step);
                    }
                }
            }
            reached = next;
        }
        reached[steps.len()]
    }

    fn matches_step(&self, segment: &PatternSegment, step: &str) -> bool {
        match segment {
            PatternSegment::Any => true,
            PatternSegment::One {
                matcher,
                dot,
                is_wild,
            } => {
                let hidden = step.starts_with('.') && !dot && !self.options.dot;
                // `*` alone stands for at least one character.
                let is_empty = *is_wild && step.is_empty();
                !(hidden || is_empty) && matcher.is_match(step)
            }
        }
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

fn compile_segments(
    pattern: &str,
    options: PatternOptions,
) -> Result<Vec<PatternSegment>, PatternError> {
    split_steps(pattern)
        .into_iter()
        .map(|segment| {
            if segment == "**" {
                return Ok(PatternSegment::Any);
            }
            let glob = GlobBuilder::new(&escape_segment(segment))
                .literal_separator(true)
                .backslash_escape(true)
                .case_insensitive(options.ignores_case)
                .build()
                .map_err(|error| PatternError::Segment {
                    segment: segment.to_owned(),
                    reason: error.kind().to_string(),
                })?;
            Ok(PatternSegment::One {
                matcher: glob.compile_matcher(),
                dot: segment.starts_with('.'),
                is_wild: segment.starts_with('*'),
            })
        })
        .collect()
}

/// A segment as the library reads it: braces are ordinary here, an unclosed class too.
fn escape_segment(segment: &str) -> String {
    // The library has its own idea of braces and of a class without an end; minimatch, which is
    // what Backstage matches with, takes both as they are written.
    let mut text = String::with_capacity(segment.len());
    let mut rest = segment.chars();
    while let Some(character) = rest.next() {
        match character {
            '{' | '}' => {
                text.push('\\');
                text.push(character);
            }
            '[' if !rest.as_str().contains(']') => text.push_str("\\["),
            // Inside of a segment `**` is `*`.
            '*' if text.ends_with('*') && !text.ends_with("\\*") => {}
            _ => text.push(character),
        }
    }
    text
}

/// Every way to read the braces of a pattern; `None` if there are too many.
fn expand_braces(pattern: &str) -> Option<Vec<String>> {
    // Before the pattern is split at its slashes, because an alternative may hold one: `{a,b/c}`.
    // Bounded on the way and not at the end: twenty pairs of braces are a million patterns.
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(next) = open.pop() {
        match first_braces(&next) {
            None => done.push(next),
            Some((start, end, choices)) => {
                for choice in choices.iter().rev() {
                    open.push(format!("{}{choice}{}", &next[..start], &next[end..]));
                }
            }
        }
        if done.len() + open.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    Some(done)
}

/// The first `{a,b}`: where it begins, where it ends, and its choices at the top level.
fn first_braces(pattern: &str) -> Option<(usize, usize, Vec<String>)> {
    pattern
        .match_indices('{')
        .find_map(|(start, _)| braces_at(pattern, start))
}

fn braces_at(pattern: &str, start: usize) -> Option<(usize, usize, Vec<String>)> {
    let mut depth = 0_usize;
    let mut choices = vec![String::new()];
    for (offset, character) in pattern[start..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let is_edge = (depth == 1 && character == '{') || depth == 0;
        if depth == 0 {
            let is_choice = choices.len() > 1;
            return is_choice.then(|| (start, start + offset + 1, choices));
        }
        if depth == 1 && character == ',' {
            choices.push(String::new());
        } else if !is_edge && let Some(last) = choices.last_mut() {
            last.push(character);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let compiled = Pattern::new(pattern).expect("a pattern");
        for path in matching {
            assert!(compiled.is_match(path), "{pattern} matches {path}");
        }
        for path in other {
            assert!(!compiled.is_match(path), "{pattern} does not match {path}");
        }
    }

    #[test]
    fn a_star_stops_at_a_slash_and_leaves_dotfiles_alone() {
        check(
            "*.yaml",
            &["a.yaml"],
            &["a/b.yaml", ".a.yaml", "a.yml", ".yaml"],
        );
        check(
            "sub/*.yaml",
            &["sub/x.yaml"],
            &["sub/deep/z.yaml", "x.yaml"],
        );
        check(".github/*", &[".github/a"], &[".github/.a"]);
        check("a?c", &["abc"], &["ac", "a/c"]);
    }

    #[test]
    fn two_stars_span_folders() {
        check(
            "**/catalog-info.yaml",
            &[
                "catalog-info.yaml",
                "a/catalog-info.yaml",
                "a/b/catalog-info.yaml",
            ],
            &[".a/catalog-info.yaml", "a/catalog-info.yml"],
        );
        check("a/**/b", &["a/b", "a/x/y/b"], &["a/.x/b", "b"]);
        check("a/**", &["a/b", "a/b/c"], &["b"]);
        check("a**b", &["ab", "axb"], &["a/b"]);
    }

    #[test]
    fn braces_are_alternatives_and_classes_are_sets() {
        check("{a,b/c}.yaml", &["a.yaml", "b/c.yaml"], &["b.yaml"]);
        check("{a,{b,c}}", &["a", "b", "c"], &["{b"]);
        check("[ab].yaml", &["a.yaml"], &["c.yaml"]);
        check("[!ab].yaml", &["c.yaml"], &["a.yaml"]);
        check("{a}.yaml", &["{a}.yaml"], &["a.yaml"]);
        check("a[b.yaml", &["a[b.yaml"], &["ab.yaml"]);
    }

    #[test]
    fn a_name_is_no_pattern() {
        for (path, expected) in [
            ("a/b.yaml", false),
            ("a{b}.yaml", false),
            ("*.yaml", true),
            ("a?.yaml", true),
            ("[ab].yaml", true),
            ("{a,b}.yaml", true),
        ] {
            assert_eq!(has_magic(path), expected, "{path}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_refused_or_quick() {
        let braces = "{a,b}".repeat(20);
        assert_eq!(
            Pattern::new(&braces).err(),
            Some(PatternError::TooManyAlternatives)
        );
        assert_eq!(
            Pattern::new(&"a".repeat(3_000)).err(),
            Some(PatternError::TooLong)
        );
        let stars = format!("{}b", "**/a*a*/".repeat(100));
        let path = "aaaaaaaa/".repeat(200);
        assert!(!Pattern::new(&stars).expect("a pattern").is_match(&path));
    }
}
