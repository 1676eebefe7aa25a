//! The parts of a path, and how they are written in messages.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use asl::Value;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    /// Where it begins.
    pub(crate) root: Root,
    /// What it does from there.
    pub(crate) steps: Vec<Step>,
    /// The function at its end, as in `$.items.length()`.
    pub(crate) function: Option<Function>,
}

impl Path {
    /// Adds the variables that the path reads, in its filters too, to `found`.
    pub(crate) fn variables(&self, found: &mut BTreeSet<Arc<str>>) {
        if let Root::Variable(name) = &self.root {
            found.insert(Arc::clone(name));
        }
        for step in &self.steps {
            if let Step::Filter(filter) = step {
                filter.variables(found);
            }
        }
        for argument in self.function.iter().flat_map(|function| &function.arguments) {
            argument.variables(found);
        }
    }
}

impl Filter {
    fn variables(&self, found: &mut BTreeSet<Arc<str>>) {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().for_each(|filter| filter.variables(found)),
            Self::Not(filter) => filter.variables(found),
            Self::Exists(path) => path.variables(found),
            Self::Compare(left, _, right) => [left, right].into_iter().for_each(|side| side.variables(found)),
        }
    }
}

impl Operand {
    fn variables(&self, found: &mut BTreeSet<Arc<str>>) {
        if let Self::Path(path) = self {
            path.variables(found);
        }
    }
}

/// What a path begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`: the document.
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: a variable.
    Variable(Arc<str>),
    /// `@`: the item a filter looks at.
    Item,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// `.a`, `['a']`: one member.
    Member(Arc<str>),
    /// `['a','b']`: an object of those members that there are.
    Members(Vec<Arc<str>>),
    /// `.*`, `[*]`: all members or items.
    Wildcard,
    /// `[1]`, `[-1]`: one item, from the end where negative.
    Index(i64),
    /// `[0,2]`: several items.
    Indices(Vec<i64>),
    /// `[1:3]`: the items from the first to before the second, each from the end where negative.
    Slice(Option<i64>, Option<i64>),
    /// `[?(...)]`: the items that match.
    Filter(Filter),
    /// `..`: the value and everything in it; the step behind it picks.
    Descendants,
}

/// What a filter asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// `a && b`
    And(Vec<Filter>),
    /// `a || b`
    Or(Vec<Filter>),
    /// `!a`
    Not(Box<Filter>),
    /// A path alone: whether it finds anything.
    Exists(Path),
    /// A comparison.
    Compare(Operand, Comparison, Operand),
}

/// One side of a comparison, or an argument of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// A literal.
    Literal(Value),
    /// `/pattern/flags`
    Pattern(Pattern),
    /// A path.
    Path(Path),
}

/// A regular expression, compiled once.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(super) source: String,
    /// Matches whole texts only, as Jayway does.
    pub(super) whole: regex::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// The comparisons of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    /// `===`: no coercion between texts and numbers.
    Same,
    /// `!==`
    NotSame,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

/// A function at the end of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(super) name: FunctionName,
    pub(super) arguments: Vec<Operand>,
}

/// The functions a path may end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionName {
    Length,
    Minimum,
    Maximum,
    Average,
    StandardDeviation,
    Sum,
    Keys,
    First,
    Last,
    Index,
    Concat,
    Append,
}

impl Path {
    /// Whether the path can find one value only: then it gives that value, otherwise an array.
    pub(crate) fn is_definite(&self) -> bool {
        self.steps.iter().all(Step::is_definite)
    }

    /// Whether this is `$`.
    pub(super) fn is_root(&self) -> bool {
        self.root == Root::Input && self.steps.is_empty() && self.function.is_none()
    }

    /// Whether this is a reference path: member names and single indices from 0 only.
    pub(crate) fn is_reference(&self) -> bool {
        self.function.is_none()
            && self.steps.iter().all(|step| match step {
                Step::Member(_) => true,
                Step::Index(index) => *index >= 0,
                _ => false,
            })
    }
}

impl Step {
    /// Whether the step finds one value at most.
    pub(crate) const fn is_definite(&self) -> bool {
        matches!(self, Self::Member(_) | Self::Members(_) | Self::Index(_))
    }
}

/// Steps in the bracket notation of messages: `$['a'][0]`.
pub(super) struct Steps<'a>(pub(super) &'a [Step]);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| step.fmt(f))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => write!(f, "['{name}']"),
            Self::Members(names) => list(f, names.iter().map(|name| format!("'{name}'"))),
            Self::Wildcard => f.write_str("[*]"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Indices(indices) => list(f, indices.iter().map(i64::to_string)),
            Self::Slice(from, to) => {
                let side = |side: &Option<i64>| side.map(|index| index.to_string()).unwrap_or_default();
                write!(f, "[{}:{}]", side(from), side(to))
            }
            Self::Filter(_) => f.write_str("[?]"),
            Self::Descendants => f.write_str(".."),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, parts: impl Iterator<Item = String>) -> fmt::Result {
    write!(f, "[{}]", parts.collect::<Vec<_>>().join(","))
}
