//! Reading filters: `?(@.a == 1 && @.b =~ /x/)`.

use asl::Value;

use super::parse::{self, MOST_FILTERS};
use super::path::{Comparison, Filter, Operand, Pattern};
use super::scan::Scan;

/// The comparisons by their sign, longer ones before their beginnings.
const SIGNS: [(&str, Comparison); 9] = [
    ("===", Comparison::Same),
    ("!==", Comparison::NotSame),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=~", Comparison::Matches),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Reads a filter down to the lowest binding, `||`.
pub(super) fn expression(scan: &mut Scan<'_>, nested: usize) -> Result<Filter, String> {
    let mut sides = vec![conjunction(scan, nested)?];
    while sign(scan, "||") {
        sides.push(conjunction(scan, nested)?);
    }
    Ok(only(sides).unwrap_or_else(Filter::Or))
}

fn conjunction(scan: &mut Scan<'_>, nested: usize) -> Result<Filter, String> {
    let mut sides = vec![term(scan, nested)?];
    while sign(scan, "&&") {
        sides.push(term(scan, nested)?);
    }
    Ok(only(sides).unwrap_or_else(Filter::And))
}

fn only(sides: Vec<Filter>) -> Result<Filter, Vec<Filter>> {
    <[Filter; 1]>::try_from(sides).map(|[side]| side)
}

fn sign(scan: &mut Scan<'_>, sign: &str) -> bool {
    scan.skip_space();
    scan.eat_text(sign)
}

fn term(scan: &mut Scan<'_>, nested: usize) -> Result<Filter, String> {
    if nested >= MOST_FILTERS {
        return Err(format!("filters nest at most {MOST_FILTERS} deep"));
    }
    scan.skip_space();
    if scan.eat('!') {
        return term(scan, nested + 1).map(|filter| Filter::Not(Box::new(filter)));
    }
    if scan.eat('(') {
        let inner = expression(scan, nested + 1)?;
        scan.skip_space();
        scan.expect(')')?;
        return Ok(inner);
    }
    let left = operand(scan, nested)?;
    let Some(comparison) = comparison(scan) else {
        return match left {
            Operand::Path(path) => Ok(Filter::Exists(path)),
            _ => Err(String::from("a filter compares something or names a path")),
        };
    };
    Ok(Filter::Compare(left, comparison, operand(scan, nested)?))
}

fn comparison(scan: &mut Scan<'_>) -> Option<Comparison> {
    scan.skip_space();
    if let Some((_, comparison)) = SIGNS.iter().find(|(sign, _)| scan.eat_text(sign)) {
        return Some(*comparison);
    }
    let word = scan.take_while(char::is_alphabetic);
    Some(match word.to_ascii_lowercase().as_str() {
        "in" => Comparison::In,
        "nin" => Comparison::NotIn,
        "contains" => Comparison::Contains,
        "size" => Comparison::Size,
        "empty" => Comparison::Empty,
        "subsetof" => Comparison::SubsetOf,
        "anyof" => Comparison::AnyOf,
        "noneof" => Comparison::NoneOf,
        _ => return None,
    })
}

/// Reads one side of a comparison.
pub(super) fn operand(scan: &mut Scan<'_>, nested: usize) -> Result<Operand, String> {
    if nested >= MOST_FILTERS {
        return Err(format!("filters nest at most {MOST_FILTERS} deep"));
    }
    scan.skip_space();
    match scan.peek() {
        Some('@' | '$') => parse::path(scan, nested).map(Operand::Path),
        Some('\'' | '"') => scan.quoted().map(|text| Operand::Literal(text.into())),
        Some('/') => pattern(scan).map(Operand::Pattern),
        Some('[') => list(scan, nested).map(Operand::Literal),
        Some('{') => object(scan).map(Operand::Literal),
        Some(_) => word(scan).map(Operand::Literal),
        None => Err(String::from("a filter ends early")),
    }
}

fn pattern(scan: &mut Scan<'_>) -> Result<Pattern, String> {
    scan.expect('/')?;
    let mut source = String::new();
    loop {
        match scan.next().ok_or("the closing / of a pattern is missing")? {
            '/' => break,
            '\\' if scan.eat('/') => source.push('/'),
            '\\' => {
                source.push('\\');
                source.extend(scan.next());
            }
            letter => source.push(letter),
        }
    }
    let flags = scan.take_while(|letter| "idmsux".contains(letter));
    let known: String = flags.chars().filter(|flag| "imsux".contains(*flag)).collect();
    let prefix = if known.is_empty() { String::new() } else { format!("(?{known})") };
    let whole = regex::Regex::new(&format!("{prefix}^(?:{source})$"))
        .map_err(|_| format!("'/{source}/' is not a regular expression this engine knows"))?;
    Ok(Pattern { source: format!("/{source}/{flags}"), whole })
}

/// A list of literals, in either kind of quotes.
fn list(scan: &mut Scan<'_>, nested: usize) -> Result<Value, String> {
    scan.expect('[')?;
    let mut items = Vec::new();
    scan.skip_space();
    while !scan.eat(']') {
        if !items.is_empty() {
            scan.expect(',')?;
        }
        match operand(scan, nested + 1)? {
            Operand::Literal(item) => items.push(item),
            _ => return Err(String::from("a list in a filter holds literals only")),
        }
        scan.skip_space();
    }
    Ok(Value::array(items))
}

/// An object in JSON.
fn object(scan: &mut Scan<'_>) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_str(scan.rest()).into_iter::<Value>();
    let value = reader.next().and_then(Result::ok).ok_or("an object in a filter is not JSON")?;
    let end = reader.byte_offset();
    *scan = Scan::new(scan.rest().get(end..).unwrap_or_default());
    Ok(value)
}

/// A number, `true`, `false` or `null`; any other word is a text, as AWS accepts `@.Name == Receipt`.
fn word(scan: &mut Scan<'_>) -> Result<Value, String> {
    let word = scan.take_while(|letter| letter.is_alphanumeric() || "+-._".contains(letter));
    match Value::parse(word) {
        Ok(literal @ (Value::Null | Value::Bool(_) | Value::Number(_))) => Ok(literal),
        _ if word.starts_with(char::is_alphabetic) => Ok(word.into()),
        _ => Err(format!("'{word}' is not a literal: texts stand in quotes")),
    }
}
