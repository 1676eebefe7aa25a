//! From the text of a pattern to what is matched, with the complaints of EventBridge.

use serde_json::{Map, Value};

use super::matcher::{Comparison, Matcher, Number, Texts, Wildcard};
use super::{Field, Leaf, Node, Pattern, PatternError, address};

const OR: &str = "$or";

/// Names that no field inside `$or` may have.
const RESERVED: [&str; 10] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "anything-but",
    "exists",
    "numeric",
    "cidr",
    "wildcard",
    "match",
];

/// Reads a pattern.
pub(super) fn pattern(text: &str) -> Result<Pattern, PatternError> {
    let value: Value = serde_json::from_str(text).map_err(|error| wrong(&format!("it is not JSON: {error}")))?;
    let Value::Object(members) = &value else { return Err(wrong("Filter is not an object")) };
    let mut reader = Reader { path: Vec::new(), absences: Vec::new() };
    let root = reader.node(members, false)?;
    Ok(Pattern { root, absences: reader.absences })
}

fn wrong(reason: &str) -> PatternError {
    PatternError(reason.to_owned())
}

struct Reader {
    path: Vec<String>,
    absences: Vec<Vec<String>>,
}

impl Reader {
    fn node(&mut self, members: &Map<String, Value>, inside_or: bool) -> Result<Node, PatternError> {
        if members.is_empty() {
            return Err(wrong("Empty objects are not allowed"));
        }
        let mut node = Node::default();
        for (name, value) in members {
            match (name.as_str(), value) {
                (OR, Value::Array(alternatives)) if is_choice(alternatives) => {
                    let nodes = alternatives.iter().filter_map(Value::as_object);
                    let nodes = nodes.map(|alternative| self.node(alternative, true)).collect::<Result<_, _>>()?;
                    node.choices.push(nodes);
                }
                (name, _) if inside_or && RESERVED.contains(&name) => {
                    return Err(wrong(&format!("{name} is Ruler reserved fieldName which cannot be used inside $or.")));
                }
                _ => {
                    self.path.push(name.clone());
                    let field = self.field(name, value, inside_or);
                    self.path.pop();
                    node.fields.push((name.clone(), field?));
                }
            }
        }
        Ok(node)
    }

    fn field(&mut self, name: &str, value: &Value, inside_or: bool) -> Result<Field, PatternError> {
        match value {
            Value::Object(members) => Ok(Field::Deeper(self.node(members, inside_or)?)),
            Value::Array(entries) if entries.is_empty() => Err(wrong("Empty arrays are not allowed")),
            Value::Array(entries) => Ok(Field::Leaf(self.leaf(entries)?)),
            _ => Err(wrong(&format!("\"{name}\" must be an object or an array"))),
        }
    }

    fn leaf(&mut self, entries: &[Value]) -> Result<Leaf, PatternError> {
        let mut leaf = Leaf::default();
        for entry in entries {
            match entry {
                Value::Array(_) => return Err(wrong("Match value must be String, number, true, false, or null")),
                Value::Object(members) if members.get("exists") == Some(&Value::Bool(false)) => {
                    only_key(members)?;
                    leaf.absence = Some(self.absences.len());
                    self.absences.push(self.path.clone());
                }
                Value::Object(members) => leaf.matchers.push(expression(members)?),
                exact => leaf.matchers.push(Matcher::exactly(exact)),
            }
        }
        Ok(leaf)
    }
}

/// Whether the value of a member `$or` is the relationship: else it is a member of that name.
fn is_choice(alternatives: &[Value]) -> bool {
    let plain = |alternative: &Value| {
        alternative.as_object().is_some_and(|members| !members.keys().any(|name| RESERVED.contains(&name.as_str())))
    };
    alternatives.len() >= 2 && alternatives.iter().all(plain)
}

fn only_key(members: &Map<String, Value>) -> Result<(&str, &Value), PatternError> {
    let mut all = members.iter();
    match (all.next(), all.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (Some(_), Some(_)) => Err(wrong("Only one key allowed in match expression")),
        (None, _) => Err(wrong("Match expression name not found")),
    }
}

fn expression(members: &Map<String, Value>) -> Result<Matcher, PatternError> {
    let (name, value) = only_key(members)?;
    Ok(match name {
        "exactly" => Matcher::exactly(&Value::from(text(value, "exact")?)),
        "prefix" | "suffix" => {
            let (folded, text) = affix(name, value)?;
            let texts = Texts { folded, texts: vec![text] };
            if name == "prefix" { Matcher::Prefix(texts) } else { Matcher::Suffix(texts) }
        }
        "equals-ignore-case" => Matcher::Equal(Texts::folding([text(value, name)?])),
        "wildcard" => Matcher::Wildcard(wildcard(text(value, name)?)?),
        "numeric" => Matcher::Numeric(numeric(value)?),
        "cidr" => Matcher::Cidr(address::block(text(value, "prefix")?).map_err(PatternError)?),
        "exists" if value == &Value::Bool(true) => Matcher::Exists,
        "exists" => return Err(wrong("exists match pattern must be either true or false.")),
        "anything-but" => Matcher::AnythingBut(Box::new(anything_but(value)?)),
        other => return Err(wrong(&format!("Unrecognized match type {other}"))),
    })
}

fn text<'v>(value: &'v Value, kind: &str) -> Result<&'v str, PatternError> {
    value.as_str().ok_or_else(|| wrong(&format!("{kind} match pattern must be a string")))
}

/// The text of a prefix or suffix, and whether its case is ignored.
fn affix(kind: &str, value: &Value) -> Result<(bool, String), PatternError> {
    if let Value::Object(members) = value {
        let (name, value) = only_key(members)?;
        if name != "equals-ignore-case" {
            return Err(wrong(&format!("Unsupported {kind} pattern: {name}")));
        }
        return Ok((true, text(value, name)?.to_lowercase()));
    }
    Ok((false, text(value, kind)?.to_owned()))
}

fn anything_but(value: &Value) -> Result<Matcher, PatternError> {
    match value {
        Value::Object(members) => anything_but_expression(members),
        Value::String(text) => Ok(Matcher::Equal(Texts::plain([text.as_str()]))),
        Value::Number(number) => Ok(Matcher::Numbers(vec![Number::of(number)])),
        Value::Array(entries) if !entries.is_empty() => {
            let texts: Vec<&str> = entries.iter().filter_map(Value::as_str).collect();
            let numbers: Vec<Number> = entries.iter().filter_map(Value::as_number).map(Number::of).collect();
            if texts.len() == entries.len() {
                Ok(Matcher::Equal(Texts::plain(texts)))
            } else if numbers.len() == entries.len() {
                Ok(Matcher::Numbers(numbers))
            } else if texts.len() + numbers.len() == entries.len() {
                Err(wrong(
                    "Inside anything but list, either all values are number or string, mixed type is not supported",
                ))
            } else {
                Err(wrong("Inside anything but list, start|null|boolean is not supported."))
            }
        }
        Value::Array(_) => {
            Err(wrong("Inside anything but list, either all values are number or string, mixed type is not supported"))
        }
        _ => Err(wrong("Value of anything-but must be an array or single string/number value.")),
    }
}

fn anything_but_expression(members: &Map<String, Value>) -> Result<Matcher, PatternError> {
    let Some((name, value)) = members.iter().next() else {
        return Err(wrong("Anything-But expression name not found"));
    };
    only_key(members)?;
    let texts = match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(entries) if !entries.is_empty() && entries.iter().all(Value::is_string) => {
            entries.iter().filter_map(Value::as_str).collect()
        }
        _ if ["prefix", "suffix"].contains(&name.as_str()) => {
            return Err(wrong("prefix/suffix match pattern must be a string"));
        }
        _ => {
            return Err(wrong(&format!(
                "Inside anything-but/{name} list, number|start|null|boolean is not supported."
            )));
        }
    };
    match name.as_str() {
        "prefix" | "suffix" if texts.iter().any(|text| text.is_empty()) => Err(wrong("Null prefix/suffix not allowed")),
        "prefix" => Ok(Matcher::Prefix(Texts::plain(texts))),
        "suffix" => Ok(Matcher::Suffix(Texts::plain(texts))),
        "equals-ignore-case" => Ok(Matcher::Equal(Texts::folding(texts))),
        "wildcard" => {
            let wildcards = texts.into_iter().map(wildcard).collect::<Result<_, _>>()?;
            Ok(Matcher::AnyWildcard(wildcards))
        }
        other => Err(wrong(&format!("Unsupported anything-but pattern: {other}"))),
    }
}

/// The pieces between the stars; a backslash before a star or a backslash means that character.
fn wildcard(text: &str) -> Result<Wildcard, PatternError> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let mut characters = text.chars().enumerate().peekable();
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped @ ('*' | '\\'))) => piece.push(escaped),
                _ => return Err(wrong(&format!("Invalid escape character at pos {position}"))),
            },
            '*' if characters.peek().is_some_and(|(_, next)| *next == '*') => {
                return Err(wrong(&format!("Consecutive wildcard characters at pos {position}")));
            }
            '*' => pieces.push(std::mem::take(&mut piece)),
            character => piece.push(character),
        }
    }
    pieces.push(piece);
    Ok(Wildcard { pieces })
}

fn numeric(value: &Value) -> Result<Vec<Comparison>, PatternError> {
    let Value::Array(terms) = value else { return Err(wrong("Value of numeric must be an array.")) };
    let Some(operator) = terms.first().and_then(Value::as_str) else {
        let found = terms.first().map_or_else(|| "]".to_owned(), Value::to_string);
        return Err(wrong(&format!("Invalid member in numeric match: {found}")));
    };
    let name = if operator == "=" { "equals" } else { operator };
    if !["=", "<", "<=", ">", ">="].contains(&operator) {
        return Err(wrong(&format!("Unrecognized numeric range operator: {operator}")));
    }
    let first = Comparison::new(operator, bound(terms.get(1), name)?);
    match (&terms[2..], operator) {
        ([], _) => Ok(vec![first]),
        (_, "=" | "<" | "<=") => Err(wrong("Too many elements in numeric expression")),
        ([second, rest @ ..], _) => {
            let Some(operator) = second.as_str() else {
                return Err(wrong(&format!("Bad value in numeric range: {second}")));
            };
            if !["<", "<="].contains(&operator) {
                return Err(wrong(&format!("Bad numeric range operator: {operator}")));
            }
            let top = Comparison::new(operator, bound(rest.first(), operator)?);
            if rest.len() > 1 {
                return Err(wrong("Too many terms in numeric range expression"));
            }
            if first.bound >= top.bound {
                return Err(wrong("Bottom must be less than top"));
            }
            Ok(vec![first, top])
        }
    }
}

fn bound(value: Option<&Value>, operator: &str) -> Result<f64, PatternError> {
    let number = value.and_then(Value::as_f64);
    number.ok_or_else(|| wrong(&format!("Value of {operator} must be numeric")))
}
