//! The evaluator's errors in JSONata's words, which are AWS's.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{EvaluatorError, error_code_prefix};
use jsonata_core::parser::ParserError;

use super::program::SyntaxError;
use super::run::Stop;
use super::{convert, tree};

/// Tokens as the parser's messages name them, and as they are written.
const TOKENS: [(&str, &str); 41] = [
    ("Plus", "+"),
    ("Minus", "-"),
    ("Star", "*"),
    ("StarStar", "**"),
    ("Slash", "/"),
    ("Percent", "%"),
    ("Equal", "="),
    ("NotEqual", "!="),
    ("LessThan", "<"),
    ("LessThanOrEqual", "<="),
    ("GreaterThan", ">"),
    ("GreaterThanOrEqual", ">="),
    ("And", "and"),
    ("Or", "or"),
    ("In", "in"),
    ("Ampersand", "&"),
    ("Dot", "."),
    ("DotDot", ".."),
    ("Question", "?"),
    ("QuestionQuestion", "??"),
    ("QuestionColon", "?:"),
    ("Colon", ":"),
    ("ColonEqual", ":="),
    ("TildeArrow", "~>"),
    ("LeftParen", "("),
    ("RightParen", ")"),
    ("LeftBracket", "["),
    ("RightBracket", "]"),
    ("LeftBrace", "{"),
    ("RightBrace", "}"),
    ("Comma", ","),
    ("Semicolon", ";"),
    ("Caret", "^"),
    ("Pipe", "|"),
    ("Hash", "#"),
    ("At", "@"),
    ("True", "true"),
    ("False", "false"),
    ("Null", "null"),
    ("Undefined", "undefined"),
    ("Eof", "(end)"),
];

/// A token in quotes, as messages show it.
fn token(name: &str) -> String {
    let written = TOKENS.iter().find(|(known, _)| *known == name).map(|(_, written)| *written);
    let inner = name.split_once("(\"").and_then(|(_, rest)| rest.split_once('"')).map(|(inner, _)| inner);
    format!("\"{}\"", written.or(inner).unwrap_or(name))
}

/// Why `source` cannot be read.
pub(super) fn syntax(source: &str, error: &ParserError) -> SyntaxError {
    let coded = |code: &str, message: String| SyntaxError { code: Some(code.to_owned()), message };
    match error {
        ParserError::UnexpectedToken(name) if !name.starts_with(char::is_alphabetic) => {
            coded("S0204", format!("Unknown operator: {}", token(name)))
        }
        ParserError::UnclosedComment => coded("S0106", String::from("Comment has no closing tag")),
        ParserError::UnexpectedToken(name) if name != "Eof" => {
            coded("S0211", format!("The symbol {} cannot be used as a unary operator", token(name)))
        }
        ParserError::Expected { expected, found } if expected != "parameter name" && found == "Eof" => {
            coded("S0203", format!("Expected {} before end of expression", token(expected)))
        }
        ParserError::Expected { expected, found } if expected != "parameter name" => {
            coded("S0202", format!("Expected {}, got {}", token(expected), token(found)))
        }
        ParserError::UnclosedString if !source.contains(['"', '\'']) => {
            coded("S0302", String::from("No terminating / in regular expression"))
        }
        other => {
            let shown = other.to_string();
            let bare = ["Invalid syntax: ", "Invalid number: "].iter().find_map(|kind| shown.strip_prefix(kind));
            let message = bare.unwrap_or(&shown).to_owned();
            match error_code_prefix(&message) {
                Some(code) => coded(code, message[code.len() + 1..].trim().to_owned()),
                None => SyntaxError { code: None, message },
            }
        }
    }
}

/// What a failed evaluation says; `tree` helps where the evaluator does not name the function or the operator.
pub(super) fn thrown(error: &EvaluatorError, tree: &AstNode) -> Stop {
    let message = error.message();
    if message == convert::MEMORY_EXCEEDED {
        return Stop::Bound(message.to_owned());
    }
    let message = message.strip_prefix("Signature validation failed: ").unwrap_or(message);
    let Some(code) = error_code_prefix(message) else { return uncoded(message, tree) };
    let text = message.get(code.len() + 1..).unwrap_or_default().trim();
    match code {
        "D2015" => Stop::Bound(convert::MEMORY_EXCEEDED.to_owned()),
        "D1011" | "U1001" => Stop::Bound(String::from(
            "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.",
        )),
        "D1012" => Stop::Bound(String::from("Expression evaluation timeout: Check for infinite loop")),
        _ => Stop::Thrown(format!("{code}: {}", reworded(code, text, tree))),
    }
}

/// Errors that the evaluator gives no code are those of arguments.
fn uncoded(message: &str, tree: &AstNode) -> Stop {
    let function = message.split_once("() ").map(|(function, _)| function.trim_start_matches('$'));
    match function {
        Some(function) if message.contains("array elements to be numbers") => {
            Stop::Thrown(format!("T0412: Argument 1 of function \"{function}\" must be an array of \"numbers\""))
        }
        Some(function) if message.contains("requires") || message.contains("must be") => {
            let index = ["first", "second", "third"].iter().position(|word| message.contains(word)).unwrap_or(0) + 1;
            Stop::Thrown(format!("T0410: {}", signature(index, Some(function), tree, "")))
        }
        _ => Stop::Bound(message.to_owned()),
    }
}

fn reworded(code: &str, text: &str, tree: &AstNode) -> String {
    let fixed = match code {
        "T1006" => "Attempted to invoke a non-function",
        "T1008" => "Attempted to partially apply a non-function",
        "T2003" => "The left side of the range operator (..) must evaluate to an integer",
        "T2004" => "The right side of the range operator (..) must evaluate to an integer",
        "D1002" => "Cannot negate a non-numeric value",
        "D2014" => "The size of the sequence allocated by the range operator (..) must not exceed 1e7.",
        "D3001" => "Attempting to invoke string function on Infinity or NaN",
        "D3010" => "Second argument of replace function cannot be an empty string",
        "D3086" => {
            "The sub-picture must not contain a passive character that is preceded by an active character and that is \
             followed by another active character"
        }
        "D3100" => "The radix of the formatBase function must be between 2 and 36.",
        "T2001" | "T2002" => return operand(text),
        "T2009" | "T2010" => return comparison(code, text, tree),
        "D3030" => return cast(text),
        "T0410" | "T0411" | "T0412" => return arguments(code, text, tree),
        _ => return text.to_owned(),
    };
    fixed.to_owned()
}

/// `The left side of the + operator must ...`: with the operator in quotes.
fn operand(text: &str) -> String {
    let quoted = text.split_once(" of the ").and_then(|(side, rest)| {
        let (operator, rest) = rest.split_once(" operator")?;
        Some(format!("{side} of the \"{}\" operator{rest}", operator.trim_matches('"')))
    });
    quoted.unwrap_or_else(|| text.to_owned())
}

/// `Cannot convert 'abc' to number`.
fn cast(text: &str) -> String {
    let value = text.strip_prefix("Cannot convert '").and_then(|rest| rest.strip_suffix("' to number"));
    value.map_or_else(
        || String::from("Unable to cast value to a number"),
        |value| format!("Unable to cast value to a number: {}", asl::Value::from(value)),
    )
}

fn comparison(code: &str, text: &str, tree: &AstNode) -> String {
    let mut operators = Vec::new();
    tree::any(tree, &mut |node| {
        let operator = match node {
            AstNode::Binary { op: BinaryOp::LessThan, .. } => "<",
            AstNode::Binary { op: BinaryOp::LessThanOrEqual, .. } => "<=",
            AstNode::Binary { op: BinaryOp::GreaterThan, .. } => ">",
            AstNode::Binary { op: BinaryOp::GreaterThanOrEqual, .. } => ">=",
            _ => return false,
        };
        operators.push(operator);
        false
    });
    operators.dedup();
    match (code, operators.as_slice()) {
        ("T2010", [operator]) => {
            format!("The expressions either side of operator \"{operator}\" must evaluate to numeric or string values")
        }
        _ => text.to_owned(),
    }
}

/// `Argument 1 must be String`, `Argument 1 of function length does not match ...`, `Argument count mismatch: ...`.
fn arguments(code: &str, text: &str, tree: &AstNode) -> String {
    let numbers: Vec<usize> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    let named = text
        .split_once("of function ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .map(|name| name.trim_matches(['"', '$']))
        .filter(|name| !name.is_empty() && !matches!(*name, "does" | "undefined" | "must"));
    let index = match (text.starts_with("Argument count"), numbers.as_slice()) {
        (true, [expected, given]) => {
            if given < expected {
                given + 1
            } else {
                *given
            }
        }
        (_, [index, ..]) => *index,
        _ => 1,
    };
    let kind =
        text.rsplit_once("must be an array of ").or_else(|| text.rsplit_once("must be ")).map_or("", |(_, kind)| kind);
    if code == "T0411" {
        let function = named.map(str::to_owned).or_else(|| called(tree, kind)).unwrap_or_default();
        return format!("Context value is not a compatible type with argument {index} of function \"{function}\"");
    }
    if code == "T0412" {
        let function = named.map(str::to_owned).or_else(|| called(tree, kind)).unwrap_or_default();
        return format!("Argument {index} of function \"{function}\" must be an array of \"{}s\"", kind.to_lowercase());
    }
    signature(index, named, tree, kind)
}

fn signature(index: usize, function: Option<&str>, tree: &AstNode, kind: &str) -> String {
    let function = function.map(str::to_owned).or_else(|| called(tree, kind)).unwrap_or_default();
    format!("Argument {index} of function \"{function}\" does not match function signature")
}

/// The function that was called with the wrong argument: the only one, or the first that takes this kind.
fn called(tree: &AstNode, kind: &str) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    tree::any(tree, &mut |node| {
        if let AstNode::Function { name, .. } = node
            && !name.starts_with('\u{1}')
        {
            names.push(name.clone());
        }
        false
    });
    names.iter().find(|name| takes(name, kind)).or(names.first()).cloned()
}

/// Whether the function takes an argument of this kind, for the kinds that are told apart.
fn takes(function: &str, kind: &str) -> bool {
    const NUMBERS: &str = "abs floor ceil round sqrt power sum max min average formatNumber formatBase fromMillis pad";
    const STRINGS: &str = "length uppercase lowercase trim substring substringBefore substringAfter pad contains split \
        join match replace toMillis lookup base64encode base64decode encodeUrl decodeUrl parseInteger number";
    const FUNCTIONS: &str = "map filter reduce sift each single sort";
    let list = match kind {
        "Number" => NUMBERS,
        "String" | "(String or Function)" => STRINGS,
        "Function" => FUNCTIONS,
        "Object" => "merge keys spread each sift",
        _ => return false,
    };
    list.split_whitespace().any(|known| known == function)
}
