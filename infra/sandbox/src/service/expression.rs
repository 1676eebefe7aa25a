//! CloudWatch metric math, the part of it that dashboards of rates need: numbers, query ids, `+ - * /`, parentheses and
//! FILL.

use std::collections::BTreeMap;

/// One query's values by period start.
pub(super) type Points = BTreeMap<i64, f64>;

/// A value of the language.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Series(Points),
}

/// Evaluates an expression over the other queries; `periods` are all period starts of the request.
///
/// The error says what is not valid.
pub(super) fn evaluate(text: &str, queries: &BTreeMap<String, Points>, periods: &[i64]) -> Result<Points, String> {
    let mut parser = Parser { rest: text.trim(), queries, periods };
    let value = parser.sum(0)?;
    if !parser.rest.is_empty() {
        return Err(format!("unexpected '{}'", parser.rest));
    }
    match value {
        Value::Series(points) => Ok(points),
        Value::Number(_) => Err("an expression must contain at least one metric".to_owned()),
    }
}

struct Parser<'a> {
    rest: &'a str,
    queries: &'a BTreeMap<String, Points>,
    periods: &'a [i64],
}

impl Parser<'_> {
    fn symbol(&mut self, symbol: char) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn sum(&mut self, depth: usize) -> Result<Value, String> {
        if depth > 50 {
            return Err("nested too deeply".to_owned());
        }
        let mut left = self.product(depth)?;
        loop {
            if self.symbol('+') {
                left = combine(left, self.product(depth)?, |left, right| left + right);
            } else if self.symbol('-') {
                left = combine(left, self.product(depth)?, |left, right| left - right);
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Result<Value, String> {
        let mut left = self.atom(depth)?;
        loop {
            if self.symbol('*') {
                left = combine(left, self.atom(depth)?, |left, right| left * right);
            } else if self.symbol('/') {
                left = combine(left, self.atom(depth)?, |left, right| left / right);
            } else {
                return Ok(left);
            }
        }
    }

    fn atom(&mut self, depth: usize) -> Result<Value, String> {
        if self.symbol('(') {
            let value = self.sum(depth + 1)?;
            return if self.symbol(')') { Ok(value) } else { Err("a ) is missing".to_owned()) };
        }
        if self.symbol('-') {
            let value = self.atom(depth + 1)?;
            return Ok(combine(Value::Number(0.0), value, |zero, value| zero - value));
        }
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte)).count();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return word.parse().map(Value::Number).map_err(|_| format!("'{word}' is no number"));
        }
        if word == "FILL" {
            return self.fill(depth);
        }
        if self.rest.starts_with('(') {
            return Err(format!("the sandbox does not have the function {word}; it has FILL and + - * /"));
        }
        let points = self.queries.get(word).ok_or_else(|| format!("the id '{word}' is not defined"))?;
        Ok(Value::Series(points.clone()))
    }

    fn fill(&mut self, depth: usize) -> Result<Value, String> {
        let malformed = || "FILL takes a metric and a number or REPEAT".to_owned();
        if !self.symbol('(') {
            return Err(malformed());
        }
        let Value::Series(mut points) = self.sum(depth + 1)? else { return Err(malformed()) };
        if !self.symbol(',') {
            return Err(malformed());
        }
        let repeat = self.rest.strip_prefix("REPEAT").map(|rest| self.rest = rest.trim_start()).is_some();
        let constant = match if repeat { Value::Number(0.0) } else { self.sum(depth + 1)? } {
            Value::Number(constant) => constant,
            Value::Series(_) => return Err(malformed()),
        };
        if !self.symbol(')') {
            return Err(malformed());
        }
        let mut last = None;
        for period in self.periods {
            let missing = if repeat { last } else { Some(constant) };
            match (points.get(period), missing) {
                (Some(value), _) => last = Some(*value),
                (None, Some(value)) => {
                    points.insert(*period, value);
                }
                (None, None) => {}
            }
        }
        Ok(Value::Series(points))
    }
}

/// Point by point; a period that one side lacks, or whose result is not finite, has none.
fn combine(left: Value, right: Value, operator: impl Fn(f64, f64) -> f64) -> Value {
    let finite = |(at, value): (i64, f64)| value.is_finite().then_some((at, value));
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(operator(left, right)),
        (Value::Series(points), Value::Number(number)) => Value::Series(
            points.into_iter().map(|(at, value)| (at, operator(value, number))).filter_map(finite).collect(),
        ),
        (Value::Number(number), Value::Series(points)) => Value::Series(
            points.into_iter().map(|(at, value)| (at, operator(number, value))).filter_map(finite).collect(),
        ),
        (Value::Series(left), Value::Series(right)) => {
            let both = left.into_iter().filter_map(|(at, value)| Some((at, operator(value, *right.get(&at)?))));
            Value::Series(both.filter_map(finite).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<Vec<(i64, f64)>, String> {
        let queries = BTreeMap::from([
            ("errors".to_owned(), Points::from([(0, 5.0)])),
            ("requests".to_owned(), Points::from([(0, 100.0), (60, 200.0), (120, 0.0)])),
        ]);
        evaluate(text, &queries, &[0, 60, 120]).map(|points| points.into_iter().collect())
    }

    #[test]
    fn rates_with_gaps() {
        assert_eq!(run("errors / requests * 100"), Ok(vec![(0, 5.0)]));
        assert_eq!(
            run("FILL(errors, 0) / requests * 100"),
            Ok(vec![(0, 5.0), (60, 0.0)]),
            "division by zero has no value"
        );
        assert_eq!(run("FILL(errors, REPEAT)"), Ok(vec![(0, 5.0), (60, 5.0), (120, 5.0)]));
        assert_eq!(run("-(requests - 50)"), Ok(vec![(0, -50.0), (60, -150.0), (120, 50.0)]));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (text, expected) in [
            ("nothing", "the id 'nothing' is not defined"),
            ("RATE(errors)", "does not have the function RATE"),
            ("1 + 1", "at least one metric"),
            ("errors )", "unexpected ')'"),
            ("(errors", "a ) is missing"),
            ("FILL(1, 2)", "FILL takes"),
        ] {
            assert!(run(text).is_err_and(|error| error.contains(expected)), "{text}");
        }
    }
}
