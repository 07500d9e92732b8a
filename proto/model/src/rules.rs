//! `catalog.rules`: which kinds may enter the catalog from where.
//!
//! An entity may enter if any rule allows its kind for its *origin*, the location at the root
//! of the tree it was found in. There is no way to forbid what another rule allows. What no
//! file declares, because a provider or a registration names it, is not judged.
//!
//! Where an origin is a URL, its canonical form is compared: a detour or another spelling neither
//! passes a rule nor misses one.

use std::cell::OnceCell;

use crate::glob::{Pattern, PatternError, PatternOptions};
use crate::location::{LocationRef, URL, canonical_url};

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
    Exact(ExactTarget),
    /// Those a pattern matches.
    Pattern(TargetPattern),
}

/// One target.
#[derive(Clone, Debug)]
pub struct ExactTarget {
    text: String,
    /// Of a text that is no URL, the text.
    canonical: String,
}

/// A pattern over whole targets. It is taken as written, so one with escapes matches no URL.
#[derive(Clone, Debug)]
pub struct TargetPattern {
    text: String,
    /// `None` where a comment never matches.
    pattern: Option<Pattern>,
    is_negated: bool,
}

impl ExactTarget {
    /// The target as written.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            canonical: canonical_url(text).unwrap_or_else(|| text.to_owned()),
        }
    }

    fn is_match(&self, origin: &Origin<'_>, target: &str) -> bool {
        let own = if origin.is_url() {
            &self.canonical
        } else {
            &self.text
        };
        own == target
    }
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
            .and_then(|pattern| pattern.try_match(target).ok())
            // What takes too long to tell is not let in, not even by what is negated.
            .is_some_and(|is_match| is_match != self.is_negated)
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
    fn admits(&self, origin: &Origin<'_>) -> bool {
        // A type is not folded: Backstage compares it as it stands.
        let right_type = self
            .location_type
            .as_ref()
            .is_none_or(|wanted| wanted == origin.location.location_type());
        // Nobody can say where a URL lies that cannot be parsed: it is in no location.
        let target = if right_type { origin.target() } else { None };
        target.is_some_and(|target| match &self.target {
            TargetMatch::Any => true,
            TargetMatch::Exact(exact) => exact.is_match(origin, target),
            TargetMatch::Pattern(pattern) => pattern.is_match(target),
        })
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

    fn admits(&self, origin: &Origin<'_>, kind: &str, spec_type: Option<&str>) -> bool {
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
            TargetMatch::Exact(target) => ("exact", target.text.as_str()),
            TargetMatch::Pattern(pattern) => ("pattern", pattern.as_str()),
        };
        (self.location_type.as_deref(), how, what)
    }
}

/// What is asked about: canonical only if a rule wants to know, as most name no location.
struct Origin<'a> {
    location: &'a LocationRef,
    canonical: OnceCell<Option<String>>,
}

impl Origin<'_> {
    fn is_url(&self) -> bool {
        self.location.location_type() == URL
    }

    /// The target that rules compare.
    fn target(&self) -> Option<&str> {
        let target = self.location.target();
        if !self.is_url() {
            return Some(target);
        }
        self.canonical
            .get_or_init(|| canonical_url(target))
            .as_deref()
    }
}

/// Whether any rule lets an entity of this kind in from this origin.
#[must_use]
pub fn allows(rules: &[Rule], origin: &LocationRef, kind: &str, spec_type: Option<&str>) -> bool {
    let origin = Origin {
        location: origin,
        canonical: OnceCell::new(),
    };
    rules
        .iter()
        .any(|rule| rule.admits(&origin, kind, spec_type))
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
