//! Reading calls.

use asl::Value;

use super::{Argument, Call, registry};
use crate::jsonpath::parse as path;
use crate::jsonpath::scan::Scan;

/// Calls within calls at most: the limit of AWS.
const DEEPEST: usize = 10;

/// Reads `text`, the whole of which is one call.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn parse(text: &str) -> Result<Call, String> {
    let mut scan = Scan::new(text.trim());
    let call = call(&mut scan, 0)?;
    scan.skip_space();
    if scan.is_done() { Ok(call) } else { Err(format!("'{}' follows the call", scan.rest())) }
}

fn call(scan: &mut Scan<'_>, depth: usize) -> Result<Call, String> {
    if depth > DEEPEST {
        return Err(format!("calls nest at most {DEEPEST} deep"));
    }
    let start = scan.rest();
    if !scan.eat_text("States.") {
        return Err(String::from("a function call begins with 'States.'"));
    }
    let name = scan.take_while(|letter| letter.is_ascii_alphanumeric());
    let entry = registry::find(name).ok_or_else(|| format!("there is no function States.{name}"))?;
    scan.skip_space();
    scan.expect('(')?;
    let arguments = arguments(scan, depth)?;
    if !entry.arity.contains(&arguments.len()) {
        return Err(format!("States.{name} does not take {} arguments", arguments.len()));
    }
    let source = start.get(..start.len() - scan.rest().len()).unwrap_or(start);
    Ok(Call { entry, arguments, source: source.into() })
}

/// The arguments up to the closing parenthesis, which is read too.
fn arguments(scan: &mut Scan<'_>, depth: usize) -> Result<Vec<Argument>, String> {
    let mut arguments = Vec::new();
    scan.skip_space();
    while !scan.eat(')') {
        if !arguments.is_empty() {
            scan.expect(',')?;
            scan.skip_space();
        }
        arguments.push(argument(scan, depth)?);
        scan.skip_space();
    }
    Ok(arguments)
}

fn argument(scan: &mut Scan<'_>, depth: usize) -> Result<Argument, String> {
    match scan.peek() {
        Some('\'') => text(scan),
        Some('$') => {
            let source = path_text(scan);
            Ok(Argument::Path(path::parse(source)?, source.into()))
        }
        Some('S') => call(scan, depth + 1).map(Argument::Call),
        Some(_) => literal(scan),
        None => Err(String::from("the closing ')' is missing")),
    }
}

fn literal(scan: &mut Scan<'_>) -> Result<Argument, String> {
    let word = scan.take_while(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    match Value::parse(word) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => Ok(Argument::Literal(value)),
        _ => Err(format!("'{word}' is not an argument: texts stand in single quotes, paths begin with $")),
    }
}

/// A text in single quotes, in which only `\'`, `\{`, `\}` and `\\` are escapes.
fn text(scan: &mut Scan<'_>) -> Result<Argument, String> {
    scan.expect('\'')?;
    let (mut raw, mut plain) = (String::new(), String::new());
    loop {
        match scan.next().ok_or("the closing ' is missing")? {
            '\'' => break,
            '\\' => {
                let escaped = scan.next().filter(|letter| "'{}\\".contains(*letter));
                let escaped = escaped.ok_or("only \\', \\{, \\} and \\\\ are escapes")?;
                raw.extend(['\\', escaped]);
                plain.push(escaped);
            }
            letter => {
                raw.push(letter);
                plain.push(letter);
            }
        }
    }
    Ok(Argument::Text { raw: raw.into(), plain: plain.into() })
}

/// The text of a path: up to a comma or a parenthesis that is not its own.
fn path_text<'a>(scan: &mut Scan<'a>) -> &'a str {
    let start = scan.rest();
    let (mut open, mut quote) = (0_usize, None);
    while let Some(letter) = scan.peek() {
        match (quote, letter) {
            (Some(_), '\\') => {
                scan.next();
            }
            (Some(mark), letter) => quote = Some(mark).filter(|mark| *mark != letter),
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[' | '(') => open += 1,
            (None, ',' | ')') if open == 0 => break,
            (None, ']' | ')') => open = open.saturating_sub(1),
            _ => {}
        }
        scan.next();
    }
    start.get(..start.len() - scan.rest().len()).unwrap_or(start).trim_end()
}
