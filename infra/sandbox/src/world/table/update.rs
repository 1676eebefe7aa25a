//! DynamoDB's update expressions: SET, REMOVE, ADD, DELETE.

use super::expression::{Parser, Path, Segment};
use super::path;
use super::value::{AttributeValue, Item};

const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";
const MISSING: &str = "The provided expression refers to an attribute that does not exist in the item";

/// The right-hand side of a SET.
#[derive(Debug, Clone, PartialEq)]
enum Term {
    Path(Path),
    Value(AttributeValue),
    IfNotExists(Path, Box<Self>),
    ListAppend(Box<Self>, Box<Self>),
    Plus(Box<Self>, Box<Self>),
    Minus(Box<Self>, Box<Self>),
}

/// One change of an item.
#[derive(Debug, Clone, PartialEq)]
enum Action {
    Set(Path, Term),
    Remove(Path),
    Add(Path, AttributeValue),
    Delete(Path, AttributeValue),
}

/// A whole update expression.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Update {
    actions: Vec<Action>,
}

impl Action {
    const fn path(&self) -> &Path {
        match self {
            Self::Set(path, _) | Self::Remove(path) | Self::Add(path, _) | Self::Delete(path, _) => path,
        }
    }
}

impl Update {
    /// Parses an update expression; the error is DynamoDB's message.
    pub(crate) fn parse(mut parser: Parser<'_>) -> Result<Self, String> {
        let mut actions = Vec::new();
        let mut sections = Vec::new();
        while !parser.at_end() {
            let section = ["SET", "REMOVE", "ADD", "DELETE"].into_iter().find(|section| parser.keyword(section));
            let section = section.ok_or_else(|| parser.unexpected())?;
            if sections.contains(&section) {
                let message = format!("The \"{section}\" section can only be used once in an update expression;");
                return Err(format!("Invalid UpdateExpression: {message}"));
            }
            sections.push(section);
            actions.push(action(&mut parser, section)?);
            while parser.symbol(",") {
                actions.push(action(&mut parser, section)?);
            }
        }
        overlap(&actions)?;
        Ok(Self { actions })
    }

    /// The names of the top-level attributes it changes.
    pub(crate) fn touched(&self) -> Vec<&str> {
        let first = self.actions.iter().filter_map(|action| action.path().first());
        first.filter_map(|segment| if let Segment::Name(name) = segment { Some(name.as_str()) } else { None }).collect()
    }

    /// The paths it changes.
    pub(crate) fn paths(&self) -> Vec<Path> {
        self.actions.iter().map(|action| action.path().clone()).collect()
    }

    /// The changed item; right-hand sides see the item as it was. The error is DynamoDB's message.
    pub(crate) fn apply(&self, before: &Item) -> Result<Item, String> {
        let mut after = before.clone();
        for action in &self.actions {
            match action {
                Action::Set(path, term) => path::set(&mut after, path, term.evaluate(before)?)?,
                Action::Remove(_) => {}
                Action::Add(path, value) => add(&mut after, before, path, value)?,
                Action::Delete(path, value) => delete(&mut after, before, path, value)?,
            }
        }
        let mut removals: Vec<&Path> =
            self.actions.iter().filter(|each| matches!(each, Action::Remove(_))).map(Action::path).collect();
        removals.sort_by_key(|path| {
            std::cmp::Reverse(match path.last() {
                Some(Segment::Index(index)) => *index,
                _ => 0,
            })
        });
        for path in removals {
            path::remove(&mut after, path)?;
        }
        Ok(after)
    }
}

fn action(parser: &mut Parser<'_>, section: &str) -> Result<Action, String> {
    let path = parser.path()?;
    match section {
        "SET" => {
            parser.expect("=")?;
            Ok(Action::Set(path, sum(parser)?))
        }
        "REMOVE" => Ok(Action::Remove(path)),
        "ADD" => {
            let value = parser.value()?;
            typed("ADD", &value, matches!(value, AttributeValue::N(_)) || is_set(&value))?;
            Ok(Action::Add(path, value))
        }
        _ => {
            let value = parser.value()?;
            typed("DELETE", &value, is_set(&value))?;
            Ok(Action::Delete(path, value))
        }
    }
}

fn typed(operator: &str, value: &AttributeValue, fits: bool) -> Result<(), String> {
    if fits {
        return Ok(());
    }
    let kind = value.type_name();
    Err(format!(
        "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: {operator}, operand type: {kind}"
    ))
}

const fn is_set(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_))
}

fn sum(parser: &mut Parser<'_>) -> Result<Term, String> {
    let left = term(parser, 0)?;
    if parser.symbol("+") {
        return Ok(Term::Plus(Box::new(left), Box::new(term(parser, 0)?)));
    }
    if parser.symbol("-") {
        return Ok(Term::Minus(Box::new(left), Box::new(term(parser, 0)?)));
    }
    Ok(left)
}

fn term(parser: &mut Parser<'_>, depth: usize) -> Result<Term, String> {
    if depth > 50 {
        return Err("Invalid UpdateExpression: The expression is nested too deeply".to_owned());
    }
    if parser.symbol("(") {
        let inner = sum(parser)?;
        parser.expect(")")?;
        return Ok(inner);
    }
    if parser.at_value() {
        return parser.value().map(Term::Value);
    }
    match parser.function().as_deref() {
        Some("if_not_exists") => {
            let path = parser.path()?;
            parser.expect(",")?;
            let otherwise = term(parser, depth + 1)?;
            parser.expect(")")?;
            Ok(Term::IfNotExists(path, Box::new(otherwise)))
        }
        Some("list_append") => {
            let first = term(parser, depth + 1)?;
            parser.expect(",")?;
            let second = term(parser, depth + 1)?;
            parser.expect(")")?;
            Ok(Term::ListAppend(Box::new(first), Box::new(second)))
        }
        Some(name) => Err(parser.bad_function(name)),
        None => parser.path().map(Term::Path),
    }
}

impl Term {
    fn evaluate(&self, item: &Item) -> Result<AttributeValue, String> {
        match self {
            Self::Path(path) => path::find(item, path).cloned().ok_or_else(|| MISSING.to_owned()),
            Self::Value(value) => Ok(value.clone()),
            Self::IfNotExists(path, otherwise) => match path::find(item, path) {
                Some(value) => Ok(value.clone()),
                None => otherwise.evaluate(item),
            },
            Self::ListAppend(first, second) => match (first.evaluate(item)?, second.evaluate(item)?) {
                (AttributeValue::L(mut list), AttributeValue::L(more)) => {
                    list.extend(more);
                    Ok(AttributeValue::L(list))
                }
                _ => Err(WRONG_TYPE.to_owned()),
            },
            Self::Plus(left, right) | Self::Minus(left, right) => {
                let (AttributeValue::N(left), AttributeValue::N(right)) = (left.evaluate(item)?, right.evaluate(item)?)
                else {
                    return Err(WRONG_TYPE.to_owned());
                };
                let right = if matches!(self, Self::Minus(..)) { right.negated() } else { right };
                left.add(right).map(AttributeValue::N)
            }
        }
    }
}

fn add(after: &mut Item, before: &Item, path: &Path, value: &AttributeValue) -> Result<(), String> {
    let sum = match (path::find(before, path), value) {
        (None, value) => value.clone(),
        (Some(AttributeValue::N(old)), AttributeValue::N(more)) => AttributeValue::N(old.add(*more)?),
        (Some(AttributeValue::Ss(old)), AttributeValue::Ss(more)) => AttributeValue::Ss(old | more),
        (Some(AttributeValue::Ns(old)), AttributeValue::Ns(more)) => AttributeValue::Ns(old | more),
        (Some(AttributeValue::Bs(old)), AttributeValue::Bs(more)) => AttributeValue::Bs(old | more),
        _ => return Err(WRONG_TYPE.to_owned()),
    };
    path::set(after, path, sum)
}

fn delete(after: &mut Item, before: &Item, path: &Path, value: &AttributeValue) -> Result<(), String> {
    let Some(old) = path::find(before, path) else { return Ok(()) };
    let (rest, empty) = match (old, value) {
        (AttributeValue::Ss(old), AttributeValue::Ss(less)) => {
            let rest = old - less;
            let empty = rest.is_empty();
            (AttributeValue::Ss(rest), empty)
        }
        (AttributeValue::Ns(old), AttributeValue::Ns(less)) => {
            let rest = old - less;
            let empty = rest.is_empty();
            (AttributeValue::Ns(rest), empty)
        }
        (AttributeValue::Bs(old), AttributeValue::Bs(less)) => {
            let rest = old - less;
            let empty = rest.is_empty();
            (AttributeValue::Bs(rest), empty)
        }
        _ => return Err(WRONG_TYPE.to_owned()),
    };
    if empty { path::remove(after, path) } else { path::set(after, path, rest) }
}

/// No path may be another's beginning; the error is DynamoDB's message.
fn overlap(actions: &[Action]) -> Result<(), String> {
    for (index, action) in actions.iter().enumerate() {
        for other in &actions[index + 1..] {
            let (first, second) = (action.path(), other.path());
            let shared = first.len().min(second.len());
            if first[..shared] == second[..shared] {
                let show = |path: &Path| {
                    let names: Vec<String> = path
                        .iter()
                        .map(|segment| match segment {
                            Segment::Name(name) => name.clone(),
                            Segment::Index(index) => format!("[{index}]"),
                        })
                        .collect();
                    format!("[{}]", names.join(", "))
                };
                return Err(format!(
                    "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: {}, path two: {}",
                    show(first),
                    show(second)
                ));
            }
        }
    }
    Ok(())
}
