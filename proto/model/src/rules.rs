//! `catalog.rules`: which kinds may enter the catalog from where.
//!
//! An entity may enter if any rule allows its kind for its *origin*, the location at the root
//! of the tree it was found in. There is no way to forbid what another rule allows. What no
//! file declares, because a provider or a registration names it, is not judged.

use crate::glob::{Pattern, PatternError, PatternOptions};
use crate::location::LocationRef;

/// One entry of `catalog.rules`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it allows.
    pub allow: Vec<Allowed>,
    /// Where; `None` is everywhere, an empty list nowhere.
    pub locations: Option<Vec<LocationMatch>>,
}

/// A kind that may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The kind, compared without case.
    pub kind: String,
    /// Only with this `spec.type`, compared without case. An empty one asks for nothing.
    pub spec_type: Option<String>,
}

/// Where a rule holds.
#[derive(Clone, Debug)]
pub struct LocationMatch {
    /// The type of the origin, such as `url`; exact.
    pub location_type: Option<String>,
    /// Which targets of that type.
    pub target: TargetMatch,
}

/// Which targets a rule holds for.
#[derive(Clone, Debug)]
pub enum TargetMatch {
    /// All.
    Any,
    /// This one, exactly.
    Exact(String),
    /// Those a pattern matches.
    Pattern(TargetPattern),
}

/// A pattern over whole targets.
#[derive(Clone, Debug)]
pub struct TargetPattern {
    text: String,
    /// `None` where a comment never matches.
    pattern: Option<Pattern>,
    is_negated: bool,
}

impl TargetPattern {
    /// Reads a pattern: case is ignored, wildcards match dotfiles, an odd number of leading
    /// exclamation marks negates, a leading `#` never matches.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let options = PatternOptions {
            dot: true,
            ignores_case: true,
        };
        // As minimatch reads it: each exclamation mark turns the meaning round, and a leading `#`
        // makes a comment of the whole pattern.
        let body = text.trim_start_matches('!');
        let is_negated = (text.len() - body.len()) % 2 == 1;
        let pattern = if text.starts_with('#') {
            None
        } else {
            Some(Pattern::with(body, options)?)
        };
        Ok(Self {
            text: text.to_owned(),
            pattern,
            is_negated,
        })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn is_match(&self, target: &str) -> bool {
        self.pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(target) != self.is_negated)
    }
}

impl Allowed {
    /// A kind, whatever its type.
    #[must_use]
    pub fn kind(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            spec_type: None,
        }
    }

    fn admits(&self, kind: &str, spec_type: Option<&str>) -> bool {
        // Both sides are people's spellings: `component` in a rule means Component.
        let same = |left: &str, right: &str| left.to_lowercase() == right.to_lowercase();
        let asked = self.spec_type.as_deref().filter(|asked| !asked.is_empty());
        same(&self.kind, kind)
            && asked.is_none_or(|asked| spec_type.is_some_and(|shown| same(asked, shown)))
    }
}

impl LocationMatch {
    fn admits(&self, origin: &LocationRef) -> bool {
        // A type is not folded: Backstage compares it as it stands.
        let right_type = self
            .location_type
            .as_ref()
            .is_none_or(|wanted| wanted == origin.location_type());
        right_type
            && match &self.target {
                TargetMatch::Any => true,
                TargetMatch::Exact(target) => target == origin.target(),
                TargetMatch::Pattern(pattern) => pattern.is_match(origin.target()),
            }
    }
}

impl Rule {
    /// A rule for every location.
    #[must_use]
    pub fn everywhere(kinds: &[&str]) -> Self {
        Self {
            allow: kinds.iter().map(|kind| Allowed::kind(kind)).collect(),
            locations: None,
        }
    }

    /// What may enter when nothing is configured, as in Backstage.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        vec![Self::everywhere(&["Component", "API", "Location"])]
    }

    fn admits(&self, origin: &LocationRef, kind: &str, spec_type: Option<&str>) -> bool {
        let here = self
            .locations
            .as_ref()
            .is_none_or(|all| all.iter().any(|location| location.admits(origin)));
        here && self
            .allow
            .iter()
            .any(|allowed| allowed.admits(kind, spec_type))
    }

    /// Everything that decides what it allows, as text: equal texts are equal rules.
    #[must_use]
    pub fn spelled(&self) -> String {
        format!(
            "{:?} {:?}",
            self.allow,
            self.locations
                .as_ref()
                .map(|all| { all.iter().map(LocationMatch::spelled).collect::<Vec<_>>() })
        )
    }
}

impl LocationMatch {
    fn spelled(&self) -> (Option<&str>, &'static str, &str) {
        let (how, what) = match &self.target {
            TargetMatch::Any => ("any", ""),
            TargetMatch::Exact(target) => ("exact", target.as_str()),
            TargetMatch::Pattern(pattern) => ("pattern", pattern.as_str()),
        };
        (self.location_type.as_deref(), how, what)
    }
}

/// Whether any rule lets an entity of this kind in from this origin.
#[must_use]
pub fn allows(rules: &[Rule], origin: &LocationRef, kind: &str, spec_type: Option<&str>) -> bool {
    rules
        .iter()
        .any(|rule| rule.admits(origin, kind, spec_type))
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
