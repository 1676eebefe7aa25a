//! Event patterns: which events a rule is for. Pure: no input, no output, no clock.
//!
//! A pattern is an object of the shape of an event. Its leaves are lists of which one entry must match; its fields must
//! all match, of each `$or` one member. An array in an event matches where one of its elements does, and for the fields of
//! one object in the pattern that is one and the same element. Only values count, not objects and arrays: `exists` is about
//! values, and an empty array is none.
//!
//! No pattern is slow: the time is bounded by the size of the pattern times the size of the event.

mod address;
mod compile;
mod matcher;

use serde_json::Value;

use matcher::Matcher;

/// Why an event pattern cannot be one, in the words of EventBridge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {0}")]
pub struct PatternError(pub(crate) String);

/// An event pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    root: Node,
    /// The paths that `exists: false` asks about.
    absences: Vec<Vec<String>>,
}

/// What is asked of one object: all of it.
#[derive(Clone, Debug, Default)]
struct Node {
    fields: Vec<(String, Field)>,
    /// Of each of these, one node must match.
    choices: Vec<Vec<Node>>,
}

/// What is asked of one member.
#[derive(Clone, Debug)]
enum Field {
    Deeper(Node),
    Leaf(Leaf),
}

/// The entries of a list, of which one must match.
#[derive(Clone, Debug, Default)]
struct Leaf {
    matchers: Vec<Matcher>,
    /// `exists: false`, by its place in [`Pattern::absences`].
    absence: Option<usize>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is not JSON, or not a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        compile::pattern(text)
    }

    /// Whether an event matches.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        let absent: Vec<bool> = self.absences.iter().map(|path| !has_value(Some(event), path)).collect();
        node_matches(&self.root, Some(event), &absent)
    }

    /// Whether some event of this source could match: `false` is certain.
    #[must_use]
    pub fn could_match_source(&self, source: &str) -> bool {
        source_could_match(&self.root, &Value::from(source))
    }
}

fn source_could_match(node: &Node, source: &Value) -> bool {
    let field = |(name, field): &(String, Field)| match field {
        Field::Leaf(leaf) if name == "source" => leaf.matchers.iter().any(|matcher| matcher.matches(source)),
        _ => true,
    };
    node.fields.iter().all(field)
        && node.choices.iter().all(|nodes| nodes.iter().any(|node| source_could_match(node, source)))
}

fn node_matches(node: &Node, value: Option<&Value>, absent: &[bool]) -> bool {
    match value {
        // One element for all fields.
        Some(Value::Array(elements)) if !elements.is_empty() => {
            elements.iter().any(|element| node_matches(node, Some(element), absent))
        }
        Some(Value::Object(members)) => fields_match(node, absent, &|name| members.get(name)),
        _ => fields_match(node, absent, &|_| None),
    }
}

fn fields_match<'e>(node: &Node, absent: &[bool], member: &dyn Fn(&str) -> Option<&'e Value>) -> bool {
    let field = |(name, field): &(String, Field)| match field {
        Field::Deeper(deeper) => node_matches(deeper, member(name), absent),
        Field::Leaf(leaf) => leaf.absence.is_some_and(|index| absent[index]) || leaf_matches(leaf, member(name)),
    };
    node.fields.iter().all(field)
        && node.choices.iter().all(|nodes| nodes.iter().any(|node| fields_match(node, absent, member)))
}

fn leaf_matches(leaf: &Leaf, value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Object(_)) => false,
        Some(Value::Array(elements)) => elements.iter().any(|element| leaf_matches(leaf, Some(element))),
        Some(value) => leaf.matchers.iter().any(|matcher| matcher.matches(value)),
    }
}

/// Whether there is a value at the end of `path`.
fn has_value(value: Option<&Value>, path: &[String]) -> bool {
    match (value, path) {
        (Some(Value::Array(elements)), _) => elements.iter().any(|element| has_value(Some(element), path)),
        (Some(Value::Object(members)), [name, rest @ ..]) => has_value(members.get(name), rest),
        (None | Some(Value::Object(_)), _) => false,
        (Some(_), path) => path.is_empty(),
    }
}

#[cfg(test)]
mod tests;
