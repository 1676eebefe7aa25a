//! What one value is held against.

use serde_json::{Number as Json, Value};

use super::address::{self, Block};

/// One entry of a list in a pattern.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// True, false or null.
    Literal(Value),
    Equal(Texts),
    Prefix(Texts),
    Suffix(Texts),
    Numbers(Vec<Number>),
    Numeric(Vec<Comparison>),
    Cidr(Block),
    Wildcard(Wildcard),
    AnyWildcard(Vec<Wildcard>),
    Exists,
    AnythingBut(Box<Matcher>),
}

/// Texts of which one is looked for.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    /// Case is ignored: the texts are in lower case.
    pub(super) folded: bool,
    pub(super) texts: Vec<String>,
}

impl Texts {
    pub(super) fn plain<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self { folded: false, texts: texts.into_iter().map(str::to_owned).collect() }
    }

    pub(super) fn folding<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self { folded: true, texts: texts.into_iter().map(str::to_lowercase).collect() }
    }

    fn any(&self, found: &Value, test: impl Fn(&str, &str) -> bool) -> bool {
        let Value::String(found) = found else { return false };
        if self.folded {
            let found = found.to_lowercase();
            self.texts.iter().any(|text| test(&found, text))
        } else {
            self.texts.iter().any(|text| test(found, text))
        }
    }
}

/// A number: equal to another of the same value, or of the same digits where they are more than a float holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    value: f64,
    /// The digits, where the value may not be the whole of them.
    digits: Option<String>,
}

/// Whole numbers up to this are floats without loss.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    pub(super) fn of(number: &Json) -> Self {
        let value = number.as_f64().unwrap_or(f64::NAN);
        Self { value, digits: (value.abs() >= EXACT).then(|| number.to_string()) }
    }
}

/// One side of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    test: fn(&f64, &f64) -> bool,
    pub(super) bound: f64,
}

impl Comparison {
    /// `operator` is one of `=`, `<`, `<=`, `>`, `>=`.
    pub(super) fn new(operator: &str, bound: f64) -> Self {
        let test = match operator {
            "<" => f64::lt,
            "<=" => f64::le,
            ">" => f64::gt,
            ">=" => f64::ge,
            _ => f64::eq,
        };
        Self { test, bound }
    }
}

/// A text with stars: the pieces between them.
#[derive(Clone, Debug)]
pub(super) struct Wildcard {
    pub(super) pieces: Vec<String>,
}

impl Wildcard {
    /// Looks for each piece at the first place after the one before: a later place could only leave less.
    fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

impl Matcher {
    /// What a string, a number, a boolean or null in a list asks for.
    pub(super) fn exactly(value: &Value) -> Self {
        match value {
            Value::String(text) => match address::parse(text) {
                Some(_) => Self::Cidr(Block::of_one(text)),
                None => Self::Equal(Texts::plain([text.as_str()])),
            },
            Value::Number(number) => Self::Numbers(vec![Number::of(number)]),
            literal => Self::Literal(literal.clone()),
        }
    }

    /// Whether a value that is no array and no object matches.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Literal(literal) => literal == value,
            Self::Equal(texts) => texts.any(value, |found, text| found == text),
            Self::Prefix(texts) => texts.any(value, |found, text| found.starts_with(text)),
            Self::Suffix(texts) => texts.any(value, |found, text| found.ends_with(text)),
            Self::Numbers(numbers) => match value {
                Value::Number(number) => numbers.contains(&Number::of(number)),
                _ => false,
            },
            Self::Numeric(range) => match value {
                Value::Number(number) => number
                    .as_f64()
                    .is_some_and(|number| range.iter().all(|comparison| (comparison.test)(&number, &comparison.bound))),
                _ => false,
            },
            Self::Cidr(block) => value.as_str().is_some_and(|text| block.contains(text)),
            Self::Wildcard(wildcard) => value.as_str().is_some_and(|text| wildcard.matches(text)),
            Self::AnyWildcard(wildcards) => {
                value.as_str().is_some_and(|text| wildcards.iter().any(|wildcard| wildcard.matches(text)))
            }
            Self::Exists => true,
            Self::AnythingBut(other) => !other.matches(value),
        }
    }
}
