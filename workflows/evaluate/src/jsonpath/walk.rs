//! Following a path through a value.

use std::cell::Cell;
use std::sync::Arc;

use asl::Value;

use super::path::{Path, Step, Steps};
use super::{compare, function};
use crate::java;

/// Why a path finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// There is no such member or item: an indefinite path finds an empty array instead.
    Absent(String),
    /// The path cannot be followed through this kind of value.
    Unfit(String),
}

impl Miss {
    /// What to tell people, in Jayway's words.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Absent(message) | Self::Unfit(message) => message,
        }
    }
}

/// Values that one search looks at, at most. A payload of 256 KiB has no more than 131,000, and a path that looks at each
/// a few times is well within; one that multiplies them is stopped.
const MOST_VALUES: usize = 2_000_000;

/// What `path` finds from `root`: one value if it is definite or ends in a function, otherwise an array.
///
/// # Errors
/// [`Miss`]
pub(crate) fn find(path: &Path, root: &Value) -> Result<Value, Miss> {
    let search = Search { root, left: Cell::new(MOST_VALUES) };
    let found = search.find(path, root);
    if search.left.get() == 0 { Err(Miss::Unfit(format!("it looks at more than {MOST_VALUES} values"))) } else { found }
}

/// A search through a document, with the filters in it.
pub(super) struct Search<'a> {
    pub(super) root: &'a Value,
    /// Values that it may still look at.
    left: Cell<usize>,
}

impl Search<'_> {
    /// What `path` finds from `start`.
    pub(super) fn find(&self, path: &Path, start: &Value) -> Result<Value, Miss> {
        let definite = path.is_definite();
        let found = match self.follow(path, start) {
            Err(Miss::Absent(_)) if !definite => Vec::new(),
            found => found?,
        };
        let value = if definite { found.into_iter().next().ok_or_else(|| nothing(path))? } else { Value::array(found) };
        match &path.function {
            Some(function) => function::apply(function, value, self).map_err(Miss::Unfit),
            None => Ok(value),
        }
    }

    fn follow(&self, path: &Path, start: &Value) -> Result<Vec<Value>, Miss> {
        let mut nodes = vec![start.clone()];
        let mut definite = true;
        for (index, step) in path.steps.iter().enumerate() {
            let at = At { path, index, definite, search: self };
            let mut found = Vec::new();
            for node in &nodes {
                let before = found.len();
                at.take(step, node, &mut found)?;
                if !self.spend(found.len() - before + 1) {
                    return Ok(Vec::new());
                }
            }
            definite = definite && step.is_definite();
            nodes = found;
            if nodes.is_empty() {
                break;
            }
        }
        Ok(nodes)
    }

    /// Counts values that were looked at; whether there may be more.
    fn spend(&self, values: usize) -> bool {
        self.left.set(self.left.get().saturating_sub(values));
        self.left.get() > 0
    }

    /// Counts the comparison of each item of one list with each of the other; whether it may be made.
    pub(super) fn affords(&self, one: &Value, other: &Value) -> bool {
        /// Comparisons in the time that a value takes.
        const COMPARISONS: usize = 16;
        let items = |value: &Value| value.as_array().map_or(1, <[Value]>::len);
        self.spend(items(one).saturating_mul(items(other)) / COMPARISONS)
    }
}

fn nothing(path: &Path) -> Miss {
    Miss::Absent(format!("No results for path: {}", Steps(&path.steps)))
}

/// One step on the way.
struct At<'a> {
    path: &'a Path,
    index: usize,
    /// Whether all steps before were definite: only then does a miss matter.
    definite: bool,
    search: &'a Search<'a>,
}

impl At<'_> {
    fn take(&self, step: &Step, node: &Value, found: &mut Vec<Value>) -> Result<(), Miss> {
        match step {
            Step::Member(name) => self.member(name, node, found),
            Step::Members(names) => self.members(names, node, found),
            Step::Wildcard => {
                children(node, |child| found.push(child.clone()));
                Ok(())
            }
            Step::Index(index) => self.items(node, |items| found.extend(item(items, *index).cloned())),
            Step::Indices(indices) => {
                self.items(node, |items| found.extend(indices.iter().filter_map(|index| item(items, *index).cloned())))
            }
            Step::Slice(from, to) => self.items(node, |items| found.extend_from_slice(slice(items, *from, *to))),
            Step::Filter(filter) => match node {
                Value::Array(items) => {
                    let matches = |item: &&Value| self.search.spend(1) && compare::matches(filter, item, self.search);
                    found.extend(items.iter().filter(matches).cloned());
                    Ok(())
                }
                Value::Object(_) => {
                    found.extend(compare::matches(filter, node, self.search).then(|| node.clone()));
                    Ok(())
                }
                other => {
                    self.unfit(format!("Filter: [?] can not be applied to primitives. Current context is: {other}"))
                }
            },
            Step::Descendants => {
                descendants(node, found);
                Ok(())
            }
        }
    }

    fn unfit(&self, message: String) -> Result<(), Miss> {
        if self.definite { Err(Miss::Unfit(message)) } else { Ok(()) }
    }

    fn absent(&self, message: String) -> Result<(), Miss> {
        if self.definite { Err(Miss::Absent(message)) } else { Ok(()) }
    }

    fn member(&self, name: &Arc<str>, node: &Value, found: &mut Vec<Value>) -> Result<(), Miss> {
        let Value::Object(members) = node else { return self.no_object(node) };
        if let Some(member) = members.get(name) {
            found.push(member.clone());
            return Ok(());
        }
        if self.index + 1 == self.path.steps.len() {
            return if self.definite { Err(nothing(self.path)) } else { Ok(()) };
        }
        self.absent(format!("Missing property in path {}", Steps(&self.path.steps[..=self.index])))
    }

    fn members(&self, names: &[Arc<str>], node: &Value, found: &mut Vec<Value>) -> Result<(), Miss> {
        let (before, after) = self.path.steps.split_at(self.index + 1);
        if !after.is_empty() {
            let message = format!("Multi properties can only be used as path leafs: {}", Steps(before));
            return Err(Miss::Unfit(message));
        }
        let Value::Object(members) = node else { return self.no_object(node) };
        let present = names.iter().filter_map(|name| Some((Arc::clone(name), members.get(name)?.clone())));
        found.push(Value::object(present));
        Ok(())
    }

    fn no_object(&self, node: &Value) -> Result<(), Miss> {
        self.absent(format!(
            "Expected to find an object with property {} in path {} but found '{}'. This is not a json object \
             according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
            self.path.steps[self.index],
            Steps(&self.path.steps[..self.index]),
            java::class(node)
        ))
    }

    fn items(&self, node: &Value, take: impl FnOnce(&[Value])) -> Result<(), Miss> {
        match node {
            Value::Array(items) => {
                take(items);
                Ok(())
            }
            Value::Null => self.absent(format!("The path {} is null", Steps(&self.path.steps[..self.index]))),
            other => self.unfit(format!(
                "Filter: {} can only be applied to arrays. Current context is: {}",
                self.path.steps[self.index],
                java::text(other)
            )),
        }
    }
}

fn children<'a>(node: &'a Value, mut take: impl FnMut(&'a Value)) {
    match node {
        Value::Array(items) => items.iter().for_each(take),
        Value::Object(members) => members.values().for_each(&mut take),
        _ => {}
    }
}

/// The value and everything in it, from outside in and from left to right, without recursion.
fn descendants(node: &Value, found: &mut Vec<Value>) {
    let mut waiting = vec![node];
    while let Some(next) = waiting.pop() {
        if matches!(next, Value::Array(_) | Value::Object(_)) {
            found.push(next.clone());
        }
        let first = waiting.len();
        children(next, |child| waiting.push(child));
        waiting[first..].reverse();
    }
}

/// The item at `index`, from the end where negative.
pub(super) fn item(items: &[Value], index: i64) -> Option<&Value> {
    let index = usize::try_from(index).ok().or_else(|| {
        let back = usize::try_from(index.unsigned_abs()).ok()?;
        items.len().checked_sub(back)
    });
    items.get(index?)
}

fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let side = |index: i64| match usize::try_from(index) {
        Ok(index) => index.min(items.len()),
        Err(_) => items.len().saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    items.get(from.map_or(0, side)..to.map_or(items.len(), side)).unwrap_or_default()
}
