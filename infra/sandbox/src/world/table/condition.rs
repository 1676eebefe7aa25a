//! What DynamoDB's conditions mean for an item.

use std::cmp::Ordering;

use super::expression::Path;
use super::number::Number;
use super::path;
use super::value::{AttributeValue, Item};

/// An operand of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// The value at a path, when there is one.
    Path(Path),
    /// A given value.
    Value(AttributeValue),
    /// The size of the value at a path.
    Size(Path),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A condition or filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// Both.
    And(Box<Self>, Box<Self>),
    /// At least one.
    Or(Box<Self>, Box<Self>),
    /// Not.
    Not(Box<Self>),
    /// left comparator right
    Compare(Operand, Comparator, Operand),
    /// operand BETWEEN low AND high
    Between(Operand, Operand, Operand),
    /// operand IN (…)
    In(Operand, Vec<Operand>),
    /// attribute_exists
    Exists(Path),
    /// attribute_not_exists
    NotExists(Path),
    /// attribute_type
    Type(Operand, Operand),
    /// begins_with
    BeginsWith(Operand, Operand),
    /// contains
    Contains(Operand, Operand),
}

const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];

impl Condition {
    /// Refuses given values of a type that the operator cannot take; the error is DynamoDB's message.
    pub(crate) fn check(&self, field: &str) -> Result<(), String> {
        let wrong = |operator: &str, kind: &str| {
            Err(format!(
                "Invalid {field}: Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
            ))
        };
        match self {
            Self::And(left, right) | Self::Or(left, right) => left.check(field).and_then(|()| right.check(field)),
            Self::Not(inner) => inner.check(field),
            Self::Compare(left, comparator, right) if comparator.orders() => {
                for operand in [left, right] {
                    match operand {
                        Operand::Value(value) if !is_scalar(value) => {
                            return wrong(comparator.symbol(), value.type_name());
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            Self::BeginsWith(_, Operand::Value(value))
                if !matches!(value, AttributeValue::S(_) | AttributeValue::B(_)) =>
            {
                wrong("begins_with", value.type_name())
            }
            Self::Type(_, Operand::Value(AttributeValue::S(kind))) if TYPES.contains(&kind.as_str()) => Ok(()),
            Self::Type(_, Operand::Value(AttributeValue::S(kind))) => {
                let known = TYPES.join(",");
                Err(format!(
                    "Invalid {field}: Invalid attribute type name found; type: {kind}, valid types: {{{known}}}"
                ))
            }
            Self::Type(_, Operand::Value(value)) => wrong("attribute_type", value.type_name()),
            _ => Ok(()),
        }
    }

    /// Whether it holds for the item; a missing item is an empty one.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Compare(left, comparator, right) => comparator.holds(left.of(item), right.of(item)),
            Self::Between(operand, low, high) => {
                let operand = operand.of(item);
                Comparator::GreaterOrEqual.holds(operand.clone(), low.of(item))
                    && Comparator::LessOrEqual.holds(operand, high.of(item))
            }
            Self::In(operand, among) => {
                let operand = operand.of(item);
                operand.is_some() && among.iter().any(|each| each.of(item) == operand)
            }
            Self::Exists(path) => path::find(item, path).is_some(),
            Self::NotExists(path) => path::find(item, path).is_none(),
            Self::Type(operand, kind) => match (operand.of(item), kind.of(item)) {
                (Some(value), Some(AttributeValue::S(kind))) => value.type_name() == kind,
                _ => false,
            },
            Self::BeginsWith(operand, prefix) => begins_with(operand.of(item), prefix.of(item)),
            Self::Contains(operand, part) => contains(operand.of(item), part.of(item)),
        }
    }
}

impl Comparator {
    const fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// A missing operand makes every comparison false, except `<>`.
    fn holds(self, left: Option<AttributeValue>, right: Option<AttributeValue>) -> bool {
        match self {
            Self::Equal => left.is_some() && left == right,
            Self::NotEqual => left != right,
            _ => {
                let order = left.zip(right).and_then(|(left, right)| order(&left, &right));
                order.is_some_and(|order| match self {
                    Self::Less => order == Ordering::Less,
                    Self::LessOrEqual => order != Ordering::Greater,
                    Self::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
        }
    }
}

impl Operand {
    fn of(&self, item: &Item) -> Option<AttributeValue> {
        match self {
            Self::Path(path) => path::find(item, path).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::Size(path) => size(path::find(item, path)?).map(AttributeValue::N),
        }
    }
}

const fn is_scalar(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_))
}

/// The order of two values of one scalar type.
pub(crate) fn order(left: &AttributeValue, right: &AttributeValue) -> Option<Ordering> {
    match (left, right) {
        (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (AttributeValue::N(left), AttributeValue::N(right)) => Some(left.cmp(right)),
        (AttributeValue::B(left), AttributeValue::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn size(value: &AttributeValue) -> Option<Number> {
    let size = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(list) => list.len(),
        AttributeValue::M(map) => map.len(),
        AttributeValue::Ss(set) => set.len(),
        AttributeValue::Ns(set) => set.len(),
        AttributeValue::Bs(set) => set.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => return None,
    };
    Some(Number::from(u32::try_from(size).unwrap_or(u32::MAX)))
}

fn begins_with(value: Option<AttributeValue>, prefix: Option<AttributeValue>) -> bool {
    match (value, prefix) {
        (Some(AttributeValue::S(text)), Some(AttributeValue::S(prefix))) => text.starts_with(&prefix),
        (Some(AttributeValue::B(bytes)), Some(AttributeValue::B(prefix))) => bytes.starts_with(&prefix),
        _ => false,
    }
}

fn contains(value: Option<AttributeValue>, part: Option<AttributeValue>) -> bool {
    match (value, part) {
        (Some(AttributeValue::S(text)), Some(AttributeValue::S(part))) => text.contains(&part),
        (Some(AttributeValue::L(list)), Some(part)) => list.contains(&part),
        (Some(AttributeValue::Ss(set)), Some(AttributeValue::S(part))) => set.contains(&part),
        (Some(AttributeValue::Ns(set)), Some(AttributeValue::N(part))) => set.contains(&part),
        (Some(AttributeValue::Bs(set)), Some(AttributeValue::B(part))) => set.contains(&part),
        _ => false,
    }
}
