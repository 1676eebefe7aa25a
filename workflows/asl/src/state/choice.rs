//! `Choice`: branches on conditions.

use super::wait::is_timestamp;
use super::{element, elements, required, template};
use crate::fields::{Fields, described};
use crate::{Choice, ChoiceRule, Condition, Operand, Operator, QueryLanguage, Value};

pub(super) fn read(fields: &mut Fields<'_>) -> Choice {
    let rules = elements(fields, "Choices", |rule, _| read_rule(rule));
    let rules = fields.require("Choices", rules);
    if fields.members().get("Choices").and_then(Value::as_array).is_some_and(<[Value]>::is_empty) {
        fields.fail("Choices", "Field 'Choices' must have at least one rule");
    }
    Choice { rules: rules.unwrap_or_default(), default: fields.string("Default") }
}

fn read_rule(fields: &mut Fields<'_>) -> ChoiceRule {
    ChoiceRule {
        condition: match fields.language() {
            QueryLanguage::JsonPath => comparison(fields),
            QueryLanguage::Jsonata => expression(fields),
        },
        next: required(fields, "Next"),
        assign: template::assign(fields),
        output: template::jsonata(fields, "Output"),
    }
}

/// Stands in for a condition that cannot be read.
const NEVER: Condition = Condition::Expression(Value::Bool(false));

/// JSONata's `Condition`.
fn expression(fields: &mut Fields<'_>) -> Condition {
    fields.string("Comment");
    let value = fields.only(QueryLanguage::Jsonata, "Condition");
    let Some(value) = fields.require("Condition", value) else {
        refuse_comparison(fields);
        return NEVER;
    };
    if value.as_bool().is_none() && !template::is_expression_value(value) {
        fields.fail("Condition", "Field 'Condition' must be a JSONata expression '{% ... %}' or a boolean");
    }
    Condition::Expression(value.clone())
}

/// Says of a JSONPath comparison in a JSONata state what is wrong with it.
fn refuse_comparison(fields: &mut Fields<'_>) {
    for name in ["Variable", "And", "Or", "Not"] {
        fields.only(QueryLanguage::JsonPath, name);
    }
    for operator in &OPERATORS {
        for name in [Some(operator.name), operator.path_name].into_iter().flatten() {
            fields.only(QueryLanguage::JsonPath, name);
        }
    }
}

/// JSONPath's `And`, `Or`, `Not` or one comparison; `Next` and the like are left to the caller.
fn comparison(fields: &mut Fields<'_>) -> Condition {
    fields.string("Comment");
    // Known in this language only to say that it belongs to the other.
    fields.only(QueryLanguage::Jsonata, "Condition");
    let operators = given(fields);
    let combined = ["And", "Or", "Not"].into_iter().filter(|name| fields.has(name)).count();
    let condition = match (combined, operators.len()) {
        (1, 0) => combination(fields),
        (0, 1) => compare(fields, operators[0]),
        (0, 0) if fields.has("Condition") => None,
        (0, 0) => {
            fields.fail_whole("A choice rule must have exactly one comparison operator, or And, Or or Not");
            None
        }
        _ => {
            fields.fail_whole("A choice rule must not have more than one comparison operator");
            None
        }
    };
    if condition.is_none() {
        notice(fields, &operators);
    }
    condition.unwrap_or(NEVER)
}

fn notice(fields: &mut Fields<'_>, operators: &[(&'static OperatorRow, bool)]) {
    for name in ["And", "Or", "Not", "Variable"] {
        fields.value(name);
    }
    for (row, by_path) in operators {
        fields.value(row.name(*by_path));
    }
}

fn combination(fields: &mut Fields<'_>) -> Option<Condition> {
    if let Some(mut inner) = fields.object("Not") {
        let condition = nested(&mut inner);
        inner.finish();
        return Some(Condition::Not(Box::new(condition)));
    }
    for name in ["And", "Or"] {
        let Some(items) = fields.array(name) else { continue };
        if items.is_empty() {
            fields.fail(name, format!("Field '{name}' must have at least one choice rule"));
        }
        let mut conditions = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if let Some(mut inner) = element(fields, name, index, item) {
                conditions.push(nested(&mut inner));
                inner.finish();
            }
        }
        return Some(if name == "And" { Condition::And(conditions) } else { Condition::Or(conditions) });
    }
    None
}

/// A rule inside And, Or or Not: it leads nowhere by itself.
fn nested(fields: &mut Fields<'_>) -> Condition {
    if fields.value("Next").is_some() {
        fields.fail("Next", "Field 'Next' is only allowed in the rules of 'Choices' themselves");
    }
    comparison(fields)
}

fn compare(fields: &mut Fields<'_>, (row, by_path): (&'static OperatorRow, bool)) -> Option<Condition> {
    let variable = fields.path("Variable");
    let variable = fields.require("Variable", variable);
    let name = row.name(by_path);
    let operand = if by_path { fields.path(name).map(Operand::Path) } else { literal(fields, row) };
    Some(Condition::Compare { variable: variable?, operator: row.operator, operand: operand? })
}

fn literal(fields: &mut Fields<'_>, row: &OperatorRow) -> Option<Operand> {
    let value = fields.value(row.name)?;
    let fits = match row.operand {
        Kind::String => value.as_str().is_some(),
        Kind::Number => value.as_f64().is_some(),
        Kind::Boolean => value.as_bool().is_some(),
        Kind::Timestamp => value.as_str().is_some(),
    };
    if !fits {
        let wanted = match row.operand {
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Boolean => "a boolean",
            Kind::Timestamp => "an RFC3339 timestamp",
        };
        fields.fail(row.name, format!("Field '{}' must be {wanted}, was {}", row.name, described(value)));
        return None;
    }
    if row.operand == Kind::Timestamp && !value.as_str().is_some_and(is_timestamp) {
        fields.fail(row.name, "String does not match RFC3339 timestamp");
        return None;
    }
    Some(Operand::Literal(value.clone()))
}

/// The operators that are there, each with whether it is the `...Path` form.
fn given(fields: &Fields<'_>) -> Vec<(&'static OperatorRow, bool)> {
    let forms = OPERATORS.iter().flat_map(|row| [(row, false), (row, true)]);
    forms.filter(|(row, by_path)| (!by_path || row.path_name.is_some()) && fields.has(row.name(*by_path))).collect()
}

/// One line of the table of operators.
struct OperatorRow {
    operator: Operator,
    name: &'static str,
    path_name: Option<&'static str>,
    operand: Kind,
}

impl OperatorRow {
    fn name(&self, by_path: bool) -> &'static str {
        self.path_name.filter(|_| by_path).unwrap_or(self.name)
    }
}

/// The type of a literal right-hand side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    Boolean,
    Timestamp,
}

const fn both(operator: Operator, name: &'static str, path_name: &'static str, operand: Kind) -> OperatorRow {
    OperatorRow { operator, name, path_name: Some(path_name), operand }
}

const fn only(operator: Operator, name: &'static str, operand: Kind) -> OperatorRow {
    OperatorRow { operator, name, path_name: None, operand }
}

#[rustfmt::skip]
static OPERATORS: [OperatorRow; 23] = [
    both(Operator::StringEquals, "StringEquals", "StringEqualsPath", Kind::String),
    both(Operator::StringLessThan, "StringLessThan", "StringLessThanPath", Kind::String),
    both(Operator::StringGreaterThan, "StringGreaterThan", "StringGreaterThanPath", Kind::String),
    both(Operator::StringLessThanEquals, "StringLessThanEquals", "StringLessThanEqualsPath", Kind::String),
    both(Operator::StringGreaterThanEquals, "StringGreaterThanEquals", "StringGreaterThanEqualsPath", Kind::String),
    both(Operator::NumericEquals, "NumericEquals", "NumericEqualsPath", Kind::Number),
    both(Operator::NumericLessThan, "NumericLessThan", "NumericLessThanPath", Kind::Number),
    both(Operator::NumericGreaterThan, "NumericGreaterThan", "NumericGreaterThanPath", Kind::Number),
    both(Operator::NumericLessThanEquals, "NumericLessThanEquals", "NumericLessThanEqualsPath", Kind::Number),
    both(Operator::NumericGreaterThanEquals, "NumericGreaterThanEquals", "NumericGreaterThanEqualsPath", Kind::Number),
    both(Operator::BooleanEquals, "BooleanEquals", "BooleanEqualsPath", Kind::Boolean),
    both(Operator::TimestampEquals, "TimestampEquals", "TimestampEqualsPath", Kind::Timestamp),
    both(Operator::TimestampLessThan, "TimestampLessThan", "TimestampLessThanPath", Kind::Timestamp),
    both(Operator::TimestampGreaterThan, "TimestampGreaterThan", "TimestampGreaterThanPath", Kind::Timestamp),
    both(Operator::TimestampLessThanEquals, "TimestampLessThanEquals", "TimestampLessThanEqualsPath", Kind::Timestamp),
    both(Operator::TimestampGreaterThanEquals, "TimestampGreaterThanEquals", "TimestampGreaterThanEqualsPath", Kind::Timestamp),
    only(Operator::StringMatches, "StringMatches", Kind::String),
    only(Operator::IsNull, "IsNull", Kind::Boolean),
    only(Operator::IsPresent, "IsPresent", Kind::Boolean),
    only(Operator::IsNumeric, "IsNumeric", Kind::Boolean),
    only(Operator::IsString, "IsString", Kind::Boolean),
    only(Operator::IsBoolean, "IsBoolean", Kind::Boolean),
    only(Operator::IsTimestamp, "IsTimestamp", Kind::Boolean),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_nine_operators() {
        let forms: Vec<_> = OPERATORS.iter().flat_map(|row| [Some(row.name), row.path_name]).flatten().collect();
        assert_eq!(forms.len(), 39);
        for row in &OPERATORS {
            assert_eq!(format!("{:?}", row.operator), row.name);
            assert!(row.path_name.is_none_or(|path| path == format!("{}Path", row.name)));
        }
    }
}
