//! Reading paths: the grammar of Jayway's JsonPath, with the roots of the States Language.

use std::sync::Arc;

use super::path::{Function, FunctionName, Path, Root, Step};
use super::{filter, scan::Scan};

/// Steps of one path at most.
const MOST_STEPS: usize = 512;

/// Filters inside filters at most.
pub(super) const MOST_FILTERS: usize = 32;

/// Reads `text`, the whole of which is one path.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn parse(text: &str) -> Result<Path, String> {
    let mut scan = Scan::new(text.trim());
    if scan.peek() == Some('@') {
        return Err(String::from("a path begins with $, $$ or $name"));
    }
    let path = path(&mut scan, 0)?;
    if scan.is_done() { Ok(path) } else { Err(format!("could not parse '{}'", scan.rest())) }
}

/// Reads one path and stops behind it.
pub(super) fn path(scan: &mut Scan<'_>, nested: usize) -> Result<Path, String> {
    let root = root(scan)?;
    let mut steps = Vec::new();
    let mut function = None;
    while function.is_none() && matches!(scan.peek(), Some('.' | '[')) {
        if steps.len() >= MOST_STEPS {
            return Err(format!("a path has at most {MOST_STEPS} steps"));
        }
        if scan.eat_text("..") {
            steps.push(Step::Descendants);
            if scan.peek() == Some('[') {
                continue;
            }
        } else if !scan.eat('.') {
            scan.expect('[')?;
            steps.push(bracket(scan, nested)?);
            continue;
        }
        function = named(scan, &mut steps, nested)?;
    }
    if steps.last() == Some(&Step::Descendants) {
        return Err(String::from("a path must not end with '..'"));
    }
    Ok(Path { root, steps, function })
}

fn root(scan: &mut Scan<'_>) -> Result<Root, String> {
    if scan.eat('@') {
        return Ok(Root::Item);
    }
    if !scan.eat('$') {
        return Err(String::from("a path begins with $, $$ or $name"));
    }
    if scan.eat('$') {
        return Ok(Root::Context);
    }
    let name = scan.take_while(|letter| letter.is_alphanumeric() || letter == '_');
    if name.starts_with(|letter: char| letter.is_numeric()) {
        return Err(format!("a variable's name must not begin with a digit: {name}"));
    }
    Ok(if name.is_empty() { Root::Input } else { Root::Variable(name.into()) })
}

/// What follows a dot: a wildcard, a member or a function.
fn named(scan: &mut Scan<'_>, steps: &mut Vec<Step>, nested: usize) -> Result<Option<Function>, String> {
    if scan.eat('*') {
        steps.push(Step::Wildcard);
        return Ok(None);
    }
    if scan.peek() == Some('[') {
        return Ok(None);
    }
    let name = scan.take_while(|letter| !".[](),=!<>&|~\"'".contains(letter) && !letter.is_whitespace());
    if name.is_empty() {
        return Err(String::from("a property name is missing"));
    }
    if scan.peek() == Some('(') {
        return function(scan, name, nested).map(Some);
    }
    steps.push(Step::Member(name.into()));
    Ok(None)
}

fn function(scan: &mut Scan<'_>, name: &str, nested: usize) -> Result<Function, String> {
    let name = FunctionName::find(name).ok_or_else(|| format!("function {name} is not known"))?;
    scan.expect('(')?;
    let mut arguments = Vec::new();
    scan.skip_space();
    while !scan.eat(')') {
        if !arguments.is_empty() {
            scan.expect(',')?;
        }
        arguments.push(filter::operand(scan, nested + 1)?);
        scan.skip_space();
    }
    Ok(Function { name, arguments })
}

/// What stands in brackets; the opening one is read already.
fn bracket(scan: &mut Scan<'_>, nested: usize) -> Result<Step, String> {
    scan.skip_space();
    let step = match scan.peek() {
        Some('*') => {
            scan.eat('*');
            Step::Wildcard
        }
        Some('?') => {
            scan.eat('?');
            filter_step(scan, nested)?
        }
        Some('\'' | '"') => members(scan)?,
        _ => items(scan)?,
    };
    scan.skip_space();
    scan.expect(']')?;
    Ok(step)
}

fn filter_step(scan: &mut Scan<'_>, nested: usize) -> Result<Step, String> {
    if nested >= MOST_FILTERS {
        return Err(format!("filters nest at most {MOST_FILTERS} deep"));
    }
    scan.skip_space();
    scan.expect('(')?;
    let filter = filter::expression(scan, nested + 1)?;
    scan.skip_space();
    scan.expect(')')?;
    Ok(Step::Filter(filter))
}

fn members(scan: &mut Scan<'_>) -> Result<Step, String> {
    let mut names: Vec<Arc<str>> = vec![scan.quoted()?.into()];
    while comma(scan) {
        names.push(scan.quoted()?.into());
    }
    Ok(match <[Arc<str>; 1]>::try_from(names) {
        Ok([name]) => Step::Member(name),
        Err(names) => Step::Members(names),
    })
}

fn items(scan: &mut Scan<'_>) -> Result<Step, String> {
    let first = integer(scan)?;
    scan.skip_space();
    if scan.eat(':') {
        scan.skip_space();
        return Ok(Step::Slice(first, integer(scan)?));
    }
    let first = first.ok_or_else(|| String::from("an index, a name, a slice or a filter is missing in brackets"))?;
    let mut indices = vec![first];
    while comma(scan) {
        indices.push(integer(scan)?.ok_or_else(|| String::from("an index is missing behind a comma"))?);
    }
    Ok(if indices.len() == 1 { Step::Index(first) } else { Step::Indices(indices) })
}

fn comma(scan: &mut Scan<'_>) -> bool {
    scan.skip_space();
    let found = scan.eat(',');
    scan.skip_space();
    found
}

fn integer(scan: &mut Scan<'_>) -> Result<Option<i64>, String> {
    let digits = scan.take_while(|letter| letter.is_ascii_digit() || letter == '-');
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| format!("'{digits}' is not an index"))
}

impl FunctionName {
    fn find(name: &str) -> Option<Self> {
        Some(match name {
            "length" | "size" => Self::Length,
            "min" => Self::Minimum,
            "max" => Self::Maximum,
            "avg" => Self::Average,
            "stddev" => Self::StandardDeviation,
            "sum" => Self::Sum,
            "keys" => Self::Keys,
            "first" => Self::First,
            "last" => Self::Last,
            "index" => Self::Index,
            "concat" => Self::Concat,
            "append" => Self::Append,
            _ => return None,
        })
    }
}
