//! Collections while they are being filled.

use freshet_model::RuleId;
use serde_json::{Map, Value};

use super::key::{KeyIdentity, MappingKeys};
use super::position::{NodeParent, TextPosition};
use super::problem::{SyntaxProblem, syntax_problem};
use super::size_budget::ValueSize;

/// A collection whose end has not been seen.
pub(super) struct OpenCollection {
    pub content: CollectionContent,
    /// 0 without an anchor.
    pub anchor: usize,
    pub start: TextPosition,
    pub node: usize,
    /// What had been counted when it began.
    pub before: ValueSize,
    pub becomes: CollectionTag,
}

pub(super) enum CollectionContent {
    Sequence(Vec<Value>),
    Mapping {
        members: Map<String, Value>,
        keys: MappingKeys,
        pending: Option<MappingKey>,
    },
}

/// What a tag makes of a collection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CollectionTag {
    Itself,
    /// A set or an ordered map: objects of JavaScript that JSON shows as `{}`.
    Nothing,
    /// A sequence of pairs, each a mapping of one.
    Pairs,
}

impl CollectionTag {
    /// Levels of what it makes of a collection of scalars.
    pub(super) fn levels(self) -> usize {
        match self {
            Self::Itself | Self::Nothing => 1,
            Self::Pairs => 2,
        }
    }
}

pub(super) struct MappingKey {
    pub name: String,
    pub position: TextPosition,
    /// The `<<` of YAML 1.1.
    pub merges: bool,
}

/// A node that is complete.
pub(super) struct CompleteNode {
    pub value: Value,
    pub identity: KeyIdentity,
    pub position: TextPosition,
    /// Its first index in the positions.
    pub node: usize,
    pub merge_key: bool,
}

impl CollectionContent {
    pub(super) fn new_sequence() -> Self {
        Self::Sequence(Vec::new())
    }

    pub(super) fn new_mapping() -> Self {
        Self::Mapping {
            members: Map::new(),
            keys: MappingKeys::default(),
            pending: None,
        }
    }

    /// How the node that comes next hangs under this one. A key is recorded as an element,
    /// and forgotten when it is complete.
    pub(super) fn parent_of_next(&self) -> NodeParent<'_> {
        match self {
            Self::Sequence(_) | Self::Mapping { pending: None, .. } => NodeParent::Sequence,
            Self::Mapping {
                pending: Some(key), ..
            } => NodeParent::Mapping {
                name: &key.name,
                key: key.position,
            },
        }
    }

    /// The key whose value comes next.
    pub(super) fn pending_key(&self) -> Option<&MappingKey> {
        match self {
            Self::Sequence(_) => None,
            Self::Mapping { pending, .. } => pending.as_ref(),
        }
    }

    /// Whether what comes next is a key.
    pub(super) fn expects_key(&self) -> bool {
        matches!(self, Self::Mapping { pending: None, .. })
    }

    /// Whether what comes next is merged into this mapping.
    pub(super) fn is_merging(&self) -> bool {
        match self {
            Self::Mapping {
                pending: Some(key), ..
            } => key.merges,
            Self::Sequence(_) | Self::Mapping { pending: None, .. } => false,
        }
    }

    /// Adds a complete node: an element, a key, or the value of the key before it.
    pub(super) fn add_node(&mut self, done: CompleteNode) -> Result<(), SyntaxProblem> {
        match self {
            Self::Sequence(items) => items.push(done.value),
            Self::Mapping {
                members,
                keys,
                pending,
            } => match pending.take() {
                Some(key) if key.merges => merge_members(members, keys, done.value, done.position)?,
                Some(key) => {
                    members.insert(key.name, done.value);
                }
                // Keys and values come as events of one kind; only their turn tells them apart.
                None => *pending = Some(accept_key(members, keys, done)?),
            },
        }
        Ok(())
    }
}

impl OpenCollection {
    /// The value of the collection, which is complete.
    pub(super) fn into_value(self) -> Result<Value, SyntaxProblem> {
        match (self.content, self.becomes) {
            (CollectionContent::Mapping { members, .. }, CollectionTag::Nothing)
                if members.values().any(|value| !value.is_null()) =>
            {
                let message = "the elements of !!set must not have values";
                Err(syntax_problem(RuleId::YamlSyntax, message, self.start))
            }
            (_, CollectionTag::Nothing) => Ok(Value::Object(Map::new())),
            (CollectionContent::Sequence(items), CollectionTag::Pairs) => {
                make_pairs(items, self.start)
            }
            (CollectionContent::Sequence(items), CollectionTag::Itself) => Ok(Value::Array(items)),
            (CollectionContent::Mapping { members, .. }, _) => Ok(Value::Object(members)),
        }
    }
}

fn accept_key(
    members: &Map<String, Value>,
    keys: &mut MappingKeys,
    done: CompleteNode,
) -> Result<MappingKey, SyntaxProblem> {
    if done.merge_key {
        return Ok(MappingKey {
            name: String::new(),
            position: done.position,
            merges: true,
        });
    }
    let name = done.identity.into_name(done.value);
    if keys.is_duplicate(members, done.identity, &name) {
        let message = format!("the key {name:?} occurs twice in this mapping");
        return Err(syntax_problem(
            RuleId::YamlDuplicateKey,
            message,
            done.position,
        ));
    }
    Ok(MappingKey {
        name,
        position: done.position,
        merges: false,
    })
}

/// Takes over what the mapping does not have yet from a mapping or a sequence of mappings.
fn merge_members(
    members: &mut Map<String, Value>,
    keys: &mut MappingKeys,
    source: Value,
    at: TextPosition,
) -> Result<(), SyntaxProblem> {
    let sources = match source {
        Value::Array(sources) => sources,
        source => vec![source],
    };
    // A merged member came from no key here, and a later key of that name replaces it without
    // being a duplicate.
    keys.will_differ_from(members);
    for source in sources {
        let Value::Object(source) = source else {
            let message = "a merge key takes a mapping or a sequence of mappings";
            return Err(syntax_problem(RuleId::YamlSyntax, message, at));
        };
        for (name, value) in source {
            members.entry(name).or_insert(value);
        }
    }
    Ok(())
}

fn make_pairs(items: Vec<Value>, at: TextPosition) -> Result<Value, SyntaxProblem> {
    let pair = |item| match item {
        Value::Object(members) if members.len() > 1 => Err(syntax_problem(
            RuleId::YamlSyntax,
            "each element of !!pairs must have one key",
            at,
        )),
        Value::Object(members) => Ok(Value::Object(members)),
        single => Ok(Value::Object(Map::from_iter([(
            KeyIdentity::Alone.into_name(single),
            Value::Null,
        )]))),
    };
    items
        .into_iter()
        .map(pair)
        .collect::<Result<_, _>>()
        .map(Value::Array)
}
