//! Which changes make PostgreSQL write every row anew.

use crate::migration::statement;
use sqlparser::ast::{
    CharacterLength, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

/// Functions that give all rows of one statement the same value. What is not listed counts as volatile.
const STABLE: [&str; 16] = [
    "array",
    "coalesce",
    "concat",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "jsonb_build_array",
    "jsonb_build_object",
    "localtime",
    "localtimestamp",
    "lower",
    "now",
    "statement_timestamp",
    "transaction_timestamp",
    "upper",
];

/// Whether an expression has the same value for every row, so that a default of a new column is stored once.
pub(super) fn is_stable(expression: &Expr) -> bool {
    match expression {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::Cast { expr, .. } | Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => is_stable(expr),
        Expr::BinaryOp { left, right, .. } => is_stable(left) && is_stable(right),
        Expr::Array(array) => array.elem.iter().all(is_stable),
        Expr::Interval(interval) => is_stable(&interval.value),
        Expr::Identifier(name) => STABLE.contains(&name.value.to_lowercase().as_str()),
        Expr::Function(function) => is_stable_function(function),
        _ => false,
    }
}

fn is_stable_function(function: &Function) -> bool {
    let name = function.name.to_string().to_lowercase();
    let arguments = match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::Subquery(_) => false,
        FunctionArguments::List(list) => list
            .args
            .iter()
            .all(|argument| matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) if is_stable(value))),
    };
    arguments && STABLE.contains(&name.strip_prefix("pg_catalog.").unwrap_or(&name))
}

/// Whether a column's type takes its values from a sequence: `serial` and its relatives.
pub(super) fn is_serial(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_lowercase();
    ["smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"].contains(&name.as_str())
}

/// Whether a column of type `from`, as `format_type` writes it, becomes one of type `to` without being written anew:
/// a longer or unlimited text, or a wider number of the same scale.
pub(super) fn widens(from: &str, to: &DataType) -> bool {
    let Some(from) = statement::parse_type(from) else { return false };
    if let (Some(from), Some(to)) = (text(&from), text(to)) {
        return to >= from;
    }
    match (number(&from), number(to)) {
        (Some(_), Some(None)) => true,
        (Some(Some((precision, scale))), Some(Some((wider, same)))) => scale == same && wider >= precision,
        _ => from == *to,
    }
}

/// The longest text of a type of texts; `None` when it is none.
fn text(data_type: &DataType) -> Option<u64> {
    let length = match data_type {
        DataType::Text => return Some(u64::MAX),
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => length,
        _ => return None,
    };
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) | None => Some(u64::MAX),
    }
}

/// Precision and scale of a decimal type, `Some(None)` when it has neither; `None` when it is no decimal type.
fn number(data_type: &DataType) -> Option<Option<(u64, i64)>> {
    let (DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info)) = data_type else { return None };
    Some(match info {
        ExactNumberInfo::None => None,
        ExactNumberInfo::Precision(precision) => Some((*precision, 0)),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => Some((*precision, *scale)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_widening_keeps_the_rows() {
        let widens = |from: &str, to: &str| widens(from, &statement::parse_type(to).unwrap());
        for (from, to) in [
            ("character varying(20)", "varchar(40)"),
            ("character varying(20)", "text"),
            ("text", "varchar"),
            ("numeric(10,2)", "numeric(12, 2)"),
            ("numeric(10,2)", "decimal"),
            ("integer", "integer"),
        ] {
            assert!(widens(from, to), "{from} -> {to}");
        }
        for (from, to) in [
            ("character varying(20)", "varchar(10)"),
            ("text", "varchar(40)"),
            ("numeric(10,2)", "numeric(12, 4)"),
            ("numeric", "numeric(12, 4)"),
            ("integer", "bigint"),
            ("integer", "text"),
            ("text", "jsonb"),
        ] {
            assert!(!widens(from, to), "{from} -> {to}");
        }
    }
}
